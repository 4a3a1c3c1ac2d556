/** The pack as a user gets it: packed once, installed with npm into a fresh user directory. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { command } from './command';
import { projectRoot } from './project';

const PACK_MS = 120_000;
const INSTALL_MS = 240_000;

let packed: Promise<string> | undefined;

/** Path of the tarball. `npm run test:e2e` has built dist/ just before, so it is not built again. */
export function tarball(): Promise<string> {
  packed ??= pack();
  return packed;
}

async function pack(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pack-'));
  const answer = await command('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: projectRoot,
    timeoutMs: PACK_MS,
  });
  const [{ filename }] = JSON.parse(answer) as [{ filename: string }];
  return path.join(folder, filename);
}

export async function freshUserDirectory(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'user-'));
  await writeFile(path.join(folder, 'package.json'), JSON.stringify({ name: 'user', private: true }));
  await command('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', await tarball()], {
    cwd: folder,
    timeoutMs: INSTALL_MS,
  });
  return folder;
}

/** The Node-RED versions the pack is for, each with a Node.js it runs on. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { command } from './command';
import { cacheFolder } from './project';

export interface Runtime {
  readonly name: string;
  /** Paths of the Node.js binary and of Node-RED's start file. Rejects with the reason when it cannot be had. */
  prepare(): Promise<{ node: string; nodeRed: string }>;
}

const INSTALL_MS = 300_000;

export const RUNTIMES: readonly Runtime[] = [
  {
    name: 'Node-RED 4.1 on this Node.js',
    prepare: async () => ({ node: process.execPath, nodeRed: require.resolve('node-red/red.js') }),
  },
  {
    name: 'Node-RED 5 on Node.js 22',
    prepare: async () => {
      const folder = cacheFolder('node-red-5');
      const node = path.join(folder, 'node_modules', 'node', 'bin', 'node');
      const nodeRed = path.join(folder, 'node_modules', 'node-red', 'red.js');
      // The npm package `node` brings the binary: 180 MB, therefore no dependency of the pack.
      if (!existsSync(node) || !existsSync(nodeRed)) {
        await writeFile(path.join(folder, 'package.json'), JSON.stringify({ name: 'node-red-5', private: true }));
        await command('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', 'node@22', 'node-red@5'], {
          cwd: folder,
          timeoutMs: INSTALL_MS,
        });
      }
      return { node, nodeRed };
    },
  },
];

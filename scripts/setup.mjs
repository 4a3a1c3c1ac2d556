/**
 * Makes a fresh clone ready: installs what package-lock.json names when that has not been done, and builds.
 * `npm test` and `npm run demo` call it, so that nothing has to be done before them.
 *   node scripts/setup.mjs [--tests]
 */
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const OLDEST_NODE = 20;

export function setup({ tests = false } = {}) {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    throw new Error(`Node.js ${OLDEST_NODE} or newer is needed; this is ${process.versions.node}.`);
  }
  if (!isInstalled()) {
    process.stdout.write('Installing dependencies (once) …\n');
    // Through the shell on Windows, where npm is a script.
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: process.platform === 'win32',
    });
  }
  build([]);
  if (tests) build(['--tests']);
}

/** npm writes node_modules/.package-lock.json last, so its age tells whether a later lock file is installed. */
function isInstalled() {
  const installed = path.join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  return statSync(installed).mtimeMs >= statSync(path.join(root, 'package-lock.json')).mtimeMs;
}

function build(parameters) {
  execFileSync(process.execPath, [path.join(root, 'scripts', 'build.mjs'), ...parameters], { cwd: root, stdio: 'inherit' });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    setup({ tests: process.argv.includes('--tests') });
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

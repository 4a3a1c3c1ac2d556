/** The pack as built: dist/ by default, another build with BENCH_DIST. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const project = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
export const distFolder = path.resolve(project, process.env.BENCH_DIST ?? 'dist');

/** A module of the pack by its path below src/, for example `coap/message`. */
export function pack(module) {
  return require(path.join(distFolder, 'src', `${module}.js`));
}

/**
 * Throws mutated datagrams at the DTLS endpoint: hellos with good cookies, whole flights, records under the right keys. Fails at the first
 * that throws, makes anything grow, or keeps an honest device from being served.
 *   node --expose-gc scripts/fuzz.mjs [--inputs 1000000] [--seed 1]
 */
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { inputs: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
});
const { fuzz } = createRequire(import.meta.url)('../build/test/dtls/fuzzing.js');
const inputs = Number(values.inputs);
const seed = Number(values.seed);
/** More than this is a leak, and not what a collection left behind. */
const MOST_GROWTH = 8 * 1024 * 1024;

const started = performance.now();
let told = 0;
const report = fuzz(inputs, seed, (done) => {
  if (done < told + 100_000) return;
  told = done;
  process.stdout.write(`${done} inputs\n`);
});
const seconds = Math.round((performance.now() - started) / 1000);
process.stdout.write(`${JSON.stringify({ seed, seconds, ...report })}\n`);
if (report.heapGrowthBytes > MOST_GROWTH) throw new Error(`the heap grew by ${report.heapGrowthBytes} bytes`);

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { LevelStore } from '../../src/store/level';
import { below } from '../../src/store/store';
import { withFolder } from './folder';

const WIDTH = 20;
const CYCLES = 6;

/** Runs the writer until it has told of `confirmations`, kills it in the middle of whatever it does, and says the last number it told. */
async function killAfter(folder: string, confirmations: number): Promise<number> {
  const child = spawn(process.execPath, [path.join(__dirname, 'crashing.js'), folder, String(WIDTH)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
  let told = 0;
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    told = Number(line);
    if (++count === confirmations) child.kill('SIGKILL');
  }
  assert.equal(await ended, 'SIGKILL');
  return told;
}

describe('a process killed in the middle of batches', () => {
  it('leaves everything that was confirmed, and no half of a batch', async function () {
    this.timeout(60_000);
    await withFolder(async (folder) => {
      for (let cycle = 0; cycle < CYCLES; cycle++) {
        const told = await killAfter(folder, 1 + ((cycle * 37) % 150));
        const store = await LevelStore.open({ folder });
        const numbers = new Set<number>();
        for await (const { value } of store.range(below('key/'))) numbers.add(Number(value.toString()));
        assert.equal(numbers.size, 1, `cycle ${cycle}: half a batch`);
        const [last] = [...numbers] as [number];
        assert.ok(last >= told, `cycle ${cycle}: ${told} was confirmed, ${last} is there`);
        let logged = 0;
        for await (const { value } of store.range(below('log/')))
          assert.equal(Number(value.toString()), ++logged, `cycle ${cycle}`);
        assert.equal(logged, last);
        await store.close();
      }
    });
  });
});

/**
 * The process of the crash test: writes batches for ever and tells of each that is confirmed. Every batch writes the same number under
 * several keys, so that half a batch would show.
 *   node crashing.js <folder> <keys in a batch>
 */
import { LevelStore } from '../../src/store/level';

async function write(folder: string, width: number): Promise<void> {
  const store = await LevelStore.open({ folder });
  const before = await store.get('key/0');
  let number = before === undefined ? 0 : Number(before.toString());
  for (;;) {
    number++;
    const value = Buffer.from(String(number).padEnd(200));
    await store.batch([
      ...Array.from({ length: width }, (_, index) => ({ key: `key/${index}`, value })),
      { key: `log/${String(number).padStart(9, '0')}`, value },
    ]);
    process.stdout.write(`${number}\n`);
  }
}

void write(process.argv[2] as string, Number(process.argv[3]));

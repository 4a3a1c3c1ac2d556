/** docs/conformance.md names every case, so that it cannot fall behind the matrix. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { MATRIX } from './matrix';

const DOCUMENT = path.join(process.cwd(), 'docs', 'conformance.md');

describe('docs/conformance.md', () => {
  type Cells = Record<'versions' | 'purpose' | 'result' | 'by', string | undefined>;
  let rows: ReadonlyMap<string, Cells>;

  before(() => {
    rows = new Map(
      [...readFileSync(DOCUMENT, 'utf8').matchAll(/^\| (\S+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$/gm)]
        .filter(([, id]) => /^(int-|\d|x-)/.test(id as string))
        .map(([, id, versions, purpose, result, by]) => [id as string, { versions, purpose, result, by }]),
    );
  });

  it('lists every case of the matrix, and no other', () => {
    assert.deepEqual([...rows.keys()], [...MATRIX.keys()]);
    for (const [id, { versions, purpose }] of MATRIX)
      assert.deepEqual([rows.get(id)?.versions?.trim(), rows.get(id)?.purpose], [versions, purpose], id);
  });

  it('tells of each not shown why, and says the same as the matrix', () => {
    for (const [id, { notShown }] of MATRIX) {
      const row = rows.get(id);
      assert.equal(row?.result === 'not shown', notShown !== undefined, `${id}: npm run conformance writes it again`);
      if (notShown !== undefined) assert.equal(row?.by, notShown);
    }
  });

  it('knows of no failure', () => {
    assert.deepEqual(
      [...rows].filter(([, { result }]) => result?.includes('failed')).map(([id]) => id),
      [],
    );
  });

  it('has a test for each case that it does not say is not shown', () => {
    const sources = [
      'test/conformance',
      'test/conformance/scenarios',
      'test/captures',
      'test/lwm2m',
      'test/lwm2m/server',
      'test/interop',
    ].flatMap((folder) =>
      readdirSync(path.join(process.cwd(), folder), { withFileTypes: true })
        .filter((entry) => entry.name.endsWith('.ts') && entry.name !== 'matrix.ts')
        .map((entry) => readFileSync(path.join(process.cwd(), folder, entry.name), 'utf8')),
    );
    const text = sources.join('\n');
    for (const [id, { notShown }] of MATRIX) if (notShown === undefined) assert.ok(text.includes(`'${id}'`), id);
  });
});

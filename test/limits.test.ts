/** docs/limits.md says what the code says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const root = process.cwd();
const ROW = /^\| ([^|]+) \| [^|]+ \| ([^|]+) \| `([^`]+)` \| (src\/\S+) \|$/gm;
const rows = [...readFileSync(path.join(root, 'docs/limits.md'), 'utf8').matchAll(ROW)].map(
  ([, what, beyond, constant, file]) => [what, beyond, constant, file] as [string, string, string, string],
);
const ERROR_CODES = readFileSync(path.join(root, 'src/errors.ts'), 'utf8');

describe('docs/limits.md', () => {
  it('has rows', () => assert.ok(rows.length > 15, `${rows.length}`));

  for (const [what, beyond, constant, file] of rows) {
    it(`${what}: ${constant}`, () => {
      const code = readFileSync(path.join(root, file), 'utf8');
      const end = new RegExp(`${constant.replaceAll(/[*.+()^$]/g, '\\$&')}(?![\\d_ *])`);
      assert.match(code, end);
      const error = /^`([a-z-]+)`$/.exec(beyond)?.[1];
      if (error !== undefined) assert.ok(ERROR_CODES.includes(`'${error}'`), `${error} is no error code`);
    });
  }
});

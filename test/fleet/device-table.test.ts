import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readDeviceTable } from '../../src/fleet/device-table';

const KEY = '00112233445566778899aabbccddeeff';

function changesOf(text: string) {
  const table = readDeviceTable(text);
  assert.ok('changes' in table, JSON.stringify(table));
  return table.changes;
}

function mistakesOf(text: string): readonly string[] {
  const table = readDeviceTable(text);
  assert.ok('mistakes' in table);
  return table.mistakes.map(({ line, reason }) => `${line}: ${reason}`);
}

describe('a table of devices', () => {
  it('a line for each device; an empty cell says nothing', () => {
    const changes = changesOf(`endpoint,identity,key,tags,level\r\na,ida,${KEY},kitchen;floor=2,high\r\nb,,,,\r\n`);
    const security = { mode: 'psk', identity: 'ida', key: Buffer.from(KEY, 'hex') };
    assert.deepEqual(changes, [{ endpoint: 'a', tags: ['floor=2', 'kitchen'], security, level: 'high' }, { endpoint: 'b' }]);
  });

  it('other credentials than keys; what a spreadsheet makes of it: a mark at the beginning, semicolons, quotes', () => {
    const [device] = changesOf(`\ufeffendpoint;mode;fingerprint\n"a;""1""\n2";x509;${'ab'.repeat(32)}`.replace('\n2', '2'));
    assert.deepEqual(device, { endpoint: 'a;"1"2', security: { mode: 'x509', fingerprint: Buffer.alloc(32, 0xab) } });
  });

  it('tells every mistake by its line, and shows no key', () => {
    const text = `endpoint,identity,key\na,ida,${KEY}\nb,idb,secret\n\nc,idc\na,ida2,${KEY}\n`;
    const mistakes = mistakesOf(text);
    assert.deepEqual(mistakes, [
      '3: security.key must be 1 to 64 bytes in hexadecimal, two digits each',
      '5: it has 2 cells, and the header 3',
      '6: the endpoint stands in line 2 already',
    ]);
  });

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['', /^1: a table has a header/],
    ['endpoint', /^1: a table has a header/],
    ['identity,key\na,b', /^1: the column endpoint is missing/],
    ['endpoint,password\na,b', /^1: there is no column "password"/],
  ];
  for (const [text, expected] of wrong) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.match(mistakesOf(text)[0] ?? '', expected));
  }

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('"', ',', ';', '\n', '\r', 'a', 'endpoint', '\ufeff', '\ud800') }),
        (text) => {
          readDeviceTable(text);
          readDeviceTable(`endpoint,tags\n${text}`);
        },
      ),
    );
  });
});

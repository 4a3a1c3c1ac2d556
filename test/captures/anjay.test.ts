/** AVSystem Anjay (LwM2M 1.2, and 1.0 when told so): what its demo client told a server, word for word. */
import assert from 'node:assert/strict';
import { type Answer, readCapture } from './capture';
import { answerTo, byPath, linksOf, observed, sends, valuesOf } from './decode';

const capture = readCapture('anjay');
const operations = readCapture('anjay-ops');
const old = readCapture('anjay-v10');

const OBJECTS =
  '/3/0 /4/0 /5/0 /6/0 /7/0 /9/0 /9/1 /10;ver=1.1 /10/0 /11 /16 /19 /20/0 /3303/0 /3313/0 /3347/0 /33605 /33606/0 /33607/0 /33608 /33609/0 /33629';

const DEVICE = { '/3/0/0': 'anjay', '/3/0/1': 'demo-client', '/3/0/2': 'ep', '/3/0/3': '3.14.0', '/3/0/14': '+01:00' };

function isSpoken({ contentFormat }: Answer): boolean {
  return contentFormat !== 40 && contentFormat !== 11544;
}

describe('Anjay', () => {
  it('registers without root link and without binding', () => {
    const register = capture.requests[0];
    assert.deepEqual(register?.query, ['lwm2m=1.2', 'ep=urn:dev:os:anjay-ep', 'lt=60']);
    assert.deepEqual(linksOf(register.payload), ['/1/1', '/2', ...OBJECTS.split(' ')]);
  });

  it('registers as 1.0 with object versions in quotes', () => {
    assert.match(old.requests[0]?.payload.toString() ?? '', /<\/10>;ver="1\.1"/);
    assert.ok(linksOf(old.requests[0]?.payload ?? Buffer.alloc(0)).includes('/10;ver=1.1'));
  });

  for (const accept of ['none', 'senmlj(110)', 'senmlc(112)', 'tlv(11542)', 'json(11543)']) {
    it(`tells its Device object when asked with Accept ${accept}`, () => {
      const values = byPath(valuesOf(answerTo(capture, `Read /3/0 accept=${accept}`)));
      for (const [path, value] of Object.entries(DEVICE)) assert.deepEqual(values[path], value, path);
    });
  }

  it('tells an object link the same way in each format', () => {
    const links = operations.answers
      .filter(({ request, code }) => request.uri === '/33605/0/16' && code === '2.05')
      .filter(isSpoken);
    assert.deepEqual([...new Set(links.map(({ contentFormat }) => contentFormat))].sort(), [0, 11542, 110, 112, 60].sort());
    for (const answer of links) assert.deepEqual(valuesOf(answer), [{ path: '/33605/0/16', value: '3:0' }]);
  });

  it('reads the values that were written to it, at the edges of the types', () => {
    const written = operations.answers.filter(({ request, code }) => request.method === 1 && code === '2.05');
    const seen = new Map<string, Set<string>>();
    for (const answer of written) {
      if (!answer.request.uri.startsWith('/33605/') || !isSpoken(answer)) continue;
      for (const { path, value } of valuesOf(answer)) seen.set(path, (seen.get(path) ?? new Set()).add(String(value)));
    }
    assert.ok(seen.get('/33605/0/15')?.has('żółć'));
    assert.ok(seen.get('/33605/0/16')?.has('3:0'));
    assert.ok(seen.get('/33605/0/18')?.has('1e+300'));
    assert.ok(seen.get('/33605/0/14')?.has('3.141590118408203'));
    assert.deepEqual(
      ['/33605/0/3/0', '/33605/0/3/1', '/33605/0/3/300'].map((path) => [...(seen.get(path) ?? [])]),
      [['1'], ['512'], ['16777216']],
    );
  });

  it('notifies with a base time in SenML', () => {
    const [first, second] = observed(capture, 'Observe /3303/0 accept=undefined');
    assert.deepEqual(first, [
      0,
      {
        '/3303/0/5601': 13,
        '/3303/0/5602': 26,
        '/3303/0/5603': 0,
        '/3303/0/5604': 42,
        '/3303/0/5700': 26,
        '/3303/0/5701': 'Cel',
      },
    ]);
    assert.deepEqual(second, [
      1,
      {
        '/3303/0/5601': 13,
        '/3303/0/5602': 39,
        '/3303/0/5603': 0,
        '/3303/0/5604': 42,
        '/3303/0/5700': 39,
        '/3303/0/5701': 'Cel',
      },
    ]);
    const json = capture.answers.find(
      ({ request, observe }) => request.note === 'Observe /3303/0/5700 accept=110' && observe === 1,
    );
    assert.deepEqual(json === undefined ? [] : valuesOf(json), [{ path: '/3303/0/5700', value: 39, at: 1795180227001 }]);
  });

  it('notifies several paths at once, each under its full name', () => {
    const notification = observed(operations, 'Observe-Composite cbor')[1];
    assert.deepEqual(notification, [1, { '/3/0/13': new Date('2026-11-20T13:19:55Z'), '/3303/0/5700': 35 }]);
  });

  it('notifies confirmably, as text', () => {
    const values = observed(operations, 'Observe /3303/0/5700 (con)');
    assert.deepEqual(
      values,
      [1, 14, 27, 40].map((value, index) => [index, { '/3303/0/5700': value }]),
    );
  });

  it('notifies as 1.0 in TLV, once a second', () => {
    const times = observed(old, 'Observe /3/0').map(([observe, values]) => [observe, (values['/3/0/13'] as Date).toISOString()]);
    assert.deepEqual(times.slice(0, 3), [
      [0, '2026-11-20T13:19:50.000Z'],
      [1, '2026-11-20T13:19:51.000Z'],
      [2, '2026-11-20T13:19:52.000Z'],
    ]);
  });

  it('sends values with the time they were taken', () => {
    assert.deepEqual(sends(capture).slice(0, 3), [
      [{ path: '/3/0/0', value: 'anjay', at: 1795180247712 }],
      [
        { path: '/3/0/9', value: 0, at: 1795180248701 },
        { path: '/3/0/13', value: new Date('2026-11-20T13:10:48Z'), at: 1795180248701 },
      ],
      [{ path: '/3303/0/5700', value: 14, at: 1795180249601 }],
    ]);
    assert.deepEqual(
      sends(operations)[0]?.map(({ path, value }) => [path, value]),
      [
        ['/3/0/0', 'anjay'],
        ['/3/0/7/0', 31759],
        ['/3303/0/5700', 10],
      ],
    );
  });

  it('sends large resources in blocks, the same bytes in each format', () => {
    const large = capture.answers.filter(({ request, code }) => request.note.startsWith('Read large') && code === '2.05');
    const bytes = large
      .filter(isSpoken)
      .map((answer) => valuesOf(answer).map(({ value }) => (Buffer.isBuffer(value) ? value.toString('hex') : value)));
    assert.ok(large.every(({ complete }) => complete) && bytes.length >= 5, `${bytes.length} answers`);
    const longest = bytes.flat().reduce<string>((a, b) => (typeof b === 'string' && b.length > a.length ? b : a), '');
    assert.ok(longest.length >= 512, `${longest.length / 2} bytes`);
    for (const values of bytes) assert.ok(values.includes(longest));
  });
});

/** Eclipse Wakaama (LwM2M 1.1): what its client told a server, word for word. */
import assert from 'node:assert/strict';
import { readCapture } from './capture';
import { answerTo, byPath, linksOf, observed, sends, valuesOf } from './decode';

const capture = readCapture('wakaama');

const DEVICE = {
  '/3/0/0': 'Open Mobile Alliance',
  '/3/0/1': 'Lightweight M2M Client',
  '/3/0/2': '345000123',
  '/3/0/3': '1.0',
  '/3/0/6/0': 1,
  '/3/0/6/1': 5,
  '/3/0/7/0': 3800,
  '/3/0/7/1': 5000,
  '/3/0/8/0': 125,
  '/3/0/8/1': 900,
  '/3/0/10': 15,
  '/3/0/11/0': 0,
  '/3/0/15': 'Europe/Berlin',
  '/3/0/16': 'U',
};

describe('Wakaama', () => {
  it('registers with a root link, its formats and object versions', () => {
    const register = capture.requests[0];
    assert.deepEqual(register?.query, ['lwm2m=1.1', 'ep=wk-ep', 'b=U', 'lt=60']);
    assert.deepEqual(
      linksOf(register.payload),
      '/;rt=oma.lwm2m;ct=112 /1;ver=1.1 /1/0 /2/0 /3/0 /4/0 /5/0 /6/0 /7/0 /31024;ver=1.0 /31024/10 /31024/11 /31024/12'.split(
        ' ',
      ),
    );
  });

  it('updates its object list without naming a format', () => {
    const update = capture.requests.find((request) => request.uri === '/rd/a1' && request.payload.length > 0);
    assert.equal(update?.contentFormat, undefined);
    assert.deepEqual(linksOf(update?.payload ?? Buffer.alloc(0)).slice(-2), ['/31024/12', '/31024/20']);
  });

  for (const accept of ['none', 'senmlj(110)', 'senmlc(112)', 'tlv(11542)', 'json(11543)', 'oldtlv(1542)', 'oldjson(1543)']) {
    it(`tells its Device object when asked with Accept ${accept}`, () => {
      const values = byPath(valuesOf(answerTo(capture, `Read /3/0 accept=${accept}`)));
      for (const [path, value] of Object.entries(DEVICE)) assert.deepEqual(values[path], value, path);
      // Its clock is an integer of 8 bytes in TLV, 46 years ahead.
      assert.equal((values['/3/0/13'] as Date).getUTCFullYear(), 2070);
    });
  }

  it('notifies an observed resource as text, counting Observe from 0', () => {
    assert.deepEqual(observed(capture, 'Observe /31024/10/1'), [
      [0, { '/31024/10/1': 20 }],
      [1, { '/31024/10/1': 30 }],
      [2, { '/31024/10/1': 20 }],
    ]);
    assert.deepEqual(observed(capture, 'Observe /3/0/9 no accept'), [
      [1, { '/3/0/9': 75 }],
      [2, { '/3/0/9': 41 }],
    ]);
  });

  it('notifies of an observed instance only what changed', () => {
    const notifications = observed(capture, 'Observe /3/0 accept=tlv');
    assert.equal(Object.keys(notifications[0]?.[1] ?? {}).length, 17);
    assert.deepEqual(notifications.slice(1), [
      [4, { '/3/0/9': 42 }],
      [5, { '/3/0/9': 43 }],
      [6, { '/3/0/9': 44 }],
    ]);
  });

  it('sends single values, instances and whole objects without times', () => {
    const [battery, device, both, object] = sends(capture);
    assert.deepEqual(battery, [{ path: '/3/0/9', value: 8 }]);
    assert.deepEqual(both, [
      { path: '/3/0/9', value: 8 },
      { path: '/3/0/0', value: 'Open Mobile Alliance' },
    ]);
    const told = byPath(device ?? []);
    for (const [path, value] of Object.entries({ ...DEVICE, '/3/0/9': 8, '/3/0/14': '+09:00' }))
      assert.deepEqual(told[path], value);
    assert.deepEqual(byPath(object ?? []), {
      '/31024/0/1': 5,
      '/31024/0/3': 0,
      '/31024/0/5': '',
      '/31024/10/1': 31,
      '/31024/10/3': -30,
      '/31024/10/5': '',
      '/31024/11/1': 21,
      '/31024/11/3': -28.99,
      '/31024/11/5': 'I',
      '/31024/12/1': 22,
      '/31024/12/3': -27.98,
      '/31024/12/5': 'II',
      '/31024/30/1': 33,
      '/31024/30/3': 0,
      '/31024/30/5': '',
      '/31024/31/1': 34,
      '/31024/31/3': 0,
      '/31024/31/5': '',
    });
  });
});

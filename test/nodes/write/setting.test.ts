import assert from 'node:assert/strict';
import type { Lwm2mClient } from '../../../src/lwm2m/client/client';
import { around, deploy, device, endFlow, failureOf, inbox, running, send, serverNode, thermometer } from '../flow';

const WRITE = { type: 'dm-write', device: 't-1', deviceType: 'str', failures: 'catch', operation: 'write' };
const OLD = { 5: 'plant', 18: 'old sesame' };

/** What the device keeps to itself. */
let phrase = '';

async function given(properties: Readonly<Record<string, unknown>>): Promise<Lwm2mClient> {
  await deploy([serverNode(), ...around({ ...WRITE, ...properties })]);
  return device('t-1', { objects: withSettings() });
}

function withSettings() {
  const tree = thermometer();
  phrase = OLD[18];
  tree.add(10, 0, { 4: 10, 5: 20, 11: ['11:0'] });
  const takePhrase = (content: unknown): void => {
    phrase = String(content);
  };
  tree.add(12, 2, { 3: 1, 5: OLD[5], 15: 3 }, { 18: { write: takePhrase } });
  tree.add(16, 0, { 0: ['a'] });
  tree.add(20, 0, { 4010: 0, 4014: Buffer.alloc(0) });
  return tree;
}

describe('write with a preset', () => {
  afterEach(endFlow);

  const CASES: readonly [string, unknown, Readonly<Record<string, unknown>>][] = [
    ['lifetime', 400, { '/1/0/1': 400 }],
    ['report-periods', { pmin: 5, pmax: 60 }, { '/1/0/2': 5, '/1/0/3': 60 }],
    ['mute-send', true, { '/1/0/23': true }],
    ['time', { offset: '+01:00', zone: 'Europe/Rome' }, { '/3/0/14': '+01:00', '/3/0/15': 'Europe/Rome' }],
    ['power-saving', { psm: 3600, active: 30 }, { '/10/0/4': 3600, '/10/0/5': 30 }],
    ['portfolio', ['mine', 'yours'], { '/16/0/0/1': 'yours' }],
    ['log-class', 2, { '/20/0/4010': 2 }],
  ];
  for (const [preset, payload, expected] of CASES) {
    it(`${preset} writes its fields, and leaves the payload as it came`, async () => {
      const client = await given({ preset });
      send({ payload, path: '/3/0/14' });
      const message = await inbox('out').next();
      assert.deepEqual(message.payload, payload);
      for (const [path, value] of Object.entries(expected)) assert.deepEqual(client.objects.get(path), value, path);
    });
  }

  it('says which fields there are', async () => {
    await given({ preset: 'report-periods' });
    send({ payload: { min: 5 } });
    const { code, message } = failureOf(await inbox('caught').next());
    assert.equal(code, 'invalid-value');
    assert.match(message, /msg\.payload must be an object with pmin, pmax, but "min" came/);
  });

  it('a Wi-Fi that the device is heard on is kept, and no key goes on with the message', async () => {
    const client = await given({ preset: 'wifi', wait: 3 });
    send({ topic: 'mine', payload: { ssid: 'office', passphrase: 'new sesame' }, restore: { passphrase: 'old sesame' } });
    const message = await inbox('out').next();
    assert.deepEqual(message.payload, {
      outcome: 'kept',
      written: { ssid: 'office' },
      before: { ssid: 'plant' },
      unrestorable: [],
    });
    assert.equal(message.topic, 'mine');
    assert.equal(message.path, '/12/2');
    assert.equal(client.objects.get('/12/2/5'), 'office');
    assert.equal(phrase, 'new sesame');
    assert.doesNotMatch(JSON.stringify([message, await inbox('completed').next()]), /sesame/);
  });

  it('a Wi-Fi that cuts the device off is told of, and restored when it is back', async () => {
    const client = await given({ preset: 'wifi', wait: 1 });
    client.events.on('written', () => client.cutOff());
    send({ topic: 'mine', payload: { ssid: 'nowhere', passphrase: 'new sesame' }, restore: { passphrase: 'old sesame' } });
    const told = await inbox('out').next();
    assert.equal((told.payload as { outcome: string }).outcome, 'not restored yet');
    assert.equal(running().fleet.requests.waiting('node'), 1);
    const back = device('t-1', { objects: client.objects.version === '1.1' ? withSettings() : thermometer() });
    const restored = await inbox('out').next();
    assert.deepEqual(restored.payload, {
      outcome: 'restored',
      written: { ssid: 'nowhere' },
      before: { ssid: 'plant' },
      unrestorable: [],
    });
    assert.equal(restored.topic, 'mine');
    assert.equal((await back).objects.get('/12/2/5'), 'plant');
    assert.equal(phrase, 'old sesame');
    assert.doesNotMatch(JSON.stringify([told, restored]), /sesame/);
  });

  it('a mistake in a setting shows no key, and leaves none in the message', async () => {
    await given({ preset: 'wifi' });
    for (const payload of [
      { ssid: 'office', passphrase: 'sesame', key: 'sesame' },
      { ssid: 'a'.repeat(40), passphrase: 'sesame' },
    ]) {
      send({ payload, restore: { passphrase: 'sesame' } });
      assert.doesNotMatch(JSON.stringify(await inbox('caught').next()), /sesame/);
    }
    send({ payload: { ssid: 'office' }, wait: 'for ever' });
    assert.match(failureOf(await inbox('caught').next()).message, /how long may the device be silent/);
  });
});

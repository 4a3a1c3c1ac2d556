/** A device on Eclipse Leshan's client library (Maven Central; needs a JDK) against our server. */
import assert from 'node:assert/strict';
import { SystemClock } from '../../src/clock';
import { codeText } from '../../src/coap/codes';
import type { OperationRequest } from '../../src/device/operation';
import { Fleet } from '../../src/fleet/fleet';
import type { Listener, Outcome } from '../../src/fleet/outcomes';
import type { RequestQueue } from '../../src/fleet/request-queue';
import { leshanClassPath, startLeshan } from './leshan';
import { type Program, skipWithout } from './program';
import { eventually, ServerUnderTest } from './server';

const PREPARE_MS = 240_000;
const endpoint = 'leshan-1';
/** What the device answers in, by Content-Format. */
const FORMATS: readonly (readonly [number, string])[] = [
  [0, 'text'],
  [60, 'CBOR'],
  [110, 'SenML JSON'],
  [112, 'SenML CBOR'],
  [11542, 'TLV'],
  [11543, 'LwM2M JSON'],
];
/** Of composite operations (LwM2M Core 1.1.1 §6.3.8). */
const COMPOSITE_FORMATS = FORMATS.filter(([, name]) => name.startsWith('SenML'));

describe('a device on the Leshan library', function () {
  this.timeout(40_000);
  let ours: ServerUnderTest;
  let leshan: Program;

  before(async function () {
    this.timeout(PREPARE_MS);
    const classPath = await leshanClassPath().catch((error: Error) => skipWithout(this, 'Leshan', error.message));
    ours = await ServerUnderTest.start();
    leshan = startLeshan(classPath, { url: ours.url, endpoint, lifetime: 120 });
  });
  after(async () => {
    await leshan?.stop();
    await ours?.stop();
  });

  const perform: ServerUnderTest['server']['perform'] = (...parameters) => ours.server.perform(...parameters);

  it('registers', async () => {
    const { registration } = await ours.happened('registered', endpoint);
    assert.equal(registration?.version, '1.1');
    assert.equal(registration?.lifetime, 120);
    assert.deepEqual(registration?.contentFormats, [60, 110, 112, 11542, 11543]);
    assert.deepEqual(registration?.objects.filter((path) => path.startsWith('/3')).sort(), [
      '/3',
      '/3/0',
      '/3303',
      '/3303/0',
      '/3442/0',
    ]);
  });

  for (const [contentFormat, name] of FORMATS) {
    it(`is read in ${name}`, async () => {
      const result = await perform(endpoint, { operation: 'read', path: '/3303/0/5700', contentFormat });
      assert.equal(result.contentFormat, contentFormat);
      assert.equal(result.values[0]?.value, 21.5);
    });
  }

  for (const [contentFormat, name] of FORMATS.filter(([number]) => number >= 110)) {
    it(`gives a value of every type in ${name}`, async () => {
      await perform(endpoint, { operation: 'execute', path: '/3442/0/0' });
      const { values } = await perform(endpoint, { operation: 'read', path: '/3442/0', contentFormat });
      const types = new Map(values.map(({ path, value }) => [path, value]));
      assert.equal(typeof types.get('/3442/0/110'), 'string');
      assert.equal(typeof types.get('/3442/0/120'), 'number');
      assert.equal(typeof types.get('/3442/0/130'), 'number');
      assert.equal(typeof types.get('/3442/0/140'), 'boolean');
      assert.ok(Buffer.isBuffer(types.get('/3442/0/150')));
      assert.ok(types.get('/3442/0/160') instanceof Date);
      assert.match(String(types.get('/3442/0/170')), /^\d+:\d+$/);
    });
  }

  it('is discovered with its attributes', async () => {
    await perform(endpoint, { operation: 'write-attributes', path: '/3303/0/5700', attributes: { pmin: 1, pmax: 60 } });
    const { links } = await perform(endpoint, { operation: 'discover', path: '/3303/0' });
    const temperature = links?.find(({ path }) => path === '/3303/0/5700');
    assert.equal(Number(temperature?.attributes.pmax), 60);
  });

  it('is written a resource, and reads it back', async () => {
    assert.equal((await perform(endpoint, { operation: 'write', path: '/3/0/14', value: '+02:00' })).code, '2.04');
    await eventually('the write', () => (leshan.output.includes('written +02:00') ? true : undefined));
    assert.equal((await perform(endpoint, { operation: 'read', path: '/3/0/14' })).values[0]?.value, '+02:00');
  });

  it('is written an instance with values of several types', async () => {
    const value = { 'String Value': 'grüße', 'Integer Value': 42, 'Float Value': 1.5, 'Boolean Value': true };
    await perform(endpoint, { operation: 'write', path: '/3442/0', value, mode: 'update' });
    const { values } = await perform(endpoint, { operation: 'read', path: '/3442/0' });
    const seen = new Map(values.map((each) => [each.path, each.value]));
    assert.deepEqual(
      [110, 120, 130, 140].map((resource) => seen.get(`/3442/0/${resource}`)),
      ['grüße', 42, 1.5, true],
    );
  });

  it('is executed with arguments', async () => {
    assert.equal((await perform(endpoint, { operation: 'execute', path: '/3/0/4', arguments: "0='now'" })).code, '2.04');
    await eventually('the execution', () => (leshan.output.includes("executed 4 0='now'") ? true : undefined));
  });

  it('is observed and notifies', async () => {
    const result = await perform(endpoint, { operation: 'observe', path: '/3303/0/5700' });
    assert.equal(result.observed, true);
    leshan.say('temperature 23.75');
    await eventually('the notification', () => ours.notifications.find(({ values }) => values[0]?.value === 23.75));
    await perform(endpoint, { operation: 'cancel-observation', path: '/3303/0/5700' });
  });

  it('is given an instance, which is then deleted', async () => {
    const created = await perform(endpoint, { operation: 'create', path: '/3442/7', value: { 110: 'seventh' } });
    assert.equal(created.code, '2.01');
    assert.equal((await perform(endpoint, { operation: 'read', path: '/3442/7/110' })).values[0]?.value, 'seventh');
    await eventually('the new list', () => (ours.server.registration(endpoint)?.objects.includes('/3442/7') ? true : undefined));
    assert.equal((await perform(endpoint, { operation: 'delete', path: '/3442/7' })).code, '2.02');
  });

  it('takes and gives a body of 200,000 bytes in blocks', async () => {
    const path = '/3442/0/150';
    const body = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251));
    assert.equal((await perform(endpoint, { operation: 'write', path, value: body })).code, '2.04');
    const { values } = await perform(endpoint, { operation: 'read', path });
    assert.ok(body.equals(values[0]?.value as Buffer));
  });

  for (const [contentFormat, name] of COMPOSITE_FORMATS) {
    it(`is read at several paths in ${name}: what it has, and what is absent`, async () => {
      const path = '/3/0/0,/3303/0/5701,/3442/0/120,/3/0/21';
      const { values, absent, fallback } = await perform(endpoint, { operation: 'read-composite', path, contentFormat });
      const seen = new Map(values.map((each) => [each.path, each.value]));
      assert.deepEqual([seen.get('/3/0/0'), seen.get('/3303/0/5701')], ['Leshan Demo Device', 'Cel']);
      assert.equal(typeof seen.get('/3442/0/120'), 'number');
      assert.deepEqual(absent, ['/3/0/21']);
      assert.equal(fallback, undefined);
    });

    it(`is written at several paths in ${name}`, async () => {
      const value = { '/3/0/14': `+0${contentFormat % 10}`, '/3442/0/120': contentFormat, '/3442/0/130': 0.25 };
      const path = Object.keys(value).join(',');
      assert.equal((await perform(endpoint, { operation: 'write-composite', path, value, contentFormat })).code, '2.04');
      const { values } = await perform(endpoint, { operation: 'read-composite', path });
      assert.deepEqual(Object.fromEntries(values.map((each) => [each.path, each.value])), value);
    });

    it(`is observed at several paths in ${name}, notifies of any of them, and stops when told to`, async () => {
      const path = '/3303/0/5700,/3/0/14';
      const observed = await perform(endpoint, { operation: 'observe-composite', path, contentFormat });
      assert.equal(observed.observed, true);
      assert.deepEqual(ours.server.observations(endpoint), [path]);
      const warm = 20 + contentFormat / 8;
      leshan.say(`temperature ${warm}`);
      const { values } = await eventually('the notification', () =>
        ours.notifications.find((each) => each.values.some(({ value }) => value === warm)),
      );
      assert.ok(values.some(({ path: where }) => where === '/3/0/14'));
      await perform(endpoint, { operation: 'write', path: '/3/0/14', value: `zone ${contentFormat}` });
      await eventually('the other one', () =>
        ours.notifications.find((each) => each.values.some(({ value }) => value === `zone ${contentFormat}`)),
      );
      await perform(endpoint, { operation: 'cancel-observation', path });
      assert.deepEqual(ours.server.observations(endpoint), []);
      const count = ours.notifications.length;
      const before = ours.lifecycle.length;
      leshan.say(`temperature ${warm + 1}`);
      leshan.say('update');
      await eventually('the update', () => ours.lifecycle.slice(before).find(({ event }) => event === 'updated'));
      assert.equal(ours.notifications.length, count);
    });
  }

  for (const format of ['SENML_JSON', 'SENML_CBOR']) {
    it(`sends in ${format}`, async () => {
      const before = ours.sends.length;
      leshan.say(`send ${format} /3303/0/5700 /3/0/9`);
      const send = await eventually('the Send', () => ours.sends[before]);
      assert.equal(send.device, endpoint);
      assert.deepEqual(new Map(send.values.map(({ path, value }) => [path, value])).get('/3/0/9'), 85);
    });
  }

  it('refuses what it has not: the code is told', async () => {
    await assert.rejects(perform(endpoint, { operation: 'read', path: '/3/0/21' }), { code: codeText(0x84) });
  });

  it('updates', async () => {
    const before = ours.lifecycle.length;
    leshan.say('update');
    await eventually('the update', () => ours.lifecycle.slice(before).find(({ event }) => event === 'updated'));
  });

  it('leaves when it is ended', async () => {
    await leshan.stop();
    await ours.happened('deregistered', endpoint);
  });
});

describe('a device on the Leshan library in queue mode', function () {
  this.timeout(40_000);
  const name = 'leshan-queued';
  const AWAKE_MS = 1_500;
  let ours: ServerUnderTest;
  let queue: RequestQueue;
  let leshan: Program;

  before(async function () {
    this.timeout(PREPARE_MS);
    const classPath = await leshanClassPath().catch((error: Error) => skipWithout(this, 'Leshan', error.message));
    ours = await ServerUnderTest.start(undefined, { awakeMs: AWAKE_MS });
    const clock = new SystemClock();
    ({ requests: queue } = new Fleet(ours.server, clock));
    leshan = startLeshan(classPath, { url: ours.url, endpoint: name, lifetime: 120, options: ['queue'] });
  });
  after(async () => {
    queue?.close();
    await leshan?.stop();
    await ours?.stop();
  });

  it('says so, and is taken to sleep some time after its last message', async () => {
    const { registration } = await ours.happened('registered', name);
    assert.equal(registration?.queueMode, true);
    await ours.happened('asleep', name);
  });

  it('is asked for nothing while it sleeps; what waits is asked in order when it comes', async () => {
    const told: string[] = [];
    const submit = (label: string, request: OperationRequest): void => {
      const listener: Listener = {
        queued: () => told.push(`${label} waits`),
        settled: (outcome: Outcome) => told.push(`${label} ${'result' in outcome ? outcome.result.code : outcome.error.code}`),
      };
      queue.submit({ owner: 'test', device: name, request, whenAsleep: 'queue' }, listener);
    };
    submit('write', { operation: 'write', path: '/3/0/14', value: '+09' });
    submit('read', { operation: 'read', path: '/3/0/14' });
    await eventually('both wait', () => (told.length === 2 ? true : undefined));
    assert.deepEqual(told, ['write waits', 'read waits']);
    leshan.say('update');
    await eventually('both answers', () => (told.length === 4 ? true : undefined));
    assert.deepEqual(told.slice(2), ['write 2.04', 'read 2.05']);
    assert.match(leshan.output, /written \+09/);
  });
});

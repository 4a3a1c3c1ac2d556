/** This Node-RED as a managed device: what messages do to it, and what a server does to it, against a real server in memory. */
import assert from 'node:assert/strict';
import type { ClientCredentials } from '../../../nodes/lwm2m-client/client-keys';
import { ClientNode } from '../../../nodes/lwm2m-client/client-node';
import { type ClientProperties, makeClient } from '../../../nodes/lwm2m-client/client-settings';
import type { Message } from '../../../nodes/runtime/flow-host';
import { VirtualClock } from '../../../src/clock';
import { DtlsTransport } from '../../../src/coap/transports/dtls';
import { MemoryNetwork } from '../../../src/coap/transports/memory';
import type { OperationRequest } from '../../../src/device/operation';
import { Lwm2mServer } from '../../../src/lwm2m/server/server';
import { testRandom } from '../../coap/world';
import { testBytes } from '../../dtls/world';
import { FakeHost } from '../runtime/fake-host';

const OBJECTS = '{"3303": {"0": {"5700": 21.5, "5701": "Cel", "5605": null}}, "3442": {"0": {"110": null}}}';

const KEY = '00112233445566778899aabbccddeeff';

async function setup(properties: Partial<ClientProperties> = {}, credentials: ClientCredentials = {}) {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock, { delayMs: 5 });
  const server = new Lwm2mServer({
    transport: network.transport('10.0.0.1', 5683),
    secure: new DtlsTransport({
      carrier: network.transport('10.0.0.1', 5684),
      clock,
      random: testBytes(5),
      credentials: { lookupPsk: () => Buffer.from(KEY, 'hex') },
    }),
    clock,
    random: testRandom(7),
    admission: 'open',
  });
  const host = new FakeHost();
  let port = 40_000;
  const settings: ClientProperties = { endpoint: 'attic', host: '10.0.0.1', lwm2m: '1.1', objects: OBJECTS, ...properties };
  const make = () =>
    makeClient(settings, credentials, { clock, transport: network.transport('10.0.0.2', port++), random: testRandom(8) });
  const node = new ClientNode(host, make, () => clock.wall());
  await server.start();
  node.start();
  await clock.advanceAsync(100);
  return {
    clock,
    server,
    host,
    node,
    async input(message: Record<string, unknown>): Promise<(Error & { code?: string }) | undefined> {
      const ends: (Error | undefined)[] = [];
      const ended = node.input(message as Message, host.send, (error) => ends.push(error));
      await clock.advanceAsync(200);
      await ended;
      assert.equal(ends.length, 1);
      return ends[0];
    },
    async perform(request: OperationRequest) {
      const performed = server.perform('attic', request);
      const waited = clock.advanceAsync(200);
      return performed.finally(() => waited);
    },
    /** Messages of an output, without those before it was asked. */
    output: (index: number) => host.sent.map((outputs) => outputs[index]).filter((message) => message != null),
  };
}

describe('the lwm2m-client node', () => {
  it('registers with the objects of its dialog and a Device object, and says so', async () => {
    const { server, host, output } = await setup();
    const registration = server.registration('attic');
    assert.deepEqual(registration?.objects, ['/1/0', '/3/0', '/3303/0', '/3442/0']);
    assert.equal(output(1)[0]?.event, 'registered');
    assert.equal(output(1)[0]?.topic, 'attic');
    assert.deepEqual(host.statuses.at(-1), { fill: 'green', shape: 'dot', text: 'registered' });
  });

  it('registers over DTLS with the key among its credentials', async () => {
    const { server, perform } = await setup({ security: 'psk', port: 5684 }, { identity: 'attic', key: KEY });
    assert.equal(server.registration('attic')?.security, 'psk');
    assert.equal((await perform({ operation: 'read', path: '/3303/0/5700' })).values?.[0]?.value, 21.5);
  });

  it('says which part of its security is missing or unusable, and never shows it', () => {
    const secret = 'no-key-but-secret';
    const given: ClientCredentials = {
      identity: 'attic',
      key: secret,
      privateKey: secret,
      certificate: secret,
      serverKey: secret,
    };
    const place = { endpoint: 'attic', host: '10.0.0.1' };
    for (const [security, credentials, expected] of [
      ['psk', {}, /PSK identity is missing/],
      ['psk', { identity: 'attic' }, /key is missing: .*credentials are not part of an exported flow/],
      ['psk', given, /key must be 1 to 64 bytes in hexadecimal/],
      ['rpk', {}, /private key is missing/],
      ['rpk', given, /private key must be PEM/],
      ['x509', given, /certificate must be PEM/],
    ] as const) {
      assert.throws(
        () => makeClient({ ...place, security }, credentials),
        (error: Error) => expected.test(error.message) && !error.message.includes(secret) && error.cause === undefined,
      );
    }
  });

  it('gives the server what messages have set, a resource or several', async () => {
    const { perform, input } = await setup();
    assert.equal(await input({ path: '/3303/0/5700', payload: '22.5' }), undefined);
    assert.equal((await perform({ operation: 'read', path: '/3303/0/5700' })).values?.[0]?.value, 22.5);
    assert.equal(await input({ payload: { '/3303/0/5700': 19, '/3/0/9': 80 } }), undefined);
    assert.equal((await perform({ operation: 'read', path: '/3/0/9' })).values?.[0]?.value, 80);
  });

  it('adds an instance that a message names, and removes one; the server is told with an Update', async () => {
    const { server, clock, input } = await setup();
    await input({ path: '/3303/7', payload: { 'Sensor Value': 5 } });
    await clock.advanceAsync(500);
    assert.ok(server.registration('attic')?.objects.includes('/3303/7'));
    assert.equal(await input({ action: 'remove', path: '/3303/7' }), undefined);
    await clock.advanceAsync(500);
    assert.ok(!server.registration('attic')?.objects.includes('/3303/7'));
  });

  it('tells of a Write with its value, and of an Execute with its arguments, on the first output', async () => {
    const { perform, output } = await setup();
    await perform({ operation: 'write', path: '/3442/0/110', value: 'on stage' });
    await perform({ operation: 'execute', path: '/3303/0/5605', arguments: "0='now',1" });
    const [written, executed] = output(0);
    assert.deepEqual(
      [written?.event, written?.path, written?.payload, written?.topic, written?.device],
      ['written', '/3442/0/110', 'on stage', '/3442/0/110', 'attic'],
    );
    assert.deepEqual([executed?.event, executed?.path, executed?.payload], ['executed', '/3303/0/5605', { 0: 'now', 1: true }]);
  });

  it('tells of an observation that begins, and that it ended and why', async () => {
    const { perform, output, input } = await setup();
    await perform({ operation: 'observe', path: '/3303/0/5700' });
    await perform({ operation: 'cancel-observation', path: '/3303/0/5700' });
    await input({ path: '/3303/0/5700', payload: 30 });
    assert.deepEqual(
      output(0).map(({ event, path }) => `${event} ${path}`),
      ['observed /3303/0/5700', 'observation-ended /3303/0/5700'],
    );
  });

  it('lets the server create and delete instances only where its dialog says so', async () => {
    const closed = await setup();
    await assert.rejects(closed.perform({ operation: 'create', path: '/3303/1', value: { 5700: 1 } }), { code: '4.05' });
    const open = await setup({ mayCreate: true });
    await open.perform({ operation: 'create', path: '/3303/1', value: { 5700: 1 } });
    await open.perform({ operation: 'delete', path: '/3303/1' });
    assert.deepEqual(
      open.output(0).map(({ event, path }) => `${event} ${path}`),
      ['created /3303/1', 'deleted /3303/1'],
    );
  });

  it('sends what a message names once the server allows it, and says what to do before', async () => {
    const { server, perform, input } = await setup();
    const sends: unknown[] = [];
    server.events.on('send', ({ values }) => sends.push(values[0]?.value));
    const refused = await input({ action: 'send', path: '/3303/0/5700' });
    assert.match(refused?.message ?? '', /write false to \/1\/0\/23/);
    await perform({ operation: 'write', path: '/1/0/23', value: false });
    assert.equal(await input({ action: 'send', path: ['/3303/0/5700'] }), undefined);
    assert.deepEqual(sends, [21.5]);
  });

  it('leaves when told to, and comes back with the values of its dialog', async () => {
    const { server, input, clock, perform } = await setup();
    await input({ path: '/3303/0/5700', payload: 1 });
    await input({ action: 'stop' });
    assert.equal(server.registration('attic'), undefined);
    await input({ action: 'start' });
    await clock.advanceAsync(500);
    assert.equal((await perform({ operation: 'read', path: '/3303/0/5700' })).values?.[0]?.value, 21.5);
  });

  for (const [title, message, expected] of [
    ['an unknown action', { action: 'jump' }, /msg\.action must be one of set, remove, send, update, start, stop/],
    ['no path', { action: 'remove' }, /which path\?/],
    ['a path that is no path', { path: '/x', payload: 1 }, /"x" is not a number/],
    ['a value of the wrong type', { path: '/3303/0/5700', payload: 'warm' }, /Sensor Value/],
    ['an object that belongs to the client', { path: '/1/0/1', payload: 5 }, /\/1\/0\/1 belongs to the client itself/],
    ['an instance that is not there', { action: 'remove', path: '/3303/9' }, /there is no \/3303\/9/],
    ['a value without a place', { payload: 5 }, /object/],
  ] as const) {
    it(`answers ${title} with what to do`, async () => {
      const { input } = await setup();
      assert.match((await input(message))?.message ?? 'no error', expected);
    });
  }

  for (const [title, properties, expected] of [
    ['without a name', { endpoint: '' }, /no endpoint name/],
    ['without a server', { host: '' }, /no server/],
    ['with objects that are no JSON', { objects: '{' }, /no valid JSON/],
    ['with a list for objects', { objects: '[1]' }, /described as an object/],
    ['with an object of its own', { objects: '{"0": {"0": {}}}' }, /belongs to the client/],
    ['with a value of the wrong type', { objects: '{"3303": {"0": {"5700": "warm"}}}' }, /Sensor Value/],
  ] as const) {
    it(`says what is wrong with settings ${title}`, () => {
      assert.throws(() => makeClient({ endpoint: 'a', host: 'b', ...properties }), expected);
    });
  }
});

/** LwM2M over TCP (binding T): our client and server over real sockets on loopback, and connections that end in the middle of things. */
import assert from 'node:assert/strict';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { SystemClock } from '../../src/clock';
import type { LifecycleEvent, NotificationEvent, SendEvent } from '../../src/device/manager';
import { Fleet } from '../../src/fleet/fleet';
import { Selector } from '../../src/fleet/selector';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { until } from '../coap/transports/frames';

describe('LwM2M over TCP', () => {
  const clock = new SystemClock();
  const closing: (() => unknown)[] = [];

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  /** What the server wrote as a firmware image. */
  let image: unknown;

  function objects(): ObjectTree {
    const tree = new ObjectTree({ version: '1.1' });
    tree.add(3, 0, { 0: 'Acme', 9: 85, 14: '+02:00' });
    tree.add(3303, 0, { 5700: 21.5 });
    const write = (content: unknown): void => {
      image = content;
    };
    tree.add(5, 0, { 3: 0 }, { 0: { write } });
    return tree;
  }

  async function givenServer() {
    const server = new Lwm2mServer({ listen: { host: '127.0.0.1', port: 0, tcpPort: 0 } });
    const lifecycle: LifecycleEvent[] = [];
    server.events.on('lifecycle', (event) => lifecycle.push(event));
    await server.start();
    closing.push(() => server.stop());
    const port = server.listening.find(({ transport }) => transport === 'tcp')?.port as number;
    return { server, port, lifecycle, events: () => lifecycle.map(({ event }) => event) };
  }

  async function givenClient(port: number, options: { queueMode?: boolean } = {}): Promise<Lwm2mClient> {
    const client = new Lwm2mClient({
      endpoint: 'dev',
      server: { host: '127.0.0.1', port },
      scheme: 'coap+tcp',
      objects: objects(),
      muteSend: false,
      // A reconnection comes at once.
      random: {
        fraction: () => 0,
        bytes: (length) => Buffer.from(Array.from({ length }, () => Math.floor(Math.random() * 256))),
      },
      backoff: { firstMs: 20 },
      ...options,
    });
    closing.push(() => client.stop());
    await client.start();
    return client;
  }

  /** A line that the test can cut, as a network does. */
  async function givenLine(port: number): Promise<{ port: number; cut: () => void }> {
    const sockets = new Set<Socket>();
    const proxy: Server = createServer((near) => {
      const far = connect({ host: '127.0.0.1', port });
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(from);
        from.on('error', () => undefined);
        from.on('close', () => {
          sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const cut = (): void => {
      for (const socket of sockets) socket.destroy();
    };
    closing.push(() => {
      proxy.close();
      cut();
    });
    const at = proxy.address();
    assert.ok(at !== null && typeof at === 'object');
    return { port: at.port, cut };
  }

  it('registers with binding T, is read and written, and leaves', async () => {
    const { server, port, events } = await givenServer();
    const client = await givenClient(port);
    const registration = server.registration('dev');
    assert.equal(registration?.binding, 'T');
    assert.match(registration.address, /^127\.0\.0\.1:\d+$/);
    const read = await server.perform('dev', { operation: 'read', path: '/3/0/0' });
    assert.equal(read.values[0]?.value, 'Acme');
    await server.perform('dev', { operation: 'write', path: '/3/0/14', value: '+03:00' });
    assert.equal((await server.perform('dev', { operation: 'read', path: '/3/0/14' })).values[0]?.value, '+03:00');
    await client.stop();
    await until(() => server.size === 0, 'the De-register');
    assert.deepEqual(events(), ['registered', 'deregistered']);
  });

  it('writes 200 kB', async () => {
    const { server, port } = await givenServer();
    await givenClient(port);
    const sent = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 253));
    await server.perform('dev', { operation: 'write', path: '/5/0/0', value: sent });
    assert.ok(Buffer.isBuffer(image) && image.equals(sent));
  });

  it('sends notifications and Sends', async () => {
    const { server, port } = await givenServer();
    const client = await givenClient(port);
    const notifications: NotificationEvent[] = [];
    const sends: SendEvent[] = [];
    server.events.on('notification', (event) => notifications.push(event));
    server.events.on('send', (event) => sends.push(event));
    assert.equal((await server.perform('dev', { operation: 'observe', path: '/3303/0/5700' })).observed, true);
    for (const value of [22.5, 23.5, 21.5]) {
      client.setValue('/3303/0/5700', value);
      await until(() => notifications.at(-1)?.values[0]?.value === value, `the notification of ${value}`);
    }
    await client.send(['/3303/0/5700']);
    assert.equal(sends[0]?.values[0]?.value, 21.5);
    await server.perform('dev', { operation: 'cancel-observation', path: '/3303/0/5700' });
    assert.deepEqual(client.observations, []);
  });

  it('serves devices over UDP and TCP at the same time', async () => {
    const { server, port } = await givenServer();
    await givenClient(port);
    const other = new Lwm2mClient({
      endpoint: 'dev-udp',
      server: { host: '127.0.0.1', port: server.local?.port as number },
      objects: objects(),
    });
    closing.push(() => other.stop());
    await other.start();
    assert.deepEqual(
      [...server.registrations()].map(({ endpoint, binding }) => [endpoint, binding]),
      [
        ['dev', 'T'],
        ['dev-udp', 'U'],
      ],
    );
    for (const device of ['dev', 'dev-udp']) {
      assert.equal((await server.perform(device, { operation: 'read', path: '/3/0/9' })).values[0]?.value, 85);
    }
  });

  describe('when a connection ends', () => {
    it('the registration stays, the device counts as away, and it comes back by an Update over another connection', async () => {
      const { server, port, lifecycle, events } = await givenServer();
      const line = await givenLine(port);
      await givenClient(line.port);
      const before = server.registration('dev');
      line.cut();
      await until(() => events().includes('asleep'), 'its absence');
      assert.equal(server.presence('dev'), 'asleep');
      await until(() => events().includes('awake'), 'its return');
      assert.deepEqual(events(), ['registered', 'asleep', 'awake', 'updated']);
      const after = lifecycle.at(-1)?.registration;
      assert.equal(after?.registeredAt, before?.registeredAt);
      assert.notEqual(after?.address, before?.address);
      assert.equal((await server.perform('dev', { operation: 'read', path: '/3/0/9' })).values[0]?.value, 85);
    });

    it('what is asked of a device that is away fails in words, and waits where it may', async () => {
      const { server, port, events } = await givenServer();
      const fleet = new Fleet(server, clock);
      closing.push(() => fleet.close());
      const line = await givenLine(port);
      await givenClient(line.port);
      line.cut();
      await until(() => events().includes('asleep'), 'its absence');
      await assert.rejects(server.perform('dev', { operation: 'read', path: '/3/0/9' }), {
        code: 'asleep',
        message: /its connection from 127\.0\.0\.1:\d+ has ended\. It can be asked after its next message\.$/,
      });
      const told: string[] = [];
      const order = { owner: 'n', device: 'dev', request: { operation: 'read', path: '/3/0/9' }, whenAsleep: 'queue' } as const;
      fleet.requests.submit(order, {
        queued: () => told.push('queued'),
        settled: (outcome) => told.push('result' in outcome ? String(outcome.result.values[0]?.value) : outcome.error.code),
      });
      await until(() => told.length === 2, 'the result');
      assert.deepEqual(told, ['queued', '85']);
    });

    it('declared observations are made again', async () => {
      const { server, port } = await givenServer();
      const fleet = new Fleet(server, clock);
      closing.push(() => fleet.close());
      const line = await givenLine(port);
      const values: unknown[] = [];
      const refused: string[] = [];
      fleet.policies.listen('flow', {
        value: (event) => values.push(...event.values.map(({ value }) => value)),
        refused: ({ message }) => refused.push(message),
      });
      fleet.policies.set({ id: 'p', owner: 'flow', devices: Selector.everyone, paths: ['/3303/0/5700'], attributes: {} });
      const client = await givenClient(line.port);
      await until(() => values.length === 1, 'the first value');
      line.cut();
      await until(() => client.observations.length === 0, 'the end of the observation');
      await until(() => client.observations.length === 1, 'its return');
      client.setValue('/3303/0/5700', 30);
      await until(() => values.at(-1) === 30, 'a value over the new connection');
      assert.deepEqual([values, refused], [[21.5, 21.5, 30], []]);
    });

    it('in the middle of a request, the request fails as disconnected', async () => {
      const { server, port } = await givenServer();
      const line = await givenLine(port);
      await givenClient(line.port);
      const large = Buffer.alloc(5_000_000);
      const writing = server.perform('dev', { operation: 'write', path: '/5/0/0', value: large });
      line.cut();
      await assert.rejects(writing, {
        code: 'disconnected',
        message: /^the connection of device dev ended before it answered Write \/5\/0\/0: ask again when it has connected\.$/,
      });
    });

    it('for good, the client goes on trying, and registers anew with a server that has restarted', async () => {
      const { server, port } = await givenServer();
      const client = await givenClient(port);
      const failures: string[] = [];
      client.events.on('failed', ({ error }) => failures.push(error.code));
      await server.stop();
      await until(() => failures.length >= 2, 'failures');
      assert.deepEqual(new Set(failures), new Set(['disconnected']));
      const again = new Lwm2mServer({ listen: { host: '127.0.0.1', port: 0, tcpPort: port } });
      closing.push(() => again.stop());
      await again.start();
      await until(() => again.size === 1, 'its registration');
    });
  });
});

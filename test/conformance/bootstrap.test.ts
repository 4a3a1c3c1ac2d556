/** The bootstrap interface. */
import assert from 'node:assert/strict';
import type { BootstrapConfiguration, BootstrapEvent } from '../../src/device/bootstrap';
import { conformance } from './conformance';
import { leadsTo, read, registrationOf } from './peer';
import { Self, type SelfOptions } from './self';

const SERVER = '10.0.0.1';
const CONFIGURATION: BootstrapConfiguration = {
  deletes: ['/0', '/1'],
  servers: [
    {
      shortServerId: 101,
      uri: `coap://${SERVER}:5683`,
      security: { mode: 'none' },
      lifetime: 600,
      binding: 'U',
      muteSend: false,
    },
  ],
  objects: {},
  verify: true,
};

/** Our own client that knows no server but a bootstrap server. */
async function givenFresh(
  configuration: BootstrapConfiguration = CONFIGURATION,
  options: SelfOptions = {},
): Promise<{ self: Self; events: BootstrapEvent[] }> {
  const events: BootstrapEvent[] = [];
  const self = await Self.start({
    registered: false,
    ...options,
    server: { bootstrap: () => configuration, ...options.server },
    client: { bootstrap: { host: SERVER, pack: false }, backoff: { firstMs: 5_000, longestMs: 20_000 }, ...options.client },
  });
  self.server.events.on('bootstrap', (event) => events.push(event));
  return { self, events };
}

const finished = (events: readonly BootstrapEvent[]): BootstrapEvent | undefined =>
  events.find(({ event }) => event === 'finished');

const asked = (event: BootstrapEvent | undefined): string[] =>
  event?.steps.map(({ operation, path, code }) => `${operation} ${path} ${code}`) ?? [];

describe('conformance: bootstrap', () => {
  conformance('int-0', 'self', async () => {
    const { self, events } = await givenFresh();
    const event = await self.until('the end', () => finished(events));
    const steps = asked(event);
    assert.ok(
      steps.some((step) => step.startsWith('write /0/') && step.endsWith('2.04')),
      steps.join(),
    );
    assert.ok(steps.some((step) => step.startsWith('write /1/') && step.endsWith('2.04')));
    assert.ok(steps.some((step) => step.startsWith('discover / ') && step.endsWith('2.05')));
    assert.match(steps.at(-1) ?? '', /^finish .*2\.04$/);
    await self.until('the registration', () => self.server.registration('dev'));
  });

  conformance('int-4', 'self', async () => {
    const { self, events } = await givenFresh();
    await self.until('the registration', () => (self.client.state === 'registered' ? true : undefined));
    const steps = asked(finished(events));
    for (const path of ['/0', '/1']) assert.ok(steps.includes(`delete ${path} 2.02`), steps.join());
    assert.ok(self.tree.has(0), 'the bootstrap account stays');
    await read(self, '/3/0/0');
  });

  conformance('int-5', 'self', async () => {
    const { self, events } = await givenFresh();
    await self.until('the registration', () => (self.client.state === 'registered' ? true : undefined));
    const before = events.length;
    await leadsTo(self, 'registered', async () => {
      assert.equal((await self.perform({ operation: 'execute', path: '/1/0/9' })).code, '2.04');
    });
    await self.until('another bootstrap', () => finished(events.slice(before)));
  });

  conformance('int-6', 'self', async () => {
    const events: BootstrapEvent[] = [];
    const self = await Self.start({
      server: { bootstrap: () => CONFIGURATION },
      client: { server: { host: SERVER }, bootstrap: { host: SERVER } },
    });
    self.server.events.on('bootstrap', (event) => events.push(event));
    registrationOf(self);
    assert.deepEqual(events, [], 'who knows a server registers there');
  });

  conformance('int-7', 'self', async () => {
    const { self, events } = await givenFresh(CONFIGURATION, {
      client: { server: { host: '10.99.0.1' }, bootstrap: { host: SERVER }, backoff: { firstMs: 1_000, longestMs: 1_000 } },
    });
    for (let minute = 0; minute < 60 && finished(events) === undefined; minute++) await self.pass(60);
    assert.ok(finished(events) !== undefined);
    await self.until('the registration', () => self.server.registration('dev'));
  });

  conformance('int-8', 'self', async () => {
    const { self, events } = await givenFresh({ ...CONFIGURATION, objects: { '/2/0': { 0: 3, 1: 0, 2: { 101: 31 }, 3: 101 } } });
    const event = await self.until('the end', () => finished(events));
    assert.equal(event.read?.['/1/0/1'], 600);
    assert.equal(event.read?.['/2/0/3'], 101);
    assert.ok(!Object.keys(event.read ?? {}).some((path) => path.startsWith('/0/')));
  });

  conformance('int-9', 'self', async () => {
    let configuration: BootstrapConfiguration = { ...CONFIGURATION, deletes: [], servers: [], objects: { '/1/0/5': 3_600 } };
    const { self, events } = await givenFresh(undefined, { server: { bootstrap: () => configuration } });
    const failed = await self.until('its refusal', () => events.find(({ event }) => event === 'failed'));
    assert.equal(failed.error?.code, '4.06');
    assert.equal(failed.written['/1/0/5'], 3_600);
    assert.equal(self.server.registration('dev'), undefined);
    configuration = CONFIGURATION;
    await self.until('the registration', () => self.server.registration('dev'));
  });

  conformance('1.2-int-12', 'self', async () => {
    const { self, events } = await givenFresh(CONFIGURATION, {
      version: '1.2',
      client: { bootstrap: { host: SERVER, pack: true } },
    });
    await self.until('the registration', () => self.server.registration('dev'));
    assert.equal(finished(events)?.how, 'pack');
    assert.ok(!asked(finished(events)).some((step) => step.startsWith('finish')));
  });

  conformance('x-pack', 'self', async () => {
    const large = 'z'.repeat(100_000);
    const { self } = await givenFresh(
      { ...CONFIGURATION, objects: { '/3/0/15': large } },
      { version: '1.2', client: { bootstrap: { host: SERVER, pack: true } } },
    );
    await self.until('the registration', () => self.server.registration('dev'));
    assert.equal(self.tree.get('/3/0/15'), large);
  });

  conformance('x-forbidden', 'self', async () => {
    let admitted = false;
    const { self, events } = await givenFresh(CONFIGURATION, {
      client: { server: { host: SERVER }, bootstrap: { host: SERVER }, backoff: { firstMs: 1_000, longestMs: 2_000 } },
      server: {
        bootstrap: () => CONFIGURATION,
        admission: () => (admitted ? { admitted } : { admitted, reason: 'not yet', remedy: 'Wait.' }),
      },
    });
    await self.until('the refusal', () => self.lifecycle.find(({ event }) => event === 'refused'));
    await self.until('a Bootstrap-Request', () => (self.client.state === 'bootstrapping' ? true : undefined));
    admitted = true;
    await self.until('the bootstrap', () => finished(events));
    await self.until('the registration', () => self.server.registration('dev'));
  });
});

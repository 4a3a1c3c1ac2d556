/** Client and server of this project: a whole bootstrap, and the registration after it, over a network that loses a fifth of all datagrams. */
import assert from 'node:assert/strict';
import type { BootstrapConfiguration, BootstrapEvent } from '../../../src/device/bootstrap';
import { Lwm2mClient, type Lwm2mClientOptions } from '../../../src/lwm2m/client/client';
import { ObjectTree } from '../../../src/lwm2m/client/objects';
import { testRandom } from '../../coap/world';
import { lossyWorld } from './lossy-world';

const CONFIGURATION: BootstrapConfiguration = {
  deletes: ['/0', '/1'],
  servers: [
    {
      shortServerId: 101,
      uri: 'coap://10.0.0.1:5683',
      security: { mode: 'none' },
      lifetime: 600,
      binding: 'U',
      muteSend: false,
    },
  ],
  objects: { '/2/0': { 0: 3, 1: 0, 2: { 101: 31 }, 3: 101 }, '/3/0/15': 'UTC' },
  verify: true,
};

async function givenPair(
  version: string,
  seed: number,
  options: Partial<Lwm2mClientOptions> = {},
  configuration = CONFIGURATION,
) {
  const { clock, network, server, ofClient } = lossyWorld(seed, { bootstrap: () => configuration });
  const tree = new ObjectTree({ version });
  tree.add(3, 0, { 0: 'Acme', 15: 'Europe/Berlin', 16: 'U' });
  const client = new Lwm2mClient({
    endpoint: 'dev',
    objects: tree,
    bootstrap: { host: '10.0.0.1' },
    ...ofClient(),
    backoff: { firstMs: 5_000, longestMs: 30_000 },
    ...options,
  });
  const events: BootstrapEvent[] = [];
  server.events.on('bootstrap', (event) => events.push(event));
  await server.start();
  client.start().catch(() => undefined);
  const until = async (reached: () => boolean): Promise<void> => {
    for (let second = 0; second < 3_000 && !reached(); second++) await clock.advanceAsync(1_000);
    assert.ok(reached(), JSON.stringify(events));
  };
  return { clock, network, server, client, tree, events, until };
}

for (const version of ['1.0', '1.1', '1.2']) {
  describe(`bootstrap in LwM2M ${version}`, () => {
    for (const seed of [1, 2, 3]) {
      it(`ends with a registration at the server that was written (network ${seed})`, async () => {
        const { server, tree, events, until } = await givenPair(version, seed);
        // The answer to Finish may be lost, and come again after the Register.
        await until(() => server.registration('dev') !== undefined && events.some(({ event }) => event === 'finished'));
        assert.equal(server.registration('dev')?.lifetime, 600);
        assert.equal(server.registration('dev')?.version, version);
        assert.equal(tree.get('/3/0/15'), 'UTC');
        assert.deepEqual(tree.get('/2/0/2'), new Map([[101, 31]]));
        const finished = events.find(({ event }) => event === 'finished');
        assert.equal(finished?.how, version === '1.2' ? 'pack' : 'sequence');
        assert.equal(finished?.written['/1/0/0'], 101);
        if (version === '1.1') assert.deepEqual([finished?.read?.['/1/0/1'], finished?.read?.['/2/0/3']], [600, 101]);
      });
    }
  });
}

describe('bootstrap of a client of this project', () => {
  it('by its server: Execute 1/x/9, a bootstrap, a new registration (int-5)', async () => {
    const { server, clock, events, until } = await givenPair('1.1', 4);
    await until(() => server.registration('dev') !== undefined);
    const before = server.registration('dev')?.registeredAt as number;
    const executed = server.perform('dev', { operation: 'execute', path: '/1/0/9' });
    await clock.advanceAsync(60_000);
    assert.equal((await executed).code, '2.04');
    await until(() => (server.registration('dev')?.registeredAt ?? 0) > before);
    await until(() => events.filter(({ event }) => event === 'finished').length === 2);
  });

  it('over a dialogue in SenML CBOR although it speaks 1.2, when it wants no pack', async () => {
    const { server, events, until } = await givenPair('1.2', 5, { bootstrap: { host: '10.0.0.1', pack: false } });
    await until(() => server.registration('dev') !== undefined && events.some(({ event }) => event === 'finished'));
    assert.equal(events.find(({ event }) => event === 'finished')?.how, 'sequence');
  });

  it('that finds it inconsistent asks again, and gets along once it has been mended (int-9)', async () => {
    let objects: BootstrapConfiguration['objects'] = { '/1/0/5': 3_600 };
    let servers: BootstrapConfiguration['servers'] = [];
    const configuration = {
      ...CONFIGURATION,
      deletes: [],
      get objects() {
        return objects;
      },
      get servers() {
        return servers;
      },
    };
    const { server, events, until } = await givenPair('1.1', 6, {}, configuration);
    await until(() => events.some(({ error }) => error?.code === '4.06'));
    objects = {};
    servers = CONFIGURATION.servers;
    await until(() => server.registration('dev') !== undefined);
  });

  it('that was switched off in the middle begins again, from another address', async () => {
    const { server, client, network, clock, events, until } = await givenPair('1.1', 7);
    await until(() => events.some(({ event }) => event === 'started'));
    await clock.advanceAsync(20);
    await client.stop();
    const tree = new ObjectTree({ version: '1.1' });
    tree.add(3, 0, { 0: 'Acme', 15: 'Europe/Berlin' });
    const again = new Lwm2mClient({
      endpoint: 'dev',
      objects: tree,
      bootstrap: { host: '10.0.0.1' },
      transport: network.transport('10.0.0.2', 41_000),
      clock,
      random: testRandom(9),
    });
    again.start().catch(() => undefined);
    await until(() => server.registration('dev') !== undefined);
    assert.equal(server.registration('dev')?.address, '10.0.0.2:41000');
  });
});

import assert from 'node:assert/strict';
import { VirtualClock } from '../../../src/clock';
import { Code } from '../../../src/coap/codes';
import type { Endpoint } from '../../../src/coap/endpoint';
import type { IncomingRequest } from '../../../src/coap/incoming';
import { CoapLayer } from '../../../src/coap/layer';
import { ASSOCIATION, DtlsTransport } from '../../../src/coap/transports/dtls';
import { MemoryNetwork, type NetworkFaults } from '../../../src/coap/transports/memory';
import type { DtlsOptions } from '../../../src/dtls/settings';
import { Shelf } from '../../dtls/shelf';
import { testBytes } from '../../dtls/world';
import { ask, testRandom } from '../world';
import { MovingCarrier } from './moving-carrier';

const SERVER = '10.0.0.1';
const PORT = 5684;
const KEY = Buffer.from('a key of sixteen');

interface World {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly served: IncomingRequest[];
  readonly server: { layer: CoapLayer; transport: DtlsTransport };
  readonly device: { layer: CoapLayer; transport: DtlsTransport; carrier: MovingCarrier; toServer: Endpoint };
  restartServer(keep: boolean): Promise<void>;
}

async function givenWorld(faults: NetworkFaults = {}, serverOptions: Partial<DtlsOptions> = {}): Promise<World> {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock, faults);
  const served: IncomingRequest[] = [];
  const shelf = new Shelf();
  let seed = 1;
  let life = 1;
  const makeServer = async () => {
    const transport = new DtlsTransport({
      carrier: network.transport(SERVER, PORT),
      clock,
      random: testBytes(seed++),
      credentials: { lookupPsk: () => KEY },
      ...serverOptions,
    });
    shelf.begin(transport.endpoint, life++);
    const layer = new CoapLayer({
      transports: [transport],
      clock,
      random: testRandom(seed++),
      onRequest: (request) => {
        served.push(request);
        request.respond({ code: Code.Content, payload: Buffer.from('served') });
      },
    });
    await layer.open();
    return { layer, transport };
  };
  const carrier = new MovingCarrier(network);
  const transport = new DtlsTransport({
    carrier,
    clock,
    random: testBytes(99),
    credentials: {},
    serve: false,
    connectWith: () => ({ psk: { identity: 'dev1', key: KEY } }),
  });
  const layer = new CoapLayer({
    transports: [transport],
    clock,
    random: testRandom(98),
    onRequest: (request) => request.respond({ code: Code.Content, payload: Buffer.from('of the device') }),
  });
  await layer.open();
  const world: World = {
    clock,
    network,
    served,
    server: await makeServer(),
    device: { layer, transport, carrier, toServer: layer.endpoint(SERVER, PORT) },
    restartServer: async (keep) => {
      const { server } = world;
      shelf.write(server.transport.endpoint);
      await server.layer.close();
      if (!keep) shelf.stored.clear();
      Object.assign(server, await makeServer());
    },
  };
  return world;
}

const GET = { code: Code.Get, path: ['x'] };

describe('CoAP over DTLS', () => {
  it('the first request makes the handshake, and is answered; the next ones use the association', async () => {
    const { clock, device, server, served } = await givenWorld();
    const first = ask(device.layer, device.toServer, GET);
    await clock.advanceAsync(200);
    assert.equal(first.response?.payload.toString(), 'served');
    const second = ask(device.layer, device.toServer, GET);
    await clock.advanceAsync(25);
    assert.equal(second.response?.payload.toString(), 'served');
    assert.equal(server.transport.endpoint.counters.handshakes, 1);
    assert.equal(served[0]?.endpoint, served[1]?.endpoint);
  });

  it('the server knows who asks, and where it is, and can ask back', async () => {
    const { clock, device, server, served } = await givenWorld();
    ask(device.layer, device.toServer, GET);
    await clock.advanceAsync(200);
    const peer = served[0]?.endpoint as Endpoint;
    assert.equal(peer.address, ASSOCIATION);
    assert.deepEqual(peer.transport.identify?.(peer.address, peer.port), {
      security: 'psk',
      name: 'dev1',
      address: '10.1.0.1',
      port: 40_000,
    });
    const answer = ask(server.layer, peer, GET);
    await clock.advanceAsync(50);
    assert.equal(answer.response?.payload.toString(), 'of the device');
    assert.deepEqual(device.transport.identify(SERVER, PORT)?.name, 'dev1');
    server.transport.endpoint.revoke('dev1');
    assert.equal(server.transport.identify(peer.address, peer.port), undefined, 'nothing is proved any more');
  });

  it('a peer stays the same while its address changes; what was asked before is answered after', async () => {
    const { clock, device, server, served } = await givenWorld();
    for (let index = 0; index < 10; index++) {
      const outcome = ask(device.layer, device.toServer, GET);
      await clock.advanceAsync(200);
      assert.equal(outcome.response?.payload.toString(), 'served');
      device.carrier.move();
    }
    assert.equal(new Set(served.map(({ endpoint }) => endpoint)).size, 1);
    assert.equal(server.transport.endpoint.counters.handshakes, 1);
    assert.equal(server.transport.endpoint.counters.rebinds, 9);
    const peer = served[0]?.endpoint as Endpoint;
    const late = ask(server.layer, peer, GET);
    await clock.advanceAsync(50);
    assert.deepEqual(Object.keys(late), [], 'it is not where it was');
    ask(device.layer, device.toServer, GET);
    await clock.advanceAsync(4_000);
    assert.equal(late.response?.payload.toString(), 'of the device');
  });

  it('requests get through a network that loses a quarter, each served once', async () => {
    const { clock, device, served } = await givenWorld({ loss: 0.25, duplicate: 0.2, reorder: 0.2, seed: 4 });
    for (let index = 0; index < 20; index++) {
      const outcome = ask(device.layer, device.toServer, GET);
      await clock.advanceAsync(100_000);
      assert.ok(outcome.response !== undefined || outcome.error?.code === 'timeout');
    }
    assert.ok(served.length >= 17);
    assert.equal(new Set(served.map(({ message }) => message.messageId)).size, served.length);
  });

  it('after a restart with its associations the server goes on, without a handshake', async () => {
    const { clock, device, served, restartServer, server } = await givenWorld();
    ask(device.layer, device.toServer, GET);
    await clock.advanceAsync(200);
    await restartServer(true);
    const outcome = ask(device.layer, device.toServer, GET);
    await clock.advanceAsync(200);
    assert.equal(outcome.response?.payload.toString(), 'served');
    assert.equal(server.transport.endpoint.counters.handshakes, 0);
    assert.equal(served[0]?.endpoint.port, served[1]?.endpoint.port);
  });

  it('a server that lost its memory is met with a new handshake, within the repeats of one request', async () => {
    const { clock, device, restartServer, server } = await givenWorld();
    ask(device.layer, device.toServer, GET);
    await clock.advanceAsync(200);
    await restartServer(false);
    const outcome = ask(device.layer, device.toServer, GET);
    await clock.advanceAsync(93_000);
    assert.equal(outcome.response?.payload.toString(), 'served');
    assert.equal(server.transport.endpoint.counters.handshakes, 1);
  });

  it('`disconnect` ends an association, and the next request resumes it', async () => {
    const { clock, device, server } = await givenWorld();
    ask(device.layer, device.toServer, GET);
    await clock.advanceAsync(200);
    device.layer.disconnect(device.toServer);
    await clock.advanceAsync(50);
    assert.equal(server.transport.endpoint.held().associations, 0);
    const outcome = ask(device.layer, device.toServer, GET);
    await clock.advanceAsync(200);
    assert.equal(outcome.response?.payload.toString(), 'served');
    assert.equal(server.transport.endpoint.counters.resumptions, 1);
  });

  it('with a wrong key a request ends in a timeout, and little waits meanwhile', async () => {
    const { clock, device, server } = await givenWorld({}, { credentials: { lookupPsk: () => Buffer.from('another') } });
    const reasons: string[] = [];
    server.transport.endpoint.events.on('handshake-failed', ({ text }) => reasons.push(text));
    const outcomes = Array.from({ length: 50 }, () => ask(device.layer, device.toServer, { ...GET, confirmable: false }));
    await clock.advanceAsync(300_000);
    assert.ok(outcomes.every(({ error }) => error?.code === 'timeout'));
    assert.match(reasons[0] ?? '', /wrong key for identity dev1/);
    assert.equal(device.transport.endpoint.held().handshakes, 0);
  });
});

/** A layer with several transports: two networks in memory that know nothing of each other. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import { Code } from '../../src/coap/codes';
import type { IncomingRequest } from '../../src/coap/incoming';
import { CoapLayer } from '../../src/coap/layer';
import { MemoryNetwork } from '../../src/coap/transports/memory';
import { ask, ScriptedPeer, testRandom } from './world';

async function given() {
  const clock = new VirtualClock();
  const networks = [new MemoryNetwork(clock), new MemoryNetwork(clock)] as const;
  const transports = [networks[0].transport('10.0.0.1', 5683), networks[1].transport('10.0.0.1', 5684)] as const;
  const requests: IncomingRequest[] = [];
  const layer = new CoapLayer({
    transports,
    clock,
    random: testRandom(7),
    onRequest: (request) => {
      requests.push(request);
      request.respond({ code: Code.Content });
    },
  });
  await layer.open();
  return { clock, networks, transports, layer, requests };
}

/** GET /a, CON, message ID 1. */
const GET = '4001 0001 b161';

describe('several transports of one layer', () => {
  it('answer on the transport a request came by', async () => {
    const { clock, networks, requests } = await given();
    const first = new ScriptedPeer(networks[0], '10.0.0.2', 1);
    const second = new ScriptedPeer(networks[1], '10.0.0.2', 1);
    second.send(GET, '10.0.0.1', 5684);
    clock.advance(100);
    assert.equal(requests.length, 1);
    assert.deepEqual([first.inbox.length, second.inbox.length], [0, 1]);
  });

  it('take the same address on two of them for two peers, whose repeats are not mixed up', async () => {
    const { clock, networks, layer, requests } = await given();
    new ScriptedPeer(networks[0], '10.0.0.2', 1).send(GET);
    new ScriptedPeer(networks[1], '10.0.0.2', 1).send(GET, '10.0.0.1', 5684);
    clock.advance(100);
    assert.equal(requests.length, 2);
    assert.notEqual(requests[0]?.endpoint, requests[1]?.endpoint);
    assert.equal(layer.held().endpoints, 2);
  });

  it('ask where they are told to, and accept the answer from there alone', async () => {
    const { clock, networks, transports, layer } = await given();
    const impostor = new ScriptedPeer(networks[0], '10.0.0.2', 1);
    const peer = new ScriptedPeer(networks[1], '10.0.0.2', 1);
    const outcome = ask(layer, layer.endpoint('10.0.0.2', 1, transports[1]), { code: Code.Get, path: ['a'] });
    clock.advance(100);
    assert.deepEqual([impostor.inbox.length, peer.inbox.length], [0, 1]);
    const { messageId, token } = peer.last as NonNullable<typeof peer.last>;
    const answer = Buffer.concat([Buffer.from([0x68, Code.Content, messageId >> 8, messageId & 255]), token]);
    impostor.send(answer);
    clock.advance(100);
    assert.deepEqual(outcome, {});
    peer.send(answer, '10.0.0.1', 5684);
    clock.advance(100);
    assert.equal(outcome.response?.code, Code.Content);
  });

  it('are listed with their addresses', async () => {
    const { layer } = await given();
    assert.deepEqual(layer.listening, [
      { transport: 'memory', address: '10.0.0.1', port: 5683 },
      { transport: 'memory', address: '10.0.0.1', port: 5684 },
    ]);
  });

  it('open all or none: what was opened before the failure is closed again', async () => {
    const clock = new VirtualClock();
    const network = new MemoryNetwork(clock);
    const taken = new ScriptedPeer(network, '10.0.0.1', 5684);
    const layer = new CoapLayer({
      transports: [network.transport('10.0.0.1', 5683), network.transport('10.0.0.1', taken.port)],
      clock,
      onRequest: () => assert.fail('nothing is asked'),
    });
    await assert.rejects(layer.open(), { code: 'port-in-use' });
    await network.transport('10.0.0.1', 5683).open({ received: () => undefined });
  });

  it('refuse a transport that is none of theirs: a mistake of the caller', async () => {
    const { layer, networks } = await given();
    assert.throws(() => layer.endpoint('10.0.0.2', 1, networks[0].transport('10.0.0.9')), RangeError);
  });
});

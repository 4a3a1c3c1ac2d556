/** The state machine of an outgoing request (RFC 7252 §4.2, §5.3), on virtual time against a scripted peer. */
import assert from 'node:assert/strict';
import { Code } from '../../src/coap/codes';
import type { Endpoint } from '../../src/coap/endpoint';
import { type Message, MessageType } from '../../src/coap/message';
import { DEFAULT_PARAMETERS, derivedTimes } from '../../src/coap/parameters';
import { datagram } from './datagram';
import { ask, givenLayer, type Outcome, ScriptedPeer, type World } from './world';

const DEVICE = '10.0.0.2';
const GET = { code: Code.Get, path: ['3', '0'] };

interface Scene extends World {
  readonly device: ScriptedPeer;
  readonly endpoint: Endpoint;
  get(options?: Parameters<typeof ask>[3]): Outcome;
  /** Lets the network deliver what is on its way. */
  settle(): void;
}

async function givenDevice(
  react?: (message: Message, peer: ScriptedPeer) => void,
  options: Parameters<typeof givenLayer>[0] = {},
): Promise<Scene> {
  const world = await givenLayer(options);
  const device = new ScriptedPeer(world.network, DEVICE, 5683, react);
  const endpoint = world.layer.endpoint(DEVICE, 5683);
  return {
    ...world,
    device,
    endpoint,
    get: (requestOptions) => ask(world.layer, endpoint, GET, requestOptions),
    settle: () => world.clock.advance(50),
  };
}

function answer(
  request: Message,
  type: number = MessageType.Acknowledgement,
  messageId = request.messageId,
  payload = 'x',
): Buffer {
  return datagram({ type, code: Code.Content, messageId, token: request.token, payload });
}

function empty(type: number, messageId: number): Buffer {
  return datagram({ type, code: Code.Empty, messageId });
}

describe('the derived times', () => {
  it('are those of RFC 7252 §4.8.2', () => {
    assert.deepEqual(derivedTimes(DEFAULT_PARAMETERS), {
      maxTransmitSpanMs: 45_000,
      maxTransmitWaitMs: 93_000,
      exchangeLifetimeMs: 247_000,
      nonLifetimeMs: 145_000,
    });
  });
});

describe('a confirmable request', () => {
  it('is sent five times with doubled waits, the same bytes each time, and fails within MAX_TRANSMIT_WAIT', async () => {
    const { network, clock, get } = await givenDevice();
    const outcome = get();
    clock.advance(93_100);
    const sent = network.sightings.filter(({ to }) => to === `${DEVICE}:5683`);
    assert.equal(sent.length, 5);
    assert.equal(new Set(sent.map(({ datagram: bytes }) => bytes.toString('hex'))).size, 1);
    const first = (sent[1]?.at ?? 0) - (sent[0]?.at ?? 0);
    assert.ok(first >= 2_000 && first <= 3_050, `first wait ${first}`);
    sent.slice(2).forEach(({ at }, index) => {
      const wait = at - (sent[index + 1]?.at ?? 0);
      assert.ok(Math.abs(wait - first * 2 ** (index + 1)) <= 50 * 2 ** (index + 2), `wait ${wait} after ${first}`);
    });
    assert.equal(outcome.error?.code, 'timeout');
  });

  it('is answered on the acknowledgement, and then held by nobody', async () => {
    const { layer, clock, get, settle } = await givenDevice((request, peer) => peer.send(answer(request)));
    const outcome = get();
    settle();
    assert.equal(outcome.response?.payload.toString(), 'x');
    assert.equal(layer.held().tokens, 0);
    clock.advance(200_000);
    assert.equal(layer.retransmitted, 0);
  });

  it('is not sent again after an empty ACK, and takes a separate confirmable response, acknowledged each time it comes', async () => {
    const { device, clock, network, get, settle } = await givenDevice();
    const outcome = get();
    settle();
    const request = device.last as Message;
    device.send(empty(MessageType.Acknowledgement, request.messageId));
    clock.advance(20_000);
    assert.equal(network.sightings.filter(({ to }) => to.startsWith(DEVICE)).length, 1);
    for (let copy = 0; copy < 3; copy++) device.send(answer(request, MessageType.Confirmable, 0x7777));
    settle();
    assert.equal(outcome.response?.payload.toString(), 'x');
    const acknowledgements = device.inbox.filter(
      ({ type, messageId }) => type === MessageType.Acknowledgement && messageId === 0x7777,
    );
    assert.equal(acknowledgements.length, 3);
  });

  it('fails with a message of its own when nothing follows an empty ACK', async () => {
    const { clock, layer, get } = await givenDevice((request, peer) =>
      peer.send(empty(MessageType.Acknowledgement, request.messageId)),
    );
    const outcome = get({ timeoutMs: 30_000 });
    clock.advance(29_000);
    assert.deepEqual(outcome, {});
    clock.advance(1_100);
    const { error } = outcome as Outcome;
    assert.equal(error?.code, 'timeout');
    assert.match(error?.message ?? '', /acknowledged the request/);
    assert.equal(layer.held().tokens, 0);
  });

  for (const [title, type] of [
    ['confirmable', MessageType.Confirmable],
    ['non-confirmable', MessageType.NonConfirmable],
  ] as const) {
    it(`takes a ${title} response as the missing ACK`, async () => {
      const { layer, clock, get, settle } = await givenDevice((request, peer) => {
        if (request.code === Code.Get) peer.send(answer(request, type, 0x7777));
      });
      const outcome = get();
      settle();
      assert.equal(outcome.response?.code, Code.Content);
      clock.advance(100_000);
      assert.equal(layer.retransmitted, 0);
    });
  }

  it('ends with `reset` when the peer answers RST', async () => {
    const { get, settle } = await givenDevice((request, peer) => peer.send(empty(MessageType.Reset, request.messageId)));
    const outcome = get();
    settle();
    assert.equal(outcome.error?.code, 'reset');
  });

  it('ignores an ACK whose token is another', async () => {
    const { get, settle, clock } = await givenDevice((request, peer) => {
      peer.send(
        datagram({ type: MessageType.Acknowledgement, code: Code.Content, messageId: request.messageId, token: Buffer.alloc(8) }),
      );
    });
    const outcome = get();
    settle();
    assert.deepEqual(outcome, {});
    clock.advance(100_000);
    assert.equal(outcome.error?.code, 'timeout');
  });

  it('ignores an ACK with its token and another message ID', async () => {
    const { get, settle } = await givenDevice((request, peer) => {
      peer.send(answer(request, MessageType.Acknowledgement, request.messageId ^ 1));
    });
    const outcome = get();
    settle();
    assert.deepEqual(outcome, {});
  });

  it('is answered once: a second ACK with code 5.00 and no token changes nothing', async () => {
    const { get, settle, device } = await givenDevice((request, peer) => {
      peer.send(answer(request));
      peer.send(datagram({ type: MessageType.Acknowledgement, code: Code.InternalServerError, messageId: request.messageId }));
      peer.send(empty(MessageType.Acknowledgement, request.messageId));
    });
    const outcome = get();
    settle();
    assert.equal(outcome.response?.code, Code.Content);
    assert.equal(device.inbox.length, 1);
  });

  it('that failed has its late confirmable response acknowledged and not delivered', async () => {
    const { device, clock, get, settle } = await givenDevice();
    const outcome = get();
    clock.advance(93_100);
    const request = device.last as Message;
    device.send(answer(request, MessageType.Confirmable, 0x7777));
    settle();
    assert.equal(device.last?.type, MessageType.Acknowledgement);
    assert.equal(device.last?.messageId, 0x7777);
    assert.equal(outcome.response, undefined);
  });

  for (const [title, prepare] of [
    ['that was sent more than once', (scene: Scene) => scene.clock.advance(4_000)],
    [
      'that was acknowledged first',
      ({ device, settle }: Scene) => {
        device.send(empty(MessageType.Acknowledgement, device.last?.messageId ?? 0));
        settle();
      },
    ],
  ] as const) {
    it(`${title} may be answered twice: the second response is acknowledged and not delivered`, async () => {
      const scene = await givenDevice();
      const { device, get, settle } = scene;
      const outcome = get();
      settle();
      prepare(scene);
      const request = device.last as Message;
      device.send(answer(request, MessageType.Confirmable, 0x7777, 'one'));
      device.send(answer(request, MessageType.Confirmable, 0x7778, 'two'));
      settle();
      assert.equal(outcome.response?.payload.toString(), 'one');
      assert.deepEqual(
        device.inbox.slice(-2).map(({ type, messageId }) => [type, messageId]),
        [
          [MessageType.Acknowledgement, 0x7777],
          [MessageType.Acknowledgement, 0x7778],
        ],
      );
    });
  }

  it('ends at once when its answer has a critical option that is unknown, and that answer is rejected', async () => {
    for (const type of [MessageType.Acknowledgement, MessageType.Confirmable, MessageType.NonConfirmable]) {
      const { device, get, settle } = await givenDevice((request, peer) => {
        if (request.code !== Code.Get) return;
        const { messageId, token } = request;
        peer.send(datagram({ type, code: Code.Content, messageId, token, options: [[65_001, 'x']] }));
      });
      const outcome = get();
      settle();
      assert.equal(outcome.error?.code, 'protocol-error');
      // RST rejects a confirmable message; anything else is rejected in silence (RFC 7252 §4.2, §4.3).
      assert.equal(device.last?.type, type === MessageType.Confirmable ? MessageType.Reset : MessageType.Confirmable);
    }
  });

  it('is cancelled once, and not sent again', async () => {
    const { layer, endpoint, clock, network } = await givenDevice();
    const errors: unknown[] = [];
    const request = layer.request(endpoint, GET, {}, (error) => errors.push(error?.code));
    request.cancel();
    request.cancel();
    clock.advance(200_000);
    assert.deepEqual(errors, ['cancelled']);
    assert.equal(network.sightings.length, 1);
    assert.equal(layer.held().tokens, 0);
  });

  it('carries a token of at least four unpredictable bytes, never the same twice', async () => {
    const { device, get, settle } = await givenDevice((request, peer) => peer.send(answer(request)));
    for (let count = 0; count < 20; count++) {
      get();
      settle();
    }
    assert.ok(device.inbox.every(({ tokenLength }) => tokenLength >= 4));
    assert.equal(new Set(device.inbox.map(({ token }) => token.toString('hex'))).size, 20);
  });
});

describe('a non-confirmable request', () => {
  const ask2 = (scene: Scene): Outcome => ask(scene.layer, scene.endpoint, { ...GET, confirmable: false }, { timeoutMs: 10_000 });

  for (const [title, type] of Object.entries(MessageType).filter(([, value]) => value !== MessageType.Reset)) {
    it(`takes a response of type ${title} with its token and message ID`, async () => {
      const scene = await givenDevice((request, peer) => {
        if (request.code === Code.Get) peer.send(answer(request, type));
      });
      const outcome = ask2(scene);
      scene.settle();
      assert.equal(outcome.response?.code, Code.Content);
    });
  }

  it('ends with `reset` when the peer answers RST, and not at an empty ACK', async () => {
    const scene = await givenDevice((request, peer) => {
      peer.send(empty(MessageType.Acknowledgement, request.messageId));
      peer.send(empty(MessageType.Reset, request.messageId ^ 1));
    });
    const outcome = ask2(scene);
    scene.settle();
    assert.deepEqual(outcome, {});
    scene.device.send(empty(MessageType.Reset, scene.device.last?.messageId ?? 0));
    scene.settle();
    assert.equal(outcome.error?.code, 'reset');
    assert.equal(scene.layer.held().tokens, 0);
  });

  it('is sent once, and fails when its response timer ends', async () => {
    const scene = await givenDevice();
    const outcome = ask2(scene);
    scene.clock.advance(10_100);
    assert.equal(outcome.error?.code, 'timeout');
    assert.equal(scene.network.sightings.length, 1);
  });
});

describe('the queue of a peer', () => {
  it('lets one request out at a time (NSTART 1), in order, urgent ones first', async () => {
    const { layer, endpoint, device, settle } = await givenDevice();
    for (const name of ['a', 'b', 'c']) ask(layer, endpoint, { code: Code.Get, path: [name] });
    ask(layer, endpoint, { code: Code.Get, path: ['urgent'] }, { priority: true });
    settle();
    const order: string[] = [];
    for (let turn = 0; turn < 4; turn++) {
      const request = device.last as Message;
      assert.equal(device.inbox.length, turn + 1);
      order.push(...request.strings(11));
      device.send(answer(request));
      settle();
      settle();
    }
    assert.deepEqual(order, ['a', 'urgent', 'b', 'c']);
    assert.equal(endpoint.queue, undefined);
  });

  it('refuses what goes beyond its count, with a message that says what to do', async () => {
    const { get } = await givenDevice(undefined, { limits: { queuedRequests: 2 } });
    const outcomes = Array.from({ length: 4 }, () => get());
    assert.deepEqual(
      outcomes.map(({ error }) => error?.code),
      [undefined, undefined, undefined, 'queue-full'],
    );
  });

  it('bounds the age of what waits', async () => {
    const { get, clock, layer } = await givenDevice();
    const outcomes = Array.from({ length: 5 }, () => get());
    clock.advance(3_000_000);
    assert.ok(outcomes.every(({ error }) => error?.code === 'timeout'));
    assert.equal(layer.held().tokens, 0);
  });

  it('serves the peer meanwhile: nothing waits across directions', async () => {
    const { get, device, requests, settle } = await givenDevice();
    get();
    device.send(datagram({ code: Code.Post, messageId: 9, options: [[11, 'rd']] }));
    settle();
    assert.equal(requests.length, 1);
  });

  it('keeps its distance from a silent peer (PROBING_RATE), and goes on as soon as something comes from it', async () => {
    const { layer, endpoint, get, clock, device, settle } = await givenDevice();
    get();
    clock.advance(93_100);
    const probe = layer.request(endpoint, GET, {}, () => undefined);
    clock.advance(1_000);
    probe.cancel();
    device.inbox.length = 0;
    get();
    clock.advance(5_000);
    assert.deepEqual(device.inbox, []);
    device.send(datagram({ type: MessageType.NonConfirmable, code: Code.Post, messageId: 10, options: [[11, 'rd']] }));
    settle();
    settle();
    assert.ok(device.inbox.some(({ code }) => code === Code.Get));
  });
});

describe('a ping', () => {
  for (const [title, type] of [
    ['RST', MessageType.Reset],
    ['an empty ACK', MessageType.Acknowledgement],
  ] as const) {
    it(`takes ${title} as a sign of life`, async () => {
      const { layer, endpoint, settle } = await givenDevice((message, peer) => peer.send(empty(type, message.messageId)));
      const told: boolean[] = [];
      layer.ping(endpoint, (alive) => told.push(alive));
      settle();
      assert.deepEqual(told, [true]);
    });
  }

  it('without an answer says so, once', async () => {
    const { layer, endpoint, clock } = await givenDevice();
    const told: boolean[] = [];
    layer.ping(endpoint, (alive) => told.push(alive));
    clock.advance(100_000);
    assert.deepEqual(told, [false]);
  });
});

describe('closing the layer', () => {
  it('ends every request with `cancelled`, waiting ones too, and sends nothing more', async () => {
    const { layer, get, clock, network } = await givenDevice();
    const outcomes = Array.from({ length: 4 }, () => get());
    await layer.close();
    clock.advance(300_000);
    assert.deepEqual(
      outcomes.map(({ error }) => error?.code),
      Array.from({ length: 4 }, () => 'cancelled'),
    );
    assert.equal(network.sightings.length, 1);
  });

  it('refuses a request that comes afterwards', async () => {
    const { layer, get, clock } = await givenDevice();
    await layer.close();
    const outcome = get();
    assert.equal(outcome.error?.code, 'cancelled');
    assert.equal(clock.pending, 0);
  });

  it('tells a ping and leaves no timer', async () => {
    const { layer, endpoint, clock, settle } = await givenDevice();
    const told: boolean[] = [];
    layer.ping(endpoint, (alive) => told.push(alive));
    await layer.close();
    settle();
    assert.deepEqual(told, [false]);
    assert.equal(clock.pending, 0);
  });
});

describe('a callback that throws', () => {
  it('is told to the owner of the layer, and the next request goes out all the same', async () => {
    const told: unknown[] = [];
    const { layer, endpoint, get, settle } = await givenDevice((request, peer) => peer.send(answer(request)), {
      onHandlerError: (error) => told.push(error),
    });
    layer.request(endpoint, GET, {}, () => {
      throw new Error('a bug above');
    });
    const next = get();
    settle();
    settle();
    assert.equal((told[0] as Error).message, 'a bug above');
    assert.equal(next.response?.code, Code.Content);
  });
});

/**
 * Every defect found in node-coap 1.5.0 (lib/ of coapjs/node-coap, tag v1.5.0) and coap-packet 1.1.1, as a rule our layer keeps. The file
 * that has the defect is named beside each; they are why this layer exists.
 */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { EventEmitter } from 'node:events';
import { VirtualClock } from '../../src/clock';
import { encodeBlock } from '../../src/coap/block/option';
import { Code } from '../../src/coap/codes';
import type { IncomingRequest } from '../../src/coap/incoming';
import { CoapLayer, type CoapResponse, type Observer } from '../../src/coap/layer';
import { type Message, MessageType, parseMessage } from '../../src/coap/message';
import { Option } from '../../src/coap/options';
import type { Receiver, Transport } from '../../src/coap/transport';
import { datagram, hex } from './datagram';
import { ask, givenLayer, type Outcome, ScriptedPeer, testRandom, type World } from './world';

const A = '10.0.0.2';
const B = '10.0.0.3';
const GET = { code: Code.Get, path: ['3', '0'] };
const { Confirmable, NonConfirmable, Acknowledgement, Reset } = MessageType;

const settle = ({ clock }: World): void => clock.advance(50);

function content(request: Message, type: number, messageId: number, payload = 'x'): Buffer {
  return datagram({ type, code: Code.Content, messageId, token: request.token, payload });
}

const empty = (type: number, messageId: number): Buffer => datagram({ type, code: Code.Empty, messageId });

function post(messageId: number, options: readonly (readonly [number, number | string])[] = [], payload?: Uint8Array): Buffer {
  const all = [[Option.UriPath, 'rd'] as const, ...options];
  return datagram({ code: Code.Post, messageId, options: all, ...(payload !== undefined && { payload }) });
}

interface Pending extends World {
  readonly a: ScriptedPeer;
  readonly b: ScriptedPeer;
  readonly outcome: Outcome;
  readonly request: Message;
}

/** A request to A that waits for its answer, and B, who has nothing to do with it. */
async function givenPendingRequest(): Promise<Pending> {
  const world = await givenLayer();
  const a = new ScriptedPeer(world.network, A);
  const b = new ScriptedPeer(world.network, B);
  const outcome = ask(world.layer, world.layer.endpoint(A, 5683), GET);
  settle(world);
  return { ...world, a, b, outcome, request: a.last as Message };
}

interface Recording extends Observer {
  readonly notifications: CoapResponse[];
  readonly ends: string[];
}

function recording(): Recording {
  const notifications: CoapResponse[] = [];
  const ends: string[] = [];
  return {
    notifications,
    ends,
    notification: (response) => notifications.push(response),
    ended: (reason) => ends.push(reason.message),
  };
}

function notification(token: Uint8Array, messageId: number, sequence: number, payload: string, format = 0): Buffer {
  const options = [[Option.Observe, sequence] as const, [Option.ContentFormat, format] as const];
  return datagram({ code: Code.Content, messageId, token, options, payload });
}

/** An observation of A's that A has accepted with sequence number 1. */
async function givenObservation(): Promise<World & { device: ScriptedPeer; seen: Recording; token: Buffer }> {
  const world = await givenLayer();
  const device = new ScriptedPeer(world.network, A, 5683, (message, peer) => {
    if (message.code !== Code.Get) return;
    const { messageId, token } = message;
    peer.send(datagram({ type: Acknowledgement, code: Code.Content, messageId, token, options: [[Option.Observe, 1]] }));
  });
  const seen = recording();
  const { token } = world.layer.observe(world.layer.endpoint(A, 5683), GET, seen, {}, () => undefined);
  settle(world);
  device.inbox.length = 0;
  return { ...world, device, seen, token };
}

describe('where node-coap fails, this layer', () => {
  describe('matches by peer (agent.ts)', () => {
    for (const [title, type] of [
      ['RST', Reset],
      ['an empty ACK', Acknowledgement],
    ] as const) {
      it(`is not moved by ${title} from another peer that has the message ID of a pending request`, async () => {
        const world = await givenPendingRequest();
        world.b.send(empty(type, world.request.messageId));
        world.clock.advance(60_000);
        assert.deepEqual(world.outcome, {});
        assert.equal(world.a.inbox.length, 5, 'retransmission went on');
      });
    }

    for (const [title, peerOf] of [
      ['another device', (world: Pending) => world.b],
      ['the same device', (world: Pending) => world.a],
    ] as const) {
      it(`delivers a confirmable notification from ${title} whose message ID is that of a pending request`, async () => {
        const world = await givenPendingRequest();
        const peer = peerOf(world);
        const seen = recording();
        const token = hex('a1a2a3a4a5a6a7a8');
        world.layer.resume(world.layer.endpoint(peer.address, peer.port), token, GET, seen);
        peer.send(notification(token, world.request.messageId, 2, 'new'));
        settle(world);
        assert.deepEqual(
          seen.notifications.map(({ payload }) => payload.toString()),
          ['new'],
        );
        assert.equal(peer.last?.type, Acknowledgement);
        assert.deepEqual(world.outcome, {});
      });
    }

    for (const [title, type] of [
      ['an ACK', Acknowledgement],
      ['a confirmable response', Confirmable],
      ['a non-confirmable response', NonConfirmable],
    ] as const) {
      it(`does not take ${title} with the right token and message ID from another address`, async () => {
        const world = await givenPendingRequest();
        world.b.send(content(world.request, type, world.request.messageId, 'forged'));
        settle(world);
        assert.deepEqual(world.outcome, {});
        world.a.send(content(world.request, Acknowledgement, world.request.messageId, 'true'));
        settle(world);
        assert.equal(world.outcome.response?.payload.toString(), 'true');
      });
    }

    it('keeps a pending request through 65,536 requests to other peers', async () => {
      const world = await givenPendingRequest();
      world.network.record = false;
      const peers = Array.from({ length: 256 }, (_, index) => {
        const address = `10.0.1.${index}`;
        new ScriptedPeer(world.network, address, 5683, (message, peer) =>
          peer.send(content(message, Acknowledgement, message.messageId)),
        );
        return world.layer.endpoint(address, 5683);
      });
      let answered = 0;
      const askAgain = (index: number, left: number): void => {
        if (left === 0) return;
        world.layer.request(peers[index] as (typeof peers)[number], GET, {}, (_error, response) => {
          if (response !== undefined) answered++;
          askAgain(index, left - 1);
        });
      };
      for (let index = 0; index < peers.length; index++) askAgain(index, 256);
      world.clock.advance(20_000);
      assert.equal(answered, 65_536);
      world.a.send(content(world.request, Acknowledgement, world.request.messageId));
      settle(world);
      assert.equal(world.outcome.response?.payload.toString(), 'x');
    });
  });

  describe('ends every request in time (retry_send.ts, agent.ts)', () => {
    for (const [title, confirmable] of [
      ['confirmable', true],
      ['non-confirmable', false],
    ] as const) {
      it(`tells of an unanswered ${title} request within MAX_TRANSMIT_WAIT (93 s)`, async () => {
        const world = await givenLayer();
        const outcome = ask(world.layer, world.layer.endpoint(A, 5683), { ...GET, confirmable });
        world.clock.advance(93_100);
        assert.equal(outcome.error?.code, 'timeout');
      });
    }

    it('has timings of its own: a slow link in the same process does not slow the others', async () => {
      const clock = new VirtualClock();
      const slow = await givenLayer({ clock, parameters: { ackTimeoutMs: 10_000 } });
      const usual = await givenLayer({ clock });
      const [late, early] = [slow, usual].map(({ layer }) => ask(layer, layer.endpoint(A, 5683), GET)) as [Outcome, Outcome];
      clock.advance(93_100);
      assert.equal(early.error?.code, 'timeout');
      assert.deepEqual(late, {});
      clock.advance(465_000 - 93_000);
      assert.equal(late.error?.code, 'timeout');
    });

    it('does not wait for ever for a response after an empty ACK, and keeps no token', async () => {
      const world = await givenPendingRequest();
      world.a.send(empty(Acknowledgement, world.request.messageId));
      world.clock.advance(93_100);
      assert.equal(world.outcome.error?.code, 'timeout');
      assert.equal(world.layer.held().tokens, 0);
    });
  });

  describe('handles a request once (server.ts)', () => {
    it('while its handler is at work: the repeat meets no second handler, and both get the one answer', async () => {
      const world = await givenLayer({
        onRequest: (request) => void world.clock.after(300, () => request.respond({ code: Code.Created })),
      });
      const device = new ScriptedPeer(world.network, A);
      device.send(post(1));
      world.clock.advance(100);
      device.send(post(1));
      world.clock.advance(1_000);
      device.send(post(1));
      world.clock.advance(1_000);
      assert.equal(world.requests.length, 1);
      assert.deepEqual(
        device.inbox.map(({ code }) => code),
        [Code.Created, Code.Created],
      );
    });

    it('over a transport that is no socket', async () => {
      const wire = new EventEmitter();
      const sent: Buffer[] = [];
      const transport: Transport = {
        name: 'emitter',
        local: undefined,
        open: async (receiver: Receiver) => void wire.on('bytes', (bytes) => receiver.received(bytes, 'x', 1)),
        send: (bytes) => void sent.push(bytes),
        close: async () => undefined,
      };
      let handled = 0;
      const layer = new CoapLayer({
        transports: [transport],
        clock: new VirtualClock(),
        random: testRandom(1),
        onRequest: (request) => {
          handled++;
          request.respond({ code: Code.Created });
        },
      });
      await layer.open();
      for (let copy = 0; copy < 3; copy++) wire.emit('bytes', post(1));
      assert.equal(handled, 1);
      assert.equal(sent.length, 3);
      assert.equal(new Set(sent.map((bytes) => bytes.toString('hex'))).size, 1);
      await layer.close();
    });
  });

  describe('answers who asked (server.ts)', () => {
    it('resets a malformed message at the address it came from, and nowhere else', async () => {
      const world = await givenLayer();
      new ScriptedPeer(world.network, '127.0.0.2', 4_444).send('41 01 12 34');
      settle(world);
      const answers = world.network.sightings.filter(({ from }) => from === '10.0.0.1:5683');
      assert.deepEqual(
        answers.map(({ to, datagram: bytes }) => [to, bytes.toString('hex')]),
        [['127.0.0.2:4444', '70001234']],
      );
    });

    it('answers a ping once, with RST, and tells no handler, though it is client and server on one socket', async () => {
      const world = await givenPendingRequest();
      world.a.inbox.length = 0;
      world.a.send(empty(Confirmable, 0x55));
      settle(world);
      assert.deepEqual(
        world.a.inbox.map(({ type, code, messageId }) => ({ type, code, messageId })),
        [{ type: Reset, code: Code.Empty, messageId: 0x55 }],
      );
      assert.equal(world.requests.length, 0);
    });
  });

  describe('keeps observations (agent.ts, observe_read_stream.ts)', () => {
    it('recognises a notification after a restart instead of resetting it', async () => {
      const before = await givenObservation();
      await before.layer.close();
      const after = await givenLayer({ network: before.network, clock: before.clock });
      const seen = recording();
      after.layer.resume(after.layer.endpoint(A, 5683), before.token, GET, seen);
      before.device.send(notification(before.token, 0x77, 2, 'still there'));
      settle(after);
      assert.equal(before.device.last?.type, Acknowledgement);
      assert.equal(seen.notifications[0]?.payload.toString(), 'still there');
    });

    for (const [title, code] of [
      ['2.05 without Observe', Code.Content],
      ['4.05', Code.MethodNotAllowed],
    ] as const) {
      it(`keeps nothing of an observation refused with ${title}`, async () => {
        const world = await givenLayer();
        new ScriptedPeer(world.network, A, 5683, ({ messageId, token }, peer) =>
          peer.send(datagram({ type: Acknowledgement, code, messageId, token })),
        );
        const codes: (number | undefined)[] = [];
        const observation = world.layer.observe(world.layer.endpoint(A, 5683), GET, recording(), {}, (_error, response) =>
          codes.push(response?.code),
        );
        settle(world);
        assert.deepEqual(codes, [code]);
        assert.equal(observation.accepted, false);
        assert.equal(world.layer.held().tokens, 0);
      });
    }

    it('has each notification with its own Content-Format, however fast they come', async () => {
      const { device, clock, seen, token } = await givenObservation();
      const formats = Array.from({ length: 500 }, (_, index) => (index % 2 === 0 ? 110 : 11542));
      formats.forEach((format, index) => {
        device.send(notification(token, 0x100 + index, 2 + index, String(format), format));
      });
      clock.advance(50);
      assert.equal(seen.notifications.length, 500);
      for (const { contentFormat, payload } of seen.notifications) assert.equal(String(contentFormat), payload.toString());
    });
  });

  describe('sends a body in blocks (segmentation.ts, block.ts)', () => {
    async function givenUpload(block1: (message: Message) => Uint8Array | number | undefined, code: number): Promise<Outcome> {
      const world = await givenLayer();
      new ScriptedPeer(world.network, A, 5683, (message, peer) => {
        if (message.code !== Code.Put) return;
        const { messageId, token } = message;
        const value = block1(message);
        const options = value === undefined ? [] : [[Option.Block1, value] as const];
        const reply = (message.uint(Option.Block1) as number) >> 4 === 1 ? code : Code.Continue;
        peer.send(datagram({ type: Acknowledgement, code: reply, messageId, token, options }));
      });
      const spec = { code: Code.Put, path: ['5', '0', '0'], payload: Buffer.alloc(5_000) };
      const outcome = ask(world.layer, world.layer.endpoint(A, 5683), spec);
      world.clock.advance(2_000);
      assert.equal(world.layer.held().tokens, 0);
      return outcome;
    }

    for (const code of [Code.InternalServerError, Code.RequestEntityTooLarge, Code.BadRequest]) {
      it(`and stops at an answer with an error code and a Block1 option (0x${code.toString(16)})`, async () => {
        const outcome = await givenUpload((message) => message.uint(Option.Block1), code);
        assert.equal(outcome.response?.code, code);
      });
    }

    for (const [title, value] of [
      ['0', Buffer.alloc(0)],
      ['4', hex('01020304')],
    ] as const) {
      it(`and survives a Block1 option of ${title} bytes in the answer: the transfer fails`, async () => {
        const outcome = await givenUpload(() => value, Code.Continue);
        assert.equal(outcome.error?.code, 'protocol-error');
      });
    }
  });

  describe('receives a body in blocks (server.ts)', () => {
    it('with a new token for every block', async () => {
      const world = await givenLayer();
      const device = new ScriptedPeer(world.network, A);
      for (let number = 0; number < 3; number++) {
        const block1 = encodeBlock(number, number < 2, 0);
        const options = [[Option.UriPath, 'dp'] as const, [Option.Block1, block1] as const];
        const payload = Buffer.alloc(16, number);
        device.send(datagram({ code: Code.Post, messageId: number, token: Buffer.of(number), options, payload }));
        settle(world);
      }
      assert.equal(world.requests.length, 1);
      assert.equal(world.requests[0]?.payload.toString('hex'), '00'.repeat(16) + '01'.repeat(16) + '02'.repeat(16));
    });

    for (const [title, szx, code] of [
      ['with the reserved size', 7, Code.BadRequest],
      ['with the largest size', 6, Code.RequestEntityIncomplete],
    ] as const) {
      it(`and allocates nothing for block 1,048,575 ${title} in a datagram of a few bytes`, async () => {
        const world = await givenLayer();
        const device = new ScriptedPeer(world.network, A);
        const bytes = post(1, [[Option.Block1, encodeBlock(1_048_575, false, szx)]]);
        assert.ok(bytes.length <= 12);
        device.send(bytes);
        settle(world);
        assert.equal(device.last?.code, code);
        assert.equal(world.layer.held().blockBytes, 0);
        assert.equal(world.requests.length, 0);
      });
    }

    it('and answers 4.13 to one that does not end, 4.08 to one with a hole', async () => {
      const world = await givenLayer({ limits: { requestBodyBytes: 4_096 } });
      const device = new ScriptedPeer(world.network, A);
      const send = (number: number): number | undefined => {
        device.send(post(0x100 + number, [[Option.Block1, encodeBlock(number, true, 6)]], Buffer.alloc(1_024)));
        settle(world);
        return device.last?.code;
      };
      assert.deepEqual([0, 1, 2, 3, 4].map(send), [...Array(4).fill(Code.Continue), Code.RequestEntityTooLarge]);
      assert.equal(device.last?.uint(Option.Size1), 4_096);
      assert.equal(world.layer.held().blockBytes, 0);
      assert.equal(send(5), Code.RequestEntityIncomplete);
    });
  });

  describe('serves a body in blocks (server.ts)', () => {
    it('with a strong ETag: bodies that node-coap takes for one another differ', async () => {
      const world = await givenLayer({
        onRequest: (request) => {
          const body = Buffer.alloc(4_096);
          // Zero for both under an exclusive or of 16-bit words.
          if (request.path[0] === 'b') body.write('abab', 100);
          request.respond({ code: Code.Content, payload: body });
        },
      });
      const device = new ScriptedPeer(world.network, A);
      const etags = ['a', 'b'].map((name, index) => {
        device.send(datagram({ code: Code.Get, messageId: index, options: [[Option.UriPath, name]] }));
        settle(world);
        return device.last?.opaque(Option.ETag)?.toString('hex');
      });
      assert.ok(etags[0] !== undefined && etags[0] !== etags[1], `${etags}`);
    });

    it('and reads it once for its ETag, not once for every block', async () => {
      const body = Buffer.alloc(256 * 1_024, 1);
      const world = await givenLayer({ onRequest: (request) => request.respond({ code: Code.Content, payload: body }) });
      const device = new ScriptedPeer(world.network, A);
      let hashed = 0;
      const { createHash } = crypto;
      crypto.createHash = (...rest: Parameters<typeof createHash>) => {
        const hash = createHash(...rest);
        const update = hash.update.bind(hash);
        hash.update = (data: string | NodeJS.ArrayBufferView) => {
          hashed += typeof data === 'string' ? data.length : data.byteLength;
          return update(data);
        };
        return hash;
      };
      try {
        for (let number = 0; number < 256; number++) {
          const options = [[Option.UriPath, 'fw'] as const, [Option.Block2, encodeBlock(number, false, 6)] as const];
          device.send(datagram({ code: Code.Get, messageId: number, options }));
          settle(world);
        }
      } finally {
        crypto.createHash = createHash;
      }
      assert.equal(new Set(device.inbox.map((message) => message.opaque(Option.ETag)?.toString('hex'))).size, 1);
      assert.equal(world.requests.length, 1);
      assert.ok(hashed >= body.length && hashed < body.length * 1.1, `${hashed} bytes hashed`);
    });

    it('and fetches one without taking a block that was not asked for (agent.ts)', async () => {
      const world = await givenLayer();
      new ScriptedPeer(world.network, A, 5683, (message, peer) => {
        const asked = (message.uint(Option.Block2) ?? 0) >> 4;
        const { messageId, token } = message;
        const options = [[Option.Block2, encodeBlock(asked === 0 ? 0 : asked + 1, true, 0)] as const];
        peer.send(datagram({ type: Acknowledgement, code: Code.Content, messageId, token, options, payload: Buffer.alloc(16) }));
      });
      const outcome = ask(world.layer, world.layer.endpoint(A, 5683), GET);
      world.clock.advance(1_000);
      assert.equal(outcome.error?.code, 'protocol-error');
    });
  });

  describe('keeps to the rules of RFC 7252', () => {
    it('answers 4.02 to an unknown critical option, and calls no handler', async () => {
      const world = await givenLayer();
      const device = new ScriptedPeer(world.network, A);
      device.send(post(1, [[65_001, 'x']]));
      settle(world);
      assert.equal(device.last?.code, Code.BadOption);
      assert.equal(world.requests.length, 0);
    });

    it('lets one request at a time out to a peer (NSTART), and a byte a second to one that is silent (PROBING_RATE)', async () => {
      const world = await givenLayer();
      const device = new ScriptedPeer(world.network, A);
      const endpoint = world.layer.endpoint(A, 5683);
      ask(world.layer, endpoint, GET);
      for (let count = 0; count < 50; count++) ask(world.layer, endpoint, GET, { timeoutMs: 1_000 });
      world.clock.advance(61_000);
      assert.equal(new Set(device.inbox.map(({ messageId }) => messageId)).size, 1);
      world.clock.advance(32_100);
      const before = device.inbox.length;
      world.clock.advance(90_000);
      const probes = device.inbox.slice(before);
      const bytes = probes.reduce((sum, message) => sum + message.bytes.length, 0);
      assert.ok(probes.length > 0 && bytes <= 90 + 20, `${bytes} bytes in 90 s`);
    });

    for (const [title, bytes] of [
      ['a token of 9 bytes', '49 01 1234 010203040506070809'],
      ['a token of 14 bytes', '4e 01 1234 0102030405060708090a0b0c0d0e'],
      ['a token cut short', '44 01 1234 0102'],
      ['an option past the end', '40 01 1234 b5 726400'],
      ['a payload marker with nothing behind it', '40 01 1234 b2 7264 ff'],
    ] as const) {
      it(`refuses ${title} (coap-packet)`, () => {
        assert.equal(parseMessage(hex(bytes)), 0x1234);
      });
    }
  });

  describe('holds little', () => {
    it('keeps less than 120 bytes of an answered request (4.6 kB in server.ts)', async () => {
      const world = await givenLayer({ onRequest: (request) => request.respond({ code: Code.Changed }) });
      world.network.record = false;
      const transport = world.network.transport(A, 5683);
      for (let messageId = 0; messageId < 50_000; messageId++) {
        transport.send(post(messageId, [[Option.UriPath, '1']]), '10.0.0.1', 5683);
        if (messageId % 100 === 99) settle(world);
      }
      const { deduplicationBytes, deduplicationEntries } = world.layer.held();
      assert.equal(deduplicationEntries, 50_000);
      assert.ok(deduplicationBytes / 50_000 < 120, `${deduplicationBytes / 50_000} bytes`);
    });

    it('needs no timer of its own for a pending request (two in agent.ts)', async () => {
      const world = await givenLayer();
      world.network.record = false;
      const outcomes: Outcome[] = [];
      for (let index = 0; index < 5_000; index++) {
        outcomes.push(ask(world.layer, world.layer.endpoint(`10.1.${index >> 8}.${index & 255}`, 5683), GET));
      }
      settle(world);
      assert.equal(world.layer.held().tokens, 5_000);
      assert.ok(world.clock.pending < 10, `${world.clock.pending} timers`);
      world.clock.advance(93_100);
      assert.ok(outcomes.every(({ error }) => error?.code === 'timeout'));
      assert.equal(world.layer.held().tokens, 0);
    });
  });

  it('is not ended by a request handler that throws: the peer is told, the next is served', async () => {
    const bugs: unknown[] = [];
    const onRequest = (request: IncomingRequest): void => {
      if (request.path[0] === 'bad') throw new Error('a bug above');
      request.respond({ code: Code.Content });
    };
    const world = await givenLayer({ onRequest, onHandlerError: (bug) => bugs.push(bug) });
    const device = new ScriptedPeer(world.network, A);
    ['bad', 'good'].forEach((name, messageId) => {
      device.send(datagram({ code: Code.Get, messageId, options: [[Option.UriPath, name]] }));
    });
    settle(world);
    assert.deepEqual(
      device.inbox.map(({ code }) => code),
      [Code.InternalServerError, Code.Content],
    );
    assert.equal(bugs.length, 1);
  });
});

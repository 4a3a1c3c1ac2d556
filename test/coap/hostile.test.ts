/**
 * What no correct peer would send, into a living layer (RFC 7252 §11): nothing throws, nothing grows beyond its cap, nobody else notices.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { VirtualClock } from '../../src/clock';
import { encodeBlock } from '../../src/coap/block/option';
import { Code } from '../../src/coap/codes';
import { CoapLayer, type Observer } from '../../src/coap/layer';
import { DROP, type Message, MessageType, parseMessage } from '../../src/coap/message';
import { Option } from '../../src/coap/options';
import type { LayerLimits } from '../../src/coap/parameters';
import type { Held } from '../../src/coap/statistics';
import type { Receiver, Transport } from '../../src/coap/transport';
import { seededRandom } from '../../src/coap/transports/memory';
import { datagram, hex } from './datagram';
import { ask, givenLayer, type Outcome, ScriptedPeer, testRandom } from './world';

const { NonConfirmable, Acknowledgement, Reset } = MessageType;

const LIMITS: Partial<LayerLimits> = {
  unknownEndpoints: 50,
  deduplicationBytes: 256 * 1_024,
  requestBodyBytes: 8_192,
  blockBytes: 64 * 1_024,
  blockTransfers: 20,
  blockTransfersPerEndpoint: 4,
  responseBodyBytes: 8_192,
  queuedRequests: 10,
  queuedBytes: 4_096,
};

/** A layer without a network: what it sends is looked at, what it receives is given to it. */
interface Target {
  readonly layer: CoapLayer;
  readonly clock: VirtualClock;
  /** The newest message to each address. */
  readonly sent: Map<string, Buffer>;
  readonly bugs: unknown[];
  receive(bytes: Buffer, address?: string, port?: number): void;
  /** Whether a peer that keeps to the rules is served, and gives us what we ask. */
  servesGoodPeer(): void;
}

const BODY = Buffer.alloc(3_000, 5);

async function givenTarget(): Promise<Target> {
  const clock = new VirtualClock();
  const sent = new Map<string, Buffer>();
  const bugs: unknown[] = [];
  let receiver: Receiver | undefined;
  const transport: Transport = {
    name: 'test',
    local: undefined,
    open: async (given) => {
      receiver = given;
    },
    send: (bytes, address) => void sent.set(address, bytes),
    close: async () => undefined,
  };
  const layer = new CoapLayer({
    transports: [transport],
    clock,
    random: testRandom(11),
    limits: LIMITS,
    onRequest: (request) => {
      // Each kind of answer: at once, in blocks, late, none.
      const [first] = request.path;
      if (first === 'large') request.respond({ code: Code.Content, payload: BODY });
      else if (first === 'late') clock.after(3_000, () => request.respond({ code: Code.Changed, payload: request.payload }));
      else if (first !== 'never') request.respond({ code: Code.Content, payload: request.payload });
    },
    onHandlerError: (bug) => bugs.push(bug),
  });
  await layer.open();
  let messageId = 0;
  const receive = (bytes: Buffer, address = '10.6.6.6', port = 1): void => receiver?.received(bytes, address, port);
  const servesGoodPeer = (): void => {
    const good = '10.0.0.2';
    messageId = (messageId + 1) & 0xffff;
    const token = Buffer.of(messageId >> 8, messageId & 255);
    receive(datagram({ code: Code.Post, messageId, token, options: [[Option.UriPath, 'echo']], payload: 'hello' }), good);
    const answer = parseMessage(sent.get(good) as Buffer) as Message;
    assert.equal(answer.payload.toString(), 'hello');
    assert.deepEqual([answer.type, answer.messageId], [Acknowledgement, messageId]);
    const outcome = ask(layer, layer.endpoint(good, 1), { code: Code.Get, path: ['3'] });
    const asked = parseMessage(sent.get(good) as Buffer) as Message;
    const reply = { type: Acknowledgement, code: Code.Content, messageId: asked.messageId, token: asked.token, payload: 'fine' };
    receive(datagram(reply), good);
    assert.equal(outcome.response?.payload.toString(), 'fine');
  };
  return { layer, clock, sent, bugs, receive, servesGoodPeer };
}

/** @param ours what the test itself has under way */
function assertWithinCaps(held: Held, ours: number): void {
  const { endpoints, tokens, deduplicationBytes, blockTransfers, blockBytes } = held;
  assert.ok(deduplicationBytes <= 256 * 1_024, `${deduplicationBytes} bytes of deduplication`);
  // Bodies being received and bodies being served have a cap each.
  assert.ok(blockTransfers <= 2 * 20, `${blockTransfers} transfers`);
  assert.ok(blockBytes <= 2 * 64 * 1_024, `${blockBytes} bytes of blocks`);
  assert.ok(tokens <= ours, `${tokens} tokens`);
  // Those with an answer of ours under way are not given up.
  assert.ok(endpoints <= 50 + 64, `${endpoints} endpoints`);
}

/** Valid messages of every kind, to be broken. */
const SEEDS: readonly Buffer[] = [
  // Worked bytes: a Register and its answer, an Observe, 4.01 with Echo.
  hex('44021234 a1b2c3d4 b27264 1128 3765703d64657631 056c743d3630 03623d55 ff 3c2f332f303e'),
  hex('64411234 a1b2c3d4 827264 0137'),
  hex('44012001 01020304 60 5133 0130 0139 622d16'),
  hex('64811234 a1b2c3d4 d8ef 0102030405060708'),
  hex('40001234'),
  hex('60001234'),
  hex('70001234'),
  ...['large', 'late', 'never', 'echo'].map((name, index) =>
    datagram({ code: Code.Get, messageId: 100 + index, token: Buffer.of(index), options: [[Option.UriPath, name]] }),
  ),
  ...[0, 1, 2, 1_048_575].map((number, index) =>
    datagram({
      code: Code.Post,
      messageId: 200 + index,
      options: [
        [Option.UriPath, 'echo'],
        [Option.Block1, encodeBlock(number, number < 2, 0)],
        [Option.RequestTag, Buffer.of(index & 1)],
      ],
      payload: Buffer.alloc(16),
    }),
  ),
  datagram({
    code: Code.Fetch,
    messageId: 300,
    options: [
      [Option.UriPath, 'large'],
      [Option.Block2, encodeBlock(2, false, 4)],
      [Option.Size2, 0],
      [Option.NoResponse, 2],
    ],
    payload: '[]',
  }),
  datagram({
    type: NonConfirmable,
    code: Code.Content,
    messageId: 400,
    token: Buffer.alloc(8, 1),
    options: [
      [Option.ETag, Buffer.of(1)],
      [Option.Observe, 7],
      [Option.ContentFormat, 112],
      [Option.Block2, encodeBlock(0, true, 6)],
    ],
    payload: Buffer.alloc(64),
  }),
];

describe('a layer that receives what no correct peer sends', () => {
  it('survives any bytes', async () => {
    const target = await givenTarget();
    const outcome = ask(target.layer, target.layer.endpoint('10.6.6.6', 1), { code: Code.Get, path: ['3'] });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_200 }), (bytes) => target.receive(Buffer.from(bytes))),
      { numRuns: 2_000 },
    );
    assertWithinCaps(target.layer.held(), 1);
    target.servesGoodPeer();
    assert.deepEqual(target.bugs, []);
    assert.equal(outcome.response, undefined);
    await target.layer.close();
    assert.equal(outcome.error?.code, 'cancelled');
  });

  it('survives any well-formed message, from known and unknown peers, at any time', async () => {
    const target = await givenTarget();
    const messages = fc.record({
      type: fc.nat(3),
      code: fc.nat(255),
      messageId: fc.nat(20),
      token: fc.uint8Array({ maxLength: 8 }),
      options: fc.array(
        fc.record({
          number: fc.oneof(fc.constantFrom(...Object.values(Option)), fc.nat(65_535)),
          value: fc.uint8Array({ maxLength: 20 }),
        }),
        { maxLength: 12 },
      ),
      payload: fc.uint8Array({ maxLength: 80 }),
      from: fc.nat(80),
      waitMs: fc.constantFrom(0, 0, 100, 5_000, 300_000),
    });
    fc.assert(
      fc.property(messages, ({ options, from, waitMs, ...message }) => {
        const ascending = [...options].sort((a, b) => a.number - b.number);
        const list = ascending.map(({ number, value }) => [number, value] as const);
        target.receive(datagram({ ...message, options: list }), `10.7.0.${from}`);
        target.clock.advance(waitMs);
        assertWithinCaps(target.layer.held(), 0);
      }),
      { numRuns: 3_000 },
    );
    target.servesGoodPeer();
    assert.deepEqual(target.bugs, []);
  });

  it('survives 100,000 messages cut, flipped, swollen and spliced, also from a peer that answers and notifies', async () => {
    const target = await givenTarget();
    const next = seededRandom(2);
    const pick = (below: number): number => Math.floor(next() * below);
    const ends: unknown[] = [];
    const observer: Observer = { notification: () => undefined, ended: (reason) => ends.push(reason.code) };
    const attacker = target.layer.endpoint('10.6.6.6', 1);
    const token = Buffer.alloc(8, 1);
    target.layer.resume(attacker, token, { code: Code.Get, path: ['3'] }, observer);
    const outcomes: Outcome[] = [];
    let ours: Buffer = Buffer.alloc(0);

    const mutations: readonly ((bytes: Buffer) => Buffer)[] = [
      (bytes) => bytes.subarray(0, pick(bytes.length + 1)),
      (bytes) => {
        const copy = Buffer.from(bytes);
        for (let count = 1 + pick(4); count > 0 && copy.length > 0; count--) {
          const at = pick(copy.length);
          copy[at] = (copy[at] as number) ^ (1 << pick(8));
        }
        return copy;
      },
      (bytes) => {
        const at = pick(bytes.length + 1);
        const junk = Buffer.from(Array.from({ length: pick(20) }, () => pick(256)));
        return Buffer.concat([bytes.subarray(0, at), junk, bytes.subarray(at)]);
      },
      (bytes) => {
        const other = SEEDS[pick(SEEDS.length)] as Buffer;
        return Buffer.concat([bytes.subarray(0, pick(bytes.length + 1)), other.subarray(pick(other.length + 1))]);
      },
      // Message ID and token of a request of ours, so that it gets as deep as it can.
      (bytes) => {
        const asked = target.sent.get('10.6.6.6');
        if (asked !== undefined && asked.length >= 12 && (asked[1] as number) > 0 && (asked[1] as number) < 0x20) ours = asked;
        if (ours.length === 0 || bytes.length < 4) return bytes;
        const tokenLength = Math.min((bytes[0] as number) & 15, 8);
        const rest = bytes.subarray(Math.min(4 + tokenLength, bytes.length));
        const first = 0x40 | (pick(4) << 4) | 8;
        return Buffer.concat([Buffer.of(first, bytes[1] as number), ours.subarray(2, 12), rest]);
      },
      // The observation's token.
      (bytes) => {
        const first = 0x40 | (pick(2) << 4) | 8;
        const tokenLength = Math.min((bytes[0] ?? 0) & 15, 8);
        const code = pick(4) === 0 ? pick(256) : Code.Content;
        return Buffer.concat([Buffer.of(first, code, pick(256), pick(256)), token, bytes.subarray(4 + tokenLength)]);
      },
    ];

    for (let index = 0; index < 100_000; index++) {
      let bytes = SEEDS[pick(SEEDS.length)] as Buffer;
      for (let count = 1 + pick(3); count > 0; count--)
        bytes = (mutations[pick(mutations.length)] as (b: Buffer) => Buffer)(bytes);
      target.receive(Buffer.from(bytes), next() < 0.7 ? '10.6.6.6' : `10.6.7.${pick(200)}`);
      if (index % 50 === 0) {
        target.clock.advance(pick(4) === 0 ? 20_000 : 100);
        if (ends.length > 0) {
          ends.length = 0;
          target.layer.resume(attacker, token, { code: Code.Get, path: ['3'] }, observer);
        }
        const payload = pick(2) === 0 ? Buffer.alloc(2_000) : undefined;
        const spec = { code: Code.Put, path: ['3'], ...(payload !== undefined && { payload }) };
        outcomes.push(ask(target.layer, attacker, spec, { timeoutMs: 10_000 }));
      }
      if (index % 1_000 === 0) {
        target.servesGoodPeer();
        assertWithinCaps(target.layer.held(), 12);
      }
    }
    target.servesGoodPeer();
    assert.deepEqual(target.bugs, []);
    target.clock.advance(2_000_000);
    // Each of ours has ended in one way or the other, and nothing is left of all this but the observation.
    assert.equal(outcomes.filter(({ error, response }) => error === undefined && response === undefined).length, 0);
    const { tokens, blockTransfers, blockBytes } = target.layer.held();
    assert.ok(tokens <= 1, `${tokens} tokens`);
    assert.deepEqual([blockTransfers, blockBytes], [0, 0]);
    await target.layer.close();
    assert.equal(target.clock.pending, 0);
  }).timeout(30_000);

  it('forgets 100,000 strangers that send one datagram each, and keeps those it knows', async () => {
    const target = await givenTarget();
    const device = target.layer.endpoint('10.0.0.9', 1);
    device.retain();
    const ping = datagram({ code: Code.Empty, messageId: 1 });
    for (let index = 0; index < 100_000; index++) target.receive(ping, `10.8.${index >> 8}.${index & 255}`, 1);
    assert.ok(target.layer.held().endpoints <= 51, `${target.layer.held().endpoints} endpoints`);
    target.clock.advance(300_000);
    assert.equal(target.layer.held().endpoints, 1);
    assert.equal(target.layer.endpoint('10.0.0.9', 1), device);
    target.servesGoodPeer();
  });

  it('answers a stranger with no more than a small multiple of what it sent, whatever is malformed', async () => {
    const target = await givenTarget();
    for (const bytes of SEEDS) {
      for (let length = 0; length < bytes.length; length++) {
        const cut = Buffer.from(bytes.subarray(0, length));
        const parsed = parseMessage(cut);
        if (typeof parsed !== 'number') continue;
        target.sent.clear();
        target.receive(cut);
        const answer = target.sent.get('10.6.6.6');
        if (parsed === DROP) assert.equal(answer, undefined);
        else assert.equal(answer?.length, 4);
      }
    }
  });
});

describe('a layer whose peer breaks a rule', () => {
  const DEVICE = '10.0.0.2';

  for (const [title, options] of [
    ['200 path segments', Array.from({ length: 200 }, () => [Option.UriPath, 'x'] as const)],
    ['a segment of 256 bytes', [[Option.UriPath, 'x'.repeat(256)] as const]],
    ['1,000 options', Array.from({ length: 1_000 }, () => [Option.UriQuery, ''] as const)],
  ] as const) {
    it(`answers ${title} with a response or RST, once`, async () => {
      const { network, clock } = await givenLayer();
      const device = new ScriptedPeer(network, DEVICE);
      device.send(datagram({ code: Code.Get, messageId: 1, options }));
      clock.advance(50);
      assert.equal(device.inbox.length, 1);
      assert.ok(device.last?.type === Acknowledgement || device.last?.type === Reset);
    });
  }

  it('is not held up by a device that goes on with 2.31 for ever, nor by one that never comes to its last block', async () => {
    const { layer, network, clock } = await givenLayer({ limits: { responseBodyBytes: 4_096 } });
    new ScriptedPeer(network, DEVICE, 5683, (message, peer) => {
      const { messageId, token } = message;
      const block1 = message.uint(Option.Block1);
      const number = (message.uint(Option.Block2) ?? 0) >> 4;
      const option =
        block1 === undefined ? ([Option.Block2, encodeBlock(number, true, 0)] as const) : ([Option.Block1, block1] as const);
      const code = block1 === undefined ? Code.Content : Code.Continue;
      const payload = block1 === undefined ? Buffer.alloc(16) : Buffer.alloc(0);
      peer.send(datagram({ type: Acknowledgement, code, messageId, token, options: [option], payload }));
    });
    const endpoint = layer.endpoint(DEVICE, 5683);
    const up = ask(layer, endpoint, { code: Code.Put, path: ['a'], payload: Buffer.alloc(2_000) });
    const down = ask(layer, endpoint, { code: Code.Get, path: ['a'] });
    clock.advance(60_000);
    assert.deepEqual([up.error?.code, down.error?.code], ['protocol-error', 'too-large']);
    assert.equal(layer.held().tokens, 0);
  });

  it('has 70,000 requests to one device within EXCHANGE_LIFETIME wait for a message ID rather than use one twice', async () => {
    const { layer, network, clock } = await givenLayer({ limits: { queuedRequests: 100_000 } });
    network.record = false;
    const lastUsed = new Map<number, number>();
    let reused = 0;
    new ScriptedPeer(network, DEVICE, 5683, ({ messageId, token }, peer) => {
      const before = lastUsed.get(messageId);
      if (before !== undefined && clock.monotonic() - before < 247_000) reused++;
      lastUsed.set(messageId, clock.monotonic());
      peer.inbox.length = 0;
      peer.send(datagram({ type: Acknowledgement, code: Code.Content, messageId, token }));
    });
    network.faults = { delayMs: 0.5 };
    const endpoint = layer.endpoint(DEVICE, 5683);
    const errors: unknown[] = [];
    let answered = 0;
    const again = (left: number): void => {
      if (left === 0) return;
      layer.request(endpoint, { code: Code.Get, path: ['3'] }, {}, (error, response) => {
        if (error !== undefined) errors.push(error);
        if (response !== undefined) answered++;
        again(left - 1);
      });
    };
    again(70_000);
    clock.advance(240_000);
    assert.ok(answered >= 49_152 && answered < 65_536, `${answered} answered`);
    clock.advance(400_000);
    assert.deepEqual(errors, []);
    assert.equal(answered, 70_000);
    assert.equal(reused, 0);
  });
});

/** The observing client (RFC 7641): begun, ordered, and ended in each of the ways there are. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeBlock } from '../../src/coap/block/option';
import { Code } from '../../src/coap/codes';
import type { CoapResponse, Observer, RequestOptions } from '../../src/coap/layer';
import { type Message, MessageType } from '../../src/coap/message';
import { isNewer, type Observation } from '../../src/coap/observation';
import { Option } from '../../src/coap/options';
import type { DeviceManagementError } from '../../src/errors';
import { datagram } from './datagram';
import { givenLayer, ScriptedPeer, type World } from './world';

const DEVICE = '10.0.0.2';
const SPEC = { code: Code.Get, path: ['3', '0', '9'], query: ['x=1'], accept: 112 };
const { Confirmable, NonConfirmable, Acknowledgement, Reset } = MessageType;

interface Answer {
  readonly type?: number;
  readonly code?: number;
  readonly observe?: number;
  readonly payload?: string | Buffer;
  readonly block2?: number;
  readonly etag?: string;
  readonly format?: number;
}

function answer(messageId: number, token: Uint8Array, { observe, block2, etag, format, ...rest }: Answer): Buffer {
  const options: (readonly [number, number | string])[] = [];
  if (etag !== undefined) options.push([Option.ETag, etag]);
  if (observe !== undefined) options.push([Option.Observe, observe]);
  if (format !== undefined) options.push([Option.ContentFormat, format]);
  if (block2 !== undefined) options.push([Option.Block2, block2]);
  return datagram({ type: Acknowledgement, code: Code.Content, messageId, token, options, ...rest });
}

interface Scene extends World {
  readonly device: ScriptedPeer;
  readonly observation: Observation;
  /** What has been delivered, as text. */
  readonly values: string[];
  readonly responses: CoapResponse[];
  readonly ends: DeviceManagementError[];
  /** How it began: its first answer. */
  readonly first: (CoapResponse | DeviceManagementError | undefined)[];
  notify(answer: Answer): void;
  settle(): void;
}

type React = (message: Message, peer: ScriptedPeer) => void;

/** A device that accepts with Observe 10 unless `react` does otherwise; it answers no other message. */
async function givenObservation(react?: React, options: RequestOptions = {}, observer: Partial<Observer> = {}): Promise<Scene> {
  const world = await givenLayer();
  const accept: React = (message, peer) => {
    if (message.code === Code.Get) peer.send(answer(message.messageId, message.token, { observe: 10, payload: 'first' }));
  };
  const device = new ScriptedPeer(world.network, DEVICE, 5683, react ?? accept);
  const values: string[] = [];
  const responses: CoapResponse[] = [];
  const ends: DeviceManagementError[] = [];
  const first: (CoapResponse | DeviceManagementError | undefined)[] = [];
  const told: Observer = {
    notification: (response) => {
      responses.push(response);
      values.push(response.payload.toString());
    },
    ended: (reason) => ends.push(reason),
    ...observer,
  };
  const observation = world.layer.observe(world.layer.endpoint(DEVICE, 5683), SPEC, told, options, (error, response) =>
    first.push(error ?? response),
  );
  const settle = (): void => world.clock.advance(50);
  let messageId = 0x4000;
  const notify = (spec: Answer): void => {
    device.send(answer(++messageId, observation.token, { type: Confirmable, ...spec }));
    settle();
  };
  settle();
  return { ...world, device, observation, values, responses, ends, first, notify, settle };
}

describe('the order of notifications (RFC 7641 §3.4)', () => {
  for (const [title, v1, v2, seconds, newer] of [
    ['one more', 1, 2, 0, true],
    ['the same', 5, 5, 0, false],
    ['one less', 2, 1, 0, false],
    ['just under half of all numbers ahead', 0, 2 ** 23 - 1, 0, true],
    ['half of all numbers ahead', 0, 2 ** 23, 0, false],
    ['the wrap at 24 bits', 2 ** 24 - 1, 0, 0, true],
    ['a wrap of less than half of all numbers', 2 ** 23 + 1, 0, 0, true],
    ['a wrap of half of all numbers', 2 ** 23, 0, 0, false],
    ['the wrap backwards', 0, 2 ** 24 - 1, 0, false],
    ['one less after 128 s', 2, 1, 128, false],
    ['one less after more than 128 s', 2, 1, 128.001, true],
    ['the same after more than 128 s', 2, 2, 129, true],
  ] as const) {
    it(`takes ${title} for ${newer ? 'newer' : 'no news'}`, () => {
      assert.equal(isNewer(v1, 0, v2, seconds * 1_000), newer);
    });
  }

  it('takes of two that are close in time exactly one for the newer, unless they are equal or half a circle apart', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 24 - 1), fc.nat(2 ** 24 - 1), (v1, v2) => {
        const apart = Math.abs(v1 - v2);
        fc.pre(apart !== 0 && apart !== 2 ** 23);
        assert.notEqual(isNewer(v1, 0, v2, 1), isNewer(v2, 0, v1, 1));
      }),
    );
  });
});

describe('an observation', () => {
  it('is asked for with Observe 0 and all that a read has, and accepted with Observe in the answer', async () => {
    const { device, observation, first, layer } = await givenObservation();
    const request = device.inbox[0] as Message;
    assert.equal(request.uint(Option.Observe), 0);
    assert.deepEqual(request.strings(Option.UriPath), SPEC.path);
    assert.deepEqual(request.strings(Option.UriQuery), SPEC.query);
    assert.equal(request.uint(Option.Accept), 112);
    assert.equal((first[0] as CoapResponse).payload.toString(), 'first');
    assert.equal(observation.accepted, true);
    assert.equal(layer.held().tokens, 1);
  });

  it('may be accepted with Observe 0, which is no bytes at all', async () => {
    const { observation } = await givenObservation((message, peer) =>
      peer.send(answer(message.messageId, message.token, { observe: 0 })),
    );
    assert.equal(observation.accepted, true);
  });

  it('may be accepted separately, after an empty ACK', async () => {
    const { observation, notify, values } = await givenObservation((message, peer) => {
      if (message.code !== Code.Get) return;
      peer.send(datagram({ type: Acknowledgement, code: Code.Empty, messageId: message.messageId }));
      peer.send(answer(0x5000, message.token, { type: Confirmable, observe: 10 }));
    });
    assert.equal(observation.accepted, true);
    notify({ observe: 11, payload: 'next' });
    assert.deepEqual(values, ['next']);
  });

  for (const [title, refusal] of [
    ['2.05 without Observe: a plain read', { payload: 'value' }],
    ['an error with Observe', { code: Code.NotFound, observe: 1 }],
  ] as const) {
    it(`is not accepted by ${title}; what comes later is reset`, async () => {
      const scene = await givenObservation((message, peer) => {
        if (message.code === Code.Get) peer.send(answer(message.messageId, message.token, refusal));
      });
      assert.equal(scene.observation.accepted, false);
      assert.equal(scene.layer.held().tokens, 0);
      assert.equal((scene.first[0] as CoapResponse).code, (refusal as Answer).code ?? Code.Content);
      scene.notify({ observe: 2, payload: 'late' });
      assert.equal(scene.device.last?.type, Reset);
      assert.deepEqual(scene.values, []);
    });
  }

  it('that is never answered leaves nothing; a notification after all is reset, so that the device stops', async () => {
    const scene = await givenObservation(() => undefined);
    scene.clock.advance(100_000);
    assert.equal((scene.first[0] as DeviceManagementError).code, 'timeout');
    assert.equal(scene.layer.held().tokens, 0);
    scene.notify({ observe: 2 });
    assert.equal(scene.device.last?.type, Reset);
  });
});

describe('a notification', () => {
  it('is delivered whether confirmable or not; the confirmable one is acknowledged', async () => {
    const { notify, values, device } = await givenObservation();
    notify({ observe: 11, payload: 'con' });
    assert.equal(device.last?.type, Acknowledgement);
    assert.equal(device.last?.code, Code.Empty);
    const before = device.inbox.length;
    notify({ type: NonConfirmable, observe: 12, payload: 'non' });
    notify({ observe: 13, payload: 'con again' });
    assert.equal(device.inbox.length, before + 1);
    assert.deepEqual(values, ['con', 'non', 'con again']);
  });

  it('with 2.03 is one', async () => {
    const { notify, responses, ends } = await givenObservation();
    notify({ code: Code.Valid, observe: 11 });
    assert.equal(responses[0]?.code, Code.Valid);
    assert.deepEqual(ends, []);
  });

  it('has the format it came with, whatever the one before had', async () => {
    const { notify, responses } = await givenObservation();
    notify({ observe: 11, format: 112 });
    notify({ observe: 12, format: 0 });
    notify({ observe: 13 });
    assert.deepEqual(
      responses.map(({ contentFormat }) => contentFormat),
      [112, 0, undefined],
    );
  });

  it('that comes again is acknowledged again and not delivered again', async () => {
    const { device, settle, observation, values } = await givenObservation();
    const before = device.inbox.length;
    for (let copy = 0; copy < 3; copy++) {
      device.send(answer(0x6000, observation.token, { type: Confirmable, observe: 11, payload: 'once' }));
      settle();
    }
    assert.deepEqual(values, ['once']);
    assert.deepEqual(
      device.inbox.slice(before).map(({ type, messageId }) => [type, messageId]),
      Array(3).fill([Acknowledgement, 0x6000]),
    );
  });

  it('that is older or equal is acknowledged and not delivered', async () => {
    const { notify, values, device } = await givenObservation();
    notify({ observe: 12, payload: 'new' });
    notify({ observe: 11, payload: 'overtaken' });
    notify({ observe: 12, payload: 'equal' });
    notify({ observe: 10, payload: 'as old as the first answer' });
    assert.deepEqual(values, ['new']);
    assert.equal(device.inbox.filter(({ type }) => type === Acknowledgement).length, 4);
  });

  it('may count from the beginning after 128 s, and through the end of 24 bits', async () => {
    const { notify, values, clock } = await givenObservation();
    notify({ observe: 2 ** 23 + 10, payload: 'half a circle ahead' });
    clock.advance(129_000);
    notify({ observe: 2 ** 24 - 1, payload: 'after a while' });
    notify({ observe: 1, payload: 'wrapped' });
    assert.deepEqual(values, ['after a while', 'wrapped']);
  });

  it('is not awaited within Max-Age: silence ends nothing', async () => {
    const { notify, values, clock, ends } = await givenObservation();
    clock.advance(10 * 86_400_000);
    notify({ observe: 3, payload: 'still there' });
    assert.deepEqual(values, ['still there']);
    assert.deepEqual(ends, []);
  });

  it('from another address is not taken, even with the right token', async () => {
    const { network, observation, values, settle } = await givenObservation();
    const other = new ScriptedPeer(network, '10.0.0.3');
    other.send(answer(1, observation.token, { type: Confirmable, observe: 99, payload: 'forged' }));
    settle();
    assert.deepEqual(values, []);
    assert.equal(other.last?.type, Reset);
  });

  it('follows the device to another address when the layer is told that it moved', async () => {
    const { layer, network, observation, values, settle } = await givenObservation();
    layer.move(layer.endpoint(DEVICE, 5683), layer.endpoint('10.0.0.9', 5683));
    const moved = new ScriptedPeer(network, '10.0.0.9');
    moved.send(answer(1, observation.token, { type: Confirmable, observe: 11, payload: 'from elsewhere' }));
    settle();
    assert.deepEqual(values, ['from elsewhere']);
    assert.equal(moved.last?.type, Acknowledgement);
  });

  it('comes in a storm of hundreds a second: all are acknowledged, none is lost, nothing piles up', async () => {
    const { device, observation, values, layer, clock } = await givenObservation();
    const before = device.inbox.length;
    for (let index = 0; index < 2_000; index++) {
      const spec = { type: Confirmable, observe: 11 + index, payload: String(index) };
      device.send(answer(0x1000 + index, observation.token, spec));
      if (index % 10 === 9) clock.advance(20);
    }
    clock.advance(50);
    assert.equal(device.inbox.length - before, 2_000);
    assert.equal(values.length, 2_000);
    assert.equal(layer.held().tokens, 1);
  });

  it('whose listener throws is acknowledged, and the next is delivered', async () => {
    const seen: number[] = [];
    const { notify, device, layer } = await givenObservation(undefined, undefined, {
      notification: ({ observe }) => {
        seen.push(observe as number);
        throw new Error('a bug above');
      },
    });
    notify({ observe: 11 });
    notify({ observe: 12 });
    assert.deepEqual(seen, [11, 12]);
    assert.equal(device.last?.type, Acknowledgement);
    assert.equal(layer.statistics.handlerErrors, 2);
  });
});

describe('an observation ends', () => {
  for (const [title, last, reason] of [
    ['with an error notification', { code: Code.NotFound }, /4\.04/],
    ['with an error notification that has Observe', { code: Code.InternalServerError, observe: 11 }, /5\.00/],
    ['with a code that is no notification', { code: Code.Changed, observe: 11 }, /2\.04/],
    ['with an answer without Observe', { payload: 'plain' }, /without Observe/],
  ] as const) {
    it(`${title}: acknowledged, told once, and then its token is unknown`, async () => {
      const { notify, device, ends, layer, values, observation } = await givenObservation();
      notify(last);
      assert.equal(device.last?.type, Acknowledgement);
      assert.match(ends[0]?.message ?? '', reason);
      assert.equal(observation.accepted, false);
      assert.equal(layer.held().tokens, 0);
      notify({ observe: 20, payload: 'late' });
      assert.equal(device.last?.type, Reset);
      assert.equal(ends.length, 1);
      assert.deepEqual(values, []);
    });
  }

  it('when a confirmable notification must be rejected for a critical option', async () => {
    const { device, observation, ends, layer, settle } = await givenObservation();
    const options = [[Option.Observe, 11] as const, [65_001, 'x'] as const];
    device.send(datagram({ code: Code.Content, messageId: 1, token: observation.token, options }));
    settle();
    assert.equal(device.last?.type, Reset);
    assert.match(ends[0]?.message ?? '', /critical option/);
    assert.equal(layer.held().tokens, 0);
  });

  it('not when a non-confirmable one is: that is ignored', async () => {
    const { device, observation, ends, settle, notify, values } = await givenObservation();
    const before = device.inbox.length;
    const options = [[Option.Observe, 11] as const, [65_001, 'x'] as const];
    device.send(datagram({ type: NonConfirmable, code: Code.Content, messageId: 1, token: observation.token, options }));
    settle();
    assert.equal(device.inbox.length, before);
    assert.deepEqual(ends, []);
    notify({ observe: 12, payload: 'next' });
    assert.deepEqual(values, ['next']);
  });

  for (const type of [Confirmable, NonConfirmable]) {
    it(`when it is cancelled passively: the next notification (type ${type}) is answered with RST`, async () => {
      const { observation, notify, device, values, layer } = await givenObservation();
      const before = device.inbox.length;
      observation.cancel('passive');
      assert.equal(device.inbox.length, before);
      assert.equal(layer.held().tokens, 0);
      notify({ type, observe: 11 });
      assert.equal(device.last?.type, Reset);
      assert.equal(device.last?.messageId, 0x4001);
      assert.deepEqual(values, []);
    });
  }

  it('when the layer forgets the device: without a message, and what is under way with `cancelled`', async () => {
    const { layer, observation, notify, device, ends } = await givenObservation();
    layer.forget(layer.endpoint(DEVICE, 5683));
    assert.equal(observation.accepted, false);
    assert.deepEqual(ends, []);
    notify({ observe: 11 });
    assert.equal(device.last?.type, Reset);
  });

  it('when it is cancelled before its first answer: the answer comes, and no notification', async () => {
    let request: Message | undefined;
    const scene = await givenObservation((message) => {
      request ??= message;
    });
    scene.observation.cancel('passive');
    const { messageId, token } = request as Message;
    scene.device.send(answer(messageId, token, { observe: 10, payload: 'first' }));
    scene.settle();
    assert.equal((scene.first[0] as CoapResponse).payload.toString(), 'first');
    assert.equal(scene.layer.held().tokens, 0);
    scene.notify({ observe: 11 });
    assert.equal(scene.device.last?.type, Reset);
  });
});

describe('an active cancellation (RFC 7641 §3.6)', () => {
  it('is the same request with the same token and Observe 1', async () => {
    const { observation, device, settle, layer } = await givenObservation();
    const first = device.inbox[0] as Message;
    const outcomes: unknown[] = [];
    observation.cancel('active', (error, response) => outcomes.push(error ?? response?.code));
    settle();
    const cancel = device.inbox[1] as Message;
    assert.equal(cancel.uint(Option.Observe), 1);
    assert.deepEqual(cancel.token, first.token);
    for (const number of [Option.UriPath, Option.UriQuery]) assert.deepEqual(cancel.strings(number), first.strings(number));
    assert.equal(cancel.uint(Option.Accept), 112);
    settle();
    assert.deepEqual(outcomes, [Code.Content]);
    assert.equal(layer.held().tokens, 0);
  });

  it('may be answered with the whole value in blocks', async () => {
    const { observation, clock } = await givenObservation((message, peer) => {
      const { messageId, token } = message;
      if (message.uint(Option.Observe) === 0) return peer.send(answer(messageId, token, { observe: 10 }));
      const number = (message.uint(Option.Block2) ?? 0) >> 4;
      const payload = Buffer.alloc(16, number);
      peer.send(answer(messageId, token, { block2: encodeBlock(number, number < 2, 0), payload }));
    });
    const lengths: unknown[] = [];
    observation.cancel('active', (error, response) => lengths.push(error ?? response?.payload.length));
    clock.advance(1_000);
    assert.deepEqual(lengths, [48]);
  });

  it('is not answered by a notification that crosses it', async () => {
    const { observation, device, settle, values } = await givenObservation((message, peer) => {
      if (message.uint(Option.Observe) === 0) peer.send(answer(message.messageId, message.token, { observe: 10 }));
    });
    const outcomes: unknown[] = [];
    observation.cancel('active', (error, response) => outcomes.push(error ?? response?.payload.toString()));
    device.send(answer(0x6000, observation.token, { type: Confirmable, observe: 11, payload: 'crossing' }));
    settle();
    assert.deepEqual(outcomes, []);
    assert.equal(device.last?.type, Acknowledgement);
    const cancel = device.inbox.find((message) => message.uint(Option.Observe) === 1) as Message;
    device.send(answer(cancel.messageId, cancel.token, { payload: 'the answer' }));
    settle();
    assert.deepEqual(outcomes, ['the answer']);
    assert.deepEqual(values, []);
  });

  it('that is never answered is told, and a notification after it is reset', async () => {
    const { observation, clock, notify, device } = await givenObservation((message, peer) => {
      if (message.uint(Option.Observe) === 0) peer.send(answer(message.messageId, message.token, { observe: 10 }));
    });
    const outcomes: unknown[] = [];
    observation.cancel('active', (error) => outcomes.push(error?.code));
    clock.advance(100_000);
    assert.deepEqual(outcomes, ['timeout']);
    notify({ observe: 20 });
    assert.equal(device.last?.type, Reset);
  });

  it('goes before other waiting requests to the device', async () => {
    const { observation, layer, device, clock } = await givenObservation((message, peer) => {
      if (message.code === Code.Get) peer.send(answer(message.messageId, message.token, { observe: 10 }));
    });
    const endpoint = layer.endpoint(DEVICE, 5683);
    for (const name of ['a', 'b']) layer.request(endpoint, { code: Code.Get, path: [name] }, {}, () => undefined);
    observation.cancel('active');
    clock.advance(1_000);
    assert.deepEqual(
      device.inbox.slice(1).map((message) => message.uint(Option.Observe) ?? message.strings(Option.UriPath)[0]),
      ['a', 1, 'b'],
    );
  });
});

describe('a notification in blocks (RFC 7959 §2.6)', () => {
  const bodies = new Map<number, Buffer>();

  /** A device whose value `bodies.get(v)` is served in 16-byte blocks; only what `serve` lets pass is answered. */
  function serving(current: () => number, serve: () => boolean = () => true): React {
    return (message, peer) => {
      if (message.code !== Code.Get) return;
      const { messageId, token } = message;
      if (message.has(Option.Observe)) return peer.send(answer(messageId, token, { observe: 10, payload: 'first' }));
      if (!serve()) return;
      const number = (message.uint(Option.Block2) as number) >> 4;
      const body = bodies.get(current()) as Buffer;
      const payload = body.subarray(number * 16, number * 16 + 16);
      const block2 = encodeBlock(number, (number + 1) * 16 < body.length, 0);
      peer.send(answer(messageId, token, { block2, payload, etag: `v${current()}` }));
    };
  }

  const firstBlock = (version: number, observe: number): Answer => ({
    observe,
    payload: (bodies.get(version) as Buffer).subarray(0, 16),
    block2: encodeBlock(0, true, 0),
    etag: `v${version}`,
  });

  beforeEach(() => {
    for (const version of [1, 2]) bodies.set(version, Buffer.alloc(40, `${version}`));
  });

  it('has its rest fetched without Observe and with tokens of its own, and is delivered once, whole', async () => {
    const { notify, values, responses, device, clock, observation } = await givenObservation(serving(() => 1));
    notify(firstBlock(1, 11));
    clock.advance(500);
    assert.deepEqual(values, ['1'.repeat(40)]);
    assert.equal(responses[0]?.observe, 11);
    const fetches = device.inbox.filter((message) => message.code === Code.Get).slice(1);
    assert.deepEqual(
      fetches.map((message) => message.uint(Option.Block2)),
      [1, 2].map((number) => encodeBlock(number, false, 0)),
    );
    for (const message of fetches) {
      assert.equal(message.has(Option.Observe), false);
      assert.notDeepEqual(message.token, observation.token);
      assert.equal(message.uint(Option.Accept), 112);
    }
  });

  it('is given up for a newer one, whole or in blocks, and only that is delivered', async () => {
    for (const newer of [{ observe: 12, payload: 'small' } as Answer, firstBlock(2, 12)]) {
      let current = 1;
      let open = false;
      const scene = await givenObservation(
        serving(
          () => current,
          () => open,
        ),
      );
      scene.notify(firstBlock(1, 11));
      current = 2;
      open = true;
      scene.notify(newer);
      // Nothing more is asked of the old value.
      if (newer.block2 === undefined) assert.equal(scene.layer.held().tokens, 1);
      scene.clock.advance(5_000);
      assert.deepEqual(scene.values, [newer.block2 === undefined ? 'small' : '2'.repeat(40)]);
      assert.equal(scene.layer.held().tokens, 1);
    }
  });

  it('is not given up for an older one', async () => {
    const { notify, values, clock } = await givenObservation(serving(() => 1));
    notify(firstBlock(1, 12));
    notify({ observe: 11, payload: 'old' });
    clock.advance(500);
    assert.deepEqual(values, ['1'.repeat(40)]);
  });

  it('is fetched anew when the value changed meanwhile: never a mixture', async () => {
    const { notify, values, clock } = await givenObservation(serving(() => 2));
    notify(firstBlock(1, 11));
    clock.advance(1_000);
    assert.deepEqual(values, ['2'.repeat(40)]);
  });

  it('whose rest cannot be had costs this notification and no more', async () => {
    let open = false;
    const { notify, values, clock, ends } = await givenObservation(
      serving(
        () => 1,
        () => open,
      ),
      { timeoutMs: 5_000 },
    );
    notify(firstBlock(1, 11));
    clock.advance(10_000);
    open = true;
    notify(firstBlock(1, 12));
    clock.advance(1_000);
    assert.deepEqual(values, ['1'.repeat(40)]);
    assert.deepEqual(ends, []);
  });

  it('is not delivered once the observation is over', async () => {
    let open = false;
    const { notify, values, clock, observation, layer } = await givenObservation(
      serving(
        () => 1,
        () => open,
      ),
    );
    notify(firstBlock(1, 11));
    observation.cancel('passive');
    open = true;
    clock.advance(5_000);
    assert.deepEqual(values, []);
    assert.equal(layer.held().tokens, 0);
  });

  it('may be the first answer; a newer value that comes before its end takes its place', async () => {
    let request: Message | undefined;
    const scene = await givenObservation((message, peer) => {
      if (!message.has(Option.Observe)) return;
      request = message;
      peer.send(answer(message.messageId, message.token, firstBlock(1, 10)));
    });
    assert.ok(request !== undefined);
    assert.equal(scene.first.length, 0);
    scene.notify({ observe: 9, payload: 'older' });
    scene.notify({ observe: 11, payload: 'newer' });
    scene.clock.advance(1_000);
    assert.equal((scene.first[0] as CoapResponse).payload.toString(), 'newer');
    assert.equal(scene.observation.accepted, true);
    scene.notify({ observe: 12, payload: 'next' });
    assert.deepEqual(scene.values, ['next']);
  });
});

describe('an observation kept over a restart', () => {
  it('goes on with the token it had: the first notification is taken whatever it counts, then order holds', async () => {
    const world = await givenLayer();
    const device = new ScriptedPeer(world.network, DEVICE);
    const token = Buffer.from('0102030405060708', 'hex');
    const values: string[] = [];
    const observer = { notification: ({ payload }: CoapResponse) => values.push(payload.toString()), ended: () => undefined };
    const observation = world.layer.resume(world.layer.endpoint(DEVICE, 5683), token, SPEC, observer);
    [7, 6, 8].forEach((observe, index) => {
      device.send(answer(index, token, { type: Confirmable, observe, payload: String(observe) }));
      world.clock.advance(50);
    });
    assert.deepEqual(values, ['7', '8']);
    observation.cancel('active');
    world.clock.advance(50);
    assert.equal(device.last?.uint(Option.Observe), 1);
    assert.deepEqual(device.last?.token, token);
  });
});

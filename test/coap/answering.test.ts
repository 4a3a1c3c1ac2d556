/** Answering requests of peers (RFC 7252 §5.2, §5.4, §5.8): piggybacked, separate, unwanted, refused. */
import assert from 'node:assert/strict';
import { Code } from '../../src/coap/codes';
import type { IncomingRequest } from '../../src/coap/incoming';
import { type Message, MessageType } from '../../src/coap/message';
import { Option } from '../../src/coap/options';
import type { ResponseSpec } from '../../src/coap/response';
import { datagram } from './datagram';
import { givenLayer, ScriptedPeer, type World } from './world';

const { Confirmable, NonConfirmable, Acknowledgement, Reset } = MessageType;
const TOKEN = Buffer.from('c0ffee', 'hex');

type Options = readonly (readonly [number, number | string | Uint8Array])[];

interface Scene extends World {
  readonly device: ScriptedPeer;
  /** Sends a POST to /a and lets it be answered. */
  post(options?: Options, type?: number, code?: number): void;
  readonly kinds: () => (readonly [type: number, code: number])[];
}

async function given(answer: (request: IncomingRequest, world: World) => void, react?: (m: Message, p: ScriptedPeer) => void) {
  const world: World = await givenLayer({ onRequest: (request) => answer(request, world) });
  const device = new ScriptedPeer(world.network, '10.0.0.2', 5683, react);
  let messageId = 0;
  const scene: Scene = {
    ...world,
    device,
    post: (options = [[Option.UriPath, 'a']], type = Confirmable, code = Code.Post) => {
      device.send(datagram({ type, code, messageId: ++messageId, token: TOKEN, options }));
      world.clock.advance(50);
    },
    kinds: () => device.inbox.map(({ type, code }) => [type, code] as const),
  };
  return scene;
}

const changed = (request: IncomingRequest): void => request.respond({ code: Code.Changed });
const changedAfter =
  (ms: number) =>
  (request: IncomingRequest, { clock }: World): void =>
    void clock.after(ms, () => request.respond({ code: Code.Changed }));

describe('an answer', () => {
  it('that is there at once rides on the ACK, with the ID and token of the request', async () => {
    const { post, device } = await given(changed);
    post();
    assert.equal(device.inbox.length, 1);
    const [answer] = device.inbox as [Message];
    assert.deepEqual([answer.type, answer.code, answer.messageId], [Acknowledgement, Code.Changed, 1]);
    assert.deepEqual(answer.token, TOKEN);
  });

  it('has an empty token where the request has none', async () => {
    const { device, clock } = await given(changed);
    device.send(datagram({ code: Code.Post, messageId: 9, options: [[Option.UriPath, 'a']] }));
    clock.advance(50);
    assert.equal(device.last?.tokenLength, 0);
    assert.equal(device.last?.code, Code.Changed);
  });

  it('may have the token of a request of ours that is under way: the directions have nothing to do with each other', async () => {
    const scene = await given(changed);
    const outcomes: unknown[] = [];
    const endpoint = scene.layer.endpoint('10.0.0.2', 5683);
    scene.layer.request(endpoint, { code: Code.Get, path: ['x'] }, {}, (error, response) =>
      outcomes.push(error ?? response?.code),
    );
    scene.clock.advance(50);
    const ours = scene.device.last as Message;
    const options = [[Option.UriPath, 'a'] as const];
    scene.device.send(datagram({ code: Code.Post, messageId: ours.messageId, token: ours.token, options }));
    scene.clock.advance(50);
    assert.deepEqual(scene.device.last?.token, ours.token);
    assert.equal(scene.device.last?.code, Code.Changed);
    assert.deepEqual(outcomes, []);
  });

  it('that takes less than a second rides on the ACK still', async () => {
    const { post, kinds, clock } = await given(changedAfter(900));
    post();
    assert.deepEqual(kinds(), []);
    clock.advance(5_000);
    assert.deepEqual(kinds(), [[Acknowledgement, Code.Changed]]);
  });

  it('that takes longer follows an empty ACK as a confirmable message with its own ID and the same token', async () => {
    const { post, kinds, clock, device } = await given(changedAfter(5_000), (message, peer) => {
      if (message.type !== Confirmable) return;
      peer.send(datagram({ type: Acknowledgement, code: Code.Empty, messageId: message.messageId }));
    });
    post();
    clock.advance(1_200);
    assert.deepEqual(kinds(), [[Acknowledgement, Code.Empty]]);
    clock.advance(200_000);
    assert.deepEqual(kinds(), [
      [Acknowledgement, Code.Empty],
      [Confirmable, Code.Changed],
    ]);
    assert.deepEqual(device.last?.token, TOKEN);
    assert.notEqual(device.last?.messageId, 1);
  });

  it('that follows is sent again until it is acknowledged, five times at most, and then given up', async () => {
    const { post, kinds, clock, layer } = await given(changedAfter(2_000));
    post();
    clock.advance(200_000);
    assert.deepEqual(kinds().slice(1), Array(5).fill([Confirmable, Code.Changed]));
    assert.equal(layer.retransmitted, 4);
  });

  it('that follows stops at RST', async () => {
    const { post, kinds, clock } = await given(changedAfter(2_000), (message, peer) => {
      if (message.type === Confirmable) peer.send(datagram({ type: Reset, code: Code.Empty, messageId: message.messageId }));
    });
    post();
    clock.advance(200_000);
    assert.equal(kinds().length, 2);
  });

  it('to a request that comes again meanwhile is the empty ACK again, and the handler is not called', async () => {
    const { post, device, kinds, clock, requests } = await given(changedAfter(10_000));
    post();
    clock.advance(2_000);
    const again = datagram({ code: Code.Post, messageId: 1, token: TOKEN, options: [[Option.UriPath, 'a']] });
    device.send(again);
    clock.advance(50);
    assert.deepEqual(kinds(), Array(2).fill([Acknowledgement, Code.Empty]));
    assert.equal(requests.length, 1);
  });

  for (const [seconds, calls] of [
    [246, 1],
    [249, 2],
  ] as const) {
    it(`${calls === 1 ? 'is repeated' : 'is another'} for the same message ID after ${seconds} s (EXCHANGE_LIFETIME 247 s)`, async () => {
      const { device, clock, requests } = await given(changed);
      const bytes = datagram({ code: Code.Post, messageId: 1, options: [[Option.UriPath, 'a']] });
      device.send(bytes);
      clock.advance(seconds * 1_000);
      device.send(bytes);
      clock.advance(50);
      assert.equal(requests.length, calls);
      assert.equal(device.inbox.length, 2);
    });
  }

  it('is non-confirmable to a request that is, however long it takes, and a repeat of that is dropped', async () => {
    const { post, device, kinds, clock, requests } = await given(changedAfter(5_000));
    post(undefined, NonConfirmable);
    device.send(
      datagram({ type: NonConfirmable, code: Code.Post, messageId: 1, token: TOKEN, options: [[Option.UriPath, 'a']] }),
    );
    clock.advance(200_000);
    assert.deepEqual(kinds(), [[NonConfirmable, Code.Changed]]);
    assert.deepEqual(device.last?.token, TOKEN);
    assert.equal(requests.length, 1);
  });

  it('is given once: a second call of `respond` does nothing', async () => {
    const { post, kinds } = await given((request) => {
      changed(request);
      request.respond({ code: Code.BadRequest });
    });
    post();
    assert.deepEqual(kinds(), [[Acknowledgement, Code.Changed]]);
  });

  it('leaves before what its handler does afterwards', async () => {
    const { post, device } = await given((request, { layer }) =>
      request.respond({ code: Code.Changed }, () =>
        layer.request(request.endpoint, { code: Code.Get, path: ['3'] }, {}, () => undefined),
      ),
    );
    post();
    assert.deepEqual(
      device.inbox.map(({ code }) => code),
      [Code.Changed, Code.Get],
    );
  });

  it('carries what the handler gives, options in order', async () => {
    const response: ResponseSpec = {
      code: Code.Created,
      etag: Buffer.of(1),
      locationPath: ['rd', '7'],
      contentFormat: 0,
      maxAge: 60,
      payload: Buffer.from('x'),
    };
    const { post, device } = await given((request) => request.respond(response));
    post();
    const answer = device.last as Message;
    assert.deepEqual(
      answer.options.filter((_, at) => at % 3 === 0),
      [Option.ETag, Option.LocationPath, Option.LocationPath, Option.ContentFormat, Option.MaxAge],
    );
    // 0 is an empty option, and not none.
    assert.equal(answer.uint(Option.ContentFormat), 0);
    assert.equal(answer.payload.toString(), 'x');
  });
});

describe('No-Response (RFC 7967)', () => {
  for (const [value, code, isAnswered] of [
    [0, Code.Changed, true],
    [2, Code.Changed, false],
    [2, Code.NotFound, true],
    [8, Code.NotFound, false],
    [8, Code.InternalServerError, true],
    [16, Code.InternalServerError, false],
    [26, Code.Changed, false],
  ] as const) {
    const options: Options = [
      [Option.UriPath, 'a'],
      [Option.NoResponse, value],
    ];
    const answer = (request: IncomingRequest): void => request.respond({ code });

    it(`${value} ${isAnswered ? 'lets' : 'keeps'} 0x${code.toString(16)} ${isAnswered ? 'through' : 'back'}; a CON is acknowledged all the same`, async () => {
      const { post, kinds } = await given(answer);
      post(options);
      assert.deepEqual(kinds(), [[Acknowledgement, isAnswered ? code : Code.Empty]]);
    });

    it(`${value} ${isAnswered ? 'lets' : 'keeps'} 0x${code.toString(16)} ${isAnswered ? 'through' : 'back'} of a NON`, async () => {
      const { post, kinds } = await given(answer);
      post(options, NonConfirmable);
      assert.deepEqual(kinds(), isAnswered ? [[NonConfirmable, code]] : []);
    });
  }

  it('of a request that is answered late is one empty ACK and no more', async () => {
    const { post, kinds, clock } = await given(changedAfter(5_000));
    post([
      [Option.UriPath, 'a'],
      [Option.NoResponse, 2],
    ]);
    clock.advance(100_000);
    assert.deepEqual(kinds(), [[Acknowledgement, Code.Empty]]);
  });
});

describe('a request that no handler sees', () => {
  const REFUSED: readonly (readonly [title: string, code: number, options: Options, method?: number])[] = [
    ['an unknown critical option', Code.BadOption, [[65_001, 'x']]],
    ['OSCORE', Code.BadOption, [[9, Buffer.of(1)]]],
    ['Q-Block1', Code.BadOption, [[19, 0]]],
    ['a critical option of a length it cannot have', Code.BadOption, [[Option.Accept, Buffer.alloc(3)]]],
    [
      'a critical option twice that may come once',
      Code.BadOption,
      [
        [Option.Accept, 0],
        [Option.Accept, 0],
      ],
    ],
    ['Proxy-Uri', Code.ProxyingNotSupported, [[Option.ProxyUri, 'coap://example.org/']]],
    ['Proxy-Scheme', Code.ProxyingNotSupported, [[Option.ProxyScheme, 'coap']]],
    ['If-Match: nothing here has an ETag', Code.PreconditionFailed, [[Option.IfMatch, Buffer.of(1)]]],
    ['an unknown method', Code.MethodNotAllowed, [], 0x08],
    ['the highest method there is', Code.MethodNotAllowed, [], 0x1f],
  ];
  for (const [title, code, options, method] of REFUSED) {
    it(`has ${title}: 0x${code.toString(16)}, the same for its repeat`, async () => {
      const { device, kinds, clock, requests } = await given(changed);
      const bytes = datagram({ code: method ?? Code.Get, messageId: 1, token: TOKEN, options });
      device.send(bytes);
      device.send(bytes);
      clock.advance(50);
      assert.deepEqual(kinds(), Array(2).fill([Acknowledgement, code]));
      assert.deepEqual(device.last?.token, TOKEN);
      assert.equal(requests.length, 0);
    });
  }

  it('is dropped when it is non-confirmable and has an unknown critical option (RFC 7252 §5.4.1)', async () => {
    const { post, kinds, requests } = await given(changed);
    post([[65_001, 'x']], NonConfirmable);
    assert.deepEqual(kinds(), []);
    assert.equal(requests.length, 0);
  });

  it('comes as an ACK or RST: it is ignored', async () => {
    for (const type of [Acknowledgement, Reset]) {
      const { post, kinds, requests } = await given(changed);
      post(undefined, type);
      assert.deepEqual(kinds(), []);
      assert.equal(requests.length, 0);
    }
  });
});

describe('a request that its handler sees', () => {
  for (const [name, code] of Object.entries(Code).filter(([, value]) => value >= Code.Get && value <= Code.IPatch)) {
    it(`may be ${name}`, async () => {
      const { post, requests } = await given(changed);
      post(undefined, Confirmable, code);
      assert.equal(requests[0]?.code, code);
    });
  }

  it('may have elective options that are unknown, and Uri-Host, Uri-Port, If-None-Match, Hop-Limit and Echo', async () => {
    const { post, requests, kinds } = await given(changed);
    post([
      [Option.UriHost, 'server.example.org'],
      [Option.IfNoneMatch, Buffer.alloc(0)],
      [Option.UriPort, 5683],
      [Option.UriPath, 'a'],
      [Option.HopLimit, Buffer.of(9)],
      [Option.Echo, Buffer.of(1, 2)],
      [65_000, 'whatever'],
    ]);
    assert.equal(requests.length, 1);
    assert.deepEqual(kinds(), [[Acknowledgement, Code.Changed]]);
    assert.equal(requests[0]?.message.has(65_000), false);
  });

  it('has path and query as they came: no "/" is split, no dot resolved', async () => {
    const { post, requests } = await given(changed);
    const path = ['..', 'a/b', '', 'ä', 'x'.repeat(255)];
    const query = ['ep=a&b', '', '='];
    post([...path.map((text) => [Option.UriPath, text] as const), ...query.map((text) => [Option.UriQuery, text] as const)]);
    assert.deepEqual(requests[0]?.path, path);
    assert.deepEqual(requests[0]?.query, query);
  });

  it('has nothing but U+FFFD for what is no UTF-8', async () => {
    const { post, requests } = await given(changed);
    post([[Option.UriPath, Buffer.of(0xff, 0xfe)]]);
    assert.match(requests[0]?.path[0] ?? '', /^\uFFFD+$/);
  });

  it('has the numbers of its options', async () => {
    const { post, requests } = await given(changed);
    post([
      [Option.Observe, 0],
      [Option.UriPath, 'a'],
      [Option.ContentFormat, 11_542],
      [Option.Accept, 112],
    ]);
    const [request] = requests as [IncomingRequest];
    assert.deepEqual([request.observe, request.contentFormat, request.accept], [0, 11_542, 112]);
    assert.deepEqual(request.token, TOKEN);
    assert.equal(request.confirmable, true);
  });
});

describe('a handler that throws', () => {
  it('before it answers: 5.00', async () => {
    const { post, kinds, layer } = await given(() => {
      throw new Error('a bug above');
    });
    post();
    assert.deepEqual(kinds(), [[Acknowledgement, Code.InternalServerError]]);
    assert.equal(layer.statistics.handlerErrors, 1);
  });

  it('after it has answered: the answer stands', async () => {
    const { post, kinds } = await given((request) => {
      changed(request);
      throw new Error('a bug above');
    });
    post();
    assert.deepEqual(kinds(), [[Acknowledgement, Code.Changed]]);
  });
});

describe('a message that nobody waits for', () => {
  it('is answered with RST when it is a ping or a confirmable response, again for each repeat', async () => {
    const { device, clock, requests } = await given(changed);
    for (let copy = 0; copy < 2; copy++) {
      device.send(datagram({ code: Code.Empty, messageId: 1 }));
      device.send(datagram({ code: Code.Content, messageId: 2, token: TOKEN }));
    }
    clock.advance(50);
    assert.deepEqual(
      device.inbox.map(({ type, messageId }) => [type, messageId]),
      [
        [Reset, 1],
        [Reset, 2],
        [Reset, 1],
        [Reset, 2],
      ],
    );
    assert.equal(requests.length, 0);
  });

  it('is answered with RST once a second for each peer when it is a non-confirmable response', async () => {
    const { network, clock, device } = await given(changed);
    const other = new ScriptedPeer(network, '10.0.0.3');
    for (let index = 0; index < 100; index++) {
      for (const peer of [device, other]) {
        peer.send(datagram({ type: NonConfirmable, code: Code.Content, messageId: index, token: TOKEN }));
      }
      clock.advance(25);
    }
    clock.advance(50);
    for (const { inbox } of [device, other]) {
      assert.equal(inbox.length, 3);
      assert.ok(inbox.every(({ type }) => type === Reset));
    }
  });

  for (const type of [Acknowledgement, Reset]) {
    it(`is ignored when it is of type ${type}, empty or not`, async () => {
      const { device, clock } = await given(changed);
      device.send(datagram({ type, code: Code.Empty, messageId: 1 }));
      device.send(datagram({ type, code: Code.Content, messageId: 2, token: TOKEN }));
      clock.advance(50);
      assert.deepEqual(device.inbox, []);
    });
  }

  it('is ignored when it is empty and non-confirmable', async () => {
    const { device, clock } = await given(changed);
    device.send(datagram({ type: NonConfirmable, code: Code.Empty, messageId: 1 }));
    clock.advance(50);
    assert.deepEqual(device.inbox, []);
  });
});

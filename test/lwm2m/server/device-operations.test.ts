/** Operations on a device that the test scripts: what goes out, what comes back, and what a person is told when it goes wrong. */
import assert from 'node:assert/strict';
import { Code, codeText } from '../../../src/coap/codes';
import type { Message } from '../../../src/coap/message';
import { MessageType } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import type { OperationRequest, OperationResult } from '../../../src/device/operation';
import { DeviceManagementError } from '../../../src/errors';
import { type Answer, givenServer, pathOf, ScriptedDevice, type World } from './world';

async function perform(world: World, request: OperationRequest): Promise<OperationResult> {
  const promise = world.server.perform('dev-1', request);
  promise.catch(() => undefined);
  await world.settle();
  return promise;
}

async function failure(world: World, request: OperationRequest, ms = 10): Promise<DeviceManagementError> {
  const promise = world.server.perform('dev-1', request).then(
    () => assert.fail('it went well'),
    (error: unknown) => error,
  );
  await world.settle(ms);
  const error = await promise;
  assert.ok(error instanceof DeviceManagementError, String(error));
  return error;
}

async function givenDevice(
  answers: (request: Message) => Answer | undefined = () => ({ code: Code.Changed }),
  { version = '1.1', links = '</1/0>,</3/0>,</3303/1>,</33605/0>' } = {},
): Promise<{ world: World; device: ScriptedDevice }> {
  const world = await givenServer();
  const device = new ScriptedDevice(world);
  await device.register('dev-1', { query: [`lwm2m=${version}`, 'lt=300'], links });
  device.answers = answers;
  return { world, device };
}

interface Wire {
  readonly method: string;
  readonly path: string;
  readonly query: readonly string[];
  readonly accept: number | undefined;
  readonly contentFormat: number | undefined;
  readonly payload: string;
}

function wireOf(message: Message): Wire {
  return {
    method: codeText(message.code),
    path: pathOf(message),
    query: message.strings(Option.UriQuery),
    accept: message.uint(Option.Accept),
    contentFormat: message.uint(Option.ContentFormat),
    payload: message.payload.toString('hex'),
  };
}

const nothingMore = { query: [], accept: undefined, contentFormat: undefined, payload: '' };

describe('an operation as a request', () => {
  const CASES: readonly (readonly [string, OperationRequest, Answer, Wire, string?])[] = [
    [
      'Read of an instance asks for SenML CBOR in 1.1',
      { operation: 'read', path: '/3/0' },
      { code: Code.Content, contentFormat: 11542, payload: Buffer.from('c10964', 'hex') },
      { ...nothingMore, method: '0.01', path: '/3/0', accept: 112 },
    ],
    [
      'Read of an instance asks for TLV in 1.0',
      { operation: 'read', path: '/3/0' },
      { code: Code.Content, contentFormat: 11542, payload: Buffer.from('c10964', 'hex') },
      { ...nothingMore, method: '0.01', path: '/3/0', accept: 11542 },
      '1.0',
    ],
    [
      'Read of a single resource asks for text',
      { operation: 'read', path: '/3/0/9' },
      { code: Code.Content, contentFormat: 0, payload: '100' },
      { ...nothingMore, method: '0.01', path: '/3/0/9', accept: 0 },
    ],
    [
      'Read of a multiple resource asks for a structured format',
      { operation: 'read', path: '/3/0/6' },
      { code: Code.Content, contentFormat: 11542, payload: Buffer.from('8306410001', 'hex') },
      { ...nothingMore, method: '0.01', path: '/3/0/6', accept: 112 },
    ],
    [
      'Discover says how deep, from 1.2 on',
      { operation: 'discover', path: '/3', depth: 1 },
      { code: Code.Content, contentFormat: 40, payload: '</3>,</3/0>;pmax=200' },
      { ...nothingMore, method: '0.01', path: '/3', query: ['depth=1'], accept: 40 },
      '1.2',
    ],
    [
      'Read of a resource instance asks for text',
      { operation: 'read', path: '/3/0/6/0' },
      { code: Code.Content, contentFormat: 0, payload: '1' },
      { ...nothingMore, method: '0.01', path: '/3/0/6/0', accept: 0 },
    ],
    [
      'Read in a chosen format asks for that',
      { operation: 'read', path: '/3/0/9', contentFormat: 110 },
      { code: Code.Content, contentFormat: 110, payload: '[{"bn":"/3/0/9","v":100}]' },
      { ...nothingMore, method: '0.01', path: '/3/0/9', accept: 110 },
    ],
    [
      'Read without a format sends no Accept',
      { operation: 'read', path: '/3/0/9', contentFormat: 'none' },
      { code: Code.Content, contentFormat: 0, payload: '100' },
      { ...nothingMore, method: '0.01', path: '/3/0/9' },
    ],
    [
      'Discover differs from Read by Accept 40',
      { operation: 'discover', path: '/3' },
      { code: Code.Content, contentFormat: 40, payload: '</3>,</3/0>' },
      { ...nothingMore, method: '0.01', path: '/3', accept: 40 },
    ],
    [
      'Write of a resource replaces it by PUT',
      { operation: 'write', path: '/1/0/1', value: 120 },
      { code: Code.Changed },
      { ...nothingMore, method: '0.03', path: '/1/0/1', contentFormat: 0, payload: Buffer.from('120').toString('hex') },
    ],
    [
      'Write of an instance updates it by POST',
      { operation: 'write', path: '/1/0', value: { 1: 120, 6: true }, contentFormat: 11542 },
      { code: Code.Changed },
      { ...nothingMore, method: '0.02', path: '/1/0', contentFormat: 11542, payload: 'c10178c10601' },
    ],
    [
      'Write of an instance replaces it by PUT where asked',
      { operation: 'write', path: '/1/0', value: { Lifetime: 120 }, mode: 'replace', contentFormat: 11542 },
      { code: Code.Changed },
      { ...nothingMore, method: '0.03', path: '/1/0', contentFormat: 11542, payload: 'c10178' },
    ],
    [
      'Write of a resource instance goes by PUT to its own path',
      { operation: 'write', path: '/16/0/0/0', value: 'x' },
      { code: Code.Changed },
      { ...nothingMore, method: '0.03', path: '/16/0/0/0', contentFormat: 0, payload: '78' },
    ],
    [
      'Write-Attributes has a query, no payload and no Content-Format',
      { operation: 'write-attributes', path: '/3303/1/5700', attributes: { pmin: 5, pmax: 60, gt: 30.5, lt: null } },
      { code: Code.Changed },
      { ...nothingMore, method: '0.03', path: '/3303/1/5700', query: ['pmin=5', 'pmax=60', 'gt=30.5', 'lt'] },
    ],
    [
      'Execute without arguments has no payload',
      { operation: 'execute', path: '/3/0/4' },
      { code: Code.Changed },
      { ...nothingMore, method: '0.02', path: '/3/0/4' },
    ],
    [
      'Execute with arguments sends them as text',
      { operation: 'execute', path: '/3/0/4', arguments: "0='on',1" },
      { code: Code.Changed },
      { ...nothingMore, method: '0.02', path: '/3/0/4', contentFormat: 0, payload: Buffer.from("0='on',1").toString('hex') },
    ],
    [
      'Create without an id sends bare resources in TLV',
      { operation: 'create', path: '/3303', value: { 5700: 21.5 } },
      { code: Code.Created, locationPath: ['3303', '0'] },
      { ...nothingMore, method: '0.02', path: '/3303', contentFormat: 11542, payload: 'e4164441ac0000' },
    ],
    [
      'Create with an id wraps them in their instance',
      { operation: 'create', path: '/3303/4', value: { 5700: 21.5 }, contentFormat: 11542 },
      { code: Code.Created },
      { ...nothingMore, method: '0.02', path: '/3303', contentFormat: 11542, payload: '0704e4164441ac0000' },
    ],
    [
      'Create may be empty',
      { operation: 'create', path: '/3303', value: undefined },
      { code: Code.Created, locationPath: ['3303', '7'] },
      { ...nothingMore, method: '0.02', path: '/3303', contentFormat: 11542 },
    ],
    [
      'Delete names the instance',
      { operation: 'delete', path: '/3303/1' },
      { code: Code.Deleted },
      { ...nothingMore, method: '0.04', path: '/3303/1' },
    ],
    [
      'Delete of a resource instance is known to 1.2',
      { operation: 'delete', path: '/3/0/6/1' },
      { code: Code.Deleted },
      { ...nothingMore, method: '0.04', path: '/3/0/6/1' },
      '1.2',
    ],
  ];
  for (const [title, request, answer, wire, version] of CASES) {
    it(title, async () => {
      const { world, device } = await givenDevice(() => answer, version === undefined ? {} : { version });
      const result = await perform(world, request);
      assert.equal(device.asked.length, 1);
      assert.deepEqual(wireOf(device.asked[0] as Message), wire);
      assert.equal(device.asked[0]?.type, MessageType.Confirmable);
      assert.equal(result.code, codeText(answer.code));
      assert.equal(result.device, 'dev-1');
      assert.equal(result.operation, request.operation);
      assert.equal(result.path, request.path);
      assert.ok(result.rtt >= 2 && result.rtt < 10);
    });
  }

  it('goes below the alternate root path', async () => {
    const { world, device } = await givenDevice(() => ({ code: Code.Content, contentFormat: 0, payload: '1' }), {
      links: '</lwm2m>;rt="oma.lwm2m",</lwm2m/3/0>',
    });
    await perform(world, { operation: 'read', path: '/3/0/9' });
    assert.equal(pathOf(device.asked[0] as Message), '/lwm2m/3/0/9');
  });
});

describe('the result of', () => {
  it('a Read holds decoded values, by the format of the answer and not of the request', async () => {
    const { world } = await givenDevice(() => ({
      code: Code.Content,
      contentFormat: 11542,
      payload: Buffer.from('c10964', 'hex'),
    }));
    const result = await perform(world, { operation: 'read', path: '/3/0/9' });
    assert.deepEqual(result.values, [{ path: '/3/0/9', value: 100 }]);
    assert.equal(result.contentFormat, 11542);
    structuredClone(result);
  });

  it('a Read without Content-Format is text for a resource, and TLV in 1.0 otherwise', async () => {
    const { world, device } = await givenDevice(() => ({ code: Code.Content, payload: '100' }), { version: '1.0' });
    assert.deepEqual((await perform(world, { operation: 'read', path: '/3/0/9' })).values, [{ path: '/3/0/9', value: 100 }]);
    device.answers = () => ({ code: Code.Content, payload: Buffer.from('c10964', 'hex') });
    assert.deepEqual((await perform(world, { operation: 'read', path: '/3/0' })).values, [{ path: '/3/0/9', value: 100 }]);
  });

  it('a Discover holds links with attributes, numbers as numbers and versions as text', async () => {
    const { world } = await givenDevice(() => ({
      code: Code.Content,
      contentFormat: 40,
      payload: '</3>;ver=1.2;pmin=10,</3/0>,</3/0/6>;dim=2,</3/0/9>;gt=20.0;lt=-1.5,</x>,</3/0/7/1>;edge',
    }));
    const { links } = await perform(world, { operation: 'discover', path: '/3' });
    assert.deepEqual(links, [
      { path: '/3', attributes: { ver: '1.2', pmin: 10 } },
      { path: '/3/0', attributes: {} },
      { path: '/3/0/6', attributes: { dim: 2 } },
      { path: '/3/0/9', attributes: { gt: 20, lt: -1.5 } },
      { path: '/3/0/7/1', attributes: { edge: true } },
    ]);
  });

  it('a Create tells the new path, from the device or else from the request', async () => {
    const { world, device } = await givenDevice(() => ({ code: Code.Created, locationPath: ['3303', '9'] }));
    assert.equal((await perform(world, { operation: 'create', path: '/3303', value: {} })).created, '/3303/9');
    device.answers = () => ({ code: Code.Created });
    assert.equal((await perform(world, { operation: 'create', path: '/3303/4', value: {} })).created, '/3303/4');
    assert.equal((await perform(world, { operation: 'create', path: '/3303', value: {} })).created, undefined);
  });
});

describe('a request that cannot be asked', () => {
  const CASES: readonly (readonly [string, OperationRequest, RegExp, string?])[] = [
    ['invalid-path', { operation: 'read', path: '/3/zero' }, /"zero" is not a number/],
    ['invalid-path', { operation: 'read', path: '/' }, /Read \/ is not possible: give the path of an object/],
    ['invalid-path', { operation: 'write', path: '/3', value: {} }, /Write \/3 is not possible/],
    ['invalid-path', { operation: 'execute', path: '/3/0' }, /Execute \/3\/0 is not possible: give the path of a resource/],
    ['invalid-path', { operation: 'create', path: '/3/0/1', value: 1 }, /Create/],
    ['invalid-path', { operation: 'delete', path: '/3' }, /Delete \/3 is not possible: give the path of an instance/],
    ['unsupported', { operation: 'delete', path: '/3/0/6/1' }, /LwM2M 1\.1 deletes object instances only/],
    ['unsupported', { operation: 'read', path: '/3/0/6/1' }, /LwM2M 1\.0 has no path for one resource instance/, '1.0'],
    ['unsupported', { operation: 'write', path: '/3/0/15', value: 'x', mode: 'update' }, /1\.0 updates instances only/, '1.0'],
    ['invalid-value', { operation: 'write', path: '/1/0/1', value: 'soon' }, /Lifetime/],
    ['invalid-value', { operation: 'write-attributes', path: '/3/0/9', attributes: { pmin: 9, pmax: 5 } }, /pmax/],
    ['invalid-request', { operation: 'write-attributes', path: '/3/0/9', attributes: {} }, /no attribute to write/],
    ['invalid-request', { operation: 'write', path: '/1/0', value: {} }, /no value to write/],
    [
      'invalid-request',
      { operation: 'write', path: '/1/0', value: { 1: 5 }, contentFormat: 0 },
      /content format 0 cannot carry it/,
    ],
    ['invalid-request', { operation: 'write', path: '/1/0/1', value: 5, contentFormat: 'none' }, /needs a content format/],
    ['invalid-request', { operation: 'create', path: '/3303', value: { 5700: 1 }, contentFormat: 112 }, /needs TLV/],
    ['unsupported', { operation: 'discover', path: '/3', depth: 1 }, /LwM2M 1\.1 has no depth/],
    ['invalid-request', { operation: 'discover', path: '/3', depth: 4 }, /depth is 0 to 3, not 4/, '1.2'],
    ['invalid-request', { operation: 'reboot', path: '/3' } as unknown as OperationRequest, /"reboot" is no operation/],
  ];
  for (const [code, request, text, version] of CASES) {
    it(`${request.operation} ${request.path} fails with ${code} and without a message: ${text.source}`, async () => {
      const { world, device } = await givenDevice(undefined, version === undefined ? {} : { version });
      const error = await failure(world, request);
      assert.equal(error.code, code);
      assert.match(error.message, text);
      assert.equal(error.device, 'dev-1');
      assert.equal(device.asked.length, 0);
    });
  }

  for (const text of ['on', "0='a b'", "0='a", '10', '0,0', '0=1', "0='x',", "a='b'", "0='\"'", "0='é'"]) {
    it(`does not send ${text} as Execute arguments`, async () => {
      const { world, device } = await givenDevice();
      const error = await failure(world, { operation: 'execute', path: '/3/0/4', arguments: text });
      assert.equal(error.code, 'invalid-value');
      assert.equal(device.asked.length, 0);
    });
  }

  for (const text of ['0', "0=''", "0='a',1,2='x,y'", "9='https://example.org/!#&()*'"]) {
    it(`sends ${text} as Execute arguments`, async () => {
      const { world, device } = await givenDevice();
      await perform(world, { operation: 'execute', path: '/3/0/4', arguments: text });
      assert.equal(device.asked[0]?.payload.toString(), text);
    });
  }
});

describe('a refusal of the device', () => {
  const CASES: readonly (readonly [number, OperationRequest, RegExp, Partial<Answer>?])[] = [
    [
      Code.NotFound,
      { operation: 'read', path: '/3303/0/5700' },
      /^device dev-1 has no \/3303\/0\/5700: it announced \/3303\/1 \(4\.04\)\.$/,
    ],
    [Code.NotFound, { operation: 'read', path: '/5/0' }, /has no \/5\/0: it did not announce object 5/],
    [Code.NotFound, { operation: 'read', path: '/3/0/99' }, /has no \/3\/0\/99: Discover tells what is there/],
    [
      Code.MethodNotAllowed,
      { operation: 'write', path: '/3/0/0', value: 'x' },
      /does not allow Write \/3\/0\/0: it is read-only/,
    ],
    [Code.MethodNotAllowed, { operation: 'execute', path: '/3/0/0' }, /cannot be executed/],
    [Code.MethodNotAllowed, { operation: 'create', path: '/3', value: {} }, /may allow only one/],
    [Code.Unauthorized, { operation: 'read', path: '/0' }, /objects 0 \(Security\) and 21 \(OSCORE\) are open to bootstrap only/],
    [Code.Unauthorized, { operation: 'read', path: '/3' }, /Access Control object/],
    [
      Code.BadRequest,
      { operation: 'read', path: '/3' },
      /malformed.*\(4\.00: "not a bootstrap server"\)/,
      { payload: 'not a bootstrap\tserver' },
    ],
    [Code.ServiceUnavailable, { operation: 'read', path: '/3' }, /try again in 30 s/, { maxAge: 30 }],
    [Code.InternalServerError, { operation: 'read', path: '/3' }, /failed inside/],
    [Code.NotImplemented, { operation: 'read', path: '/3' }, /has not implemented Read \/3/],
    [Code.Valid, { operation: 'read', path: '/3' }, /unexpected code \(2\.03\)/],
    [0x9f, { operation: 'read', path: '/3' }, /unexpected code \(4\.31\)/],
  ];
  for (const [code, request, text, more] of CASES) {
    it(`${codeText(code)} to ${request.operation} ${request.path} says: ${text.source}`, async () => {
      const { world } = await givenDevice(() => ({ code, ...more }));
      const error = await failure(world, request);
      assert.equal(error.code, codeText(code));
      assert.match(error.message, text);
      assert.equal(error.path, request.path);
    });
  }
});

describe('no answer of the device', () => {
  it('is a timeout that says where it was asked and what may be', async () => {
    const { world } = await givenDevice(() => undefined);
    const error = await failure(world, { operation: 'read', path: '/3' }, 100_000);
    assert.equal(error.code, 'timeout');
    assert.match(error.message, /device dev-1 at 10\.0\.0\.2:56830 did not answer Read \/3 within 93 s: it may be off/);
    assert.equal(world.server.presence('dev-1'), 'reachable');
  });

  it('comes after the time the caller gave', async () => {
    const { world } = await givenDevice(() => undefined);
    const promise = world.server.perform('dev-1', { operation: 'read', path: '/3' }, { timeoutMs: 5000 });
    promise.catch(() => undefined);
    await world.settle(6000);
    await assert.rejects(promise, { code: 'timeout', message: /within 5 s/ });
  });

  it('but an empty ACK for ever is a timeout too', async () => {
    const { world, device } = await givenDevice(() => undefined);
    const promise = failure(world, { operation: 'create', path: '/3303', value: {} }, 100_000);
    await world.settle(0);
    device.acknowledge(device.asked[0]?.messageId ?? 0);
    assert.equal((await promise).code, 'timeout');
  });

  it('but Reset says that the device does not know this server', async () => {
    const { world, device } = await givenDevice(() => undefined);
    const promise = failure(world, { operation: 'read', path: '/3' });
    await world.settle(2);
    device.acknowledge(device.asked[0]?.messageId as number, MessageType.Reset);
    await world.settle();
    const error = await promise;
    assert.equal(error.code, 'reset');
    assert.match(error.message, /register again/);
  });

  it('but bytes that cannot be understood is a decode error that shows them', async () => {
    const { world } = await givenDevice(() => ({
      code: Code.Content,
      contentFormat: 11542,
      payload: Buffer.from('c109', 'hex'),
    }));
    const error = await failure(world, { operation: 'read', path: '/3/0' });
    assert.equal(error.code, 'decode-error');
    assert.match(error.message, /device dev-1 sent for \/3\/0 what cannot be understood.*content format 11542, 2 bytes: c109/);
  });

  it('ends with `cancelled` when the device leaves or the server stops', async () => {
    const { world, device } = await givenDevice(() => undefined);
    const first = world.server.perform('dev-1', { operation: 'read', path: '/3' });
    const leaving = assert.rejects(first, { code: 'cancelled', message: /the device has left/ });
    const [id] = world.network.sightings.flatMap(({ datagram }) =>
      datagram[1] === Code.Created ? [datagram.subarray(-11).toString()] : [],
    );
    await device.deregister(id as string);
    await leaving;
    await device.register('dev-1');
    const second = world.server.perform('dev-1', { operation: 'read', path: '/3' });
    const stopping = assert.rejects(second, { code: 'cancelled', message: /the server stopped/ });
    await world.server.stop();
    await stopping;
  });
});

describe('the choice of the format', () => {
  const accepts = (device: ScriptedDevice): (number | undefined)[] => device.asked.map((message) => message.uint(Option.Accept));
  const only =
    (format: number | undefined, payload: Buffer | string) =>
    (message: Message): Answer =>
      message.uint(Option.Accept) === format
        ? { code: Code.Content, contentFormat: format ?? 11542, payload }
        : { code: Code.NotAcceptable };

  it('takes the best format that the device announced', async () => {
    for (const [links, path, accept] of [
      ['</>;ct=112,</3/0>', '/3/0', 112],
      ['</>;ct="110 11542 11543",</3/0>', '/3/0', 11542],
      ['</>;ct=11543;hb,</3/0>', '/3/0', 11543],
      ['</>;ct=11543;hb,</3/0>', '/3/0/9', 11543],
      ['</>;ct="0 11542",</3/0>', '/3/0/9', 0],
      ['</>;ct=60,</3/0>', '/3/0', 112],
    ] as const) {
      const { world, device } = await givenDevice(() => ({ code: Code.NotFound }), { links });
      await failure(world, { operation: 'read', path });
      assert.deepEqual(accepts(device), [accept], `${links} ${path}`);
    }
  });

  it('takes LwM2M CBOR from a device of 1.2 that announced it, yet SenML for what may come as a history', async () => {
    const links = '</>;ct="110 112 11544",</3/0>';
    for (const [operation, version, accept] of [
      ['read', '1.2', 11544],
      ['observe', '1.2', 112],
    ] as const) {
      const { world, device } = await givenDevice(() => ({ code: Code.NotFound }), { links, version });
      await failure(world, { operation, path: '/3/0' });
      assert.deepEqual(accepts(device), [accept], `${operation} ${version}`);
    }
  });

  it('tries LwM2M CBOR second on a device of 1.2 that announced nothing', async () => {
    const { world, device } = await givenDevice(only(11544, Buffer.from('A183030009 1864'.replace(' ', ''), 'hex')), {
      version: '1.2',
    });
    const result = await perform(world, { operation: 'read', path: '/3/0' });
    assert.deepEqual(accepts(device), [112, 11544]);
    assert.deepEqual(result.values, [{ path: '/3/0/9', value: 100 }]);
  });

  it('asks again on 4.06, in the order 112, 11542, 110, 11543, none', async () => {
    const { world, device } = await givenDevice(only(undefined, Buffer.from('c10964', 'hex')));
    const result = await perform(world, { operation: 'read', path: '/3/0' });
    assert.deepEqual(accepts(device), [112, 11542, 110, 11543, undefined]);
    assert.deepEqual(result.values, [{ path: '/3/0/9', value: 100 }]);
  });

  it('remembers what the device took, for as long as it is registered', async () => {
    const { world, device } = await givenDevice(only(11542, Buffer.from('c10964', 'hex')));
    await perform(world, { operation: 'read', path: '/3/0' });
    await perform(world, { operation: 'read', path: '/1/0', contentFormat: 11542 }).catch(() => undefined);
    device.asked.length = 0;
    await perform(world, { operation: 'read', path: '/3/0' });
    assert.deepEqual(accepts(device), [11542]);
    device.asked.length = 0;
    await device.register('dev-1');
    device.asked.length = 0;
    await perform(world, { operation: 'read', path: '/3/0' });
    assert.deepEqual(accepts(device), [112, 11542]);
  });

  it('does not try another format where the caller chose one', async () => {
    const { world, device } = await givenDevice(() => ({ code: Code.NotAcceptable }));
    const error = await failure(world, { operation: 'read', path: '/3/0', contentFormat: 110 });
    assert.equal(error.code, '4.06');
    assert.equal(device.asked.length, 1);
  });

  it('sends a Write again in the next format on 4.15', async () => {
    const { world, device } = await givenDevice((message) => ({
      code: message.uint(Option.ContentFormat) === 11542 ? Code.Changed : Code.UnsupportedContentFormat,
    }));
    await perform(world, { operation: 'write', path: '/1/0', value: { 1: 120 } });
    assert.deepEqual(
      device.asked.map((message) => message.uint(Option.ContentFormat)),
      [112, 11542],
    );
    assert.equal(device.asked[1]?.payload.toString('hex'), 'c10178');
  });

  it('does not repeat a Create on 4.06, which Wakaama says of an instance that exists', async () => {
    const { world, device } = await givenDevice(() => ({ code: Code.NotAcceptable }));
    const error = await failure(world, { operation: 'create', path: '/3303/4', value: { 5700: 1 } });
    assert.equal(error.code, '4.06');
    assert.equal(device.asked.length, 1);
  });
});

describe('several operations on one device', () => {
  it('go out one after the other (NSTART), each with its own answer', async () => {
    const { world, device } = await givenDevice((message) => ({
      code: Code.Content,
      contentFormat: 0,
      payload: pathOf(message).slice(-1),
    }));
    const results = [9, 2, 1].map((id) =>
      world.server.perform('dev-1', { operation: 'read', path: `/3/0/${id}`, contentFormat: 0 }),
    );
    await world.settle(1);
    assert.equal(device.asked.length, 1);
    await world.settle(20);
    assert.deepEqual(
      (await Promise.all(results)).map(({ values }) => String(values[0]?.value)),
      ['9', '2', '1'],
    );
  });
});

describe('describing objects', () => {
  it('is by the version a device speaks, and by the newest without a device', async () => {
    const { world } = await givenDevice(undefined, { version: '1.0', links: '</3/0>,</3303>;ver=1.1,</3303/0>' });
    assert.equal(world.server.describe('dev-1', 3)?.version, '1.0');
    assert.equal(world.server.describe('dev-1', 3303)?.version, '1.1');
    assert.equal(world.server.describe(undefined, 3)?.version, '1.2');
    assert.equal(world.server.describe('dev-1', 42_000), undefined);
    structuredClone(world.server.describe('dev-1', 3));
  });
});

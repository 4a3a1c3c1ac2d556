/** Composite operations: what goes out, what comes back path by path, and what is done for devices that do not know them. */
import assert from 'node:assert/strict';
import { Code, codeText } from '../../../src/coap/codes';
import type { Message } from '../../../src/coap/message';
import { MessageType } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import type { OperationRequest, OperationResult } from '../../../src/device/operation';
import { DeviceManagementError } from '../../../src/errors';
import { type Answer, givenServer, pathOf, ScriptedDevice, type World } from './world';

const READ: OperationRequest = { operation: 'read-composite', path: '/3/0/0,/3/0/9,/1/0/1' };
const WRITE: OperationRequest = {
  operation: 'write-composite',
  path: '/3/0/14,/1/0/1',
  value: { '/3/0/14': '+01:00', '/1/0/1': '300' },
};
const VALUES = '[{"bn":"/3/0/","n":"0","vs":"ACME"},{"n":"9","v":100},{"bn":"/1/0/","n":"1","v":300}]';

interface Given {
  readonly world: World;
  readonly device: ScriptedDevice;
  /** The result, or the error, once the device has said all it will. */
  perform(request: OperationRequest, ms?: number): Promise<OperationResult | DeviceManagementError>;
  result(request: OperationRequest, ms?: number): Promise<OperationResult>;
  /** Methods and paths asked for since the last call. */
  asked(): string[];
}

async function givenDevice(answers: ScriptedDevice['answers'], version = '1.1', links = '</1/0>,</3/0>'): Promise<Given> {
  const world = await givenServer();
  const device = new ScriptedDevice(world);
  await device.register('dev-1', { query: [`lwm2m=${version}`, 'lt=30000'], links });
  device.answers = answers;
  const perform: Given['perform'] = async (request, ms = 100) => {
    const outcome = world.server.perform('dev-1', request).catch((error: unknown) => error as DeviceManagementError);
    await world.settle(ms);
    return outcome;
  };
  return {
    world,
    device,
    perform,
    result: async (request, ms) => {
      const outcome = await perform(request, ms);
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
    asked: () => device.asked.splice(0).map((message) => `${codeText(message.code)} ${pathOf(message)}`),
  };
}

const senml = (payload: string, observe?: number): Answer => ({
  code: Code.Content,
  contentFormat: 110,
  payload,
  ...(observe !== undefined && { observe }),
});

/** Wakaama: an empty ACK to FETCH and iPATCH, and nothing more, for ever. */
function silentAt(device: () => ScriptedDevice, others: ScriptedDevice['answers']): ScriptedDevice['answers'] {
  return (message) => {
    if (message.code !== Code.Fetch && message.code !== Code.IPatch) return others(message);
    device().acknowledge(message.messageId);
    return undefined;
  };
}

async function givenWakaama(others: ScriptedDevice['answers']): Promise<Given> {
  const given: Given = await givenDevice(silentAt(() => given.device, others));
  return given;
}

const RESOURCES: Readonly<Record<string, string>> = { '/3/0/0': 'ACME', '/3/0/9': '100', '/1/0/1': '300' };
const oneResource = (message: Message): Answer => {
  if (message.code === Code.Put || message.code === Code.Post) return { code: Code.Changed };
  const payload = RESOURCES[pathOf(message)];
  return payload === undefined ? { code: Code.NotFound } : { code: Code.Content, contentFormat: 0, payload };
};

describe('Read-Composite', () => {
  it('is a FETCH of the root with the paths in SenML CBOR, byte for byte what real devices answer', async () => {
    const { device, result } = await givenDevice(() => senml(VALUES));
    await result({ operation: 'read-composite', path: '/3/0/0,/3/0/9,/1/0/1' });
    const [request] = device.asked;
    assert.equal(request?.code, Code.Fetch);
    assert.deepEqual(request?.strings(Option.UriPath), []);
    assert.deepEqual([request?.uint(Option.ContentFormat), request?.uint(Option.Accept)], [112, 112]);
    assert.equal(request?.payload.toString('hex'), '83a100662f332f302f30a100662f332f302f39a100662f312f302f31');
  });

  it('gives the values of all paths, and says of which there are none', async () => {
    const { result } = await givenDevice(() => senml('[{"n":"/3/0/0","vs":"ACME"},{"n":"/1/0/1","v":300}]'));
    const { values, absent, fallback, path, code } = await result(READ);
    assert.deepEqual(values, [
      { path: '/3/0/0', value: 'ACME' },
      { path: '/1/0/1', value: 300 },
    ]);
    assert.deepEqual([absent, fallback, path, code], [['/3/0/9'], undefined, '/3/0/0,/3/0/9,/1/0/1', '2.05']);
  });

  it('of the root asks for everything', async () => {
    const { device, result } = await givenDevice(() => senml(VALUES));
    assert.equal((await result({ operation: 'read-composite', path: '/' })).values.length, 3);
    assert.equal(device.asked[0]?.payload.toString('hex'), '81a100612f');
  });

  it('asks for the format that the caller wants, and with the paths in JSON where CBOR is refused', async () => {
    const { device, result } = await givenDevice((message) =>
      message.uint(Option.ContentFormat) === 110 ? senml(VALUES) : { code: Code.UnsupportedContentFormat },
    );
    await result({ ...READ, contentFormat: 11544 } as OperationRequest);
    assert.deepEqual(
      device.asked.map((message) => [message.uint(Option.ContentFormat), message.uint(Option.Accept)]),
      [
        [112, 11544],
        [110, 11544],
      ],
    );
    await result(READ);
    assert.equal(device.asked[2]?.uint(Option.ContentFormat), 110, 'what it took is remembered');
  });

  it('goes below an alternate root', async () => {
    const { device, result } = await givenDevice(() => senml(VALUES), '1.1', '</lwm2m>;rt="oma.lwm2m",</lwm2m/3/0>');
    await result(READ);
    assert.equal(pathOf(device.asked[0] as Message), '/lwm2m');
  });

  it('refuses an answer about something else', async () => {
    for (const payload of ['[{"n":"/4/0/1","v":1}]', '[{"n":"/d01/3/0/9","v":1}]']) {
      const { perform } = await givenDevice(() => senml(payload));
      const error = await perform(READ);
      assert.ok(error instanceof DeviceManagementError);
      assert.equal(error.code, 'decode-error');
      assert.match(error.message, /which was not asked for/);
    }
  });
});

describe('Write-Composite', () => {
  it('is an iPATCH of the root with all values under full names, as Anjay takes it', async () => {
    const { device, result } = await givenDevice(() => ({ code: Code.Changed }));
    const { code } = await result(WRITE);
    const [request] = device.asked;
    assert.equal(code, '2.04');
    assert.equal(request?.code, Code.IPatch);
    assert.equal(request?.uint(Option.ContentFormat), 112);
    assert.equal(request?.payload.toString('hex'), '82a200672f332f302f313403662b30313a3030a200662f312f302f310219012c');
  });

  it('goes in LwM2M CBOR when asked to', async () => {
    const { device, result } = await givenDevice(() => ({ code: Code.Changed }), '1.2');
    await result({ ...WRITE, contentFormat: 11544 } as OperationRequest);
    assert.equal(device.asked[0]?.payload.toString('hex'), 'a28303000e662b30313a303083010001 19012c'.replace(' ', ''));
  });

  it('removes a resource instance with null, in SenML-ETCH, from 1.2 on', async () => {
    const request: OperationRequest = {
      operation: 'write-composite',
      path: '/16',
      value: { '/16/0/0/1': null, '/16/0/0/2': 'x' },
    };
    const newer = await givenDevice(() => ({ code: Code.Changed }), '1.2');
    await newer.result(request);
    assert.equal(newer.device.asked[0]?.uint(Option.ContentFormat), 322);
    assert.equal(newer.device.asked[0]?.payload.toString('hex'), '82a200692f31362f302f302f3102f6a200692f31362f302f302f32036178');
    const older = await givenDevice(() => ({ code: Code.Changed }));
    const error = await older.perform(request);
    assert.ok(error instanceof DeviceManagementError && error.code === 'unsupported');
    assert.deepEqual(older.asked(), []);
  });

  it('that the device refuses has written nothing, and is not tried one by one', async () => {
    const { perform, asked } = await givenDevice(() => ({ code: Code.MethodNotAllowed }));
    const error = await perform(WRITE);
    assert.ok(error instanceof DeviceManagementError);
    assert.equal(error.code, '4.05');
    assert.match(
      error.message,
      /Write-Composite \/3\/0\/14,\/1\/0\/1: one of these is read-only, or executable; nothing was written/,
    );
    assert.deepEqual(asked(), ['0.07 /']);
  });

  for (const [what, path, value, code, says] of [
    ['a bare value', '/3/0/14', 'x', 'invalid-value', /takes an object keyed by full path/],
    ['nothing', '/3/0/14', {}, 'invalid-value', /takes an object keyed by full path/],
    ['a key that is no path', '/3', { Timezone: 'x' }, 'invalid-path', /"Timezone" is not a number/],
    ['a path beside those named', '/3/0/14', { '/3/0/15': 'x' }, 'invalid-value', /it is not among \/3\/0\/14/],
    ['a whole object', '/3', { '/3': { 14: 'x' } }, 'invalid-path', /give instances or resources/],
    ['a value twice', '/3', { '/3/0': { 14: 'x' }, '/3/0/14': 'y' }, 'invalid-value', /\/3\/0\/14 is written twice/],
    ['a value that does not fit', '/1', { '/1/0/1': 'soon' }, 'invalid-value', /Lifetime/],
    ['null for a resource', '/3', { '/3/0/14': null }, 'invalid-value', /only resource instances can/],
  ] as const) {
    it(`of ${what} is refused before anything is sent`, async () => {
      const { perform, asked } = await givenDevice(() => ({ code: Code.Changed }), '1.2');
      const error = await perform({ operation: 'write-composite', path, value });
      assert.ok(error instanceof DeviceManagementError, 'no error');
      assert.equal(error.code, code);
      assert.match(error.message, says);
      assert.deepEqual(asked(), []);
    });
  }
});

describe('a device that acknowledges FETCH and iPATCH and never answers', () => {
  it('is read one by one within seconds, and the result says so', async () => {
    const { result, asked } = await givenWakaama(oneResource);
    const { values, fallback, absent, code, path } = await result(READ, 25_000);
    assert.deepEqual(values, [
      { path: '/3/0/0', value: 'ACME' },
      { path: '/3/0/9', value: 100 },
      { path: '/1/0/1', value: 300 },
    ]);
    assert.deepEqual([fallback, absent, code, path], ['one-by-one', undefined, '2.05', '/3/0/0,/3/0/9,/1/0/1']);
    assert.deepEqual(asked(), ['0.05 /', '0.01 /3/0/0', '0.01 /3/0/9', '0.01 /1/0/1']);
  });

  it('is remembered as such, until it registers again', async () => {
    const { device, result, asked } = await givenWakaama(oneResource);
    await result(READ, 25_000);
    asked();
    assert.equal((await result(READ)).fallback, 'one-by-one');
    assert.deepEqual(asked(), ['0.01 /3/0/0', '0.01 /3/0/9', '0.01 /1/0/1']);
    await device.register('dev-1');
    await result(READ, 25_000);
    assert.equal(asked()[0], '0.05 /');
  });

  it('gives what it can, and says why there is nothing of the rest', async () => {
    const { result } = await givenWakaama(oneResource);
    const { values, absent, refused } = await result({ operation: 'read-composite', path: '/3/0/0,/3/0/5' }, 25_000);
    assert.deepEqual(values, [{ path: '/3/0/0', value: 'ACME' }]);
    assert.deepEqual(absent, ['/3/0/5']);
    assert.equal(refused?.['/3/0/5']?.code, '4.04');
  });

  it('is read object by object where everything was asked for', async () => {
    const { result, asked } = await givenWakaama(oneResource);
    await result({ operation: 'read-composite', path: '/' }, 25_000);
    assert.deepEqual(asked(), ['0.05 /', '0.01 /1', '0.01 /3']);
  });

  it('is written one by one', async () => {
    const { device, result } = await givenWakaama(oneResource);
    const { fallback, code } = await result(WRITE, 25_000);
    assert.deepEqual([fallback, code], ['one-by-one', '2.04']);
    assert.deepEqual(
      device.asked.slice(1).map((message) => `${pathOf(message)} ${message.payload}`),
      ['/3/0/14 +01:00', '/1/0/1 300'],
    );
  });

  it('and refuses one of them: what was written before is told', async () => {
    const { perform } = await givenWakaama((message) => ({
      code: pathOf(message) === '/1/0/1' ? Code.MethodNotAllowed : Code.Changed,
    }));
    const error = await perform(WRITE, 25_000);
    assert.ok(error instanceof DeviceManagementError);
    assert.equal(error.code, '4.05');
    assert.match(error.message, /written one by one; written before this: \/3\/0\/14\.$/);
  });

  it('is not observed in one: that is said, so that the paths can be observed by themselves', async () => {
    const { perform, world } = await givenWakaama(oneResource);
    const error = await perform({ operation: 'observe-composite', path: '/3/0/0,/3/0/9' }, 25_000);
    assert.ok(error instanceof DeviceManagementError);
    assert.equal(error.code, 'unsupported');
    assert.deepEqual(world.server.observations('dev-1'), []);
  });

  it('that once answered may take its time', async () => {
    let slow = false;
    const given: Given = await givenDevice((message) => {
      if (!slow) return senml(VALUES);
      given.device.acknowledge(message.messageId);
      void given.world.clock.after(60_000, () => given.device.notify(message.token, senml(VALUES)));
      return undefined;
    });
    await given.result(READ);
    slow = true;
    const { fallback, values } = await given.result(READ, 70_000);
    assert.deepEqual([fallback, values.length], [undefined, 3]);
  });
});

describe('a device that', () => {
  it('is of LwM2M 1.0 is asked one by one at once', async () => {
    const { result, asked } = await givenDevice(oneResource, '1.0');
    assert.equal((await result(READ)).fallback, 'one-by-one');
    assert.deepEqual(asked(), ['0.01 /3/0/0', '0.01 /3/0/9', '0.01 /1/0/1']);
  });

  it('says that it does not know FETCH is asked one by one', async () => {
    for (const code of [Code.MethodNotAllowed, Code.NotImplemented]) {
      const { result } = await givenDevice((message) => (message.code === Code.Fetch ? { code } : oneResource(message)));
      assert.equal((await result(READ)).fallback, 'one-by-one');
    }
  });

  it('does not even acknowledge is away, and stays unjudged', async () => {
    const { perform, result, device } = await givenDevice(() => undefined);
    const error = await perform(READ, 200_000);
    assert.ok(error instanceof DeviceManagementError && error.code === 'timeout');
    device.answers = () => senml(VALUES);
    assert.equal((await result(READ, 10_000)).fallback, undefined);
  });
});

describe('Observe-Composite', () => {
  const OBSERVE: OperationRequest = { operation: 'observe-composite', path: '/3/0/0,/3/0/9' };
  const both = (level: number, observe?: number): Answer =>
    senml(`[{"bn":"/3/0/","n":"0","vs":"ACME"},{"n":"9","v":${level}}]`, observe);

  async function givenObserved() {
    const given = await givenDevice((message) => both(75, message.uint(Option.Observe) === 0 ? 0 : undefined));
    const result = await given.result(OBSERVE);
    return { ...given, result, begun: given.device.asked[0] as Message };
  }

  it('begins with the values as its result, and is listed by its paths', async () => {
    const { world, result, begun } = await givenObserved();
    assert.equal(result.observed, true);
    assert.deepEqual(
      result.values.map(({ value }) => value),
      ['ACME', 75],
    );
    assert.deepEqual(world.server.observations('dev-1'), ['/3/0/0,/3/0/9']);
    assert.equal(begun.code, Code.Fetch);
    assert.equal(begun.uint(Option.Observe), 0);
  });

  it('tells notifications of all paths at once', async () => {
    const { world, device, begun } = await givenObserved();
    device.notify(begun.token, both(74, 1));
    await world.settle();
    const [notification] = world.notifications;
    assert.equal(notification?.path, '/3/0/0,/3/0/9');
    assert.deepEqual(notification?.values, [
      { path: '/3/0/0', value: 'ACME' },
      { path: '/3/0/9', value: 74 },
    ]);
  });

  it('is cancelled with the message that began it and Observe 1, same token', async () => {
    const { world, device, begun, result } = await givenObserved();
    assert.equal(result.operation, 'observe-composite');
    const cancelled = world.server.perform('dev-1', { operation: 'cancel-observation', path: '/3/0/0,/3/0/9' });
    await world.settle();
    assert.equal((await cancelled).code, '2.05');
    const last = device.asked[device.asked.length - 1] as Message;
    assert.equal(last.uint(Option.Observe), 1);
    assert.deepEqual(last.token, begun.token);
    for (const option of [Option.ContentFormat, Option.Accept]) assert.equal(last.uint(option), begun.uint(option));
    assert.deepEqual(last.payload, begun.payload);
    assert.deepEqual(world.server.observations('dev-1'), []);
    device.notify(begun.token, both(70, 2));
    await world.settle();
    assert.equal(device.inbox[device.inbox.length - 1]?.type, MessageType.Reset);
  });
});

describe('attributes in an Observe', () => {
  const given = (version: string) =>
    givenDevice(() => ({ code: Code.Content, contentFormat: 0, payload: '1', observe: 0 }), version);

  it('go in its query, and in that of its cancel, from 1.2 on', async () => {
    const { device, result } = await given('1.2');
    await result({ operation: 'observe', path: '/3/0/9', attributes: { pmin: 5, gt: 30, con: 1 } });
    await result({ operation: 'cancel-observation', path: '/3/0/9' });
    for (const message of device.asked) assert.deepEqual(message.strings(Option.UriQuery), ['pmin=5', 'gt=30', 'con=1']);
    assert.equal(device.asked.length, 2);
  });

  it('of several paths are pmin, pmax, epmin, epmax and con', async () => {
    const { device, perform } = await given('1.2');
    await perform({ operation: 'observe-composite', path: '/3/0/9,/3/0/13', attributes: { pmin: 5, pmax: 60, con: 1 } });
    assert.deepEqual(device.asked[0]?.strings(Option.UriQuery), ['pmin=5', 'pmax=60', 'con=1']);
    const error = await perform({ operation: 'observe-composite', path: '/3/0/9,/3/0/13', attributes: { gt: 5 } });
    assert.ok(error instanceof DeviceManagementError);
    assert.match(error.message, /gt is for a single path/);
  });

  for (const [version, attributes, code] of [
    ['1.1', { pmin: 5 }, 'unsupported'],
    ['1.2', { pmin: 5, pmax: 1 }, 'invalid-value'],
    ['1.2', { edge: 1 }, 'invalid-value'],
    ['1.2', { pmin: null }, 'invalid-request'],
  ] as const) {
    it(`${JSON.stringify(attributes)} in ${version} are refused before anything is sent`, async () => {
      const { device, perform } = await given(version);
      const error = await perform({ operation: 'observe', path: '/3/0/9', attributes });
      assert.ok(error instanceof DeviceManagementError);
      assert.equal(error.code, code);
      assert.equal(device.asked.length, 0);
    });
  }
});

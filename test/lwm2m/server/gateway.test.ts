/** Gateways (LwM2M Gateway 1.1, objects 25 and 26): devices behind a scripted one, message by message. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Code } from '../../../src/coap/codes';
import type { Message } from '../../../src/coap/message';
import { MessageType } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import type { OperationRequest, OperationResult } from '../../../src/device/operation';
import { DeviceManagementError } from '../../../src/errors';
import type { Lwm2mServerOptions } from '../../../src/lwm2m/server/server';
import { type Answer, givenServer, pathOf, ScriptedDevice, told, type World } from './world';

const SENML_JSON = 110;
const LINKS = '</>;rt="oma.lwm2m";ct="110",</1/0>,</3/0>,</25>;ver=2.0,</25/0>,</25/1>';
const OBJECTS = '</3>;ver=1.1,</3/0>,</3303/0>';

interface Entry {
  readonly id?: string;
  readonly prefix?: string;
  readonly links?: string;
}

const TWO: readonly Entry[] = [
  { id: 'lamp-1', prefix: 'd01', links: OBJECTS },
  { id: 'lamp-2', prefix: 'd02', links: '</3/0>' },
];

function senml(records: readonly object[]): Answer {
  return { code: Code.Content, contentFormat: SENML_JSON, payload: JSON.stringify(records) };
}

function table(entries: readonly Entry[]): Answer {
  return senml(
    entries.flatMap(({ id, prefix, links }, index) => [
      ...(id === undefined ? [] : [{ n: `/25/${index}/0`, vs: id }]),
      ...(prefix === undefined ? [] : [{ n: `/25/${index}/1`, vs: prefix }]),
      ...(links === undefined ? [] : [{ n: `/25/${index}/3`, vs: links }]),
    ]),
  );
}

interface Given {
  readonly world: World;
  readonly gateway: ScriptedDevice;
  /** What it says is behind it; undefined: it does not answer. */
  behind: Answer | undefined;
  /** Everything but the table. */
  answers: (message: Message) => Answer | undefined;
  readonly id: string;
  register(links?: string): Promise<string>;
  /** Tells what is behind it now. */
  announce(entries: readonly Entry[]): Promise<void>;
  /** The last Observe of the table. */
  observe(): Message | undefined;
  devices(): string[];
}

const QUERY = ['lt=300', 'lwm2m=1.1', 'b=U'];

async function givenGateway(
  entries: readonly Entry[] = TWO,
  { query = QUERY, ...options }: Lwm2mServerOptions & { query?: string[] } = {},
): Promise<Given> {
  const world = await givenServer(options);
  const gateway = new ScriptedDevice(world);
  let sequence = 10;
  const observes = (): Message | undefined =>
    gateway.asked.filter((message) => pathOf(message) === '/25' && message.uint(Option.Observe) === 0).at(-1);
  const given: Omit<Given, 'id'> = {
    world,
    gateway,
    behind: table(entries),
    answers: () => undefined,
    register: async (links = LINKS) => {
      const id = await gateway.register('gw', { links, query });
      await world.settle(100);
      return id;
    },
    announce: async (now) => {
      given.behind = table(now);
      gateway.notify((observes() as Message).token, { ...given.behind, observe: sequence++ });
      await world.settle();
    },
    observe: observes,
    devices: () => [...world.server.registrations()].map(({ endpoint }) => endpoint),
  };
  gateway.answers = (message) => {
    if (pathOf(message) !== '/25') return given.answers(message);
    return given.behind === undefined || given.behind.code !== Code.Content
      ? given.behind
      : { ...given.behind, ...(message.uint(Option.Observe) === 0 && { observe: sequence++ }) };
  };
  const id = await given.register();
  return Object.assign(given, { id });
}

async function perform(world: World, device: string, request: OperationRequest): Promise<OperationResult> {
  const result = world.server.perform(device, request);
  result.catch(() => undefined);
  await world.settle();
  return result;
}

async function failure(world: World, device: string, request: OperationRequest): Promise<DeviceManagementError> {
  try {
    await perform(world, device, request);
  } catch (error) {
    if (error instanceof DeviceManagementError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('a gateway that registers', () => {
  it('is asked what is behind it, and each device becomes a registration of its own', async () => {
    const { world, devices } = await givenGateway();
    assert.deepEqual(devices(), ['gw', 'lamp-1', 'lamp-2']);
    assert.equal(world.server.size, 3);
    const { server } = world;
    assert.deepEqual(told(world), ['registered', 'registered', 'registered']);
    const child = server.registration('lamp-1');
    assert.deepEqual(child?.gateway, { endpoint: 'gw', prefix: 'd01' });
    assert.deepEqual(child?.objects, ['/3', '/3/0', '/3303/0']);
    assert.deepEqual(child?.versions, { '3': '1.1' });
    assert.equal(child?.address, '10.0.0.2:56830');
    assert.equal(child?.lifetime, 300);
    assert.equal(child?.security, 'none');
    assert.equal(server.presence('lamp-1'), 'reachable');
    assert.equal(server.registration('gw')?.gateway, undefined);
    assert.equal(server.describe('lamp-1', 3)?.version, '1.1');
  });

  it('is observed at /25 without a word to whoever observes it, and what changes there is told', async () => {
    const { world, announce, devices } = await givenGateway();
    assert.deepEqual(world.server.observations('gw'), []);
    world.lifecycle.length = 0;
    await announce([
      { id: 'lamp-1', prefix: 'd01', links: `${OBJECTS},</3303/1>` },
      { id: 'lamp-3', prefix: 'd03', links: '</3/0>' },
    ]);
    assert.deepEqual(devices(), ['gw', 'lamp-1', 'lamp-3']);
    assert.deepEqual(
      world.lifecycle.map(({ event, device }) => `${device} ${event}`),
      ['lamp-1 objects-changed', 'lamp-2 deregistered', 'lamp-3 registered'],
    );
    assert.deepEqual(world.lifecycle[0]?.previous?.objects, ['/3', '/3/0', '/3303/0']);
    assert.deepEqual(world.notifications, []);
    await announce([{ id: 'lamp-1', prefix: 'd01', links: `${OBJECTS},</3303/1>` }]);
    await announce([]);
    assert.deepEqual(devices(), ['gw']);
    assert.equal(world.server.size, 1);
  });

  it('without object 25 is asked nothing', async () => {
    const { gateway, register, devices } = await givenGateway();
    gateway.asked.length = 0;
    await register('</1/0>,</3/0>');
    assert.deepEqual(gateway.asked.map(pathOf), []);
    assert.deepEqual(devices(), ['gw']);
  });

  it('of LwM2M 1.0 says in object 26 what its devices have', async () => {
    const world = await givenServer();
    const gateway = new ScriptedDevice(world);
    gateway.answers = (message) =>
      pathOf(message) === '/26'
        ? senml([
            { n: '/26/7/0', v: 3303 },
            { n: '/26/7/1', vs: '</3303/0>,</3303/1>' },
            { n: '/26/8/0', v: 3 },
          ])
        : {
            ...senml([
              { n: '/25/0/0', vs: 'old-1' },
              { n: '/25/0/1', vs: 'a' },
              { n: '/25/0/2', vlo: '26:7' },
              { n: '/25/1/0', vs: 'old-2' },
              { n: '/25/1/1', vs: 'b' },
              { n: '/25/1/2', vlo: '26:8' },
              { n: '/25/2/0', vs: 'old-3' },
              { n: '/25/2/1', vs: 'c' },
              { n: '/25/2/2', vlo: '65535:65535' },
            ]),
            observe: 1,
          };
    await gateway.register('gw', { links: '</1/0>,</25/0>,</26/7>', query: ['lt=300', 'lwm2m=1.2'] });
    await world.settle(100);
    assert.deepEqual(world.server.registration('old-1')?.objects, ['/3303/0', '/3303/1']);
    assert.deepEqual(world.server.registration('old-2')?.objects, ['/3']);
    assert.deepEqual(world.server.registration('old-3')?.objects, []);
  });
});

describe('a gateway that registers with LwM2M 1.0, as Anjay does by default,', () => {
  const tlv = (kind: number, id: number, value: Buffer): Buffer =>
    Buffer.concat([Buffer.from(value.length < 8 ? [kind | value.length, id] : [kind | 8, id, value.length]), value]);
  const entry = (instance: number, deviceId: string, prefix: string, links: string): Buffer => {
    const texts: [number, string][] = [
      [0, deviceId],
      [1, prefix],
      [3, links],
    ];
    return tlv(0, instance, Buffer.concat(texts.map(([id, text]) => tlv(0xc0, id, Buffer.from(text)))));
  };
  const links = '</19/0>,</3303>;ver=1.1,</3303/0>,</3347/0>';
  const payload = Buffer.concat([entry(0, 'urn:dev:001234', 'dev0', links), entry(1, 'urn:dev:556789', 'dev1', links)]);

  it('says in TLV what is behind it, which is then there', async () => {
    const world = await givenServer();
    const gateway = new ScriptedDevice(world);
    gateway.answers = (message) =>
      pathOf(message) === '/25'
        ? { code: Code.Content, contentFormat: 11542, payload, observe: 1 }
        : { code: Code.Content, contentFormat: 0, payload: '20.5' };
    await gateway.register('gw', { links: '</1/0>,</25>;ver=2.0,</25/0>,</25/1>', query: ['lt=300', 'lwm2m=1.0'] });
    await world.settle(100);
    const child = world.server.registration('urn:dev:001234');
    assert.deepEqual(child?.gateway, { endpoint: 'gw', prefix: 'dev0' });
    assert.deepEqual(child?.objects, ['/19/0', '/3303', '/3303/0', '/3347/0']);
    assert.deepEqual(child?.versions, { '3303': '1.1' });
    assert.equal(world.server.registration('urn:dev:556789')?.gateway?.prefix, 'dev1');
    const { values } = await perform(world, 'urn:dev:556789', { operation: 'read', path: '/3303/0/5700' });
    assert.deepEqual(values, [{ path: '/3303/0/5700', value: 20.5 }]);
    assert.equal(pathOf(gateway.asked.at(-1) as Message), '/dev1/3303/0/5700');
  });
});

describe('devices behind a gateway', () => {
  it('leave with it: when it says so', async () => {
    const { world, gateway, id, devices } = await givenGateway();
    await gateway.deregister(id);
    assert.deepEqual(devices(), []);
    assert.deepEqual(told(world, 'lamp-1'), ['registered', 'deregistered']);
    assert.deepEqual(
      world.lifecycle.slice(-3).map(({ device }) => device),
      ['lamp-1', 'lamp-2', 'gw'],
    );
  });

  it('leave with it: when its lifetime has run out', async () => {
    const { world, devices } = await givenGateway(TWO, { graceMs: 0 });
    await world.settle(302_000);
    assert.deepEqual(devices(), []);
    assert.deepEqual(told(world, 'lamp-2'), ['registered', 'expired']);
    assert.equal(world.server.presence('lamp-2'), 'gone');
  });

  it('leave when it no longer has object 25', async () => {
    const { gateway, id, devices, world } = await givenGateway();
    await gateway.update(id, [], '</1/0>,</3/0>');
    assert.deepEqual(devices(), ['gw']);
    assert.deepEqual(told(world, 'lamp-1'), ['registered', 'deregistered']);
  });

  it('live as long as its Updates come, and are found at its new address', async () => {
    const { world, gateway, id } = await givenGateway(TWO, { graceMs: 0 });
    await world.settle(200_000);
    await gateway.update(id);
    const moved = new ScriptedDevice(world, '10.0.0.9', 7777);
    moved.answers = () => senml([{ n: '/d01/3/0/9', v: 50 }]);
    await world.settle(200_000);
    await moved.update(id, ['lt=600']);
    assert.equal(world.server.registration('lamp-1')?.address, '10.0.0.9:7777');
    assert.equal(world.server.registration('lamp-1')?.lifetime, 600);
    assert.deepEqual(told(world, 'lamp-1'), ['registered', 'updated'], 'what only confirms is not told of each');
    const { values } = await perform(world, 'lamp-1', { operation: 'read', path: '/3/0/9', contentFormat: 110 });
    assert.deepEqual(values, [{ path: '/3/0/9', value: 50 }]);
    assert.deepEqual(moved.asked.map(pathOf), ['/d01/3/0/9']);
  });

  it('sleep and wake with it', async () => {
    const { world, gateway, id } = await givenGateway(TWO, { query: ['lt=3000', 'lwm2m=1.1', 'b=U', 'Q'] });
    assert.equal(world.server.registration('lamp-1')?.queueMode, true);
    await world.settle(95_000);
    assert.equal(world.server.presence('lamp-1'), 'asleep');
    const error = await failure(world, 'lamp-1', { operation: 'read', path: '/3/0/9' });
    assert.equal(error.code, 'asleep');
    assert.match(error.message, /device lamp-1 is asleep: it is behind gateway gw, of which is true: it is in queue mode/);
    await gateway.update(id);
    assert.equal(world.server.presence('lamp-1'), 'reachable');
    assert.deepEqual(told(world, 'lamp-1'), ['registered', 'asleep', 'awake']);
  });

  it('keep it awake: what one of them says is said by the gateway', async () => {
    const { world, answersFor } = await givenSleepyReader();
    await world.settle(80_000);
    await answersFor('lamp-1');
    await world.settle(80_000);
    assert.equal(world.server.presence('gw'), 'reachable');
    assert.equal(world.server.presence('lamp-2'), 'reachable');
  });

  async function givenSleepyReader() {
    const given = await givenGateway(TWO, { query: ['lt=3000', 'lwm2m=1.1', 'b=U', 'Q'] });
    given.answers = () => ({ code: Code.Content, contentFormat: 0, payload: '1' });
    return {
      world: given.world,
      answersFor: (device: string) => perform(given.world, device, { operation: 'read', path: '/3/0/9' }),
    };
  }

  it('are not asked while it has registered anew and not said what is behind it now: prefixes may have changed hands', async () => {
    const given = await givenGateway();
    const { world, register, devices } = given;
    world.lifecycle.length = 0;
    given.behind = undefined;
    await register();
    assert.deepEqual(devices().sort(), ['gw', 'lamp-1', 'lamp-2']);
    assert.equal(world.server.presence('lamp-1'), 'asleep');
    const error = await failure(world, 'lamp-1', { operation: 'read', path: '/3/0/9' });
    assert.match(error.message, /its gateway gw has registered anew, and not said yet what is behind it/);
    // The two have changed their places.
    given.behind = table([
      { id: 'lamp-2', prefix: 'd01', links: OBJECTS },
      { id: 'lamp-1', prefix: 'd02', links: OBJECTS },
    ]);
    await world.settle(300_000 - 1);
    assert.deepEqual(world.server.registration('lamp-1')?.gateway, { endpoint: 'gw', prefix: 'd02' });
    assert.equal(world.server.presence('lamp-1'), 'reachable');
    assert.deepEqual(told(world, 'lamp-1'), ['asleep', 'replaced', 'registered']);
  });

  it('that are not behind it any more after it has registered anew leave', async () => {
    const given = await givenGateway();
    given.behind = table(TWO.slice(1));
    await given.register();
    assert.deepEqual(given.devices().sort(), ['gw', 'lamp-2']);
    assert.deepEqual(told(given.world, 'lamp-1'), ['registered', 'asleep', 'deregistered']);
  });
});

describe('a device behind a gateway is called', () => {
  const names = async (entries: readonly Entry[]): Promise<string[]> => (await givenGateway(entries)).devices().slice(1);

  it('by its Device ID', async () => {
    assert.deepEqual(await names([{ id: 'urn:dev:mac:0011', prefix: 'd01' }]), ['urn:dev:mac:0011']);
  });

  it('by gateway and prefix where it has none, or another behind the gateway has the same', async () => {
    const entries = [{ prefix: 'd01' }, { id: '', prefix: 'd02' }, { id: 'twin', prefix: 'd03' }, { id: 'twin', prefix: 'd04' }];
    assert.deepEqual(await names(entries), ['gw/d01', 'gw/d02', 'gw/d03', 'gw/d04']);
  });

  it('by gateway and prefix where its Device ID cannot be a name', async () => {
    assert.deepEqual(await names([{ id: 'a\u0007b', prefix: 'd01' }]), ['gw/d01']);
    assert.deepEqual(await names([{ id: 'x'.repeat(256), prefix: 'd01' }]), ['gw/d01']);
  });

  it('never as a device that is registered by itself: it is refused, and told of, until that one has gone', async () => {
    const given = await givenGateway([]);
    const { world, gateway, id } = given;
    const lamp = new ScriptedDevice(world, '10.0.0.3');
    const lampId = await lamp.register('lamp-1');
    await given.announce(TWO);
    assert.equal(world.server.registration('lamp-1')?.gateway, undefined);
    assert.equal(world.server.registration('lamp-2')?.gateway?.endpoint, 'gw');
    const refused = world.lifecycle.find(({ event }) => event === 'refused');
    assert.equal(refused?.device, 'lamp-1');
    assert.match(refused?.refusal?.reason ?? '', /behind gateway gw has the name of a device that is registered already/);
    await lamp.deregister(lampId);
    await gateway.update(id);
    await world.settle(100);
    assert.deepEqual(world.server.registration('lamp-1')?.gateway, { endpoint: 'gw', prefix: 'd01' });
  });

  it('never as its own gateway, or as a device behind another', async () => {
    const given = await givenGateway([{ id: 'gw', prefix: 'd01' }, ...TWO.slice(1)]);
    assert.equal(given.world.server.registration('gw')?.gateway, undefined);
    const other = new ScriptedDevice(given.world, '10.0.0.8');
    other.answers = () => ({ ...table([{ id: 'lamp-2', prefix: 'x' }]), observe: 1 });
    await other.register('gw-2', { links: LINKS });
    await given.world.settle(100);
    assert.equal(given.world.server.registration('lamp-2')?.gateway?.endpoint, 'gw');
    assert.deepEqual(
      given.world.lifecycle.filter(({ event }) => event === 'refused').map(({ device }) => device),
      ['gw', 'lamp-2'],
    );
  });

  it('and gives its name up when the device registers by itself', async () => {
    const given = await givenGateway();
    const lamp = new ScriptedDevice(given.world, '10.0.0.3');
    await lamp.register('lamp-1');
    assert.equal(given.world.server.registration('lamp-1')?.gateway, undefined);
    assert.deepEqual(told(given.world, 'lamp-1'), ['registered', 'replaced', 'registered']);
    await given.announce(TWO);
    assert.equal(given.world.server.registration('lamp-1')?.address, '10.0.0.3:56830');
    await given.gateway.deregister(given.id);
    assert.deepEqual(given.devices(), ['lamp-1']);
  });

  it('and only where admission lets the name in', async () => {
    const { devices, world } = await givenGateway(TWO, {
      admission: (endpoint) =>
        endpoint === 'lamp-2' ? { admitted: false, reason: 'lamp-2 is blocked', remedy: 'Unblock it.' } : { admitted: true },
    });
    assert.deepEqual(devices(), ['gw', 'lamp-1']);
    assert.match(world.lifecycle.at(-1)?.refusal?.reason ?? '', /lamp-2 is blocked/);
  });
});

describe('an operation on a device behind a gateway', () => {
  const given = async (answer: Answer | ((message: Message) => Answer)) => {
    const setting = await givenGateway();
    setting.gateway.asked.length = 0;
    setting.answers = typeof answer === 'function' ? answer : () => answer;
    const asked = (): Message => setting.gateway.asked.at(-1) as Message;
    return { ...setting, asked, do: (request: OperationRequest) => perform(setting.world, 'lamp-1', request) };
  };

  it('goes to its prefix: Read, with names that begin with it', async () => {
    const child = await given(
      senml([
        { bn: '/d01/3/0/', n: '9', v: 85 },
        { n: '14', vs: '+02:00' },
      ]),
    );
    const { values, device, path } = await child.do({ operation: 'read', path: '/3/0' });
    assert.equal(pathOf(child.asked()), '/d01/3/0');
    assert.deepEqual(values, [
      { path: '/3/0/9', value: 85 },
      { path: '/3/0/14', value: '+02:00' },
    ]);
    assert.deepEqual([device, path], ['lamp-1', '/3/0']);
  });

  it('that answers with values of another is not believed', async () => {
    const child = await given(senml([{ n: '/d02/3/0/9', v: 85 }]));
    await assert.rejects(child.do({ operation: 'read', path: '/3/0' }), { code: 'decode-error' });
  });

  it('goes to its prefix: Write, with names that begin with it', async () => {
    const child = await given({ code: Code.Changed });
    await child.do({ operation: 'write', path: '/3/0', value: { 14: '+01:00', 15: 'Europe/Berlin' }, contentFormat: 110 });
    assert.equal(pathOf(child.asked()), '/d01/3/0');
    assert.deepEqual(JSON.parse(child.asked().payload.toString()), [
      { bn: '/d01/3/0/', n: '14', vs: '+01:00' },
      { n: '15', vs: 'Europe/Berlin' },
    ]);
  });

  it('goes to its prefix: Write in LwM2M CBOR has it in the keys', async () => {
    const world = await givenGateway(TWO, { query: ['lt=300', 'lwm2m=1.2'] });
    world.answers = () => ({ code: Code.Changed });
    const request: OperationRequest = { operation: 'write', path: '/3/0', value: { 14: '+01:00' }, contentFormat: 11544 };
    await perform(world.world, 'lamp-1', request);
    // {["d01", 3, 0, 14]: "+01:00"}
    assert.equal(world.gateway.asked.at(-1)?.payload.toString('hex'), 'a184636430310300' + '0e662b30313a3030');
  });

  it('goes to its prefix: Execute, Delete and Write-Attributes', async () => {
    const child = await given((message) => ({ code: message.code === Code.Delete ? Code.Deleted : Code.Changed }));
    await child.do({ operation: 'execute', path: '/3/0/4' });
    assert.deepEqual([child.asked().code, pathOf(child.asked())], [Code.Post, '/d01/3/0/4']);
    await child.do({ operation: 'delete', path: '/3303/0' });
    assert.deepEqual([child.asked().code, pathOf(child.asked())], [Code.Delete, '/d01/3303/0']);
    await child.do({ operation: 'write-attributes', path: '/3303/0/5700', attributes: { pmin: 5 } });
    assert.deepEqual([child.asked().code, pathOf(child.asked())], [Code.Put, '/d01/3303/0/5700']);
    assert.deepEqual(child.asked().strings(Option.UriQuery), ['pmin=5']);
  });

  for (const location of [
    ['3303', '7'],
    ['d01', '3303', '7'],
  ]) {
    it(`goes to its prefix: Create, whose answer names the instance /${location.join('/')}`, async () => {
      const child = await given({ code: Code.Created, locationPath: location });
      const { created } = await child.do({ operation: 'create', path: '/3303', value: {} });
      assert.equal(pathOf(child.asked()), '/d01/3303');
      assert.equal(created, '/3303/7');
    });
  }

  for (const links of ['</3/0>;pmin=5,</3/0/9>', '</d01/3/0>;pmin=5,</d01/3/0/9>']) {
    it(`goes to its prefix: Discover, answered ${links}`, async () => {
      const child = await given({ code: Code.Content, contentFormat: 40, payload: links });
      const result = await child.do({ operation: 'discover', path: '/3/0' });
      assert.equal(pathOf(child.asked()), '/d01/3/0');
      assert.deepEqual(
        result.links?.map(({ path }) => path),
        ['/3/0', '/3/0/9'],
      );
    });
  }

  it('goes to its prefix: Observe, whose notifications are its own and end with its gateway', async () => {
    const child = await given({ ...senml([{ n: '/d01/3303/0/5700', v: 20 }]), observe: 5 });
    const { observed } = await child.do({ operation: 'observe', path: '/3303/0/5700' });
    assert.equal(observed, true);
    assert.equal(pathOf(child.asked()), '/d01/3303/0/5700');
    assert.deepEqual(child.world.server.observations('lamp-1'), ['/3303/0/5700']);
    child.gateway.notify(child.asked().token, { ...senml([{ n: '/d01/3303/0/5700', v: 21 }]), observe: 6 });
    await child.world.settle();
    const [notification] = child.world.notifications;
    assert.equal(notification?.device, 'lamp-1');
    assert.deepEqual(notification?.values, [{ path: '/3303/0/5700', value: 21 }]);
    await child.gateway.deregister(child.id);
    assert.deepEqual(child.world.ended, [{ device: 'lamp-1', path: '/3303/0/5700', reason: 'its gateway has left' }]);
  });

  it('goes to the root: composites, whose names begin with the prefix', async () => {
    const child = await given((message) =>
      message.code === Code.Fetch
        ? senml([
            { n: '/d01/3/0/9', v: 85 },
            { n: '/d01/3303/0/5700', v: 20.5 },
          ])
        : { code: Code.Changed },
    );
    const { values } = await child.do({ operation: 'read-composite', path: '/3/0/9,/3303' });
    assert.equal(pathOf(child.asked()), '/');
    assert.deepEqual(JSON.parse(child.asked().payload.toString()), [{ n: '/d01/3/0/9' }, { n: '/d01/3303' }]);
    assert.deepEqual(values, [
      { path: '/3/0/9', value: 85 },
      { path: '/3303/0/5700', value: 20.5 },
    ]);
    await child.do({ operation: 'write-composite', path: '/3/0/14', value: { '/3/0/14': '+01:00' } });
    assert.equal(pathOf(child.asked()), '/');
    assert.deepEqual(JSON.parse(child.asked().payload.toString()), [{ n: '/d01/3/0/14', vs: '+01:00' }]);
  });

  it('goes to the root: composites of a gateway that has none for its devices (Anjay) are read one by one', async () => {
    const child = await given((message) =>
      message.code === Code.Fetch ? { code: Code.MethodNotAllowed } : { code: Code.Content, contentFormat: 0, payload: '7' },
    );
    const { values, fallback } = await child.do({ operation: 'read-composite', path: '/3/0/9' });
    assert.deepEqual([values, fallback], [[{ path: '/3/0/9', value: 7 }], 'one-by-one']);
  });

  it('goes to the root: a Write-Composite that such a gateway refuses says what to do', async () => {
    const child = await given({ code: Code.MethodNotAllowed });
    const request: OperationRequest = { operation: 'write-composite', path: '/3/0/14', value: { '/3/0/14': '+01:00' } };
    const error = await failure(child.world, 'lamp-1', request);
    assert.equal(error.code, '4.05');
    assert.match(error.message, /or its gateway has no composite operations for what is behind it, then ask path by path/);
  });

  it('that does not answer its gateway says so', async () => {
    const child = await given({ code: Code.GatewayTimeout });
    const error = await failure(child.world, 'lamp-1', { operation: 'read', path: '/3/0/9' });
    assert.equal(error.code, '5.04');
    assert.match(error.message, /what stands in front of device lamp-1 got no answer to Read \/3\/0\/9 from it/);
  });

  it('is cancelled when the gateway leaves', async () => {
    const setting = await givenGateway();
    const result = setting.world.server.perform('lamp-1', { operation: 'read', path: '/3/0/9' });
    const rejected = assert.rejects(result, { code: 'cancelled', message: /was cancelled: its gateway has left/ });
    await setting.gateway.deregister(setting.id);
    await rejected;
  });

  it('is counted for it', async () => {
    const child = await given({ code: Code.Content, contentFormat: 0, payload: '7' });
    await child.do({ operation: 'read', path: '/3/0/9' });
    assert.equal(child.world.server.statistics('lamp-1')?.operations.read?.count, 1);
    assert.equal(child.world.server.statistics('gw')?.operations.read, undefined);
  });
});

describe('what a gateway says by itself', () => {
  const send = (given: Given, records: readonly object[]): Promise<Message> =>
    given.gateway.request({ code: Code.Post, path: ['dp'], contentFormat: SENML_JSON, payload: JSON.stringify(records) });

  it('goes to the devices it is of', async () => {
    const given = await givenGateway();
    const answer = await send(given, [
      { n: '/3/0/9', v: 1 },
      { n: '/d01/3/0/9', v: 2 },
      { n: '/d02/3/0/9', v: 3 },
      { n: '/d01/3303/0/5700', v: 4 },
    ]);
    assert.equal(answer.code, Code.Changed);
    assert.deepEqual(
      given.world.sends.map(({ device, values }) => [device, ...values.map(({ path, value }) => `${path}=${value}`)]),
      [
        ['gw', '/3/0/9=1'],
        ['lamp-1', '/3/0/9=2', '/3303/0/5700=4'],
        ['lamp-2', '/3/0/9=3'],
      ],
    );
    assert.ok(given.world.sends.every(({ values }) => values.every((value) => !('prefix' in value))));
  });

  it('of an object that its device has not gets 4.04, and nobody is told anything', async () => {
    const given = await givenGateway();
    const answer = await send(given, [
      { n: '/3/0/9', v: 1 },
      { n: '/d02/3303/0/5700', v: 3 },
    ]);
    assert.equal(answer.code, Code.NotFound);
    assert.deepEqual(given.world.sends, []);
  });

  it('of a device that it has not announced gets 4.04, and it is asked again what is behind it', async () => {
    const given = await givenGateway();
    given.behind = table([...TWO, { id: 'lamp-3', prefix: 'd03', links: '</3/0>' }]);
    assert.equal((await send(given, [{ n: '/d03/3/0/9', v: 1 }])).code, Code.NotFound);
    await given.world.settle(100);
    assert.equal((await send(given, [{ n: '/d03/3/0/9', v: 1 }])).code, Code.Changed);
    assert.equal(given.world.sends[0]?.device, 'lamp-3');
  });

  it('of all it has, observed in one, is told of each device', async () => {
    const given = await givenGateway();
    given.answers = () => ({ ...senml([{ n: '/3/0/9', v: 1 }]), observe: 1 });
    await perform(given.world, 'gw', { operation: 'observe-composite', path: '/' });
    const { token } = given.gateway.asked.at(-1) as Message;
    given.gateway.notify(token, {
      ...senml([
        { n: '/3/0/9', v: 2 },
        { n: '/d01/3/0/9', v: 3 },
      ]),
      observe: 2,
    });
    await given.world.settle();
    assert.deepEqual(
      given.world.notifications.map(({ device, path, values }) => [device, path, values[0]?.value]),
      [
        ['gw', '/', 2],
        ['lamp-1', '/', 3],
      ],
    );
  });
});

describe('a gateway that cannot say what is behind it', () => {
  it('because it does not answer is asked again after a minute, and with its next Update', async () => {
    const given = await givenGateway(TWO, { query: ['lt=3000', 'lwm2m=1.1'] });
    given.behind = undefined;
    await given.register();
    const before = given.gateway.asked.length;
    await given.world.settle(94_000 + 61_000);
    assert.ok(given.gateway.asked.length > before);
    assert.deepEqual(given.world.problems, []);
  });

  it('because it refuses is told of, once', async () => {
    const given = await givenGateway();
    given.behind = { code: Code.Unauthorized };
    await given.register();
    await given.gateway.update(given.id);
    assert.equal(given.world.problems.length, 1);
    assert.equal(given.world.problems[0]?.device, 'gw');
    assert.match(given.world.problems[0]?.reason ?? '', /what is behind it cannot be known: device gw does not authorise/);
  });

  it('because what it sends cannot be read is told of', async () => {
    const given = await givenGateway();
    given.gateway.notify((given.observe() as Message).token, {
      code: Code.Content,
      contentFormat: SENML_JSON,
      payload: '[{',
      observe: 40,
    });
    await given.world.settle();
    assert.match(given.world.problems[0]?.reason ?? '', /what is behind it cannot be known/);
    assert.deepEqual(given.devices(), ['gw', 'lamp-1', 'lamp-2']);
  });

  it('because object 25 is empty has nothing behind it', async () => {
    const given = await givenGateway();
    given.behind = { code: Code.NotFound };
    await given.register();
    assert.deepEqual(given.devices(), ['gw']);
    assert.deepEqual(given.world.problems, []);
  });

  it('because its observation ended is asked again', async () => {
    const given = await givenGateway();
    given.gateway.notify((given.observe() as Message).token, { code: Code.NotFound }, MessageType.Confirmable);
    given.behind = table(TWO.slice(1));
    await given.world.settle(61_000);
    assert.deepEqual(given.devices(), ['gw', 'lamp-2']);
  });

  it('because a notification was lost is asked again within the hour', async () => {
    const given = await givenGateway(TWO, { query: ['lt=100000', 'lwm2m=1.1'] });
    given.behind = table([...TWO, { id: 'lamp-3', prefix: 'd03' }]);
    await given.world.settle(3_601_000);
    assert.deepEqual(given.devices(), ['gw', 'lamp-1', 'lamp-2', 'lamp-3']);
    assert.deepEqual(told(given.world, 'lamp-1'), ['registered']);
  });
});

describe('a hostile gateway', () => {
  it('with more devices than one may have gets the first of them, and the rest is told of', async () => {
    const entries = Array.from({ length: 12 }, (_, index) => ({ id: `d-${index}`, prefix: `p${index}` }));
    const limits = { devicesPerGateway: 10 };
    const { devices, world } = await givenGateway(entries, { limits });
    assert.equal(devices().length, 11);
    assert.match(world.problems[0]?.reason ?? '', /it announces 12 devices, of which the first 10 are taken, which is the limit/);
  });

  it('with more devices than the server may have is refused the rest', async () => {
    const { devices, world } = await givenGateway(
      Array.from({ length: 12 }, (_, index) => ({ id: `d-${index}`, prefix: `p${index}` })),
      { limits: { registrations: 5 } },
    );
    assert.equal(devices().length, 5);
    assert.match(world.lifecycle.at(-1)?.refusal?.reason ?? '', /as many registrations as it may/);
  });

  it('with 100,000 devices is told of, and nothing of it is kept', async () => {
    const given = await givenGateway();
    const records = Array.from({ length: 100_000 }, (_, index) => ({ n: `/25/${index % 65_535}/1`, vs: `p${index}` }));
    const payload = Buffer.from(JSON.stringify(records));
    given.behind = { code: Code.Content, contentFormat: SENML_JSON, payload };
    await given.announce([]);
    given.gateway.notify((given.observe() as Message).token, {
      code: Code.Content,
      contentFormat: SENML_JSON,
      payload,
      observe: 200,
    });
    await given.world.settle();
    assert.deepEqual(given.devices(), ['gw']);
    assert.match(given.world.problems.at(-1)?.reason ?? '', /cannot be known/);
  });

  for (const prefix of ['12', 'a/b', '', '\u0000', 'x'.repeat(65)]) {
    it(`with the prefix ${JSON.stringify(prefix.slice(0, 8))} has no device there, and is told so`, async () => {
      const { devices, world } = await givenGateway([{ id: 'bad', prefix }, ...TWO]);
      assert.deepEqual(devices(), ['gw', 'lamp-1', 'lamp-2']);
      assert.match(world.problems[0]?.reason ?? '', /what is behind it: \/25\/0\/1 is/);
    });
  }

  it('with one prefix for two devices has the first of them', async () => {
    const { devices, world } = await givenGateway([...TWO, { id: 'lamp-3', prefix: 'd01' }]);
    assert.deepEqual(devices(), ['gw', 'lamp-1', 'lamp-2']);
    assert.match(world.problems[0]?.reason ?? '', /\/25\/2\/1 is the prefix of another device too/);
  });

  it('with unreadable links has the device without them', async () => {
    const { world } = await givenGateway([{ id: 'lamp', prefix: 'd01', links: 'nonsense' }]);
    assert.deepEqual(world.server.registration('lamp')?.objects, []);
    assert.match(world.problems[0]?.reason ?? '', /\/25\/0\/3 is passed over/);
  });

  it('that says anything at all leaves what is not behind it alone, and what is behind it in order', async function () {
    this.timeout(20_000);
    const text = fc.oneof(fc.constantFrom('gw', 'lamp', 'lamp-1', 'd01', 'd02', '', 'gw/d01'), fc.string({ maxLength: 6 }));
    const entries = fc.array(fc.record({ id: text, prefix: text, links: fc.constantFrom('', OBJECTS, '</25/0>', '<') }), {
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(entries, { minLength: 1, maxLength: 4 }), async (tables) => {
        const given = await givenGateway();
        const { world } = given;
        const lamp = new ScriptedDevice(world, '10.0.0.3');
        await lamp.register('lamp');
        const own = world.server.registration('lamp');
        for (const now of tables) {
          await given.announce(now);
          assert.equal(world.server.registration('lamp'), own);
          const all = [...world.server.registrations()];
          assert.equal(all.length, world.server.size);
          const prefixes = all.flatMap(({ gateway }) => (gateway === undefined ? [] : [gateway.prefix]));
          assert.equal(new Set(prefixes).size, prefixes.length);
          // Whoever listens to events has the same picture.
          const present = new Set<string>();
          for (const { event, device } of world.lifecycle) {
            if (event === 'registered') present.add(device);
            if (event === 'deregistered') present.delete(device);
          }
          assert.deepEqual([...present].sort(), all.map(({ endpoint }) => endpoint).sort());
        }
        await given.gateway.deregister(given.id);
        assert.deepEqual(given.devices(), ['lamp']);
      }),
      { numRuns: 60 },
    );
  });
});

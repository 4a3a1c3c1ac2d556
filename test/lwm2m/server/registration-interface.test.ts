/** Register, Update and De-register as a device sees them: every rule, and the code for every mistake. */
import assert from 'node:assert/strict';
import { Code, codeText } from '../../../src/coap/codes';
import { MessageType } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { type Answer, givenServer, ScriptedDevice, SERVER, type Sent, told } from './world';

const OBJECTS = '</1/0>,</3/0>';

function registerOf(query: readonly string[], rest: Partial<Sent> = {}): Sent {
  return { code: Code.Post, path: ['rd'], query, contentFormat: 40, payload: OBJECTS, ...rest };
}

describe('Register', () => {
  it('is answered 2.01 with a Location-Path of rd and an unguessable id', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const answer = await device.request(registerOf(['ep=dev-1', 'lt=300', 'lwm2m=1.1', 'b=U']));
    assert.equal(answer.type, MessageType.Acknowledgement);
    assert.equal(codeText(answer.code), '2.01');
    const [rd, id, ...more] = answer.strings(Option.LocationPath);
    assert.equal(rd, 'rd');
    assert.match(id as string, /^[\w-]{11}$/);
    assert.deepEqual(more, []);
  });

  it('makes a registration with all that the device said', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world, '192.168.1.20', 56830);
    await device.request(
      registerOf(['b=U', 'lwm2m=1.1', 'lt=300', 'ep=dev-1', 'sms=49171', 'mac=02:fc', 'Q'], {
        payload: '</>;rt="oma.lwm2m";ct="60 110 112",</1/0>,</3303>;ver=1.1,</3303/0>,</3303/7>,</3>;ver="1.2",</3/0>',
      }),
    );
    assert.deepEqual(world.server.registration('dev-1'), {
      endpoint: 'dev-1',
      lifetime: 300,
      version: '1.1',
      binding: 'U',
      queueMode: true,
      address: '192.168.1.20:56830',
      objects: ['/1/0', '/3303', '/3303/0', '/3303/7', '/3', '/3/0'],
      versions: { '3303': '1.1', '3': '1.2' },
      rootPath: '',
      contentFormats: [60, 110, 112],
      parameters: { sms: '49171', mac: '02:fc' },
      registeredAt: world.lifecycle[0]?.at,
      updatedAt: world.lifecycle[0]?.at,
      security: 'none',
    });
    structuredClone(world.server.registration('dev-1'));
  });

  const ACCEPTED: readonly (readonly [string, Partial<Sent>, readonly string[]])[] = [
    ['a path that ends in rd below a prefix', { path: ['lwm2m', 'v1', 'rd'] }, []],
    ['a missing Content-Format', {}, []],
    ['a version with a third digit', {}, ['lwm2m=1.0.2']],
    ['a missing lifetime', {}, []],
    ['lifetime 0 in 1.2, which never expires', {}, ['lwm2m=1.2', 'lt=0']],
    ['a binding with Q', {}, ['lwm2m=1.0', 'b=UQ']],
    ['an empty binding', {}, ['b=']],
    ['Q with a value', {}, ['Q=1']],
    ['a Register that is not confirmable', { type: MessageType.NonConfirmable }, []],
    ['spaces, doubled and trailing commas and repeated links', { payload: '</1/0>, </3/0>,,</3/0>,</1/0/>,' }, []],
    ['an object without instance', { payload: '</3303>' }, []],
  ];
  for (const [title, sent, query] of ACCEPTED) {
    it(`accepts ${title}`, async () => {
      const world = await givenServer();
      const version = query.some((item) => item.startsWith('lwm2m=')) ? [] : ['lwm2m=1.1'];
      const { contentFormat: _none, ...bare } = registerOf(['ep=dev-1', ...version, ...query]);
      const answer = await new ScriptedDevice(world).request({ ...bare, ...sent });
      assert.equal(codeText(answer.code), '2.01');
      assert.equal(world.server.size, 1);
    });
  }

  const REFUSED: readonly (readonly [string, string, readonly string[], Partial<Sent>?])[] = [
    ['4.00', 'no version', ['ep=dev-1']],
    ['4.00', 'an empty version', ['ep=dev-1', 'lwm2m=']],
    ['4.00', 'a version that is none', ['ep=dev-1', 'lwm2m=one']],
    ['4.12', 'LwM2M 1.3', ['ep=dev-1', 'lwm2m=1.3']],
    ['4.12', 'LwM2M 2.0', ['ep=dev-1', 'lwm2m=2.0']],
    ['4.00', 'no endpoint name', ['lwm2m=1.1']],
    ['4.00', 'an empty endpoint name', ['ep=', 'lwm2m=1.1']],
    ['4.00', 'a control character in the endpoint name', ['ep=dev\n1', 'lwm2m=1.1']],
    ['4.00', 'the endpoint name twice', ['ep=a', 'ep=b', 'lwm2m=1.1']],
    ['4.00', 'a lifetime that is no number', ['ep=dev-1', 'lwm2m=1.1', 'lt=soon']],
    ['4.00', 'an empty lifetime', ['ep=dev-1', 'lwm2m=1.1', 'lt=']],
    ['4.00', 'a negative lifetime', ['ep=dev-1', 'lwm2m=1.1', 'lt=-1']],
    ['4.00', 'an absurd lifetime', ['ep=dev-1', 'lwm2m=1.1', 'lt=4294967296']],
    ['4.00', 'lifetime 0 in 1.1', ['ep=dev-1', 'lwm2m=1.1', 'lt=0']],
    ['4.00', 'an unknown binding', ['ep=dev-1', 'lwm2m=1.1', 'b=X']],
    ['4.09', 'an unknown profile id', ['ep=dev-1', 'lwm2m=1.2', 'pid=6:1234abcd']],
    ['4.00', 'a malformed profile id', ['ep=dev-1', 'lwm2m=1.2', 'pid=hello']],
    ['4.15', 'an object list in another format', ['ep=dev-1', 'lwm2m=1.1'], { contentFormat: 110 }],
    ['4.00', 'an object list with nothing usable', ['ep=dev-1', 'lwm2m=1.1'], { payload: '</a>,</b/c>' }],
    ['4.00', 'an object list that is none', ['ep=dev-1', 'lwm2m=1.1'], { payload: 'hello' }],
    ['4.00', 'an empty object list', ['ep=dev-1', 'lwm2m=1.1'], { payload: '' }],
  ];
  for (const [code, title, query, sent] of REFUSED) {
    it(`answers ${title} with ${code}, and tells why`, async () => {
      const world = await givenServer();
      const answer = await new ScriptedDevice(world).request(registerOf(query, sent));
      assert.equal(codeText(answer.code), code);
      assert.equal(world.server.size, 0);
      assert.deepEqual(told(world), ['refused']);
      const refusal = world.lifecycle[0]?.refusal;
      assert.ok((refusal?.reason.length ?? 0) > 10 && (refusal?.remedy.length ?? 0) > 10);
      assert.equal(refusal?.address, '10.0.0.2:56830');
    });
  }

  const STRICT: readonly (readonly [string, readonly string[], Partial<Sent>?])[] = [
    ['a Register that is not confirmable', ['ep=dev-1', 'lwm2m=1.1'], { type: MessageType.NonConfirmable }],
    ['Q with a value', ['ep=dev-1', 'lwm2m=1.1', 'Q=1']],
    ['1.2 without a lifetime', ['ep=dev-1', 'lwm2m=1.2']],
  ];
  for (const [title, query, sent] of STRICT) {
    it(`refuses ${title} when strict`, async () => {
      const world = await givenServer({ rules: { strict: true } });
      const answer = await new ScriptedDevice(world).request(registerOf(query, sent));
      assert.equal(codeText(answer.code), '4.00');
    });
  }

  it('speaks 1.2 with newer devices where that is chosen', async () => {
    const world = await givenServer({ rules: { newerVersions: 'as-1.2' } });
    await new ScriptedDevice(world).request(registerOf(['ep=dev-1', 'lwm2m=1.3', 'lt=60']));
    assert.equal(world.server.registration('dev-1')?.version, '1.2');
  });

  it('lasts 86400 seconds without a lifetime', async () => {
    const world = await givenServer();
    await new ScriptedDevice(world).request(registerOf(['ep=dev-1', 'lwm2m=1.0']));
    assert.equal(world.server.registration('dev-1')?.lifetime, 86_400);
    assert.equal(world.server.registration('dev-1')?.binding, 'U');
  });

  it('joins the object lists of known profiles with the payload', async () => {
    const world = await givenServer({ profiles: { '6:27354b9a': '</1/0>,</3/0>' } });
    const device = new ScriptedDevice(world);
    const query = ['lwm2m=1.2', 'lt=60', 'pid=6:27354b9a'];
    await device.request({ code: Code.Post, path: ['rd'], query: ['ep=dev-1', ...query] });
    await device.request(registerOf(['ep=dev-2', ...query], { payload: '</4/0>' }));
    assert.deepEqual(world.server.registration('dev-1')?.objects, ['/1/0', '/3/0']);
    assert.deepEqual(world.server.registration('dev-2')?.objects, ['/1/0', '/3/0', '/4/0']);
  });

  it('is refused with 4.03 where admission says no, with the remedy', async () => {
    const world = await givenServer({ admission: 'secured' });
    const answer = await new ScriptedDevice(world).request(registerOf(['ep=dev-1', 'lwm2m=1.1']));
    assert.equal(codeText(answer.code), '4.03');
    assert.match(world.lifecycle[0]?.refusal?.reason ?? '', /10\.0\.0\.2/);
    assert.match(world.lifecycle[0]?.refusal?.remedy ?? '', /Provision a key/);
    assert.equal(String(answer.payload), 'not admitted', 'why is not for strangers');
  });

  it('from a secured device may leave the name out, which its identity tells', async () => {
    const world = await givenServer({
      identityOf: ({ address, port }) => ({ security: 'psk', name: 'meter-9', address, port }),
    });
    const answer = await new ScriptedDevice(world).request(registerOf(['lwm2m=1.1', 'lt=60']));
    assert.equal(codeText(answer.code), '2.01');
    assert.equal(world.server.registration('meter-9')?.security, 'psk');
  });

  it('without security cannot take the name of a secured device', async () => {
    const world = await givenServer({
      identityOf: ({ address, port }) =>
        address === '10.0.0.2' ? { security: 'psk', name: 'dev-1', address, port } : { security: 'none', address, port },
    });
    await new ScriptedDevice(world, '10.0.0.2').register('dev-1');
    const answer = await new ScriptedDevice(world, '10.0.0.3').request(registerOf(['ep=dev-1', 'lwm2m=1.1']));
    assert.equal(codeText(answer.code), '4.03');
    assert.equal(world.server.registration('dev-1')?.security, 'psk');
  });

  it('beyond capacity is answered 5.03 with a jittered Max-Age, unless the device is known', async () => {
    const world = await givenServer({ limits: { registrations: 2 } });
    const device = new ScriptedDevice(world);
    await device.register('a');
    await device.register('b');
    const ages = new Set<number>();
    for (let index = 0; index < 5; index++) {
      const answer = await device.request(registerOf([`ep=c${index}`, 'lwm2m=1.1']));
      assert.equal(codeText(answer.code), '5.03');
      ages.add(answer.uint(Option.MaxAge) as number);
    }
    assert.ok(ages.size > 1);
    await device.register('a');
    assert.equal(world.server.size, 2);
  });

  it('sent again with the same message ID is one registration', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const datagram =
      '41 02 12 34 01 B2 72 64 11 28 38 65 70 3D 64 65 76 2D 31 06 6C 74 3D 33 30 30 09 6C 77 6D 32 6D 3D 31 2E 31 03 62 3D 55 FF 3C 2F 31 2F 30 3E 2C 3C 2F 33 2F 30 3E';
    device.peer.send(datagram);
    device.peer.send(datagram);
    await world.settle();
    assert.equal(device.inbox.length, 2);
    assert.ok((device.inbox[0] as { bytes: Buffer }).bytes.equals((device.inbox[1] as { bytes: Buffer }).bytes));
    assert.deepEqual(told(world), ['registered']);
  });

  it('refuses any other method with 4.05, and any other path with 4.04', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const cases: readonly (readonly [string, Sent])[] = [
      ['4.05', { code: Code.Get, path: ['rd'] }],
      ['4.05', { code: Code.Get, path: ['rd', 'abc'] }],
      ['4.05', { code: Code.Put, path: ['dp'] }],
      ['4.04', { code: Code.Post, path: ['bs'] }],
      ['4.04', { code: Code.Get }],
      ['4.04', { code: Code.Post, path: ['rd', ''] }],
    ];
    for (const [code, sent] of cases) assert.equal(codeText((await device.request(sent)).code), code);
  });
});

describe('a second Register of an endpoint', () => {
  it('replaces the first: `replaced` is told, then `registered`, and the late DELETE gets 4.04', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const first = await device.register('dev-1');
    const second = await device.register('dev-1', { links: '</1/0>,</3/0>,</5/0>' });
    assert.notEqual(first, second);
    assert.deepEqual(told(world), ['registered', 'replaced', 'registered']);
    const replaced = world.lifecycle[1];
    assert.deepEqual(replaced?.previous?.objects, ['/1/0', '/3/0']);
    assert.deepEqual(replaced?.registration?.objects, ['/1/0', '/3/0', '/5/0']);
    assert.equal(codeText((await device.deregister(first)).code), '4.04');
    assert.equal(codeText((await device.update(first)).code), '4.04');
    assert.equal(world.server.size, 1);
    assert.equal(codeText((await device.deregister(second)).code), '2.02');
  });

  it('ends the observations and requests of the first', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    await device.register('dev-1');
    device.answers = (): Answer => ({ code: Code.Content, observe: 1, contentFormat: 0, payload: '75' });
    const observing = world.server.perform('dev-1', { operation: 'observe', path: '/3/0/9' });
    await world.settle();
    assert.equal((await observing).observed, true);
    const token = Buffer.from(device.asked[0]?.token as Buffer);
    device.answers = () => undefined;
    const reading = assert.rejects(world.server.perform('dev-1', { operation: 'read', path: '/3/0' }), {
      code: 'cancelled',
      message: /registered anew/,
    });
    await world.settle();
    await device.register('dev-1');
    await reading;
    assert.deepEqual(world.ended, [{ device: 'dev-1', path: '/3/0/9', reason: 'the device registered anew' }]);
    assert.deepEqual(world.server.observations('dev-1'), []);
    device.notify(token, { code: Code.Content, observe: 2, contentFormat: 0, payload: '74' }, MessageType.Confirmable);
    await world.settle();
    assert.equal(device.inbox[device.inbox.length - 1]?.type, MessageType.Reset);
    assert.equal(world.notifications.length, 0);
  });

  it('starts a lifetime of its own: the end of the first one is no end', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    await device.register('dev-1', { query: ['lwm2m=1.1', 'lt=60'] });
    await device.register('dev-1', { query: ['lwm2m=1.1', 'lt=6000'] });
    await world.settle(200_000);
    assert.equal(world.server.size, 1);
  });
});

describe('Update', () => {
  it('is answered 2.04, leaves what it leaves out, and moves the time', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const id = await device.register('dev-1');
    await world.settle(1000);
    assert.equal(codeText((await device.update(id)).code), '2.04');
    const { registration, previous } = world.lifecycle[1] as { registration: object; previous: object };
    const { updatedAt: after, ...rest } = registration as { updatedAt: number };
    const { updatedAt: before, ...same } = previous as { updatedAt: number };
    assert.ok(after > before);
    assert.deepEqual(rest, same);
    assert.deepEqual(told(world), ['registered', 'updated']);
  });

  it('changes lifetime, binding and additional parameters', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const id = await device.register('dev-1');
    await device.update(id, ['lt=90', 'b=UT', 'sms=123']);
    const registration = world.server.registration('dev-1');
    assert.equal(registration?.lifetime, 90);
    assert.equal(registration?.binding, 'UT');
    assert.deepEqual(registration?.parameters, { sms: '123' });
  });

  const bindings: readonly [string, readonly string[], boolean][] = [
    ['UQ (1.0)', ['lwm2m=1.0', 'b=UQ'], true],
    ['UQS (1.0)', ['lwm2m=1.0', 'b=UQS'], true],
    ['SQ (1.0)', ['lwm2m=1.0', 'b=SQ'], true],
    ['US (1.0)', ['lwm2m=1.0', 'b=US'], false],
    ['T (1.1)', ['lwm2m=1.1', 'b=T'], false],
    ['UT with Q (1.1)', ['lwm2m=1.1', 'b=UT', 'Q'], true],
    ['none, with Q (1.2)', ['lwm2m=1.2', 'lt=60', 'Q'], true],
    ['UQ although that is 1.0 (1.1)', ['lwm2m=1.1', 'b=UQ'], true],
  ];
  for (const [name, query, queueMode] of bindings) {
    it(`is in queue mode or not by its binding: ${name}`, async () => {
      const world = await givenServer();
      await new ScriptedDevice(world).register('dev-1', { query: [...query] });
      assert.equal(world.server.registration('dev-1')?.queueMode, queueMode);
    });
  }

  it('turns queue mode on and off by the binding in 1.0, and only on in 1.1', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const old = await device.register('old', { query: ['lwm2m=1.0', 'b=UQ'] });
    assert.equal(world.server.registration('old')?.queueMode, true);
    await device.update(old, ['b=U']);
    assert.equal(world.server.registration('old')?.queueMode, false);
    const young = await device.register('young', { query: ['lwm2m=1.1', 'b=U'] });
    await device.update(young, ['Q']);
    assert.equal(world.server.registration('young')?.queueMode, true);
    await device.update(young, ['b=U']);
    assert.equal(world.server.registration('young')?.queueMode, true);
  });

  it('with another object list tells `objects-changed`, with old and new', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const id = await device.register('dev-1');
    await device.update(id, [], '</1/0>,</3/0>,</3303/0>');
    assert.deepEqual(told(world), ['registered', 'updated', 'objects-changed']);
    assert.deepEqual(world.lifecycle[2]?.previous?.objects, ['/1/0', '/3/0']);
    assert.deepEqual(world.lifecycle[2]?.registration?.objects, ['/1/0', '/3/0', '/3303/0']);
  });

  it('with the same objects in other words changes nothing', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const id = await device.register('dev-1');
    await device.update(id, [], '</3/0>, </1/0>');
    assert.deepEqual(told(world), ['registered', 'updated']);
  });

  it('without the root link keeps root path and formats', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const id = await device.register('dev-1', { links: '</lwm2m>;rt="oma.lwm2m";ct=112,</lwm2m/1/0>,</lwm2m/3/0>' });
    assert.deepEqual(world.server.registration('dev-1')?.objects, ['/1/0', '/3/0']);
    await device.update(id, [], '</lwm2m/1/0>,</3/0>,</5/0>');
    const registration = world.server.registration('dev-1');
    assert.deepEqual(registration?.objects, ['/1/0', '/3/0', '/5/0']);
    assert.equal(registration?.rootPath, '/lwm2m');
    assert.deepEqual(registration?.contentFormats, [112]);
  });

  it('with an unknown id gets 4.04', async () => {
    const world = await givenServer();
    assert.equal(codeText((await new ScriptedDevice(world).update('nobody')).code), '4.04');
  });

  for (const [title, query, links] of [
    ['a lifetime that is no number', ['lt=x'], undefined],
    ['lifetime 0 in 1.1', ['lt=0'], undefined],
    ['a list without objects', [], '</a>'],
  ] as const) {
    it(`with ${title} gets 4.00 and changes nothing`, async () => {
      const world = await givenServer();
      const device = new ScriptedDevice(world);
      const id = await device.register('dev-1');
      const before = world.server.registration('dev-1');
      assert.equal(codeText((await device.update(id, query, links)).code), '4.00');
      assert.equal(world.server.registration('dev-1'), before);
      assert.deepEqual(told(world), ['registered']);
    });
  }

  it('of a secured registration by someone else gets 4.00, like its De-register', async () => {
    const world = await givenServer({
      identityOf: ({ address, port }) =>
        address === '10.0.0.4' ? { security: 'none', address, port } : { security: 'psk', name: address, address, port },
    });
    const id = await new ScriptedDevice(world, '10.0.0.2').register('10.0.0.2');
    for (const address of ['10.0.0.3', '10.0.0.4']) {
      const other = new ScriptedDevice(world, address);
      assert.equal(codeText((await other.update(id)).code), '4.00');
      assert.equal(codeText((await other.deregister(id)).code), '4.00');
    }
    assert.equal(world.server.size, 1);
  });
});

describe('De-register', () => {
  it('is answered 2.02, and the device is gone', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const id = await device.register('dev-1');
    assert.equal(codeText((await device.deregister(id)).code), '2.02');
    assert.deepEqual(told(world), ['registered', 'deregistered']);
    assert.equal(world.server.presence('dev-1'), 'gone');
    await assert.rejects(world.server.perform('dev-1', { operation: 'read', path: '/3' }), {
      code: 'not-registered',
      message: /device dev-1 is not registered: check the spelling/,
    });
    assert.equal(codeText((await device.deregister(id)).code), '4.04');
  });
});

describe('the order of datagrams', () => {
  it('is answer first: what a listener asks at once leaves after the 2.01, 2.04 or the answer to a Send', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    world.server.events.on('lifecycle', ({ event, device: name }) => {
      if (event === 'registered' || event === 'updated' || event === 'awake') {
        world.server.perform(name, { operation: 'read', path: '/3/0/9' }).catch(() => undefined);
      }
    });
    const id = await device.register('dev-1', { query: ['lwm2m=1.1', 'lt=3000', 'Q'] });
    await world.settle(200_000);
    assert.equal(world.server.presence('dev-1'), 'asleep');
    await device.update(id);
    const downlink = world.network.sightings.filter(({ from }) => from === `${SERVER.address}:${SERVER.port}`);
    const codes = downlink.map(({ datagram }) => codeText(datagram[1] as number));
    assert.equal(codes[0], '2.01');
    assert.equal(codes[1], '0.01');
    const answered = codes.indexOf('2.04');
    assert.ok(answered > 0);
    const awoke = world.network.sightings.filter(({ from, datagram }) => from === '10.0.0.2:56830' && datagram[1] === Code.Post);
    const updateAt = awoke[awoke.length - 1]?.at as number;
    const after = downlink.filter(({ at }) => at >= updateAt);
    assert.equal(codeText(after[0]?.datagram[1] as number), '2.04');
    assert.equal(codeText(after[1]?.datagram[1] as number), '0.01');
  });
});

/** What real clients send, byte for byte, and what becomes of it here. */
import assert from 'node:assert/strict';
import { codeText } from '../../../src/coap/codes';
import { MessageType } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { CAPTURED } from './captured';
import { givenServer, ScriptedDevice, told, type World } from './world';

async function givenClient(
  id = 'a1',
): Promise<{ world: World; device: ScriptedDevice; says: (name: keyof typeof CAPTURED) => Promise<string> }> {
  const world = await givenServer({ makeId: () => id });
  const device = new ScriptedDevice(world);
  const says = async (name: keyof typeof CAPTURED): Promise<string> => {
    const before = device.inbox.length;
    device.peer.send(CAPTURED[name]);
    await world.settle();
    const answers = device.inbox.slice(before);
    assert.equal(answers.length, 1, `${name}: one datagram in answer`);
    const [answer] = answers;
    const sent = Buffer.from(CAPTURED[name], 'hex');
    assert.equal(answer?.type, MessageType.Acknowledgement);
    assert.equal(answer?.messageId, sent.readUInt16BE(2));
    assert.deepEqual(answer?.token, sent.subarray(4, 4 + ((sent[0] as number) & 0x0f)));
    return codeText(answer?.code ?? 0);
  };
  return { world, device, says };
}

describe('Wakaama', () => {
  it('registers, and gets the very answer it accepted in the recording', async () => {
    const { world, device, says } = await givenClient();
    await says('wakaamaRegister');
    assert.equal(device.inbox[0]?.bytes.toString('hex'), '6441c7d6d6c77d47827264026131');
    const { registeredAt, updatedAt, ...registration } = world.server.registration('wk-ep') as {
      registeredAt: number;
      updatedAt: number;
    };
    assert.equal(registeredAt, updatedAt);
    assert.deepEqual(registration, {
      endpoint: 'wk-ep',
      lifetime: 60,
      version: '1.1',
      binding: 'U',
      queueMode: false,
      address: '10.0.0.2:56830',
      objects: ['/1', '/1/0', '/2/0', '/3/0', '/4/0', '/5/0', '/6/0', '/7/0', '/31024', '/31024/10', '/31024/11', '/31024/12'],
      versions: { '1': '1.1', '31024': '1.0' },
      rootPath: '',
      contentFormats: [112],
      parameters: {},
      security: 'none',
    });
  });

  it('updates without query, then with its list and no Content-Format, and leaves', async () => {
    const { world, says } = await givenClient();
    await says('wakaamaRegister');
    assert.equal(await says('wakaamaUpdate'), '2.04');
    assert.equal(await says('wakaamaUpdateWithList'), '2.04');
    assert.ok(world.server.registration('wk-ep')?.objects.includes('/31024/20'));
    assert.equal(await says('wakaamaDeregister'), '2.02');
    assert.deepEqual(told(world), ['registered', 'updated', 'updated', 'objects-changed', 'deregistered']);
  });

  it('sends values with an empty token', async () => {
    const { world, says } = await givenClient();
    await says('wakaamaRegister');
    assert.equal(await says('wakaamaSend'), '2.04');
    assert.deepEqual(world.sends[0]?.values, [
      { path: '/3/0/9', value: 8 },
      { path: '/3/0/0', value: 'Open Mobile Alliance' },
    ]);
  });

  it('whose registration is unknown is told so: 4.04 to Update and Send', async () => {
    const { says } = await givenClient();
    assert.equal(await says('wakaamaUpdate'), '4.04');
    assert.equal(await says('wakaamaSend'), '4.04');
  });
});

describe('Anjay', () => {
  it('registers as 1.2 without binding and without a root link', async () => {
    const { world, says } = await givenClient('a2');
    assert.equal(await says('anjayRegister'), '2.01');
    const registration = world.server.registration('urn:dev:os:anjay-ep');
    assert.equal(registration?.version, '1.2');
    assert.equal(registration?.binding, 'U');
    assert.equal(registration?.rootPath, '');
    assert.deepEqual(registration?.versions, { '10': '1.1' });
    assert.equal(registration?.objects.length, 24);
    assert.equal(await says('anjayUpdateLifetime'), '2.04');
    assert.equal(world.server.registration('urn:dev:os:anjay-ep')?.lifetime, 90);
  });

  it('registers as 1.0 with versions in quotes', async () => {
    const { world, says } = await givenClient();
    await says('anjayRegister10');
    assert.deepEqual(world.server.registration('urn:dev:os:anjay-v10')?.versions, { '10': '1.1' });
    assert.equal(world.server.registration('urn:dev:os:anjay-v10')?.version, '1.0');
    assert.equal(await says('anjayDeregister10'), '2.02');
  });

  it('registers in queue mode by the valueless Q, and anew after its sleep', async () => {
    const { world, says } = await givenClient();
    await says('anjayRegisterQueue');
    assert.equal(world.server.registration('urn:dev:os:anjay-queue')?.queueMode, true);
  });

  it('sends values with their time', async () => {
    const { world, says } = await givenClient('a2');
    await says('anjayRegister');
    assert.equal(await says('anjaySend'), '2.04');
    const values = world.sends[0]?.values ?? [];
    assert.deepEqual(
      values.map(({ path }) => path),
      ['/3/0/9', '/3/0/13'],
    );
    assert.equal(values[0]?.value, 0);
    assert.ok(values[1]?.value instanceof Date);
    assert.equal(new Date(values[0]?.at ?? 0).getUTCFullYear(), 2026);
  });
});

describe('wakatiwaiclient', () => {
  it('registers with an instance listed twice, updates without Content-Format, and leaves', async () => {
    const { world, says } = await givenClient();
    assert.equal(await says('wakatiwaiRegister'), '2.01');
    assert.deepEqual(world.server.registration('wakatiwai-ep')?.objects, ['/1/0', '/2/0', '/3/0', '/3303/0']);
    assert.equal(await says('wakatiwaiUpdateWithList'), '2.04');
    assert.deepEqual(world.server.registration('wakatiwai-ep')?.objects, ['/1/0', '/2/0', '/3/0', '/3303/0', '/3303/7']);
    assert.equal(await says('wakatiwaiDeregister'), '2.02');
  });

  it('may repeat an answer as 5.00 with an empty token: the first one counts', async () => {
    const { world, device, says } = await givenClient();
    await says('wakatiwaiRegister');
    device.answers = () => ({ code: 0x45, contentFormat: 11542, payload: Buffer.from('c10964', 'hex') });
    const reading = world.server.perform('wakatiwai-ep', { operation: 'read', path: '/3/0/9' });
    await world.settle(2);
    const messageId = device.asked[0]?.messageId ?? 0;
    device.peer.send(Buffer.from([0x60, 0xa0, messageId >> 8, messageId & 0xff]));
    await world.settle();
    assert.deepEqual((await reading).values, [{ path: '/3/0/9', value: 100 }]);
  });
});

describe('coap-node', () => {
  it('registers with version 1.0.0, an unknown parameter and a flag on the root link', async () => {
    const { world, device, says } = await givenClient();
    assert.equal(await says('coapNodeRegister'), '2.01');
    assert.deepEqual(device.inbox[0]?.strings(Option.LocationPath), ['rd', 'a1']);
    const registration = world.server.registration('coap-node-ep');
    assert.equal(registration?.version, '1.0');
    assert.deepEqual(registration?.parameters, { mac: '02:fc:00:00:00:01' });
    assert.deepEqual(registration?.contentFormats, [11543]);
    assert.deepEqual(registration?.objects, ['/3/0', '/4/0', '/3303/0']);
    assert.equal(await says('coapNodeUpdate'), '2.04');
    assert.deepEqual(world.server.registration('coap-node-ep')?.objects, ['/3/0', '/4/0', '/3303/7']);
    assert.equal(world.server.registration('coap-node-ep')?.lifetime, 90);
    assert.deepEqual(world.server.registration('coap-node-ep')?.contentFormats, [11543]);
    assert.equal(await says('coapNodeDeregister'), '2.02');
  });
});

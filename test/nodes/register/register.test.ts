import assert from 'node:assert/strict';
import type { LifecycleEventName, Registration } from '../../../src/device/manager';
import {
  around,
  deploy,
  device,
  endFlow,
  failureOf,
  inbox,
  lifecycle,
  running,
  saying,
  send,
  serverNode,
  serverState,
  statuses,
  thermometer,
} from '../flow';

const REGISTER = { type: 'dm-register', device: '', deviceType: 'str', events: [], wires: [['out']] };
/** A registration is given up, and a device falls asleep, within a second. */
const HASTY = { ackTimeout: 0.02 };
const HASTY_MS = { ackTimeoutMs: 20 };

async function given(
  properties: Readonly<Record<string, unknown>> = {},
  server: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await deploy([serverNode(server), ...around({ ...REGISTER, ...properties })]);
}

const told = async (event: LifecycleEventName) => inbox('out').first((message) => message.event === event);

describe('register', () => {
  afterEach(endFlow);

  it('tells of a device that registers: the registration as payload, the endpoint as topic', async () => {
    await given();
    const client = await device('t-1', { lifetime: 300 });
    const { _msgid, dm, payload, ...message } = await inbox('out').next();
    assert.deepEqual(message, { topic: 't-1', event: 'registered', device: 't-1' });
    const { at, ...rest } = dm as { at: number };
    assert.deepEqual(rest, { server: 'server', operation: 'register' });
    const { registeredAt, updatedAt, ...registration } = payload as Registration;
    assert.ok(Math.abs(Date.now() - registeredAt) < 60_000 && updatedAt === registeredAt && at === registeredAt);
    assert.deepEqual(registration, {
      endpoint: 't-1',
      lifetime: 300,
      version: '1.1',
      binding: 'U',
      queueMode: false,
      address: `127.0.0.1:${client.local?.port}`,
      objects: ['/1/0', '/3/0', '/3303/0', '/3308/0', '/3311/0', '/3340/0', '/5/0', '/9/0'].sort(byNumbers),
      versions: {},
      rootPath: '',
      contentFormats: registration.contentFormats,
      parameters: {},
      security: 'none',
    });
    await saying('1 registered');
  });

  it('a flow may do with its payload what it likes', async () => {
    await given();
    await device('t-1');
    ((await inbox('out').next()).payload as { objects: string[] }).objects.length = 0;
    assert.ok((running().manager.registration('t-1')?.objects.length ?? 0) > 0);
  });

  it('tells of Updates, of changed objects and of leaving, each with the registration before', async () => {
    await given();
    const client = await device('t-1');
    client.update();
    const updated = await told('updated');
    assert.equal((updated.dm as { previous: Registration }).previous.endpoint, 't-1');
    client.objects.add(3303, 1, { 5700: 1 });
    const changed = await told('objects-changed');
    assert.ok((changed.payload as Registration).objects.includes('/3303/1'));
    assert.ok(!(changed.dm as { previous: Registration }).previous.objects.includes('/3303/1'));
    await client.stop();
    const left = await told('deregistered');
    assert.equal((left.payload as Registration).endpoint, 't-1');
    await saying('0 registered');
  });

  it('tells of a registration that was replaced, and of the new one', async () => {
    await given();
    const first = await device('t-1');
    first.cutOff();
    await device('t-1', { objects: thermometer('1.0') });
    const replaced = await told('replaced');
    assert.equal((replaced.dm as { previous: Registration }).previous.version, '1.1');
    const messages = inbox('out').all;
    const last = await inbox('out').first(
      ({ event, payload }) => event === 'registered' && (payload as Registration).version === '1.0',
    );
    assert.ok(messages.indexOf(replaced) < messages.indexOf(last));
  });

  it('tells when a device is not heard of any more', async () => {
    await given({}, HASTY);
    const client = await device('t-1', { lifetime: 1 });
    client.cutOff();
    assert.equal(((await told('expired')).payload as Registration).endpoint, 't-1');
    assert.equal(running().manager.size, 0);
  });

  it('tells when a device sleeps and wakes', async () => {
    await given({}, HASTY);
    const client = await device('t-1', { queueMode: true, awakeMs: 300, parameters: HASTY_MS });
    await told('asleep');
    client.update();
    await told('awake');
  });

  it('only the chosen events of the chosen devices', async () => {
    await given({ device: 'kitchen-*', events: ['registered', 'deregistered'] });
    const kitchen = await device('kitchen-1');
    await device('garage-1');
    kitchen.update();
    await lifecycle('updated', 'kitchen-1');
    await kitchen.stop();
    await told('deregistered');
    assert.deepEqual(
      inbox('out').all.map(({ event, device: name }) => `${event} ${name}`),
      ['registered kitchen-1', 'deregistered kitchen-1'],
    );
  });

  it('the devices may come from an expression', async () => {
    await given({ device: '["t-1", "t-2"]', deviceType: 'json' });
    await device('t-3');
    await device('t-2');
    assert.equal((await inbox('out').next()).device, 't-2');
  });

  it('an expression that fails reaches the Catch node', async () => {
    await given({ device: '$nothing(', deviceType: 'jsonata' });
    assert.ok((await inbox('caught').next()).error);
  });

  it('what comes while flows are being deployed waits for the node that follows', async () => {
    await given({ events: ['updated'] });
    const client = await device('t-1');
    let updates = 0;
    running().manager.events.on('lifecycle', ({ event }) => {
      if (event !== 'updated') return;
      updates++;
      client.update();
    });
    client.update();
    for (let time = 0; time < 20; time++) await given({ events: ['updated'] });
    assert.ok(updates > 20);
    await inbox('out').count(updates);
    const times = inbox('out').all.map(({ payload }) => (payload as Registration).updatedAt);
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    );
  });

  it('without a server it says so', async () => {
    await deploy(around({ ...REGISTER, server: '' }));
    await saying('no server');
  });

  it('a refused device is let in when pairing is permitted, and stays on the list; the status says so while it lasts', async () => {
    await given({}, { admission: 'listed' });
    device('esp').catch(() => {});
    const refused = await told('refused');
    assert.match((refused.payload as { remedy: string }).remedy, /permit pairing/);
    send({ action: 'permit', minutes: 5 });
    const permitted = await inbox('out').first(({ dm }) => (dm as { operation: string }).operation === 'permit');
    assert.ok((permitted.payload as { permittedUntil: number }).permittedUntil > Date.now());
    await saying('0 registered, pairing');
    await device('esp');
    send({ action: 'deny' });
    await inbox('out').first(({ dm }) => (dm as { operation: string }).operation === 'deny');
    await statuses().first(({ text }) => /^1 registered, \d+ refused$/.test(text ?? ''));
    assert.equal(running().provisioning.devices.get('esp')?.origin, 'paired');
  });

  for (const [message, complaint] of [
    [{}, /msg\.action must be permit or deny, but it is missing/],
    [{ action: 'open' }, /but it is "open"/],
    [{ action: 'constructor' }, /but it is "constructor"/],
    [{ action: 'permit', minutes: 61 }, /minutes must be a number up to 60/],
  ] as const) {
    it(`complains of ${JSON.stringify(message)}, and permits nothing`, async () => {
      await given();
      await serverState('listening');
      send(message);
      assert.match(failureOf(await inbox('caught').next()).message, complaint);
      assert.equal(running().admittance.pairing.openUntil, undefined);
    });
  }
});

function byNumbers(a: string, b: string): number {
  return Number(a.split('/')[1]) - Number(b.split('/')[1]);
}

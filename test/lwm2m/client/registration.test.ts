/** Register, Update, De-register, queue mode (LwM2M Core 1.1.1 §6.2, §6.5) against a scripted server. */
import assert from 'node:assert/strict';
import { Code } from '../../../src/coap/codes';
import type { Message } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { DeviceManagementError } from '../../../src/errors';
import { Lwm2mClient } from '../../../src/lwm2m/client/client';
import type { ClientEvents } from '../../../src/lwm2m/client/client-events';
import { ObjectTree } from '../../../src/lwm2m/client/objects';
import { type Answered, friendly, givenClient, pathOf, textOf, thermometer, type World } from './world';

const queries = (message: Message | undefined): readonly string[] => message?.strings(Option.UriQuery) ?? [];
const registers = (world: World): Message[] => world.server.askedFor('/rd');
const updates = (world: World): Message[] => world.server.askedFor('/rd/a1').filter(({ code }) => code === Code.Post);

describe('Register', () => {
  it('says name, lifetime, version, binding, formats and objects', async () => {
    const world = await givenClient();
    const [register] = registers(world);
    assert.deepEqual(queries(register), ['ep=dev-1', 'lt=300', 'lwm2m=1.1', 'b=U']);
    assert.equal(register?.uint(Option.ContentFormat), 40);
    assert.equal(textOf(register as Message), '</>;rt="oma.lwm2m";ct="60 110 112 11542 11543",</1/0>,</3/0>,</3303/0>');
    assert.equal(world.client.state, 'registered');
    assert.deepEqual(world.told, ['registered']);
  });

  it('1.0: queue mode is a letter of the binding, and there is one format', async () => {
    const world = await givenClient({ objects: thermometer('1.0'), queueMode: true });
    assert.deepEqual(queries(registers(world)[0]), ['ep=dev-1', 'lt=300', 'lwm2m=1.0', 'b=UQ']);
    assert.equal(textOf(registers(world)[0] as Message), '</>;rt="oma.lwm2m",</1/0>,</3/0>,</3303/0>');
  });

  it('1.1 and later: queue mode is a parameter without value', async () => {
    const world = await givenClient({ queueMode: true });
    assert.deepEqual(queries(registers(world)[0]), ['ep=dev-1', 'lt=300', 'lwm2m=1.1', 'b=U', 'Q']);
  });

  it('announces object versions, and objects that are empty', async () => {
    const tree = new ObjectTree({ version: '1.2', versions: { 3303: '1.1' } });
    tree.add(3303, 0, { 5700: 1 });
    tree.add(0, 0, { 0: 'coap://10.0.0.1' });
    tree.permit(3306, { create: true });
    const world = await givenClient({ objects: tree });
    assert.match(textOf(registers(world)[0] as Message), /,<\/1\/0>,<\/3303>;ver=1.1,<\/3303\/0>,<\/3306>$/);
  });

  it('a refusal is told with its reason, and tried again with growing pauses', async () => {
    const failures: ClientEvents['failed'][] = [];
    const world = await givenClient({
      registered: false,
      answers: () => ({ code: Code.Forbidden }),
      backoff: { firstMs: 10_000, longestMs: 60_000 },
    });
    world.client.events.on('failed', (failure) => failures.push(failure));
    assert.deepEqual(world.told, ['failed']);
    await world.seconds(300);
    assert.equal(failures[0]?.error.code, '4.03');
    const pauses = failures.map(({ retryMs }) => retryMs);
    assert.ok(pauses[0] !== undefined && pauses[0] >= 10_000 && pauses[0] <= 20_000, String(pauses));
    for (const pause of pauses.slice(2)) assert.ok(pause >= 30_000 && pause <= 60_000, String(pauses));
    world.server.answers = friendly;
    await world.seconds(61);
    assert.equal(world.client.state, 'registered');
  });

  it('a success ends the growing of the pauses', async () => {
    const pauses: number[] = [];
    const world = await givenClient({
      registered: false,
      answers: () => ({ code: Code.Forbidden }),
      backoff: { firstMs: 1_000 },
    });
    await world.seconds(100);
    world.server.answers = friendly;
    await world.seconds(100);
    assert.equal(world.client.state, 'registered');
    world.client.events.on('failed', ({ retryMs }) => pauses.push(retryMs));
    world.server.answers = () => ({ code: Code.Forbidden });
    world.client.update();
    await world.seconds(1);
    assert.ok(pauses[0] !== undefined && pauses[0] <= 1_000, String(pauses));
  });

  it('a silent server is asked until retransmission ends, within MAX_TRANSMIT_WAIT, then again', async () => {
    const world = await givenClient({ registered: false, answers: () => undefined, backoff: { firstMs: 1_000 } });
    await world.seconds(60);
    assert.deepEqual(world.told, []);
    world.client.events.on('failed', () => assert.equal(registers(world).length, 1));
    await world.seconds(33);
    assert.deepEqual(world.told.slice(0, 1), ['failed']);
    world.server.answers = friendly;
    await world.seconds(60);
    assert.equal(world.client.state, 'registered');
  });

  it('waits as long as a busy server asks (5.03 with Max-Age)', async () => {
    const world = await givenClient({
      registered: false,
      answers: () => ({ code: Code.ServiceUnavailable, maxAge: 120 }),
      backoff: { firstMs: 1_000 },
    });
    world.server.answers = friendly;
    await world.seconds(119);
    assert.equal(registers(world).length, 1);
    await world.seconds(3);
    assert.equal(world.client.state, 'registered');
  });
});

describe('Update', () => {
  it('comes before half the lifetime has passed, empty when nothing changed', async () => {
    const world = await givenClient();
    await world.seconds(134);
    assert.equal(updates(world).length, 0);
    await world.seconds(17);
    const [update] = updates(world);
    assert.deepEqual(queries(update), []);
    assert.equal(update?.payload.length, 0);
    assert.equal(update?.has(Option.ContentFormat), false);
    await world.seconds(1500);
    assert.ok(updates(world).length >= 10 && updates(world).length <= 12, String(updates(world).length));
  });

  it("never comes for time's sake where the lifetime is 0", async () => {
    const world = await givenClient({ objects: thermometer('1.2'), lifetime: 0 });
    await world.seconds(1_000_000);
    assert.equal(updates(world).length, 0);
  });

  it('carries a lifetime the server wrote, at once', async () => {
    const world = await givenClient();
    await world.server.ask('/1/0/1', { code: Code.Put, contentFormat: 0, payload: '60' });
    assert.deepEqual(updates(world).map(queries), [['lt=60']]);
    await world.seconds(31);
    assert.equal(updates(world).length, 2);
  });

  it('a lifetime or binding that cannot be is refused', async () => {
    const world = await givenClient();
    const put = async (path: string, payload: string): Promise<number> =>
      (await world.server.ask(path, { code: Code.Put, contentFormat: 0, payload })).code;
    for (const lifetime of ['-5', '0']) assert.equal(await put('/1/0/1', lifetime), Code.BadRequest);
    assert.equal(await put('/1/0/7', 'S'), Code.BadRequest);
    assert.equal(await put('/1/0/7', 'U'), Code.Changed);
    const newer = await givenClient({ objects: thermometer('1.2') });
    assert.equal((await newer.server.ask('/1/0/1', { code: Code.Put, contentFormat: 0, payload: '0' })).code, Code.Changed);
  });

  it('carries the object list when an instance came or went', async () => {
    const world = await givenClient();
    world.tree.add(3303, 1, { 5700: 1 });
    world.tree.add(3303, 2, { 5700: 1 });
    await world.seconds(1);
    assert.equal(updates(world).length, 1);
    assert.match(textOf(updates(world)[0] as Message), /<\/3303\/1>,<\/3303\/2>$/);
    assert.equal(updates(world)[0]?.uint(Option.ContentFormat), 40);
  });

  it('follows the trigger (1/x/8), after the answer to it', async () => {
    const world = await givenClient();
    const before = world.server.peer.inbox.length;
    await world.server.ask('/1/0/8', { code: Code.Post });
    const codes = world.server.peer.inbox.slice(before).map(({ code }) => code);
    assert.deepEqual(codes, [Code.Changed, Code.Post]);
  });

  it('what changes while one is under way goes with the next', async () => {
    const world = await givenClient();
    const held: Message[] = [];
    world.server.answers = (request) => {
      held.push(request);
      return undefined;
    };
    world.client.update();
    await world.seconds(0.1);
    world.tree.add(3303, 1, { 5700: 1 });
    await world.seconds(0.1);
    assert.equal(updates(world).length, 1);
    world.server.answers = friendly;
    await world.seconds(4);
    assert.equal(updates(world).length, 2);
    assert.match(textOf(updates(world)[1] as Message), /<\/3303\/1>/);
  });

  for (const code of [Code.NotFound, Code.BadRequest]) {
    it(`a server that does not know it any more (${code === Code.NotFound ? '4.04' : '4.00'}) gets a new Register at once`, async () => {
      const world = await givenClient();
      world.server.answers = (request): Answered | undefined => (pathOf(request) === '/rd/a1' ? { code } : friendly(request));
      world.client.update();
      await world.seconds(1);
      assert.equal(registers(world).length, 2);
      assert.equal(world.client.state, 'registered');
    });
  }

  it('a server that is gone and comes back is registered at anew', async () => {
    const world = await givenClient({ backoff: { firstMs: 5_000, longestMs: 30_000 } });
    world.server.answers = () => undefined;
    await world.seconds(400);
    assert.equal(world.client.state !== 'registered', true);
    world.server.answers = friendly;
    await world.seconds(130);
    assert.equal(world.client.state, 'registered');
  });
});

describe('De-register', () => {
  it('is sent when stopped', async () => {
    const world = await givenClient();
    const stopped = world.client.stop();
    await world.seconds(1);
    await stopped;
    const last = world.server.asked[world.server.asked.length - 1] as Message;
    assert.equal(last.code, Code.Delete);
    assert.equal(pathOf(last), '/rd/a1');
    assert.deepEqual(world.told.slice(-1), ['deregistered']);
    assert.equal(world.clock.pending, 0);
  });

  it('a silent server delays stopping by seconds only', async () => {
    const world = await givenClient();
    world.server.answers = () => undefined;
    let stopped = false;
    void world.client.stop().then(() => {
      stopped = true;
    });
    await world.seconds(5);
    assert.equal(stopped, true);
    await world.seconds(500);
    assert.equal(world.clock.pending, 0);
  });

  it('so does one that is silent to what was asked before', async () => {
    const world = await givenClient({ muteSend: false });
    world.server.answers = () => undefined;
    const sending = world.client.send(['/3303/0/5700']);
    let stopped = false;
    void world.client.stop().then(() => {
      stopped = true;
    });
    await Promise.all([assert.rejects(sending), world.seconds(5)]);
    assert.equal(stopped, true);
  });

  it('stopping before it ever registered ends the attempt', async () => {
    const world = await givenClient({ registered: false, answers: () => undefined });
    const stopped = world.client.stop();
    await world.seconds(1);
    await stopped;
    await world.seconds(500);
    assert.equal(registers(world).length, 1);
    assert.equal(world.clock.pending, 0);
  });

  it('a client is started once', async () => {
    const world = await givenClient();
    await assert.rejects(
      world.client.start(),
      (error) => error instanceof DeviceManagementError && error.code === 'invalid-request',
    );
  });

  it('stopped while its socket is being opened, it leaves nothing open', async () => {
    const { clock, network } = await givenClient();
    const client = new Lwm2mClient({
      endpoint: 'dev-2',
      server: { host: '10.0.0.1' },
      objects: thermometer(),
      transport: network.transport('10.0.0.3', 1),
      clock,
    });
    const started = client.start().catch((error: DeviceManagementError) => error.code);
    const stopped = client.stop();
    await clock.advanceAsync(1_000);
    await stopped;
    assert.equal(await started, 'cancelled');
    // The address is free again.
    await network.transport('10.0.0.3', 1).open({ received: () => undefined });
  });
});

describe('Disable (1/x/4)', () => {
  it('leaves, is not to be reached for 1/x/5 seconds, and registers again', async () => {
    const world = await givenClient();
    await world.server.ask('/1/0/5', { code: Code.Put, contentFormat: 0, payload: '600' });
    await world.server.ask('/1/0/4', { code: Code.Post });
    await world.seconds(1);
    assert.deepEqual(world.told.slice(-1), ['deregistered']);
    await assert.rejects(world.server.ask('/3/0/9'), /no answer/);
    await world.seconds(600);
    assert.equal(world.client.state, 'registered');
    assert.equal(registers(world).length, 2);
  });
});

describe('restart', () => {
  it('falls silent without a word, then registers anew with nothing kept of what the server set up', async () => {
    const world = await givenClient();
    await world.server.ask('/3303/0/5700', { code: Code.Put, query: ['pmax=10'] });
    await world.server.ask('/3303/0/5700', { observe: 0 });
    world.client.restart(5_000, () => world.tree.set('/3/0/9', 100));
    await assert.rejects(world.server.ask('/3/0/9'), /no answer/);
    await world.seconds(6);
    assert.equal(registers(world).length, 2);
    assert.equal(textOf(await world.server.ask('/3/0/9')), '100');
    assert.equal(textOf(await world.server.ask('/3303/0/5700', { accept: 40 })), '</3303/0/5700>');
    assert.deepEqual(world.client.observations, []);
    assert.ok(!world.server.asked.some(({ code }) => code === Code.Delete));
  });
});

describe('queue mode', () => {
  it('sleeps 93 s after the last message and wakes for the next Update', async () => {
    const world = await givenClient({ queueMode: true, lifetime: 600 });
    await world.seconds(60);
    await world.server.ask('/3/0/9');
    await world.seconds(92);
    assert.equal(world.client.isAsleep, false);
    await world.seconds(2);
    assert.equal(world.client.isAsleep, true);
    assert.deepEqual(world.told, ['registered', 'asleep']);
    await assert.rejects(world.server.ask('/3/0/9'), /no answer/);
    await world.seconds(150);
    assert.deepEqual(world.told, ['registered', 'asleep', 'awake', 'updated']);
    assert.equal(textOf(await world.server.ask('/3/0/9')), '85');
  });

  it('wakes for a notification', async () => {
    const world = await givenClient({ queueMode: true, lifetime: 86_400 });
    await world.server.ask('/3303/0/5700', { observe: 0 });
    await world.seconds(100);
    assert.equal(world.client.isAsleep, true);
    world.client.setValue('/3303/0/5700', 30);
    await world.seconds(1);
    assert.equal(world.client.isAsleep, false);
    assert.equal(world.server.notified.length, 1);
  });

  it('listens as long as it is told to', async () => {
    const world = await givenClient({ queueMode: true, awakeMs: 10_000, lifetime: 86_400 });
    await world.seconds(11);
    assert.equal(world.client.isAsleep, true);
  });

  it('without queue mode it never sleeps', async () => {
    const world = await givenClient({ lifetime: 86_400 });
    await world.seconds(1_000);
    assert.equal(world.client.isAsleep, false);
  });
});

describe('Send', () => {
  it('carries the values with their time in SenML CBOR to /dp', async () => {
    const world = await givenClient({ muteSend: false });
    const sent = world.client.send(['/3303/0/5700', '/3/0/7']);
    await world.seconds(1);
    await sent;
    const [request] = world.server.askedFor('/dp');
    assert.equal(request?.code, Code.Post);
    assert.equal(request?.uint(Option.ContentFormat), 112);
    // Base time of the first record, full names.
    assert.match((request as Message).payload.toString('latin1'), /\/3303\/0\/5700.*\/3\/0\/7\/0.*\/3\/0\/7\/1/s);
  });

  const failing = async (promise: Promise<unknown>): Promise<string> => {
    try {
      await promise;
      return 'none';
    } catch (error) {
      return (error as DeviceManagementError).code;
    }
  };

  it('is muted until the server writes false to 1/x/23', async () => {
    const world = await givenClient();
    assert.equal(await failing(world.client.send(['/3/0/9'])), 'unsupported');
    await world.server.ask('/1/0/23', { code: Code.Put, contentFormat: 0, payload: '0' });
    const sent = failing(world.client.send(['/3/0/9']));
    await world.seconds(1);
    assert.equal(await sent, 'none');
  });

  it('is refused for 1.0, for what is absent, before registration, and with the code of the server', async () => {
    const older = await givenClient({ objects: thermometer('1.0') });
    assert.equal(await failing(older.client.send(['/3/0/9'])), 'unsupported');
    const world = await givenClient({ muteSend: false });
    assert.equal(await failing(world.client.send(['/9/0'])), 'invalid-path');
    world.server.answers = () => ({ code: Code.NotFound });
    const sent = failing(world.client.send(['/3/0/9']));
    await world.seconds(1);
    assert.equal(await sent, '4.04');
    const unregistered = await givenClient({ registered: false, answers: () => undefined, muteSend: false });
    assert.equal(await failing(unregistered.client.send(['/3/0/9'])), 'not-registered');
  });
});

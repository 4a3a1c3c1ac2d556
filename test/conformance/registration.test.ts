/** The registration interface. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Code } from '../../src/coap/codes';
import { MessageType, MessageWriter } from '../../src/coap/message';
import { Option } from '../../src/coap/options';
import { Fleet } from '../../src/fleet/fleet';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { RawPeer, until } from '../coap/transports/frames';
import { givenServer, ScriptedDevice } from '../lwm2m/server/world';
import { conformance } from './conformance';
import { leadsTo, registrationOf } from './peer';
import { LEAVING, REGISTRATION } from './scenarios/registration';
import { runAll } from './scenarios/run';
import { Self } from './self';

describe('conformance: registration', () => {
  for (const scenarios of [REGISTRATION, LEAVING]) runAll(scenarios, 'self', () => Self.start());

  for (const version of ['1.0', '1.1', '1.2']) {
    conformance(
      'int-108',
      'self',
      async () => {
        const self = await Self.start({ version, client: { queueMode: true } });
        assert.equal(registrationOf(self).queueMode, true);
        assert.equal(registrationOf(self).binding, version === '1.0' ? 'UQ' : 'U');
      },
      { what: `LwM2M ${version}` },
    );
  }

  conformance('int-109', 'self', async () => {
    const self = await Self.start({ client: { queueMode: true, awakeMs: 93_000, lifetime: 600 } });
    const fleet = new Fleet(self.server, self.clock);
    const log: string[] = [];
    await self.pass(100);
    assert.equal(self.server.presence('dev'), 'asleep');
    for (const [path, value] of [
      ['/3/0/14', '+03:00'],
      ['/3/0/15', 'UTC'],
    ] as const) {
      const request = { operation: 'write', path, value } as const;
      const listener = { queued: () => log.push(`${path} waits`), settled: () => log.push(`${path} done`) };
      fleet.requests.submit({ owner: 'test', device: 'dev', request, whenAsleep: 'queue' }, listener);
    }
    await self.pass(10);
    assert.deepEqual(log, ['/3/0/14 waits', '/3/0/15 waits']);
    await leadsTo(self, 'updated', () => undefined);
    await self.until('both', () => (log.length === 4 ? true : undefined));
    assert.deepEqual(log.slice(2), ['/3/0/14 done', '/3/0/15 done']);
    fleet.close();
  });

  conformance('int-106', 'Anjay (recorded)', async () => {
    const server = new Lwm2mServer({ listen: { host: '127.0.0.1', port: 0, tcpPort: 0 }, makeId: () => 'a1' });
    await server.start();
    const device = await RawPeer.connected(server.listening.find(({ transport }) => transport === 'tcp')?.port as number);
    try {
      const said = readFileSync(path.join(__dirname, '../fixtures/captures/anjay-tcp.txt'), 'utf8').match(/(?<=^< )\S+/gm) ?? [];
      const [capabilities, register] = ['68e1', 'd8ec02'].map((start) => said.find((frame) => frame.startsWith(start)) ?? '');
      device.send(`${capabilities}${register}`);
      await until(() => server.size === 1, 'the registration');
      const registration = server.registration('urn:dev:os:anjay-tcp');
      assert.equal(registration?.binding, 'T');
      assert.ok(!registration.objects.some((object) => /^\/(0|21)(\/|$)/.test(object)));
      await until(() => device.received.toString('hex').endsWith('827264026131'), 'the answer it accepted in the recording');
    } finally {
      device.end();
      await server.stop();
    }
  });

  const PROFILE = '6:27354b9a';
  for (const [id, links, objects] of [
    ['1.2-int-110', '', ['/1/0', '/3/0']],
    ['1.2-int-111', '</4/0>', ['/1/0', '/3/0', '/4/0']],
  ] as const) {
    conformance(id, 'self', async () => {
      const world = await givenServer({ profiles: { [PROFILE]: '</1/0>,</3/0>' } });
      const device = new ScriptedDevice(world);
      await device.register('dev', { query: ['lwm2m=1.2', 'lt=300', `pid=${PROFILE}`], links });
      assert.deepEqual(world.server.registration('dev')?.objects, objects);
    });
  }

  conformance('1.2-int-1350', 'self', async () => {
    const self = await Self.start();
    const before = registrationOf(self).address;
    const created = await self.perform({ operation: 'create', path: '/13/0', value: { 0: [7] } });
    assert.equal(created.created, '/13/0');
    await self.until('the new list', () => (registrationOf(self).objects.includes('/13/0') ? true : undefined));
    self.nat.move();
    await leadsTo(self, 'updated', () => self.update());
    assert.notEqual(registrationOf(self).address, before);
    assert.equal(registrationOf(self).address, `${self.nat.local?.address}:${self.nat.local?.port}`);
  });

  conformance('int-950', 'self', async () => {
    const [first, second] = [await givenServer(), await givenServer()];
    const ids = await Promise.all(
      [first, second].map((world, index) =>
        new ScriptedDevice(world).register('dev', { query: [`lt=${300 + index}`, 'lwm2m=1.1', 'b=U'] }),
      ),
    );
    assert.notEqual(ids[0], ids[1]);
    assert.deepEqual(
      [first, second].map(({ server }) => server.registration('dev')?.lifetime),
      [300, 301],
    );
  });

  conformance('x-replace', 'self', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const old = await device.register('dev');
    const id = await device.register('dev');
    assert.ok(world.lifecycle.some(({ event }) => event === 'replaced'));
    assert.equal((await device.deregister(old)).code, Code.NotFound);
    assert.equal((await device.update(id)).code, Code.Changed);
  });

  conformance('x-uri-path', 'self', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const query = ['ep=dev', 'lwm2m=1.1', 'lt=300', 'b=U', 'tenant=7'];
    const answer = await device.request({ code: Code.Post, path: ['some', 'where', 'rd'], query, payload: '</3/0>' });
    assert.equal(answer.code, Code.Created);
    const [rd, id] = answer.strings(Option.LocationPath);
    assert.equal(
      (await device.request({ code: Code.Post, path: ['some', 'where', rd as string, id as string] })).code,
      Code.Changed,
    );
  });

  conformance('x-storm', 'self', async () => {
    const most = 900;
    const world = await givenServer({ limits: { registrations: most } });
    const writer = new MessageWriter();
    const devices = Array.from({ length: 1_000 }, (_, index) => {
      const device = new ScriptedDevice(world, `10.1.${index >> 8}.${index & 255}`, 5683);
      writer.begin(MessageType.Confirmable, Code.Post, 1, Buffer.from([1]));
      writer.strings(Option.UriPath, ['rd']);
      writer.strings(Option.UriQuery, [`ep=dev-${index}`, 'lwm2m=1.1', 'lt=300', 'b=U']);
      device.peer.send(writer.payload(Buffer.from('</3/0>')).finish());
      return device;
    });
    await world.settle(1_000);
    const answers = devices.map(({ inbox }) => inbox[0]);
    assert.equal(answers.filter((answer) => answer?.code === Code.Created).length, most);
    const refused = answers.filter((answer) => answer?.code === Code.ServiceUnavailable);
    assert.equal(refused.length, devices.length - most);
    assert.ok(refused.every((answer) => (answer?.uint(Option.MaxAge) ?? 0) > 0));
    assert.equal(world.server.size, most);
  });
});

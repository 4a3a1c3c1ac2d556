/** Observe policies and waiting requests over the end of a process, with a real server and a device that notices nothing. */
import assert from 'node:assert/strict';
import { Code } from '../../src/coap/codes';
import { type Message, MessageType } from '../../src/coap/message';
import { Option } from '../../src/coap/options';
import { Fleet } from '../../src/fleet/fleet';
import type { ObservedValue } from '../../src/fleet/observe-policies';
import type { ObservePolicy } from '../../src/fleet/observe-policy';
import { PolicyJournal } from '../../src/fleet/policy-journal';
import { RequestJournal } from '../../src/fleet/request-journal';
import { Selector } from '../../src/fleet/selector';
import { below } from '../../src/store/store';
import { givenServer, pathOf, ScriptedDevice, type World } from '../lwm2m/server/world';
import { OutlivingStore } from '../store/outliving-store';

interface Life {
  readonly world: World;
  readonly fleet: Fleet;
  readonly values: ObservedValue[];
  readonly answers: string[];
}

/** A process from its start: its flows declare what they want observed, then the devices of the life before are taken up. */
async function begin(kept: OutlivingStore, policies: readonly Partial<ObservePolicy>[], before?: Life): Promise<Life> {
  if (before !== undefined) {
    kept.kill();
    before.fleet.close();
    await before.world.server.stop();
  }
  const store = kept.open();
  const values: ObservedValue[] = [];
  const answers: string[] = [];
  let fleet: Fleet | undefined;
  const world = await givenServer({
    store,
    ...(before !== undefined && { after: before.world }),
    beforeStart: async ({ server, clock }) => {
      fleet = new Fleet(server, clock);
      for (const [index, policy] of policies.entries()) {
        const id = `node-${index}`;
        fleet.policies.listen(id, { value: (event) => values.push(event), refused: (event) => assert.fail(event.message) });
        fleet.policies.set({ id, owner: id, devices: Selector.everyone, paths: ['/3/0/9'], attributes: {}, ...policy });
      }
      fleet.requests.outcomes.succeed('reader', ({ request }, outcome) =>
        answers.push(`${request.path} ${'result' in outcome ? outcome.result.code : outcome.error.code}`),
      );
      const journals = [RequestJournal, PolicyJournal].map(
        (Journal) => new Journal(store, clock, (reason) => assert.fail(reason)),
      );
      await fleet.restore(journals[0] as RequestJournal, journals[1] as PolicyJournal);
    },
  });
  assert.ok(fleet !== undefined);
  fleet.resume();
  await world.settle(50);
  return { world, fleet, values, answers };
}

async function givenObserved(policies: readonly Partial<ObservePolicy>[], query = ['lwm2m=1.1', 'lt=3000']) {
  const kept = new OutlivingStore();
  const life = await begin(kept, policies);
  const device = new ScriptedDevice(life.world);
  device.answers = (message) =>
    message.code === Code.Put
      ? { code: Code.Changed }
      : { code: Code.Content, contentFormat: 0, payload: '75', ...(message.uint(Option.Observe) === 0 && { observe: 1 }) };
  await device.register('dev-1', { query });
  await life.world.settle(6_000);
  return { kept, life, device, asked: () => device.asked.splice(0).map(inWords) };
}

function inWords(message: Message): string {
  const observe = message.uint(Option.Observe);
  const verb = message.code === Code.Put ? 'attributes' : observe === 0 ? 'observe' : observe === 1 ? 'cancel' : 'read';
  return [verb, pathOf(message), ...message.strings(Option.UriQuery)].join(' ');
}

describe('observe policies over a restart', () => {
  it('find what is observed as they want it, ask nothing, and are told what comes', async () => {
    const { kept, life, device, asked } = await givenObserved([{ attributes: { pmin: 5 } }]);
    const token = Buffer.from(device.asked.at(-1)?.token as Buffer);
    assert.deepEqual(asked(), ['attributes /3/0/9 pmin=5', 'observe /3/0/9']);
    const next = await begin(kept, [{ attributes: { pmin: 5 } }], life);
    assert.deepEqual(asked(), []);
    device.notify(token, { code: Code.Content, contentFormat: 0, payload: '80', observe: 2 }, MessageType.Confirmable);
    await next.world.settle();
    assert.equal(device.inbox.at(-1)?.type, MessageType.Acknowledgement);
    assert.deepEqual(
      next.values.map(({ device: name, values, initial }) => [name, values[0]?.value, initial]),
      [['dev-1', 80, false]],
    );
    const [policy] = next.fleet.policies.ofOwner('node-0');
    assert.equal(next.fleet.policies.state(policy as ObservePolicy).observed, 1);
  });

  it('that were changed meanwhile have the difference sent', async () => {
    const { kept, life, asked } = await givenObserved([{ attributes: { pmin: 5 } }]);
    asked();
    await begin(kept, [{ attributes: { pmin: 7 } }], life);
    assert.deepEqual(asked(), ['attributes /3/0/9 pmin=7']);
  });

  it('that are gone end their observations', async () => {
    const { kept, life, asked } = await givenObserved([{}, { paths: ['/3/0/13'] }]);
    asked();
    const next = await begin(kept, [{}], life);
    assert.deepEqual(asked(), ['cancel /3/0/13']);
    await begin(kept, [{}], next);
    assert.deepEqual(asked(), []);
  });

  it('that are new begin', async () => {
    const { kept, life, asked } = await givenObserved([]);
    await begin(kept, [{}], life);
    assert.deepEqual(asked(), ['observe /3/0/9']);
  });

  it('whose part was not kept set attributes again, and observe nothing twice', async () => {
    const { kept, life, asked } = await givenObserved([{ attributes: { pmin: 5 } }]);
    asked();
    for await (const { key } of kept.whole.range(below('policies/'))) await kept.whole.delete(key);
    await begin(kept, [{ attributes: { pmin: 5 } }], life);
    assert.deepEqual(asked(), ['attributes /3/0/9 pmin=5']);
  });

  it('still ask again for what falls silent', async () => {
    const { kept, life, asked } = await givenObserved([{ attributes: { pmax: 60 } }]);
    asked();
    const next = await begin(kept, [{ attributes: { pmax: 60 } }], life);
    await next.world.settle(60_000 + 93_000 + 31_000);
    assert.deepEqual(asked(), ['observe /3/0/9']);
  });
});

describe('waiting requests over a restart', () => {
  it('go on at once where the device listens', async () => {
    const { kept, life, device, asked } = await givenObserved([], ['lwm2m=1.1', 'lt=3000', 'Q']);
    const { world, fleet } = life;
    await world.settle(100_000);
    assert.equal(world.server.presence('dev-1'), 'asleep');
    for (const path of ['/3/0/9', '/3/0/13']) {
      const order = { owner: 'reader', device: 'dev-1', request: { operation: 'read', path }, whenAsleep: 'queue' } as const;
      fleet.requests.submit(order);
    }
    await world.settle(20);
    const answering = device.answers;
    device.answers = () => undefined;
    const [registration] = [...world.server.registrations()];
    assert.ok(registration !== undefined);
    await device.register('dev-1', { query: ['lwm2m=1.1', 'lt=3000', 'Q'] });
    await world.settle(20);
    assert.deepEqual(asked(), ['read /3/0/9']);
    device.answers = answering;
    const next = await begin(kept, [], life);
    await next.world.settle(100);
    assert.deepEqual(asked(), ['read /3/0/9', 'read /3/0/13']);
    assert.deepEqual(next.answers, ['/3/0/9 2.05', '/3/0/13 2.05']);
    const last = await begin(kept, [], next);
    assert.equal(last.fleet.requests.waiting(), 0);
  });

  it('wait on where it does not', async () => {
    const { kept, life, asked } = await givenObserved([], ['lwm2m=1.1', 'lt=3000', 'Q']);
    await life.world.settle(100_000);
    const request = { operation: 'read', path: '/3/0/9' } as const;
    life.fleet.requests.submit({ owner: 'reader', device: 'dev-1', request, whenAsleep: 'queue' });
    await life.world.settle(20);
    const next = await begin(kept, [], life);
    assert.equal(next.fleet.requests.waiting('reader'), 1);
    assert.deepEqual(asked(), []);
  });
});

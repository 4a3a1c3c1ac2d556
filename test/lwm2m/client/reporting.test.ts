/** When an observed value is reported: attributes on virtual time (LwM2M Core 1.1.1 §5.1.2, §6.4). */
import assert from 'node:assert/strict';
import { Code, codeText } from '../../../src/coap/codes';
import { MessageType } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { seededRandom } from '../../../src/coap/transports/memory';
import { givenClient, textOf, thermometer, type World, type WorldOptions } from './world';

const VALUE = '/3303/0/5700';

async function givenObserved(attributes: readonly string[] = [], options: WorldOptions = {}): Promise<World> {
  const world = await givenClient(options);
  if (attributes.length > 0) await world.server.ask(VALUE, { code: Code.Put, query: attributes });
  await world.server.ask(VALUE, { observe: 0, token: 'obs' });
  return world;
}

const reported = (world: World): string[] => world.server.notified.map(textOf);

/** Sets the values, one every second. */
async function run(world: World, values: readonly number[]): Promise<void> {
  for (const value of values) {
    world.client.setValue(VALUE, value);
    await world.seconds(1);
  }
}

describe('Observe', () => {
  it('gives the value and a zero-length Observe, then each change with a higher number and the same token', async () => {
    const world = await givenClient();
    const first = await world.server.ask(VALUE, { observe: 0, token: 'obs' });
    assert.equal(first.uint(Option.Observe), 0);
    assert.equal(textOf(first), '20');
    await run(world, [21, 22]);
    assert.deepEqual(reported(world), ['21', '22']);
    assert.deepEqual(
      world.server.notified.map((message) => message.uint(Option.Observe)),
      [1, 2],
    );
    for (const message of world.server.notified) assert.equal(message.token.toString(), 'obs');
    assert.deepEqual(world.client.observations, [VALUE]);
  });

  it('keeps the format that was asked for', async () => {
    const world = await givenClient();
    await world.server.ask('/3303/0', { observe: 0, accept: 110 });
    world.client.setValue(VALUE, 25);
    await world.seconds(1);
    const [notification] = world.server.notified;
    assert.equal(notification?.uint(Option.ContentFormat), 110);
    assert.equal(textOf(notification as never), '[{"bn":"/3303/0/","n":"5700","v":25},{"n":"5701","vs":"Cel"}]');
  });

  it('reports an instance once for what changed together', async () => {
    const world = await givenClient();
    await world.server.ask('/3303/0', { observe: 0 });
    world.client.setValues([
      [VALUE, 25],
      ['/3303/0/5701', 'K'],
    ]);
    await world.seconds(1);
    assert.equal(world.server.notified.length, 1);
  });

  it('says nothing for a change elsewhere, or to the same value', async () => {
    const world = await givenObserved();
    world.client.setValue('/3/0/9', 50);
    world.client.setValue(VALUE, 20);
    await world.seconds(10);
    assert.deepEqual(reported(world), []);
  });

  it('reports what the server itself wrote, after the answer to the Write', async () => {
    const world = await givenClient();
    await world.server.ask('/3/0/14', { observe: 0 });
    const before = world.server.peer.inbox.length;
    await world.server.ask('/3/0/14', { code: Code.Put, contentFormat: 0, payload: '+07:00' });
    const codes = world.server.peer.inbox.slice(before).map((message) => codeText(message.code));
    assert.deepEqual(codes, ['2.04', '2.05']);
  });

  it('ends when the server cancels, and answers that with the value', async () => {
    const world = await givenObserved();
    const answer = await world.server.ask(VALUE, { observe: 1, token: 'obs' });
    assert.equal(codeText(answer.code), '2.05');
    assert.equal(answer.has(Option.Observe), false);
    await run(world, [30]);
    assert.deepEqual(reported(world), []);
    assert.deepEqual(world.told.slice(-2), ['observed', 'observation-ended']);
  });

  it('a cancel with another token ends nothing', async () => {
    const world = await givenObserved();
    await world.server.ask(VALUE, { observe: 1, token: 'oth' });
    await run(world, [30]);
    assert.deepEqual(reported(world), ['30']);
  });

  for (const confirmableNotifications of [true, false]) {
    it(`ends on RST to a ${confirmableNotifications ? '' : 'non-'}confirmable notification`, async () => {
      const world = await givenObserved([], { confirmableNotifications });
      world.server.reaction = 'reset';
      await run(world, [30, 31]);
      assert.deepEqual(reported(world), ['30']);
      assert.deepEqual(world.client.observations, []);
    });
  }

  it('ends when nobody acknowledges', async () => {
    const world = await givenObserved([], { confirmableNotifications: true });
    world.server.reaction = 'silence';
    await run(world, [30]);
    await world.seconds(100);
    assert.deepEqual(world.client.observations, []);
  });

  it('has one confirmable notification under way, and sends the newest value when it has arrived', async () => {
    const world = await givenObserved(['pmax=5'], { confirmableNotifications: true });
    world.server.reaction = 'silence';
    await run(world, [21, 22, 23]);
    await world.seconds(4);
    assert.deepEqual(reported(world), ['21']);
    world.server.reaction = 'acknowledge';
    await world.seconds(6);
    assert.deepEqual(reported(world).slice(0, 2), ['21', '23']);
  });

  it('asks once a day whether anybody still listens, though notifications are non-confirmable', async () => {
    const world = await givenObserved(['pmax=36000'], { lifetime: 1_000_000 });
    await world.seconds(4 * 36_000 + 1);
    const { Confirmable, NonConfirmable } = MessageType;
    assert.deepEqual(
      world.server.notified.map(({ type }) => type),
      [NonConfirmable, NonConfirmable, Confirmable, NonConfirmable],
    );
  });

  it('1/x/26 = 1 makes every notification confirmable (1.2)', async () => {
    const world = await givenObserved([], { objects: thermometer('1.2') });
    assert.equal(codeText((await world.server.ask('/1/0/26', { code: Code.Put, contentFormat: 0, payload: '1' })).code), '2.04');
    await run(world, [30]);
    assert.equal(world.server.notified[0]?.type, MessageType.Confirmable);
  });

  it('ends with an error notification when what is observed goes', async () => {
    const world = await givenObserved();
    await world.server.ask('/3303/0', { code: Code.Delete });
    await world.seconds(1);
    assert.deepEqual(
      world.server.notified.map(({ code }) => codeText(code)),
      ['4.04'],
    );
    assert.deepEqual(world.client.observations, []);
  });

  it('survives a read behaviour that throws, and ends with 5.00', async () => {
    const tree = thermometer();
    const sensor = { broken: false };
    tree.add(
      3300,
      0,
      {},
      {
        5700: {
          read: () => {
            if (sensor.broken) throw new Error('the sensor is gone');
            return 1;
          },
        },
      },
    );
    const world = await givenClient({ objects: tree });
    await world.server.ask('/3300/0/5700', { code: Code.Put, query: ['epmax=5'] });
    await world.server.ask('/3300/0/5700', { observe: 0 });
    const warnings: string[] = [];
    const listen = ({ message }: Error): unknown => warnings.push(message);
    process.on('warning', listen);
    sensor.broken = true;
    await world.seconds(6);
    process.removeListener('warning', listen);
    assert.deepEqual(warnings, ['the sensor is gone']);
    assert.deepEqual(
      world.server.notified.map(({ code }) => codeText(code)),
      ['5.00'],
    );
    assert.deepEqual(world.client.observations, []);
  });

  it('refuses as Read does, and then observes nothing', async () => {
    const world = await givenClient();
    for (const [path, code] of [
      ['/9/0', '4.04'],
      ['/3/0/4', '4.05'],
      ['/0/0', '4.01'],
    ] as const) {
      const answer = await world.server.ask(path, { observe: 0 });
      assert.equal(codeText(answer.code), code);
      assert.equal(answer.has(Option.Observe), false);
    }
    assert.equal(codeText((await world.server.ask('/3/0', { observe: 0, accept: 42 })).code), '4.06');
    assert.deepEqual(world.client.observations, []);
  });

  it('promises only so many observations, and still gives the value', async () => {
    const world = await givenClient();
    for (let index = 0; index < 200; index++) await world.server.ask(VALUE, { observe: 0, token: `t${index}` });
    const answer = await world.server.ask(VALUE, { observe: 0, token: 'more' });
    assert.equal(textOf(answer), '20');
    assert.equal(answer.has(Option.Observe), false);
  });

  it('ends with the registration', async () => {
    const world = await givenObserved();
    world.server.answers = (request) =>
      request.strings(Option.UriPath).length === 2 ? { code: Code.NotFound } : { code: Code.Created, locationPath: ['rd', 'b2'] };
    world.client.update();
    await world.seconds(1);
    await run(world, [30]);
    assert.deepEqual(reported(world), []);
  });
});

describe('pmin', () => {
  it('holds back, then reports the newest value', async () => {
    const world = await givenObserved(['pmin=10']);
    await run(world, [21, 22, 23]);
    assert.deepEqual(reported(world), []);
    await world.seconds(7.1);
    assert.deepEqual(reported(world), ['23']);
    await run(world, [24]);
    assert.deepEqual(reported(world), ['23']);
    await world.seconds(10);
    assert.deepEqual(reported(world), ['23', '24']);
  });

  it('counts from the last notification: after a pause a change goes at once', async () => {
    const world = await givenObserved(['pmin=10']);
    await world.seconds(60);
    await run(world, [21]);
    assert.deepEqual(reported(world), ['21']);
  });

  it('defaults to 1/x/2', async () => {
    const world = await givenObserved();
    await world.server.ask('/1/0/2', { code: Code.Put, contentFormat: 0, payload: '20' });
    await run(world, [21]);
    assert.deepEqual(reported(world), []);
    await world.seconds(20);
    assert.deepEqual(reported(world), ['21']);
  });
});

describe('pmax', () => {
  it('repeats an unchanged value', async () => {
    const world = await givenObserved(['pmax=30']);
    await world.seconds(95);
    assert.deepEqual(reported(world), ['20', '20', '20']);
  });

  it('counts from the last notification, whatever caused it', async () => {
    const world = await givenObserved(['pmax=30']);
    await world.seconds(20);
    await run(world, [21]);
    await world.seconds(28);
    assert.deepEqual(reported(world), ['21']);
    await world.seconds(2);
    assert.deepEqual(reported(world), ['21', '21']);
  });

  it('reports what thresholds hold back', async () => {
    const world = await givenObserved(['pmax=30', 'gt=100']);
    await run(world, [50]);
    assert.deepEqual(reported(world), []);
    await world.seconds(30);
    assert.deepEqual(reported(world), ['50']);
  });

  it('is ignored when it is 0 or below pmin', async () => {
    for (const attributes of [['pmax=0'], ['pmin=60', 'pmax=30']]) {
      const world = await givenObserved(attributes);
      await world.seconds(300);
      assert.deepEqual(reported(world), []);
    }
  });

  it('is the period where it equals pmin', async () => {
    const world = await givenObserved(['pmin=10', 'pmax=10']);
    await run(world, [21]);
    await world.seconds(30);
    assert.deepEqual(reported(world), ['21', '21', '21']);
  });

  it('defaults to 1/x/3, and a written one wins', async () => {
    const world = await givenObserved();
    await world.server.ask('/1/0/3', { code: Code.Put, contentFormat: 0, payload: '20' });
    await world.seconds(21);
    assert.deepEqual(reported(world), ['20']);
    await world.server.ask('/3303', { code: Code.Put, query: ['pmax=100'] });
    await world.seconds(60);
    assert.deepEqual(reported(world), ['20']);
  });
});

describe('thresholds', () => {
  it('gt: reports when it is crossed, in either direction', async () => {
    const world = await givenObserved(['gt=25']);
    await run(world, [24, 25, 26, 40, 27, 25, 24, 10, 30]);
    assert.deepEqual(reported(world), ['26', '25', '30']);
  });

  it('lt: reports when it is crossed, in either direction', async () => {
    const world = await givenObserved(['lt=10']);
    await run(world, [11, 10, 9, 1, 10, 12, 5]);
    assert.deepEqual(reported(world), ['9', '10', '5']);
  });

  it('st: reports what is a step away from the last report', async () => {
    const world = await givenObserved(['st=5']);
    await run(world, [22, 24, 25, 29, 30.5, 27, 25.5]);
    assert.deepEqual(reported(world), ['25', '30.5', '25.5']);
  });

  it('gt, lt and st together: any of them is enough', async () => {
    const world = await givenObserved(['gt=30', 'lt=10', 'st=8']);
    await run(world, [27, 28, 29, 31, 32, 40, 39, 29, 9]);
    assert.deepEqual(reported(world), ['28', '31', '40', '29', '9']);
  });

  it('a crossing during pmin is reported when pmin is over', async () => {
    const world = await givenObserved(['gt=25', 'pmin=10']);
    await run(world, [30, 20]);
    assert.deepEqual(reported(world), []);
    await world.seconds(10);
    assert.deepEqual(reported(world), ['20']);
  });

  it('are inherited downwards only: on the instance above, every change is reported', async () => {
    const world = await givenClient();
    await world.server.ask(VALUE, { code: Code.Put, query: ['gt=100'] });
    await world.server.ask('/3303/0', { observe: 0, accept: 110 });
    await run(world, [21]);
    assert.equal(world.server.notified.length, 1);
  });

  it('changed or cleared while observed, they hold from then on', async () => {
    const world = await givenObserved(['gt=100']);
    await run(world, [21]);
    await world.server.ask(VALUE, { code: Code.Put, query: ['gt'] });
    await run(world, [22]);
    assert.deepEqual(reported(world), ['22']);
  });
});

describe('evaluation periods', () => {
  it('epmin: a change is looked at no sooner', async () => {
    const world = await givenObserved(['epmin=10', 'gt=25']);
    await run(world, [30, 20]);
    await world.seconds(10);
    // Nobody saw it above 25.
    assert.deepEqual(reported(world), []);
    world.client.setValue(VALUE, 31);
    await world.seconds(10);
    assert.deepEqual(reported(world), ['31']);
  });

  it('epmax: a value that is computed is looked at this often', async () => {
    const tree = thermometer();
    let celsius = 20;
    tree.add(3300, 0, {}, { 5700: { read: () => celsius } });
    const world = await givenClient({ objects: tree });
    await world.server.ask('/3300/0/5700', { code: Code.Put, query: ['epmax=5'] });
    await world.server.ask('/3300/0/5700', { observe: 0 });
    await world.seconds(20);
    assert.deepEqual(reported(world), []);
    celsius = 30;
    await world.seconds(5);
    assert.deepEqual(reported(world), ['30']);
  });
});

describe('attributes in the Observe request', () => {
  it('1.2: stand in for all attached ones, and stay out of Discover', async () => {
    const world = await givenClient({ objects: thermometer('1.2') });
    await world.server.ask(VALUE, { code: Code.Put, query: ['pmax=10'] });
    await world.server.ask(VALUE, { observe: 0, query: ['gt=25'] });
    await world.seconds(30);
    await run(world, [24, 26]);
    assert.deepEqual(reported(world), ['26']);
    assert.equal(textOf(await world.server.ask(VALUE, { accept: 40 })), '</3303/0/5700>;pmax=10');
  });

  it('are refused when they contradict each other, and before 1.2', async () => {
    const newer = await givenClient({ objects: thermometer('1.2') });
    assert.equal(codeText((await newer.server.ask(VALUE, { observe: 0, query: ['gt=1', 'lt=2'] })).code), '4.00');
    const older = await givenClient();
    assert.equal(codeText((await older.server.ask(VALUE, { observe: 0, query: ['gt=1'] })).code), '4.00');
  });
});

describe('any attributes and any walk of the value', () => {
  it('pmin is never undercut, pmax never exceeded, and no crossing is lost for longer than pmin', async () => {
    const random = seededRandom(11);
    for (let round = 0; round < 25; round++) {
      const pmin = Math.floor(random() * 8);
      const pmax = pmin + 1 + Math.floor(random() * 30);
      const world = await givenObserved([`pmin=${pmin}`, `pmax=${pmax}`, 'gt=25'], { lifetime: 100_000 });
      const times = [world.clock.monotonic()];
      let seen = world.server.notified.length;
      for (let second = 0; second < 120; second++) {
        if (random() < 0.3) world.client.setValue(VALUE, Math.round(random() * 50));
        await world.seconds(1);
        if (world.server.notified.length > seen) times.push(world.clock.monotonic());
        seen = world.server.notified.length;
      }
      // Seconds of the walk: a notification is seen up to one after it was sent.
      for (let index = 1; index < times.length; index++) {
        const gap = ((times[index] as number) - (times[index - 1] as number)) / 1000;
        assert.ok(gap >= pmin - 1.1, `round ${round}: ${gap} below pmin ${pmin}`);
        assert.ok(gap <= pmax + 1.1, `round ${round}: ${gap} above pmax ${pmax}`);
      }
      await world.seconds(pmax + 1);
      const last = Number(textOf(world.server.notified[world.server.notified.length - 1] as never));
      assert.equal(last, world.tree.get(VALUE));
    }
  });
});

import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Registration } from '../../src/device/manager';
import type { DeviceFacts } from '../../src/fleet/facts';
import { type Knowledge, NOTHING_KNOWN } from '../../src/fleet/knowledge';
import { editDistance, nearestNames } from '../../src/fleet/nearest-names';
import { Selector } from '../../src/fleet/selector';

describe('selector', () => {
  it('an endpoint chooses itself, registered or not', () => {
    const selector = Selector.of('sim-001');
    assert.equal(selector.single, 'sim-001');
    assert.deepEqual(selector.choose([], NOTHING_KNOWN), ['sim-001']);
    assert.equal(selector.matches('sim-0011', NOTHING_KNOWN), false);
  });

  it('a pattern chooses among the registered', () => {
    const selector = Selector.of('kitchen-*');
    assert.equal(selector.single, undefined);
    assert.deepEqual(selector.choose(['kitchen-1', 'garage-1', 'kitchen-'], NOTHING_KNOWN), ['kitchen-1', 'kitchen-']);
    assert.deepEqual(Selector.of('*').choose(['a', 'b'], NOTHING_KNOWN), ['a', 'b']);
  });

  it('an array may hold both, and each device comes once', () => {
    const selector = Selector.of(['garage-1', 'kitchen-*', 'garage-1']);
    assert.deepEqual(selector.choose(['kitchen-1', 'garage-1'], NOTHING_KNOWN), ['garage-1', 'kitchen-1']);
  });

  it('everything but the star is literal', () => {
    const selector = Selector.of('urn:imei:(1)+*.[x]');
    assert.ok(selector.matches('urn:imei:(1)+22.[x]', NOTHING_KNOWN));
    assert.equal(selector.matches('urn:imei:1.x', NOTHING_KNOWN), false);
  });

  it('a hostile pattern does not block the loop', () => {
    const selector = Selector.of(`${'*'.repeat(200)}x`);
    const started = performance.now();
    assert.equal(selector.matches('a'.repeat(10_000), NOTHING_KNOWN), false);
    assert.ok(performance.now() - started < 500);
  });

  it('anything else is refused, saying what came', () => {
    assert.throws(() => Selector.of(''), { code: 'invalid-request', message: /an empty text came/ });
    assert.throws(() => Selector.of(5), { message: /a number came/ });
    assert.throws(() => Selector.of(['a', ['b']]), { message: /a nested array came/ });
    assert.throws(() => Selector.of(undefined), { message: /nothing came/ });
  });
});

describe('selectors by what is known of devices', () => {
  const known: Record<string, DeviceFacts> = {
    'kitchen-1': {
      manufacturer: 'Acme',
      model: 'T1',
      firmware: '1.9.2',
      batteryLevel: 15,
      latitude: 52.52,
      longitude: 13.4,
      lastSeen: 9_000_000,
    },
    'kitchen-2': { manufacturer: 'ACME', model: 'T2', firmware: '2.0', lastSeen: 1_000_000 },
    'cellar-1': {
      network: { latitude: { value: 48.1, source: 'operator', at: 0 }, longitude: { value: 11.6, source: 'operator', at: 0 } },
    },
  };
  const tags: Record<string, readonly string[]> = { 'kitchen-1': ['floor-2', 'floor=2'], 'cellar-1': ['group=south'] };
  const here: Record<string, Partial<Registration>> = {
    'kitchen-1': { objects: ['/1/0', '/3/0', '/3303/0'], version: '1.1', security: 'psk' },
    'kitchen-2': { objects: ['/33/0'], version: '1.0', security: 'none' },
  };
  const knowledge: Knowledge = {
    facts: (device) => known[device],
    tags: (device) => tags[device] ?? [],
    deviceClass: (device) => (device === 'kitchen-1' ? 'battery' : undefined),
    group: (name) => (name === 'old' ? Selector.of('firmware<2') : undefined),
    registration: (device) => here[device] as Registration | undefined,
    presence: (device) => (device in here ? 'reachable' : 'gone'),
    now: () => 9_600_000,
  };
  const all = Object.keys(known);
  const chosen = (choice: unknown): string => Selector.of(choice).choose(all, knowledge).join(' ');

  const CASES: readonly (readonly [unknown, string])[] = [
    ['tag=floor-2', 'kitchen-1'],
    ['tag=floor=2', 'kitchen-1'],
    ['tag=floor*', 'kitchen-1'],
    ['tags!=floor-2', 'kitchen-2 cellar-1'],
    ['manufacturer=acme', 'kitchen-1 kitchen-2'],
    ['model=t*', 'kitchen-1 kitchen-2'],
    ['firmware<2.0', 'kitchen-1'],
    ['firmware>=2', 'kitchen-2'],
    ['firmware=2.*', 'kitchen-2'],
    ['firmware>=1.9 & firmware<1.10', 'kitchen-1'],
    ['object=/3303', 'kitchen-1'],
    ['object=33', 'kitchen-2'],
    ['object=/3303/1', ''],
    ['lastSeen<1h', 'kitchen-1'],
    ['lastSeen>1h', 'kitchen-2'],
    ['state=offline', 'cellar-1'],
    ['!state=online', 'cellar-1'],
    ['near=52.5/13.4/5km', 'kitchen-1'],
    ['near="48.1,11.6,10"', 'cellar-1'],
    ['battery<20', 'kitchen-1'],
    ['class=battery', 'kitchen-1'],
    ['group=old', 'kitchen-1'],
    ['group=south', 'cellar-1'],
    ['version>=1.1', 'kitchen-1'],
    ['security=none', 'kitchen-2'],
    ['kitchen-* & !model=T2', 'kitchen-1'],
    ['(model=T1 | model=T2) & firmware>=2', 'kitchen-2'],
    ['model=T1 | state=offline', 'kitchen-1 cellar-1'],
    ['model=T1, cellar-*', 'cellar-1 kitchen-1'],
    ['cellar-* | kitchen-2', 'kitchen-2 cellar-1'],
    [{ tags: ['floor-2', 'floor=2'] }, 'kitchen-1'],
    [{ tags: ['floor-2', 'floor-3'] }, ''],
    [{ model: ['T1', 'T2'], firmware: '>=1.2 <2' }, 'kitchen-1'],
    [{ endpoint: 'kitchen-*', not: { model: 'T1' } }, 'kitchen-2'],
    [{ any: [{ tag: 'floor-2' }, { state: 'offline' }] }, 'kitchen-1 cellar-1'],
    [{ near: { latitude: 52.5, longitude: 13.4, metres: 5000 } }, 'kitchen-1'],
    [['cellar-1', 'tag=floor-2', { model: 'T2' }], 'cellar-1 kitchen-1 kitchen-2'],
  ];
  for (const [choice, devices] of CASES) {
    it(`${JSON.stringify(choice)} means ${devices || 'none of them'}, and so does its canonical text`, () => {
      const words = (text: string): string => text.split(' ').sort().join(' ');
      assert.equal(words(chosen(choice)), words(devices));
      const { text, isDynamic } = Selector.of(choice);
      // Of names alone it is a list, as it has always been.
      assert.equal(words(chosen(isDynamic ? text : text.split(','))), words(devices));
    });
  }

  it('an expression is wrong at a place, which is told', () => {
    const wrong = (text: string, message: RegExp): void =>
      assert.throws(() => Selector.of(text), { code: 'invalid-request', message }, text);
    wrong('model=x & modle=y', /at character 11, there is no field modle: did you mean model/);
    wrong('modle=y', /at character 1, there is no field modle: did you mean model/);
    wrong('model= & tag=a', /at character 8, model must be a text/);
    wrong('(model=x', /at character 1, this parenthesis is not closed/);
    wrong('model="x', /at character 7, this quote is not closed/);
    wrong('model=x tag=y', /at character 9, "tag=y" is not expected here: join conditions by & or \|/);
    wrong('state=sleepy & model=x', /at character 7, state must be one of online, asleep, offline/);
    wrong('model<3', /model is compared by = !=, and not by </);
    wrong('lastSeen<soon', /at character 10, lastSeen must be an age/);
    wrong('near=95/13/5', /near must be latitude/);
    wrong(`${'('.repeat(30)}model=x`, /nested more than 20 deep/);
    wrong(`model=x${' | model=x'.repeat(500)}`, /longer than 2000/);
  });

  it('an object is wrong in a property, which is named', () => {
    const wrong = (choice: object, message: RegExp): void =>
      assert.throws(() => Selector.of(choice), { code: 'invalid-request', message });
    wrong({ colour: 'red' }, /there is no field "colour"/);
    wrong({}, /it is empty/);
    wrong({ tags: [] }, /a list is empty/);
    wrong({ firmware: { newest: true } }, /firmware must be a text/);
    wrong({ near: { latitude: 1 } }, /near must be/);
    wrong({ state: 'sleepy' }, /state must be one of/);
    const deep = Array.from({ length: 30 }).reduce<object>((inner) => ({ not: inner }), { model: 'x' });
    wrong(deep, /nested more than 20 deep/);
  });

  it('an endpoint name stays a name, whatever characters it has', () => {
    for (const name of ['urn:dev:mac=01', 'a & b', 'sensor | 1', '(x)', 'a=b', 'level<2', 'a"b', 'x,y']) {
      assert.equal(Selector.of(name).single, name);
    }
    assert.equal(Selector.of('endpoint="tag=a"').single, 'tag=a');
    assert.equal(Selector.of(Selector.of('endpoint="tag=a"').text).single, 'tag=a');
  });

  it('chooses among ten thousand devices in some milliseconds', () => {
    const many = Array.from({ length: 10_000 }, (_, index) => `dev-${index}`);
    const facts: DeviceFacts = { model: 'T1', firmware: '1.2.3', lastSeen: 1 };
    const selector = Selector.of('model=t1 & firmware<2 & lastSeen>1min | tag=floor-2');
    const started = performance.now();
    assert.equal(selector.choose(many, { ...knowledge, facts: () => facts, tags: () => ['a', 'b'] }).length, 10_000);
    assert.ok(performance.now() - started < 250);
  });

  it('any text is an expression, a name, or told to be wrong', () => {
    const part = fc.constantFrom('model', 'tag', '=', '<', '!', '(', ')', '&', '|', '"', ' ', 'a', '*', ',', '1.0', '\\');
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 12 }), (parts) => {
        const text = parts.join('');
        try {
          const selector = Selector.of(text);
          selector.choose(all, knowledge);
        } catch (caught) {
          assert.equal((caught as { code?: string }).code, 'invalid-request');
        }
      }),
    );
  });
});

describe('names that were meant', () => {
  const names = ['sim-001', 'sim-002', 'sim-010', 'kitchen'];

  it('letters that look alike are nearer than others', () => {
    assert.deepEqual(nearestNames('sim-0O1', names, 100), ['sim-001']);
  });

  it('a swap is one edit', () => {
    assert.equal(editDistance('ktichen', 'kitchen'), 1);
    assert.deepEqual(nearestNames('ktichen', names, 100), ['kitchen']);
  });

  it('nothing is suggested where nothing is near', () => {
    assert.deepEqual(nearestNames('boiler', names, 100), []);
  });

  it('of equally near names three are suggested', () => {
    assert.deepEqual(nearestNames('sim-00', ['sim-003', 'sim-001', 'sim-002', 'sim-004'], 100), [
      'sim-001',
      'sim-002',
      'sim-003',
    ]);
  });
});

import assert from 'node:assert/strict';
import { editDistance, nearestNames } from '../../src/fleet/nearest-names';
import { Selector } from '../../src/fleet/selector';

describe('selector', () => {
  it('an endpoint chooses itself, registered or not', () => {
    const selector = Selector.of('sim-001');
    assert.equal(selector.single, 'sim-001');
    assert.deepEqual(selector.choose([]), ['sim-001']);
    assert.equal(selector.matches('sim-0011'), false);
  });

  it('a pattern chooses among the registered', () => {
    const selector = Selector.of('kitchen-*');
    assert.equal(selector.single, undefined);
    assert.deepEqual(selector.choose(['kitchen-1', 'garage-1', 'kitchen-']), ['kitchen-1', 'kitchen-']);
    assert.deepEqual(Selector.of('*').choose(['a', 'b']), ['a', 'b']);
  });

  it('an array may hold both, and each device comes once', () => {
    const selector = Selector.of(['garage-1', 'kitchen-*', 'garage-1']);
    assert.deepEqual(selector.choose(['kitchen-1', 'garage-1']), ['garage-1', 'kitchen-1']);
  });

  it('everything but the star is literal', () => {
    const selector = Selector.of('urn:imei:(1)+*.[x]');
    assert.ok(selector.matches('urn:imei:(1)+22.[x]'));
    assert.equal(selector.matches('urn:imei:1.x'), false);
  });

  it('a hostile pattern does not block the loop', () => {
    const selector = Selector.of(`${'*'.repeat(200)}x`);
    const started = performance.now();
    assert.equal(selector.matches('a'.repeat(10_000)), false);
    assert.ok(performance.now() - started < 500);
  });

  it('anything else is refused, saying what came', () => {
    assert.throws(() => Selector.of(''), { code: 'invalid-request', message: /an empty text came/ });
    assert.throws(() => Selector.of(5), { message: /a number came/ });
    assert.throws(() => Selector.of(['a', ['b']]), { message: /a nested array came/ });
    assert.throws(() => Selector.of(undefined), { message: /nothing came/ });
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

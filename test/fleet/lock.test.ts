/** One disruptive piece of work on a device at a time. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import { Locks } from '../../src/fleet/lock';

const update = { holder: 'firmware-update f1', why: 'update to 2.1' };
const reboot = { holder: 'job nightly', why: 'reboot' };

describe('A lock on a device', () => {
  let locks: Locks;
  const told: string[] = [];

  beforeEach(() => {
    locks = new Locks(new VirtualClock());
    told.length = 0;
    locks.events.on('taken', ({ device, holder }) => told.push(`${holder} has ${device}`));
    locks.events.on('released', ({ device }) => told.push(`${device} is free`));
  });

  it('is for one holder at a time', () => {
    assert.equal(locks.take('boiler', update), true);
    assert.equal(locks.take('boiler', reboot), false);
    assert.equal(locks.holderOf('boiler')?.why, 'update to 2.1');
    assert.equal(locks.take('pump', reboot), true);
  });

  it('is had by a holder once, however often it takes it', () => {
    locks.take('boiler', update);
    assert.equal(locks.take('boiler', update), true);
    locks.release('boiler', update.holder);
    assert.equal(locks.holderOf('boiler'), undefined);
    assert.deepEqual(told, ['firmware-update f1 has boiler', 'boiler is free']);
  });

  it('stays while one part of the work of its holder is not done', () => {
    locks.take('boiler', reboot);
    locks.take('boiler', { ...reboot, part: 'step 1' });
    locks.release('boiler', reboot.holder, 'step 1');
    assert.equal(locks.holderOf('boiler')?.holder, 'job nightly');
    locks.release('boiler', reboot.holder);
    assert.equal(locks.holderOf('boiler'), undefined);
  });

  it('is not released by anybody else', () => {
    locks.take('boiler', update);
    locks.release('boiler', reboot.holder);
    assert.equal(locks.holderOf('boiler')?.holder, update.holder);
  });

  it('ends on every device with the work of its holder', () => {
    locks.take('boiler', update);
    locks.take('pump', { ...update, part: 'x' });
    locks.take('valve', reboot);
    locks.releaseAll(update.holder);
    assert.equal(locks.size, 1);
    assert.equal(locks.holderOf('valve')?.holder, reboot.holder);
  });
});

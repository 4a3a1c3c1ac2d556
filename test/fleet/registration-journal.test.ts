/** The last events of each registration. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import { RegistrationJournal } from '../../src/fleet/registration-journal';
import { FakeManager } from './fake-manager';

function given() {
  const manager = new FakeManager();
  const clock = new VirtualClock();
  return { manager, clock, journal: new RegistrationJournal(manager, clock) };
}

describe('The journal of registrations', () => {
  it('has who came, moved, expired and left, with time and address, and no mere updates or sleep', () => {
    const { manager, clock, journal } = given();
    const began = clock.wall();
    const registration = manager.register('d', { address: '192.0.2.1:5683' });
    manager.sleep('d');
    manager.wake('d');
    clock.advance(1000);
    const moved = { ...registration, address: '192.0.2.2:5683' };
    manager.events.emit('lifecycle', { event: 'updated', device: 'd', registration, previous: registration, at: 0 });
    manager.events.emit('lifecycle', { event: 'updated', device: 'd', registration: moved, previous: registration, at: 0 });
    manager.leave('d');
    assert.deepEqual(journal.of('d'), [
      { event: 'registered', at: began, address: '192.0.2.1:5683' },
      { event: 'moved', at: began + 1000, address: '192.0.2.2:5683' },
      { event: 'expired', at: began + 1000, address: '192.0.2.1:5683' },
    ]);
  });

  it('says why a device was refused', () => {
    const { manager, journal } = given();
    const refusal = { reason: 'it is not known', remedy: 'Provision it', address: '192.0.2.9:5683', count: 1 };
    manager.events.emit('lifecycle', { event: 'refused', device: 'stranger', refusal, at: 0 });
    assert.equal(journal.of('stranger')[0]?.detail, 'it is not known. Provision it');
  });

  it('counts those that have expired and not come back', () => {
    const { manager, clock, journal } = given();
    for (const device of ['a', 'b', 'c']) manager.register(device);
    manager.leave('a');
    clock.advance(1000);
    for (const device of ['b', 'c']) manager.leave(device);
    manager.register('c');
    assert.equal(journal.expiredSince(clock.wall() - 1000), 2);
    assert.equal(journal.expiredSince(clock.wall()), 1);
  });

  it('holds the last 20 of a device, and 20,000 devices, of which those that are here stay', () => {
    const { manager, journal } = given();
    for (let time = 0; time < 50; time++) manager.register('here');
    assert.equal(journal.of('here').length, 20);
    const refusal = { reason: 'no', remedy: 'go', address: '192.0.2.9:5683', count: 1 };
    for (let stranger = 0; stranger < 20_001; stranger++) {
      manager.events.emit('lifecycle', { event: 'refused', device: `stranger-${stranger}`, refusal, at: 0 });
    }
    assert.equal(journal.of('stranger-0').length, 0);
    assert.equal(journal.of('stranger-20000').length, 1);
    assert.equal(journal.of('here').length, 20);
  });
});

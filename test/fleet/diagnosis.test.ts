/** A diagnosis of a device that is here, one that sleeps and one that is gone: whom it asks, and what it tells. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import type { OperationRequest } from '../../src/device/operation';
import { DeviceManagementError } from '../../src/errors';
import { type Diagnosis, type DiagnosisSources, diagnose } from '../../src/fleet/diagnosis';
import { Fleet } from '../../src/fleet/fleet';
import { FakeManager } from './fake-manager';

const ALL = ['/1/0', '/3/0', '/4/0', '/7/0', '/11/0', '/20/0'];

function given(sources: Partial<DiagnosisSources> = {}) {
  const clock = new VirtualClock();
  const manager = new FakeManager();
  const fleet = new Fleet(manager, clock);
  fleet.resume();
  const registered = (changes = {}): void => {
    manager.register('meter-7', { objects: ALL, updatedAt: clock.wall(), ...changes });
  };
  const diagnosed = (): Promise<Diagnosis> => {
    const { requests, journal } = fleet;
    const parts = {
      manager,
      requests,
      journal,
      clock,
      heard: () => undefined,
      known: () => undefined,
      statistics: () => undefined,
    };
    return diagnose({ ...parts, ...sources }, 'meter-7');
  };
  return { clock, manager, fleet, registered, diagnosed };
}

const VALUES: Readonly<Record<string, readonly { path: string; value: number | string | Buffer }[]>> = {
  '/3': [
    { path: '/3/0/9', value: 12 },
    { path: '/3/0/6/0', value: 1 },
  ],
  '/4': [{ path: '/4/0/2', value: -70 }],
  '/7': [{ path: '/7/0/2', value: 1200 }],
  '/11': [
    { path: '/11/0/1', value: 'iot.example' },
    { path: '/11/0/5', value: 'operator' },
    { path: '/11/0/6', value: 'hunter2' },
  ],
  '/20': [{ path: '/20/0/4014', value: Buffer.alloc(40_000) }],
};
const answering = ({ path }: OperationRequest) => ({ values: VALUES[path] ?? [], rtt: 40 });

describe('A diagnosis', () => {
  it('of a device that is here asks it for all five objects and names the cause', async () => {
    const { manager, registered, diagnosed } = given({
      statistics: () => ({ received: 5, sent: 6, retransmitted: 1, codes: { '2.05': 5 } }),
    });
    manager.behaviour = answering;
    registered();
    const diagnosis = await diagnosed();
    assert.deepEqual(manager.log('meter-7'), ['read /3', 'read /4', 'read /7', 'read /11', 'read /20']);
    assert.equal(diagnosis.cause, 'power');
    assert.equal(diagnosis.summary, "Device 'meter-7' is here. Likely cause: power: its battery is at 12 %.");
    assert.equal(diagnosis.server.roundTripMs, 40);
    assert.deepEqual(diagnosis.server.traffic, { received: 5, sent: 6, retransmitted: 1 });
    assert.deepEqual(
      diagnosis.server.journal.map(({ event }) => event),
      ['registered'],
    );
  });

  it('tells no secret, and of a long log how long it is', async () => {
    const { manager, registered, diagnosed } = given();
    manager.behaviour = answering;
    registered();
    const { readings } = await diagnosed();
    assert.equal(readings['/11/0/1'], 'iot.example');
    assert.equal(readings['/20/0/4014'], '40000 bytes');
    assert.ok(!('/11/0/6' in readings) && !('/11/0/5' in readings));
  });

  it('asks only for objects the device has, and goes on where it refuses one', async () => {
    const { manager, registered, diagnosed } = given();
    manager.behaviour = ({ path }) => (path === '/3' ? new DeviceManagementError('4.01', 'no') : {});
    registered({ objects: ['/3/0', '/4/0'] });
    const { refused } = await diagnosed();
    assert.deepEqual(manager.log('meter-7'), ['read /3', 'read /4']);
    assert.deepEqual(refused, { '/3': '4.01' });
  });

  it('of one that does not answer asks once, and says what that means', async () => {
    const { manager, registered, diagnosed } = given();
    manager.behaviour = () => new DeviceManagementError('timeout', 'no answer');
    registered();
    const { cause, refused } = await diagnosed();
    assert.deepEqual(manager.log('meter-7'), ['read /3']);
    assert.deepEqual([cause, refused], ['network', { '/3': 'timeout' }]);
  });

  it('of one that sleeps asks nothing, and says when it should wake', async () => {
    const { manager, clock, registered, diagnosed } = given();
    registered({ queueMode: true, lifetime: 3600 });
    manager.sleep('meter-7');
    await clock.advanceAsync(600_000);
    const { cause, summary } = await diagnosed();
    assert.deepEqual(manager.log('meter-7'), []);
    assert.equal(cause, null);
    assert.equal(
      summary,
      "Device 'meter-7' is asleep, heard 10 min ago, as devices in queue mode do. It should wake within 50 min.",
    );
  });

  it('of one that is gone goes by what was known of it', async () => {
    const { manager, registered, diagnosed } = given({ known: () => ({ batteryLevel: 3, powerSources: [1] }) });
    registered();
    manager.leave('meter-7');
    const { cause, findings, presence } = await diagnosed();
    assert.deepEqual(manager.log('meter-7'), []);
    assert.deepEqual([presence, cause], ['gone', 'power']);
    assert.deepEqual(findings, [
      { cause: 'power', text: 'its battery was at 3 % when it was last heard, and is probably empty' },
    ]);
  });

  it('of one that never came says so', async () => {
    const { diagnosed } = given();
    const { findings } = await diagnosed();
    assert.deepEqual(findings, [
      { cause: 'device', text: 'it has never come to this server: check its power, the address it was given, and its keys' },
    ]);
  });
});

/** Operations in the audit log. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import type { OperationRequest } from '../../src/device/operation';
import { DeviceManagementError } from '../../src/errors';
import { Fleet } from '../../src/fleet/fleet';
import type { Order } from '../../src/fleet/outcomes';
import { Selector } from '../../src/fleet/selector';
import { FakeManager, settled } from './fake-manager';

async function entriesAfter(request: OperationRequest, more: Partial<Order> = {}, manager = new FakeManager()) {
  const fleet = new Fleet(manager, new VirtualClock());
  manager.register('boiler');
  fleet.submit({ owner: 'n1', device: 'boiler', request, whenAsleep: 'fail', ...more });
  await settled();
  const { entries } = await fleet.audit.query({});
  return entries.map(({ at: _at, number: _number, ...entry }) => entry);
}

describe('An operation in the audit log', () => {
  it('has who asked, what, of whom, and how long it took', async () => {
    assert.deepEqual(await entriesAfter({ operation: 'read', path: '/3/0/9' }), [
      { actor: 'node n1', action: 'read /3/0/9', device: 'boiler', outcome: 'done', durationMs: 1 },
    ]);
  });

  it('has no value, and of a failure its code alone, for its sentence may quote one', async () => {
    const manager = new FakeManager();
    manager.behaviour = () => new DeviceManagementError('invalid-value', '"hunter2" is no key');
    const entries = await entriesAfter({ operation: 'write', path: '/0/0/5', value: 'hunter2' }, {}, manager);
    assert.deepEqual(entries, [
      { actor: 'node n1', action: 'write /0/0/5', device: 'boiler', outcome: 'failed', detail: 'invalid-value', durationMs: 0 },
    ]);
  });

  it('that an observe policy asks is told of too, and what became of it', async () => {
    const manager = new FakeManager();
    const fleet = new Fleet(manager, new VirtualClock());
    manager.behaviour = ({ path }) => (path === '/3/0/9' ? new DeviceManagementError('4.05', 'not allowed') : {});
    const policy = { owner: 'n1', devices: Selector.everyone, attributes: {} };
    fleet.policies.set({ ...policy, id: 'a', paths: ['/3303/0/5700', '/3/0/9'] });
    manager.register('boiler');
    await settled();
    await settled();
    const { entries } = await fleet.audit.query({ actor: 'observe policies' });
    assert.deepEqual(entries.map(({ action, outcome, detail }) => [action, outcome, detail]).sort(), [
      ['observe /3/0/9', 'failed', '4.05'],
      ['observe /3303/0/5700', 'done', undefined],
    ]);
  });

  it('belongs to the job it is a step of', async () => {
    const [entry] = await entriesAfter(
      { operation: 'execute', path: '/3/0/4' },
      { kept: { job: { job: 'j7', device: 'boiler' } } },
    );
    assert.equal(entry?.thread, 'j7');
  });

  it('of several steps has an entry for each', async () => {
    const entries = await entriesAfter(
      { operation: 'write', path: '/8/0/4', value: ['a'] },
      { further: [{ operation: 'execute', path: '/8/0/3' }] },
    );
    assert.deepEqual(
      entries.map(({ action }) => action),
      ['execute /8/0/3', 'write /8/0/4'],
    );
  });

  it('is not told of twice, where whoever asked tells it', async () => {
    assert.deepEqual(await entriesAfter({ operation: 'read', path: '/3/0/9' }, { audited: true }), []);
  });
});

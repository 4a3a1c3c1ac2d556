import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import { Fleet } from '../../src/fleet/fleet';
import { Provisioning } from '../../src/fleet/provisioning';
import { Selector } from '../../src/fleet/selector';
import { MemoryStore } from '../../src/store/memory';
import type { Change } from '../../src/store/store';
import { FakeManager } from './fake-manager';

async function given(store = new MemoryStore()) {
  const manager = new FakeManager();
  const clock = new VirtualClock();
  const provisioning = new Provisioning(clock);
  const fleet = new Fleet(manager, clock, { provisioned: provisioning });
  const troubles: string[] = [];
  await fleet.restoreParts(store, (reason) => troubles.push(reason));
  return { manager, clock, provisioning, fleet, troubles, store };
}

describe('tags of devices', () => {
  it('are added and taken away, and outlive the process', async () => {
    const { fleet, store } = await given();
    await fleet.tags.add(['a', 'b'], ['floor-2', 'tz=UTC']);
    await fleet.tags.remove(['b'], ['floor-2', 'never']);
    const { fleet: later } = await given(store);
    assert.deepEqual(later.tags.of('a'), ['floor-2', 'tz=UTC']);
    assert.deepEqual(later.tags.of('b'), ['tz=UTC']);
    await later.tags.remove(['b']);
    assert.deepEqual((await given(store)).fleet.tags.of('b'), []);
  });

  it('a key has one value', async () => {
    const { fleet } = await given();
    await fleet.tags.add(['a'], { floor: 2 });
    await fleet.tags.add(['a'], ['floor=3']);
    assert.equal(fleet.tags.value('a', 'floor'), '3');
    assert.deepEqual(fleet.tags.of('a'), ['floor=3']);
  });

  it('those given when a device was provisioned count, and are changed where they stand', async () => {
    const { fleet, provisioning } = await given();
    await provisioning.provision({ endpoint: 'a', tags: ['floor=1', 'red'] });
    assert.ok(fleet.matches(Selector.of('tag=red'), 'a'));
    await fleet.tags.add(['a'], ['floor=2']);
    assert.deepEqual(fleet.tags.of('a'), ['floor=2', 'red']);
    await fleet.tags.remove(['a'], ['red']);
    assert.deepEqual(provisioning.devices.get('a')?.tags, []);
    assert.deepEqual(fleet.tags.of('a'), ['floor=2']);
  });

  it('what is no tag is refused, and nothing is changed by it', async () => {
    const { fleet } = await given();
    for (const wrong of ['', [''], [5], ['x'.repeat(101)], undefined]) {
      await assert.rejects(fleet.tags.add(['a'], wrong), { code: 'invalid-value' });
    }
    await assert.rejects(
      fleet.tags.add(
        ['a'],
        Array.from({ length: 51 }, (_, index) => `t${index}`),
      ),
      { message: /at most 50/ },
    );
    assert.deepEqual(fleet.tags.of('a'), []);
  });

  it('a store that fails is told of, the tag holds, and is written when it can be', async () => {
    class Disk extends MemoryStore {
      fails = true;
      override batch(changes: readonly Change[]): Promise<void> {
        return this.fails ? Promise.reject(new Error('disk full')) : super.batch(changes);
      }
    }
    const disk = new Disk();
    const { fleet } = await given(disk);
    await assert.rejects(fleet.tags.add(['a'], ['x']), { code: 'store-failed', message: /disk full/ });
    assert.deepEqual(fleet.tags.of('a'), ['x']);
    disk.fails = false;
    await fleet.keepAll();
    assert.deepEqual((await given(disk)).fleet.tags.of('a'), ['x']);
  });
});

describe('groups of devices', () => {
  it('mean whoever fits now, by name in any selector, and outlive the process', async () => {
    const { manager, fleet, store } = await given();
    await fleet.groups.set('upstairs', 'tag=floor-2 | attic-*');
    await fleet.groups.set('upstairs but one', { group: 'upstairs', not: { endpoint: 'attic-9' } });
    for (const device of ['attic-1', 'attic-9', 'b']) manager.register(device);
    await fleet.tags.add(['b'], ['floor-2']);
    assert.deepEqual(fleet.choose(Selector.of('group="upstairs but one"')), ['attic-1', 'b']);
    const later = await given(store);
    assert.deepEqual(later.troubles, []);
    assert.deepEqual(
      later.fleet.groups.all().map(({ name }) => name),
      ['upstairs', 'upstairs but one'],
    );
    assert.ok(await later.fleet.groups.remove('upstairs'));
    assert.equal(await later.fleet.groups.remove('upstairs'), false);
  });

  it('one that leads back to itself, or cannot be used, is refused', async () => {
    const { fleet } = await given();
    await fleet.groups.set('a', 'group=b');
    await assert.rejects(fleet.groups.set('b', 'group=a'), { code: 'invalid-request', message: /leads back to itself/ });
    await assert.rejects(fleet.groups.set('b', 'model='), { message: /model must be/ });
    await assert.rejects(fleet.groups.set('', 'x'), { code: 'invalid-value' });
    assert.equal(fleet.groups.get('b'), undefined);
  });
});

describe('policies for whoever fits', () => {
  it('follow when a device gets a tag, loses it, becomes known, or a group changes', async () => {
    const { manager, clock, fleet } = await given();
    const declare = (id: string, choice: unknown): void =>
      fleet.policies.set({ id, owner: id, devices: Selector.of(choice), paths: [`/3303/0/${id}`], attributes: {} });
    declare('5700', 'tag=a');
    declare('5701', 'model=T1');
    declare('5702', 'group=g');
    manager.register('d', { objects: ['/1/0', '/3/0', '/3303/0'] });
    await clock.advanceAsync(1_000);
    assert.deepEqual(manager.observations('d'), []);
    await fleet.tags.add(['d'], ['a']);
    manager.notify('d', '/3/0', [{ path: '/3/0/1', value: 'T1' }]);
    await fleet.groups.set('g', 'd*');
    await clock.advanceAsync(1_000);
    assert.deepEqual([...manager.observations('d')].sort(), ['/3303/0/5700', '/3303/0/5701', '/3303/0/5702']);
    await fleet.tags.remove(['d'], ['a']);
    await fleet.groups.remove('g');
    await clock.advanceAsync(1_000);
    assert.deepEqual(manager.observations('d'), ['/3303/0/5701']);
  });
});

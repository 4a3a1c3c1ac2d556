/** The life of credentials, with a store that is opened again as after a restart. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import type { Identity } from '../../src/device/identity';
import { readDeviceChange } from '../../src/device/provisioned-device';
import { KeptDevices } from '../../src/fleet/kept-devices';
import { Provisioning, type ProvisioningEvents } from '../../src/fleet/provisioning';
import { MemoryStore } from '../../src/store/memory';
import { Seal } from '../../src/store/seal';
import { below, type Store } from '../../src/store/store';

const KEY = '00112233445566778899aabbccddeeff';
const SEAL = new Seal(Buffer.alloc(32, 7));

/** One after the other on one store, as after restarts. */
async function life(store: Store = new MemoryStore(), seal = SEAL) {
  const clock = new VirtualClock();
  const troubles: string[] = [];
  const provisioning = new Provisioning(clock, (reason) => troubles.push(reason));
  const ended: ProvisioningEvents['ended'][] = [];
  provisioning.events.on('ended', (event) => ended.push(event));
  await provisioning.restore(new KeptDevices(store, seal, (reason) => troubles.push(reason)));
  return { clock, store, troubles, provisioning, ended };
}

const psk = (identity: string, key = KEY) => ({ mode: 'psk', identity, key });
const change = (fields: Readonly<Record<string, unknown>>) => readDeviceChange(fields);
const proved = (name: string, security: Identity['security'] = 'psk'): Identity => ({
  security,
  name,
  address: '10.0.0.9',
  port: 1,
});

async function bytesIn(store: Store): Promise<string> {
  const found: Buffer[] = [];
  for await (const { key, value } of store.range(below(''))) found.push(Buffer.from(key), value);
  return Buffer.concat(found).toString('latin1');
}

describe('provisioning', () => {
  it('a key opens for its identity, and the identity is of its endpoint, whatever the two are called', async () => {
    const { provisioning } = await life();
    await provisioning.provision(change({ endpoint: 'dev', security: psk('key-7') }));
    assert.deepEqual(provisioning.keyOf('key-7'), Buffer.from(KEY, 'hex'));
    assert.equal(provisioning.keyOf('dev'), undefined);
    assert.equal(provisioning.ownerOf(proved('key-7')), 'dev');
    assert.equal(provisioning.isSecured('dev'), true);
  });

  it('a certificate nobody was given is that of the endpoint of its name, but not where that has other credentials', async () => {
    const { provisioning } = await life();
    await provisioning.provision(change({ endpoint: 'dev', security: psk('key-7') }));
    assert.equal(provisioning.ownerOf(proved('new', 'x509')), 'new');
    assert.equal(provisioning.ownerOf(proved('dev', 'x509')), undefined);
    assert.equal(provisioning.ownerOf(proved('key-7', 'x509')), 'key-7', 'a name in a certificate is no PSK identity');
  });

  it('two devices never share credentials', async () => {
    const { provisioning } = await life();
    await provisioning.provision(change({ endpoint: 'a', security: psk('shared') }));
    await assert.rejects(provisioning.provision(change({ endpoint: 'b', security: psk('shared') })), {
      code: 'invalid-value',
      message: /device 'a' has these credentials already \(psk shared\)/,
    });
    assert.equal(provisioning.devices.get('b'), undefined);
    const { identity } = provisioning.generated.issue('c', 1);
    await assert.rejects(provisioning.provision(change({ endpoint: 'b', security: psk(identity) })), /device 'c' was given/);
  });

  it('what a change leaves out stays, and null takes away', async () => {
    const { provisioning } = await life();
    await provisioning.provision(
      change({ endpoint: 'dev', security: psk('k'), tags: { floor: 2 }, blockedUntil: true, access: {} }),
    );
    const device = await provisioning.provision(change({ endpoint: 'dev', level: 'high', blockedUntil: null, access: null }));
    assert.deepEqual([device.tags, device.level, device.security.mode], [['floor=2'], 'high', 'psk']);
    assert.ok(device.blockedUntil === undefined && device.access === undefined);
  });

  it('survives a restart: devices, blocks without end, generated keys and their renewal, tombstones', async () => {
    const first = await life();
    await first.provisioning.provision(change({ endpoint: 'dev', security: psk('k'), tags: ['x'], blockedUntil: true }));
    await first.provisioning.provision(change({ endpoint: 'old', security: psk('gone') }));
    await first.provisioning.retire('old');
    const before = first.provisioning.generated.issue('boot', 1);
    first.provisioning.generated.confirm('boot');
    first.provisioning.generated.renew('boot');
    const renewed = first.provisioning.generated.issue('boot', 1);
    const second = await life(first.store);
    const { provisioning } = second;
    assert.deepEqual(provisioning.devices.get('dev'), first.provisioning.devices.get('dev'));
    assert.deepEqual(provisioning.keyOf('k'), Buffer.from(KEY, 'hex'));
    assert.equal(provisioning.keyOf('gone'), undefined);
    assert.equal(provisioning.devices.retiredAt('old'), first.clock.wall());
    assert.deepEqual(provisioning.keyOf(renewed.identity), renewed.key);
    assert.deepEqual(provisioning.keyOf(before.identity), before.key, 'good until the new one is proved');
    assert.equal(provisioning.isSecured('boot'), false, 'its keys may be for another server');
    assert.deepEqual(second.troubles, []);
    provisioning.proved(proved(renewed.identity));
    assert.equal((await life(first.store)).provisioning.isSecured('boot'), true, 'once it has shown them it always must');
  });

  it('no key stands in the store as it is', async () => {
    const { provisioning, store } = await life();
    await provisioning.provision(change({ endpoint: 'dev', security: psk('k') }));
    const { key } = provisioning.generated.issue('boot', 1);
    const kept = await bytesIn(store);
    for (const secret of [Buffer.from(KEY, 'hex'), key]) {
      for (const form of ['latin1', 'hex', 'base64'] as const) assert.ok(!kept.includes(secret.toString(form)), form);
    }
    assert.ok(kept.includes('device/dev'));
  });

  it('under another sealing key devices stay known and cannot come in; a later change does not lose their keys', async () => {
    const { provisioning, store } = await life();
    await provisioning.provision(change({ endpoint: 'dev', security: psk('k') }));
    const other = await life(store, new Seal(Buffer.alloc(32, 8)));
    assert.match(other.troubles[0] ?? '', /psk\/dev was sealed under another key/);
    assert.equal(other.provisioning.keyOf('k'), undefined);
    assert.equal(other.provisioning.isSecured('dev'), true);
    await other.provisioning.provision(change({ endpoint: 'dev', tags: ['seen'] }));
    const back = await life(store);
    assert.deepEqual(back.provisioning.keyOf('k'), Buffer.from(KEY, 'hex'));
    assert.deepEqual(back.provisioning.devices.get('dev')?.tags, ['seen']);
  });

  it('a record that cannot be read is told of, set aside, and its device blocked: it must not come in as a stranger', async () => {
    const { provisioning, store } = await life();
    await provisioning.provision(change({ endpoint: 'dev', security: psk('k') }));
    await store.put('device/dev', Buffer.from('1 0000000000000000\n{}'));
    const after = await life(store);
    assert.match(after.troubles[0] ?? '', /device\/dev\) cannot be read: its checksum is wrong; it was set aside/);
    assert.equal(after.provisioning.devices.get('dev')?.blockedUntil, Number.POSITIVE_INFINITY);
  });

  it('what cannot be kept holds, and whoever asked is told how long', async () => {
    const { provisioning, store } = await life();
    await store.close();
    await assert.rejects(provisioning.provision(change({ endpoint: 'dev', security: psk('k') })), {
      code: 'store-failed',
      message: /^this holds until the server ends, and is forgotten then: the store is closed/,
    });
    assert.ok(provisioning.keyOf('k') !== undefined);
  });
});

describe('revoking', () => {
  it('a retired device: its keys open nothing, it is told of at once, and it does not come back by itself', async () => {
    const { provisioning, ended } = await life();
    await provisioning.provision(change({ endpoint: 'dev', security: psk('k') }));
    const made = provisioning.generated.issue('dev', 1);
    ended.length = 0;
    await provisioning.retire('dev');
    assert.deepEqual(ended, [{ device: 'dev', names: ['k', made.identity], dismissed: true, why: 'it was retired' }]);
    assert.equal(provisioning.keyOf('k') ?? provisioning.keyOf(made.identity), undefined);
    assert.ok(provisioning.devices.retiredAt('dev') !== undefined);
    await provisioning.provision(change({ endpoint: 'dev', security: psk('k2') }));
    assert.equal(provisioning.devices.retiredAt('dev'), undefined, 'provisioning anew is an explicit step');
  });

  it('another key ends what was proved by the one before; other tags do not', async () => {
    const { provisioning, ended } = await life();
    await provisioning.provision(change({ endpoint: 'dev', security: psk('k') }));
    ended.length = 0;
    await provisioning.provision(change({ endpoint: 'dev', tags: ['a'], security: psk('k') }));
    assert.deepEqual(ended, []);
    await provisioning.provision(change({ endpoint: 'dev', security: psk('k', 'ff'.repeat(16)) }));
    assert.deepEqual(ended, [{ device: 'dev', names: ['k'], dismissed: true, why: 'it has other credentials now' }]);
  });

  it('a device that gets credentials while it is here unsecured has to come anew, with them', async () => {
    const { provisioning, ended } = await life();
    await provisioning.provision(change({ endpoint: 'dev', security: psk('k') }));
    assert.deepEqual(ended, [{ device: 'dev', names: [], dismissed: true, why: 'it has other credentials now' }]);
  });

  it('a renewed key leaves the one before good until the device has proved it; then that is revoked, and the device stays', async () => {
    const { provisioning, ended } = await life();
    const before = provisioning.generated.issue('dev', 1);
    provisioning.generated.confirm('dev');
    assert.equal(provisioning.generated.renew('dev'), true);
    assert.deepEqual(provisioning.generated.issue('other', 1).device, 'other');
    const after = provisioning.generated.issue('dev', 1);
    assert.notEqual(after.identity, before.identity);
    assert.equal(provisioning.generated.issue('dev', 1), after, 'one renewal, one key');
    provisioning.proved(proved(before.identity));
    assert.ok(provisioning.keyOf(before.identity) !== undefined, 'it came with the old one: the bootstrap may have failed');
    provisioning.proved(proved(after.identity));
    assert.equal(provisioning.keyOf(before.identity), undefined);
    assert.deepEqual(ended, [{ device: 'dev', names: [before.identity], dismissed: false, why: 'it has proved its new key' }]);
  });

  it('renewals that never come to a proof leave a bounded number of keys good', () => {
    const { generated } = new Provisioning(new VirtualClock());
    const made = Array.from({ length: 6 }, () => {
      generated.renew('dev');
      return generated.issue('dev', 1).identity;
    });
    assert.deepEqual(
      made.map((identity) => generated.find(identity) !== undefined),
      [false, false, true, true, true, true],
    );
  });
});

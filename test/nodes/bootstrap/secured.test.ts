/** Keys that a bootstrap gives are good at the secure port of the same server: from the factory to the first value, and over a restart. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readSecurity } from '../../../src/device/credentials';
import type { ClientSecurity } from '../../../src/lwm2m/client/client-security';
import {
  around,
  deploy,
  device,
  endFlow,
  freshDevice,
  inbox,
  lifecycle,
  logged,
  portOn,
  running,
  send,
  serverNode,
  serverState,
} from '../flow';

const BOOTSTRAP = { type: 'dm-bootstrap', device: '', deviceType: 'str', uri: '', wires: [['out']] };
const FACTORY: ClientSecurity = { mode: 'psk', identity: 'factory-1', key: Buffer.alloc(16, 5) };

/** A device with a key from the factory for its bootstraps. */
async function factoryDevice(endpoint: string): Promise<void> {
  const security = readSecurity({ mode: 'psk', identity: 'factory-1', key: '05'.repeat(16) });
  await running().provisioning.provision({ endpoint, security });
  await freshDevice(endpoint, {
    scheme: 'coaps',
    bootstrap: { host: '127.0.0.1', port: portOn('dtls') },
    security: FACTORY,
  });
}

/** Gives every device that asks the secure port, and a key of its own for it. */
async function given(server: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await deploy([serverNode({ securePort: 0, ...server }), ...around(BOOTSTRAP)]);
  await serverState('listening');
  const uri = `coaps://127.0.0.1:${portOn('dtls')}`;
  send({ action: 'set', device: '*', payload: { servers: [{ uri, shortServerId: 101, lifetime: 120 }] } });
  await inbox('out').first(({ dm }) => (dm as { operation?: string }).operation === 'set');
}

const keyOf = (endpoint: string) => running().bootstrap.credentials.issue(endpoint, 101);

describe('bootstrap: secured', () => {
  const folders: string[] = [];

  afterEach(async () => {
    await endFlow();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  it('a device that asks over plain CoAP registers over DTLS with the key it is given, and is read', async () => {
    await given();
    await freshDevice('fresh-1');
    const { manager, provisioning } = running();
    assert.equal(manager.registration('fresh-1')?.security, 'psk');
    const { values } = await manager.perform('fresh-1', { operation: 'read', path: '/3/0/0' });
    assert.equal(values[0]?.value, 'Acme');
    const { identity, key } = keyOf('fresh-1');
    assert.deepEqual(provisioning.keyOf(identity), key);
    const told = JSON.stringify([inbox('out').all, logged('WARN')]);
    for (const secret of [key.toString('hex'), key.toString('base64')]) assert.ok(!told.includes(secret));
  });

  it('from then on its name is refused over plain CoAP', async () => {
    await given();
    const client = await freshDevice('fresh-1');
    await client.stop();
    const refused = lifecycle('refused', 'fresh-1');
    device('fresh-1', { backoff: { firstMs: 60_000 } }).catch(() => undefined);
    assert.match((await refused).refusal?.reason as string, /unsecured, although it has credentials/);
  });

  it('a device that asks over DTLS with its key from the factory (int-1) has another afterwards', async () => {
    await given();
    await factoryDevice('fresh-1');
    assert.equal(running().manager.registration('fresh-1')?.security, 'psk');
    assert.ok(running().provisioning.generated.isProved('fresh-1'));
  });

  it('renewed, it gets another key with its next bootstrap, and the one before is good until then', async () => {
    await given();
    await factoryDevice('fresh-1');
    const before = keyOf('fresh-1');
    send({ action: 'renew', device: 'fresh-1' });
    await inbox('out').first(({ dm }) => (dm as { operation?: string }).operation === 'renew');
    const { manager, provisioning } = running();
    await manager.perform('fresh-1', { operation: 'read', path: '/3/0/0' });
    const again = lifecycle('registered', 'fresh-1');
    send({ action: 'trigger', device: 'fresh-1' });
    await again;
    const after = keyOf('fresh-1');
    assert.notEqual(after.identity, before.identity);
    assert.equal(provisioning.keyOf(before.identity), undefined);
    const { values } = await manager.perform('fresh-1', { operation: 'read', path: '/3/0/0' });
    assert.equal(values[0]?.value, 'Acme');
  });

  it('its key is still good after a restart of Node-RED', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'bootstrap-'));
    folders.push(folder);
    const kept = { store: 'level', storePath: path.join(folder, 'state') };
    await given(kept);
    await freshDevice('fresh-1');
    const { identity, key } = keyOf('fresh-1');
    await endFlow();
    await given(kept);
    await device('fresh-1', {
      scheme: 'coaps',
      server: { host: '127.0.0.1', port: portOn('dtls') },
      security: { mode: 'psk', identity, key },
    });
    assert.equal(running().manager.registration('fresh-1')?.security, 'psk');
  });
});

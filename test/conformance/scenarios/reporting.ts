import assert from 'node:assert/strict';
import { byPath, notified, type Peer, type Scenarios } from '../peer';

async function observe(peer: Peer, path: string): Promise<void> {
  assert.equal((await peer.perform({ operation: 'observe', path })).observed, true, path);
}

async function observeComposite(peer: Peer, path: string): Promise<void> {
  assert.equal((await peer.perform({ operation: 'observe-composite', path })).observed, true, path);
}

async function cancel(peer: Peer, path: string): Promise<void> {
  await peer.perform({ operation: 'cancel-observation', path });
  assert.ok(!peer.server.observations(peer.endpoint).includes(path));
}

/** Nothing more comes although something changes. */
async function isQuiet(peer: Peer, path: string, change: () => void): Promise<void> {
  const before = peer.notifications.length;
  change();
  await peer.pass(3);
  assert.deepEqual(
    peer.notifications.slice(before).filter((event) => event.path === path),
    [],
  );
}

/** Observed with short periods, it notifies although nothing changes. */
async function periodically(peer: Peer, attached: string, ...paths: string[]): Promise<void> {
  await peer.perform({ operation: 'write-attributes', path: attached, attributes: { pmin: 1, pmax: 2 } });
  const before = peer.notifications.length;
  for (const path of paths) await observe(peer, path);
  for (const path of paths) assert.ok((await notified(peer, path, 2, before))[1]?.values.length);
  for (const path of paths) await cancel(peer, path);
  await peer.perform({ operation: 'write-attributes', path: attached, attributes: { pmin: null, pmax: null } });
}

/** Observed with thresholds, it notifies when the value crosses one, and not otherwise. */
async function byThreshold(peer: Peer, path: string, quiet: number, crossing: number): Promise<void> {
  const threshold = (quiet + crossing) / 2;
  peer.change(path, quiet - 1);
  await peer.perform({ operation: 'write-attributes', path, attributes: { gt: threshold } });
  const before = peer.notifications.length;
  await observe(peer, path);
  await isQuiet(peer, path, () => peer.change(path, quiet));
  peer.change(path, crossing);
  const [notification] = await notified(peer, path, 1, before);
  assert.equal(Number(notification?.values[0]?.value), crossing);
  await cancel(peer, path);
  await peer.perform({ operation: 'write-attributes', path, attributes: { gt: null } });
}

const temperatures = ['/1/0/1', '/3/0/16', '/3303/0/5700'];

export const REPORTING: Scenarios = {
  'int-301': async (peer) => {
    await peer.perform({ operation: 'read', path: '/3/0/6' });
    await peer.perform({ operation: 'write-attributes', path: '/3/0/7', attributes: { pmin: 1, pmax: 2 } });
    await periodically(peer, '/3/0/8', '/3/0/7', '/3/0/8');
    await peer.perform({ operation: 'write-attributes', path: '/3/0/7', attributes: { pmin: null, pmax: null } });
  },
  'int-303': async (peer) => {
    for (const path of ['/3303/0/5700', '/3/0/16']) await observe(peer, path);
    for (const path of ['/3303/0/5700', '/3/0/16']) await cancel(peer, path);
    await isQuiet(peer, '/3303/0/5700', () => peer.change('/3303/0/5700', 31));
  },
  'int-304': async (peer) => {
    await peer.perform({ operation: 'write-attributes', path: '/1/0/1', attributes: { pmin: 1, pmax: 3 } });
    const path = temperatures.join(',');
    const before = peer.notifications.length;
    await observeComposite(peer, path);
    peer.change('/3303/0/5700', 32);
    const [notification] = await notified(peer, path, 1, before);
    const values = byPath(notification as NonNullable<typeof notification>);
    assert.deepEqual(Object.keys(values).sort(), temperatures);
    assert.equal(values['/3303/0/5700'], 32);
    await cancel(peer, path);
    await peer.perform({ operation: 'write-attributes', path: '/1/0/1', attributes: { pmin: null, pmax: null } });
  },
  'int-305': async (peer) => {
    const path = temperatures.join(',');
    await observeComposite(peer, path);
    await cancel(peer, path);
    await isQuiet(peer, path, () => peer.change('/3303/0/5700', 33));
  },
  'int-306': async (peer) => {
    const before = peer.sends.length;
    peer.send(['/3303/0/5700', '/3/0/9']);
    const send = await peer.until('the Send', () => peer.sends[before]);
    assert.deepEqual(Object.keys(byPath(send)).sort(), ['/3/0/9', '/3303/0/5700']);
  },
  'int-308': async (peer) => {
    const path = '/3/0/9,/16';
    const before = peer.notifications.length;
    await observeComposite(peer, path);
    await peer.perform({ operation: 'create', path: '/16/1', value: { 0: { 0: 'new' } } });
    const [notification] = await notified(peer, path, 1, before);
    assert.ok(Object.keys(byPath(notification as NonNullable<typeof notification>)).some((one) => one.startsWith('/16/1/')));
    await cancel(peer, path);
    await peer.perform({ operation: 'delete', path: '/16/1' });
  },
  'int-309': async (peer) => {
    const path = '/3/0/9,/16';
    await peer.perform({ operation: 'create', path: '/16/1', value: { 0: { 0: 'new' } } });
    const before = peer.notifications.length;
    await observeComposite(peer, path);
    await peer.perform({ operation: 'delete', path: '/16/1' });
    const [notification] = await notified(peer, path, 1, before);
    assert.ok(!Object.keys(byPath(notification as NonNullable<typeof notification>)).some((one) => one.startsWith('/16/1/')));
    await cancel(peer, path);
  },
  'int-310': async (peer) => {
    const path = '/3/0/9,/3/0/16';
    await observeComposite(peer, path);
    const before = peer.notifications.length;
    assert.equal((await peer.perform({ operation: 'write-attributes', path: '/3', attributes: { pmax: 2 } })).code, '2.04');
    await notified(peer, path, 2, before);
    await peer.perform({ operation: 'write-attributes', path: '/3', attributes: { pmax: null } });
    await cancel(peer, path);
  },
  'int-311': async (peer) => {
    const before = peer.sends.length;
    peer.send(['/1/0/1', '/3/0/11/0']);
    const send = await peer.until('the Send', () => peer.sends[before]);
    assert.deepEqual(Object.keys(byPath(send)).sort(), ['/1/0/1', '/3/0/11/0']);
  },
  'int-657': async (peer) => {
    const before = peer.notifications.length;
    await observe(peer, '/3/0/11');
    peer.change('/3/0/11/0', 2);
    const [notification] = await notified(peer, '/3/0/11', 1, before);
    assert.equal(notification?.values[0]?.value, 2);
    await cancel(peer, '/3/0/11');
  },
  'int-660': (peer) => periodically(peer, '/3/0/7', '/3/0/7'),
  'int-661': async (peer) => {
    await byThreshold(peer, '/3/0/9', 50, 90);
    await peer.perform({ operation: 'write-attributes', path: '/3/0/9', attributes: { st: 10 } });
    const before = peer.notifications.length;
    await observe(peer, '/3/0/9');
    await isQuiet(peer, '/3/0/9', () => peer.change('/3/0/9', 85));
    peer.change('/3/0/9', 70);
    await notified(peer, '/3/0/9', 1, before);
    await cancel(peer, '/3/0/9');
    await peer.perform({ operation: 'write-attributes', path: '/3/0/9', attributes: { st: null } });
  },
  'int-710': (peer) => periodically(peer, '/4/0', '/4/0'),
  'int-711': (peer) => byThreshold(peer, '/4/0/2', -90, -60),
  'int-810': (peer) => periodically(peer, '/6/0', '/6/0'),
  'int-811': (peer) => byThreshold(peer, '/6/0/0', 10, 50),
  'int-910': (peer) => periodically(peer, '/7/0', '/7/0'),
  'int-911': (peer) => byThreshold(peer, '/7/0/2', 10, 100),
  'int-1230': (peer) => periodically(peer, '/10/0', '/10/0/12', '/10/0/13'),
  '1.2-int-1204': (peer) => periodically(peer, '/10/0', '/10/0/4', '/10/0/5', '/10/0/8', '/10/0/9'),
  'int-1610': (peer) => periodically(peer, '/16/0', '/16/0'),
  '1.2-int-1900': (peer) => periodically(peer, '/19/0', '/19/0/0'),
};

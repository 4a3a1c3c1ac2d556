import assert from 'node:assert/strict';
import type { PathLink } from '../../../src/device/operation';
import type { Peer, Scenarios } from '../peer';

async function discover(peer: Peer, path: string, depth?: number): Promise<Map<string, PathLink['attributes']>> {
  const { links } = await peer.perform({ operation: 'discover', path, ...(depth !== undefined && { depth }) });
  return new Map(links?.map((link) => [link.path, link.attributes]));
}

function attach(peer: Peer, path: string, attributes: Record<string, number | null>): Promise<unknown> {
  return peer.perform({ operation: 'write-attributes', path, attributes });
}

const NONE = { pmin: null, pmax: null };
const number = (links: Map<string, PathLink['attributes']>, path: string, name: string): number =>
  Number(links.get(path)?.[name] ?? Number.NaN);

export const DISCOVERING: Scenarios = {
  'int-260': async (peer) => {
    assert.ok((await discover(peer, '/3')).has('/3/0/7'));
    await attach(peer, '/3', { pmin: 10, pmax: 200 });
    await attach(peer, '/3/0/7/0', { gt: 5000, lt: 3000, st: 10 });
    const object = await discover(peer, '/3');
    assert.equal(number(object, '/3', 'pmin'), 10);
    assert.equal(number(object, '/3', 'pmax'), 200);
    assert.equal(number(object, '/3/0/7', 'dim'), 2);
    const resource = await discover(peer, '/3/0/7');
    assert.equal(number(resource, '/3/0/7', 'pmin'), 10, 'inherited');
    assert.equal(number(resource, '/3/0/7', 'pmax'), 200, 'inherited');
    assert.equal(number(resource, '/3/0/7/0', 'gt'), 5000);
    assert.equal(number(resource, '/3/0/7/0', 'st'), 10);
    await attach(peer, '/3/0/7/0', { gt: null, lt: null, st: null });
    await attach(peer, '/3', NONE);
  },
  'int-261': async (peer) => {
    await attach(peer, '/3', { pmin: 10, pmax: 60 });
    await attach(peer, '/3/0', { pmax: 320 });
    await attach(peer, '/3/0/11/0', { pmax: 100, epmin: 1, epmax: 20 });
    const links = await discover(peer, '/3/0/11');
    assert.deepEqual([number(links, '/3/0/11', 'pmin'), number(links, '/3/0/11', 'pmax')], [10, 320]);
    assert.deepEqual(
      ['pmax', 'epmin', 'epmax'].map((name) => number(links, '/3/0/11/0', name)),
      [100, 1, 20],
    );
    await attach(peer, '/3/0/11/0', { ...NONE, epmin: null, epmax: null });
    await attach(peer, '/3/0', NONE);
    await attach(peer, '/3', NONE);
  },
  'int-1630': async (peer) => {
    await peer.perform({ operation: 'write', path: '/16/0/0', value: { 0: 'a', 1: 'b', 2: 'c', 3: 'd' } });
    assert.equal(number(await discover(peer, '/16/0'), '/16/0/0', 'dim'), 4);
    assert.equal((await peer.perform({ operation: 'create', path: '/16/1', value: { 0: { 0: 'x', 1: 'y' } } })).code, '2.01');
    assert.equal(number(await discover(peer, '/16/1'), '/16/1/0', 'dim'), 2);
    const { values } = await peer.perform({ operation: 'read', path: '/16' });
    assert.equal(values.filter(({ path }) => path.startsWith('/16/1/0/')).length, 2);
    await peer.until('the new list', () =>
      peer.server.registration(peer.endpoint)?.objects.includes('/16/1') ? true : undefined,
    );
    assert.equal((await peer.perform({ operation: 'delete', path: '/16/1' })).code, '2.02');
  },
  'int-1635': async (peer) => {
    await peer.perform({ operation: 'create', path: '/16/1', value: { 0: { 0: 'x' } } });
    for (const path of ['/16/0', '/16/1']) assert.equal((await peer.perform({ operation: 'delete', path })).code, '2.02');
    assert.deepEqual(
      [...(await discover(peer, '/16')).keys()].filter((path) => path !== '/16'),
      [],
    );
    await peer.perform({ operation: 'create', path: '/16/0', value: { 0: { 0: 'host' } } });
  },
  'int-270': async (peer) => {
    assert.equal((await peer.perform({ operation: 'create', path: '/16/4', value: { 0: { 0: 'x' } } })).code, '2.01');
    await peer.perform({ operation: 'delete', path: '/16/4' });
  },
  'int-290': async (peer) => {
    await peer.perform({ operation: 'create', path: '/16/5', value: { 0: { 0: 'x' } } });
    assert.equal((await peer.perform({ operation: 'delete', path: '/16/5' })).code, '2.02');
    assert.ok(!(await discover(peer, '/16')).has('/16/5'));
  },
};

/** Of devices that speak 1.2. */
export const DISCOVERING_12: Scenarios = {
  '1.2-int-264': async (peer) => {
    await attach(peer, '/3/0', { pmax: 200 });
    const links = await discover(peer, '/3', 1);
    assert.deepEqual([...links.keys()], ['/3', '/3/0']);
    assert.equal(number(links, '/3/0', 'pmax'), 200);
  },
  '1.2-int-266': async (peer) => {
    await attach(peer, '/3/0/7/1', { gt: 8 });
    const two = await discover(peer, '/3', 2);
    assert.ok(two.has('/3/0/7') && !two.has('/3/0/7/1'));
    const three = await discover(peer, '/3', 3);
    assert.equal(number(three, '/3/0/7/1', 'gt'), 8);
  },
  'x-depth': async (peer) => {
    assert.deepEqual([...(await discover(peer, '/3', 0)).keys()], ['/3']);
    assert.deepEqual([...(await discover(peer, '/3/0/7', 0)).keys()], ['/3/0/7']);
    assert.deepEqual([...(await discover(peer, '/3/0/7', 1)).keys()], ['/3/0/7', '/3/0/7/0', '/3/0/7/1']);
    assert.ok(!(await discover(peer, '/3/0', 1)).has('/3/0/7/0'));
    assert.ok((await discover(peer, '/3/0', 2)).has('/3/0/7/0'));
  },
};

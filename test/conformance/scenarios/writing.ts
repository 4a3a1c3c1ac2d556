import assert from 'node:assert/strict';
import { byPath, leadsTo, type Peer, read, refusal, registrationOf, type Scenarios, times } from '../peer';

async function writeAndReadBack(peer: Peer, path: string, value: unknown, contentFormat: number): Promise<void> {
  assert.equal((await peer.perform({ operation: 'write', path, value, contentFormat })).code, '2.04');
  assert.deepEqual((await read(peer, path))[path], value, `${path} in ${contentFormat}`);
}

/** A partial update and a replacement of the Server instance, with the values it had. */
async function updateAndReplace(peer: Peer, contentFormat: number): Promise<void> {
  const saved = await read(peer, '/1/0', contentFormat);
  await peer.perform({ operation: 'write', path: '/1/0', value: { 2: 101, 3: 1010 }, mode: 'update', contentFormat });
  const updated = await read(peer, '/1/0', contentFormat);
  assert.deepEqual([updated['/1/0/2'], updated['/1/0/3']], [101, 1010]);
  assert.equal(updated['/1/0/7'], saved['/1/0/7']);
  const value = Object.fromEntries([1, 2, 3, 6, 7].map((id) => [id, saved[`/1/0/${id}`] ?? (id === 2 ? 1 : 600)]));
  await peer.perform({ operation: 'write', path: '/1/0', value, mode: 'replace', contentFormat });
  const replaced = await read(peer, '/1/0', contentFormat);
  for (const id of [1, 2, 3, 6, 7]) assert.deepEqual(replaced[`/1/0/${id}`], value[id], `/1/0/${id}`);
}

/** An instance, a resource and a resource instance in one format. */
async function writeInFormat(peer: Peer, contentFormat: number): Promise<void> {
  await peer.perform({ operation: 'write', path: '/1/0', value: { 2: 11, 3: 111 }, mode: 'update', contentFormat });
  assert.equal((await read(peer, '/1/0/3'))['/1/0/3'], 111);
  await writeAndReadBack(peer, '/1/0/2', 12, contentFormat);
  await writeAndReadBack(peer, '/16/0/0/0', `in ${contentFormat}`, contentFormat);
}

async function writeComposite(peer: Peer, value: Record<string, unknown>, contentFormat?: number): Promise<void> {
  const path = Object.keys(value).join(',');
  const result = await peer.perform({
    operation: 'write-composite',
    path,
    value,
    ...(contentFormat !== undefined && { contentFormat }),
  });
  assert.equal(result.code, '2.04');
  assert.equal(result.fallback, undefined, 'in one exchange');
}

export const WRITING: Scenarios = {
  'int-205': async (peer) => {
    await writeAndReadBack(peer, '/1/0/2', 101, 0);
    await writeAndReadBack(peer, '/1/0/3', 1010, 0);
    await writeAndReadBack(peer, '/1/0/2', 1, 0);
    await writeAndReadBack(peer, '/1/0/3', 60, 0);
  },
  'int-210': async (peer) => {
    const value = Buffer.from('0123456789abcdef', 'hex');
    assert.equal((await peer.perform({ operation: 'write', path: '/3442/0/150', value, contentFormat: 42 })).code, '2.04');
    assert.deepEqual((await read(peer, '/3442/0/150', 42))['/3442/0/150'], value);
  },
  'int-212': async (peer) => {
    await writeAndReadBack(peer, '/1/0/2', 101, 60);
    await writeAndReadBack(peer, '/1/0/3', 1010, 60);
    await writeAndReadBack(peer, '/1/0/6', true, 60);
    await writeAndReadBack(peer, '/1/0/6', false, 60);
  },
  'int-215': (peer) => updateAndReplace(peer, 11542),
  'int-220': (peer) => updateAndReplace(peer, 11543),
  'int-226': async (peer) => {
    const before = await read(peer, '/1/0');
    await peer.perform({ operation: 'write', path: '/1/0', value: { 2: 5, 3: 500 }, mode: 'update' });
    const { '/1/0/2': pmin, '/1/0/3': pmax, ...others } = await read(peer, '/1/0');
    assert.deepEqual([pmin, pmax], [5, 500]);
    for (const [path, value] of Object.entries(others)) assert.deepEqual(value, before[path], path);
  },
  'int-227': async (peer) => {
    await leadsTo(peer, 'updated', () => peer.perform({ operation: 'write', path: '/1/0/1', value: 333 }));
    assert.equal(registrationOf(peer).lifetime, 333);
    await leadsTo(peer, 'updated', () => peer.perform({ operation: 'write', path: '/1/0/1', value: 300 }));
  },
  'int-228': async (peer) => {
    const value = { 0: 'zero', 1: 'one' };
    await peer.perform({ operation: 'write', path: '/16/0/0', value });
    await peer.perform({ operation: 'write', path: '/16/0/0/0', value: 'new' });
    assert.deepEqual(await read(peer, '/16/0/0'), { '/16/0/0/0': 'new', '/16/0/0/1': 'one' });
  },
  'int-230': async (peer) => {
    for (const [index, format] of [110, 112].entries()) {
      const lifetime = 400 + index;
      const identities = Object.fromEntries([0, 1, 2, 3].map((id) => [`/16/0/0/${id}`, `${format}-${id}`]));
      await leadsTo(peer, 'updated', () =>
        writeComposite(peer, { '/1/0/1': lifetime, '/1/0/6': index === 0, ...identities }, format),
      );
      assert.equal(registrationOf(peer).lifetime, lifetime);
      const values = await read(peer, '/16/0/0');
      for (const [path, value] of Object.entries(identities)) assert.equal(values[path], value);
    }
  },
  'int-233': (peer) => writeInFormat(peer, 112),
  'int-234': (peer) => writeInFormat(peer, 110),
  'int-256': async (peer) => {
    const before = await read(peer, '/1/0/0');
    assert.equal(await refusal(peer, { operation: 'write', path: '/1/0/0', value: 7 }), '4.05');
    assert.deepEqual(await read(peer, '/1/0/0'), before);
  },
  'int-257': async (peer) => {
    const time = new Date(1_800_000_000_000);
    await writeComposite(peer, { '/1/0/2': 21, '/1/0/6': true, '/3/0/13': time });
    assert.equal((await read(peer, '/1/0/2'))['/1/0/2'], 21);
    assert.equal((await read(peer, '/1/0/6'))['/1/0/6'], true);
    const now = (await read(peer, '/3/0/13'))['/3/0/13'] as Date;
    assert.ok(Math.abs(now.getTime() - time.getTime()) < 60_000, now.toISOString());
    await writeComposite(peer, { '/1/0/6': false });
  },
  'int-271': async (peer) => {
    await peer.perform({ operation: 'write', path: '/16/0/0', value: { 0: 'zero' } });
    await peer.perform({ operation: 'write', path: '/16/0/0', value: { 5: 'five' }, mode: 'update' });
    assert.deepEqual(await read(peer, '/16/0/0'), { '/16/0/0/0': 'zero', '/16/0/0/5': 'five' });
  },
  'int-551': (peer) => updateAndReplace(peer, 11542),
  'int-651': async (peer) => {
    const before = await read(peer, '/3/0', 11542);
    const value = { 13: new Date(1_750_000_000_000), 14: '+05:30', 15: 'Asia/Kolkata' };
    await peer.perform({ operation: 'write', path: '/3/0', value, mode: 'update', contentFormat: 11542 });
    const after = await read(peer, '/3/0', 11542);
    assert.deepEqual([after['/3/0/14'], after['/3/0/15']], ['+05:30', 'Asia/Kolkata']);
    const saved = Object.fromEntries([13, 14, 15].map((id) => [id, before[`/3/0/${id}`]]));
    await peer.perform({ operation: 'write', path: '/3/0', value: saved, mode: 'replace', contentFormat: 11542 });
    const restored = await read(peer, '/3/0', 11542);
    assert.deepEqual([restored['/3/0/14'], restored['/3/0/15']], [before['/3/0/14'], before['/3/0/15']]);
  },
  'int-670': async (peer) => {
    await peer.perform({ operation: 'write', path: '/16/0/0', value: { 0: 'a', 1: 'b', 300: 'c' } });
    assert.deepEqual(await read(peer, '/16/0/0'), { '/16/0/0/0': 'a', '/16/0/0/1': 'b', '/16/0/0/300': 'c' });
  },
  'int-680': async (peer) => {
    assert.equal(await refusal(peer, { operation: 'create', path: '/3', value: { 14: '+01:00' } }), '4.05');
    assert.deepEqual([...new Set(Object.keys(await read(peer, '/3')).map((path) => path.split('/')[2]))], ['0']);
  },
  'int-685': async (peer) => {
    assert.equal(await refusal(peer, { operation: 'delete', path: '/3/0' }), '4.05');
    assert.ok('/3/0/0' in (await read(peer, '/3/0')));
  },
  'x-block-write': async (peer) => {
    const value = Array.from({ length: 500 }, (_, index) => `line ${index}`).join('\n');
    assert.equal((await peer.perform({ operation: 'write', path: '/3442/0/110', value })).code, '2.04');
    const result = await peer.perform({ operation: 'read', path: '/3442/0/110' });
    assert.equal(byPath(result)['/3442/0/110'], value);
  },
  'x-block-response': async (peer) => {
    const value = 'x'.repeat(5_000);
    await peer.perform({ operation: 'write', path: '/3442/0/110', value });
    for (const format of [0, 60, 110, 112, 11542])
      assert.equal((await read(peer, '/3442/0/110', format))['/3442/0/110'], value, `format ${format}`);
  },
};

/** The device comes back as after a power cycle. */
export const REBOOTING: Scenarios = {
  'int-241': async (peer) => {
    const before = times(peer, 'registered');
    assert.equal((await peer.perform({ operation: 'execute', path: '/3/0/4' })).code, '2.04');
    await peer.until('a new registration', () => (times(peer, 'registered') > before ? true : undefined));
  },
  'int-655': async (peer) => {
    await leadsTo(peer, 'registered', () => peer.perform({ operation: 'execute', path: '/3/0/4' }));
  },
  'int-656': async (peer) => {
    await leadsTo(peer, 'registered', () => peer.perform({ operation: 'execute', path: '/3/0/5' }));
  },
};

import assert from 'node:assert/strict';
import { type Peer, read, refusal, registrationOf, type Scenarios } from '../peer';

async function holds(peer: Peer, path: string, resources: readonly number[]): Promise<void> {
  const values = Object.keys(await read(peer, path));
  for (const id of resources) {
    assert.ok(
      values.some((one) => one === `${path}/${id}` || one.startsWith(`${path}/${id}/`)),
      `${path}/${id} among ${values.join(' ')}`,
    );
  }
}

const refusesCreate = (object: string) => async (peer: Peer) =>
  assert.equal(await refusal(peer, { operation: 'create', path: object, value: {} }), '4.05');
const refusesDelete = (instance: string) => async (peer: Peer) =>
  assert.equal(await refusal(peer, { operation: 'delete', path: instance }), '4.05');

export const OBJECTS: Scenarios = {
  'int-565': async (peer) => {
    assert.match(
      await refusal(peer, { operation: 'create', path: '/1', value: { 0: 7, 1: 60, 6: false, 7: 'U' } }),
      /^4\.0[15]$/,
    );
  },
  'int-566': async (peer) => assert.match(await refusal(peer, { operation: 'delete', path: '/1/0' }), /^4\.0[15]$/),
  'int-701': (peer) => holds(peer, '/4/0', [0, 1, 2, 4]),
  'int-730': refusesCreate('/4'),
  'int-735': refusesDelete('/4/0'),
  'int-801': (peer) => holds(peer, '/6/0', [0, 1, 5]),
  'int-830': refusesCreate('/6'),
  'int-835': refusesDelete('/6/0'),
  'int-901': async (peer) => {
    assert.equal((await peer.perform({ operation: 'execute', path: '/7/0/6' })).code, '2.04');
    await read(peer, '/3/0/0');
    assert.equal((await peer.perform({ operation: 'execute', path: '/7/0/7' })).code, '2.04');
    await holds(peer, '/7/0', [2, 3]);
  },
  'int-905': async (peer) => {
    await peer.perform({ operation: 'write', path: '/7/0/8', value: 1_800 });
    assert.equal((await read(peer, '/7/0/8'))['/7/0/8'], 1_800);
  },
  'int-930': refusesCreate('/7'),
  'int-935': refusesDelete('/7/0'),
  'int-1200': (peer) => holds(peer, '/10/0', [11]),
  'int-1201': async (peer) => {
    assert.equal(registrationOf(peer).versions['10'], '1.1');
    await holds(peer, '/10/0', [11, 12, 13]);
  },
  'int-1210': async (peer) => {
    const { links } = await peer.perform({ operation: 'discover', path: '/10' });
    assert.equal(String(links?.find(({ path }) => path === '/10')?.attributes.ver), '1.1');
    assert.equal(typeof (await read(peer, '/10/0/12'))['/10/0/12'], 'number');
    await peer.perform({ operation: 'write', path: '/10/0/13', value: 1 });
    assert.equal((await read(peer, '/10/0/13'))['/10/0/13'], 1);
  },
  'int-1250': async (peer) => {
    const value = { 0: 'second', 1: 'iot.example', 3: true, 4: 3 };
    assert.equal((await peer.perform({ operation: 'create', path: '/11/1', value })).code, '2.01');
    await peer.perform({ operation: 'write', path: '/11/1/3', value: false });
    assert.equal((await read(peer, '/11/1/3'))['/11/1/3'], false);
    assert.match(String(Object.values(await read(peer, '/10/0/11'))[0]), /^\d+:\d+$/);
    await peer.perform({ operation: 'delete', path: '/11/1' });
  },
  'int-1600': (peer) => holds(peer, '/16/0', [0]),
  'int-1605': async (peer) => {
    await peer.perform({ operation: 'write', path: '/16/0/0', value: { 0: 'one', 1: 'two' } });
    assert.deepEqual(await read(peer, '/16/0/0'), { '/16/0/0/0': 'one', '/16/0/0/1': 'two' });
  },
  'int-1620': async (peer) => {
    await peer.perform({ operation: 'write', path: '/16/0/0', value: { 0: 'a', 2: 'c', 3: 'd' } });
    assert.equal(Object.keys(await read(peer, '/16/0/0')).length, 3);
  },
  '1.2-int-1901': async (peer) => {
    const value = { 0: Buffer.from('first'), 1: Buffer.from('second') };
    await peer.perform({ operation: 'write', path: '/19/1/0', value });
    assert.deepEqual(await read(peer, '/19/1/0'), { '/19/1/0/0': value[0], '/19/1/0/1': value[1] });
  },
  // The ETS writes and reads LogStart, which the published object executes.
  '1.2-int-2000': async (peer) => {
    await peer.perform({ operation: 'write', path: '/20/0/4010', value: 2 });
    assert.equal((await peer.perform({ operation: 'execute', path: '/20/0/4011' })).code, '2.04');
    assert.equal((await read(peer, '/20/0/4010'))['/20/0/4010'], 2);
  },
  '1.2-int-2001': async (peer) => {
    await read(peer, '/20/0', 11542);
    await holds(peer, '/20/0', [4010, 4014]);
  },
};

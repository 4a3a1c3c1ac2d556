import assert from 'node:assert/strict';
import { byPath, type Peer, read, refusal, type Scenarios } from '../peer';

const DEVICE = ['/3/0/0', '/3/0/1', '/3/0/2', '/3/0/3', '/3/0/11/0', '/3/0/16'];
const SERVER = ['/1/0/0', '/1/0/1', '/1/0/6', '/1/0/7'];

function has(values: Record<string, unknown>, paths: readonly string[]): void {
  for (const path of paths) assert.ok(path in values, `${path} among ${Object.keys(values).join(' ')}`);
}

function onlyBelow(values: Record<string, unknown>, paths: readonly string[]): void {
  for (const path of Object.keys(values)) {
    assert.ok(
      paths.some((one) => path === one || path.startsWith(`${one}/`)),
      `${path} was not asked for`,
    );
  }
}

/** Reads everything in one format, from the object down to the resource instance. */
async function readInFormat(peer: Peer, format: number): Promise<void> {
  has(await read(peer, '/3', format), DEVICE);
  has(await read(peer, '/3/0', format), DEVICE);
  assert.equal(typeof (await read(peer, '/3/0/0', format))['/3/0/0'], 'string');
  assert.deepEqual(Object.keys(await read(peer, '/3/0/11/0', format)), ['/3/0/11/0']);
}

async function composite(peer: Peer, paths: readonly string[], contentFormat?: number): Promise<Record<string, unknown>> {
  const result = await peer.perform({
    operation: 'read-composite',
    path: paths.join(','),
    ...(contentFormat !== undefined && { contentFormat }),
  });
  assert.equal(result.fallback, undefined, 'in one exchange');
  return byPath(result);
}

export const READING: Scenarios = {
  'int-201': async (peer) => {
    for (const path of ['/3/0/0', '/3/0/1', '/3/0/2']) assert.equal(typeof (await read(peer, path, 0))[path], 'string');
  },
  'int-202': async (peer) => {
    assert.deepEqual((await read(peer, '/3442/0/150', 42))['/3442/0/150'], (await read(peer, '/3442/0/150'))['/3442/0/150']);
  },
  'int-203': async (peer) => has(await read(peer, '/3/0', 11542), DEVICE),
  'int-204': async (peer) => has(await read(peer, '/3/0', 11543), DEVICE),
  'int-211': async (peer) => {
    assert.equal(typeof (await read(peer, '/1/0/0', 60))['/1/0/0'], 'number');
    assert.equal(typeof (await read(peer, '/1/0/6', 60))['/1/0/6'], 'boolean');
    assert.equal(typeof (await read(peer, '/1/0/7', 60))['/1/0/7'], 'string');
  },
  'int-221': async (peer) => {
    assert.match(await refusal(peer, { operation: 'read', path: '/0' }), /^4\.0[14]$/);
    assert.match(await refusal(peer, { operation: 'write', path: '/0/0/0', value: 'coap://10.0.0.9' }), /^4\.0[14]$/);
    assert.match(await refusal(peer, { operation: 'write-attributes', path: '/0', attributes: { pmin: 1 } }), /^4\.0[14]$/);
  },
  'int-222': async (peer) => {
    has(await read(peer, '/1'), SERVER);
    has(await read(peer, '/3'), DEVICE);
  },
  'int-223': async (peer) => {
    has(await read(peer, '/1/0'), SERVER);
    has(await read(peer, '/3/0'), DEVICE);
  },
  'int-224': async (peer) => {
    for (const path of [...SERVER, '/3/0/16']) assert.deepEqual(Object.keys(await read(peer, path)), [path]);
  },
  'int-225': async (peer) => assert.deepEqual(Object.keys(await read(peer, '/3/0/11/0')), ['/3/0/11/0']),
  'int-229': async (peer) => {
    for (const format of [110, 112]) {
      has(await composite(peer, ['/3', '/1/0'], format), [...DEVICE, ...SERVER]);
      has(await composite(peer, ['/1/0/1', '/3/0/11/0'], format), ['/1/0/1', '/3/0/11/0']);
    }
  },
  'int-231': (peer) => readInFormat(peer, 110),
  'int-232': (peer) => readInFormat(peer, 112),
  'int-235': async (peer) => {
    const values = await composite(peer, ['/']);
    has(values, [...DEVICE, ...SERVER]);
    for (const path of Object.keys(values)) assert.doesNotMatch(path, /^\/(0|21|23)\//, 'no keys');
  },
  'int-236': async (peer) => {
    const values = await composite(peer, ['/3/0/16', '/3/0/99', '/9/0']);
    assert.deepEqual(Object.keys(values), ['/3/0/16']);
  },
  'int-237': async (peer) => {
    has(byPath(await peer.perform({ operation: 'read', path: '/3', contentFormat: 'none' })), DEVICE);
    has(byPath(await peer.perform({ operation: 'read', path: '/1', contentFormat: 'none' })), SERVER);
  },
  'int-280': async (peer) => {
    const values = await composite(peer, ['/3/0/16', '/3/0/11/0', '/1/0']);
    has(values, ['/3/0/16', '/3/0/11/0', ...SERVER]);
    onlyBelow(values, ['/3/0/16', '/3/0/11/0', '/1/0']);
  },
  'int-281': async (peer) => {
    const values = await composite(peer, ['/1/0/8', '/3/0/16', '/3/0/11/0']);
    assert.deepEqual(Object.keys(values).sort(), ['/3/0/11/0', '/3/0/16']);
  },
  'int-652': async (peer) => {
    const { values } = await peer.perform({ operation: 'read', path: '/3/0/3', contentFormat: 'none' });
    assert.equal(typeof values[0]?.value, 'string');
  },
};

/** Device management and service enablement: read, write, execute, create, delete, discover, in every format. */
import assert from 'node:assert/strict';
import { conformance } from './conformance';
import { byPath } from './peer';
import { DISCOVERING, DISCOVERING_12 } from './scenarios/discovering';
import { READING } from './scenarios/reading';
import { runAll } from './scenarios/run';
import { REBOOTING, WRITING } from './scenarios/writing';
import { Self } from './self';

describe('conformance: device management', () => {
  for (const scenarios of [READING, WRITING, DISCOVERING, REBOOTING]) runAll(scenarios, 'self', () => Self.start());
  runAll(DISCOVERING_12, 'self', () => Self.start({ version: '1.2' }));

  conformance('x-cbor', 'self', async () => {
    const self = await Self.start({ version: '1.2' });
    const result = await self.perform({ operation: 'read', path: '/3/0', contentFormat: 11544 });
    assert.equal(result.contentFormat, 11544);
    assert.equal(byPath(result)['/3/0/7/1'], 5000);
    await self.perform({
      operation: 'write',
      path: '/3/0',
      value: { 14: '+09:00', 15: 'Asia/Tokyo' },
      mode: 'update',
      contentFormat: 11544,
    });
    assert.equal(self.tree.get('/3/0/15'), 'Asia/Tokyo');
  });

  conformance('x-etch', 'self', async () => {
    const self = await Self.start({ version: '1.2' });
    await self.perform({ operation: 'write', path: '/16/0/0', value: { 0: 'a', 1: 'b' } });
    for (const contentFormat of [320, 322]) {
      const value = { '/3/0/14': `+0${contentFormat - 320}:00`, '/16/0/0/0': null };
      await self.perform({ operation: 'write', path: '/16/0/0/0', value: 'back', mode: 'replace' }).catch(() => undefined);
      const written = await self.perform({ operation: 'write-composite', path: '/3/0/14,/16/0/0/0', value, contentFormat });
      assert.equal(written.code, '2.04');
      assert.equal(self.tree.get('/3/0/14'), value['/3/0/14']);
      assert.deepEqual(self.tree.get('/16/0/0'), new Map([[1, 'b']]));
      await self.perform({ operation: 'write', path: '/16/0/0', value: { 0: 'a', 1: 'b' } });
    }
  });
});

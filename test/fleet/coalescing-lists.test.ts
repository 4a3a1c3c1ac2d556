/** What waiting requests for several paths mean to others (`path-list.ts`). */
import assert from 'node:assert/strict';
import type { OperationRequest } from '../../src/device/operation';
import { asksTheSame, isRepeatable, mayOvertake, separates } from '../../src/fleet/coalescing';

const read: OperationRequest = { operation: 'read-composite', path: '/3/0/9,/1/0' };
const write = (path: string): OperationRequest => ({ operation: 'write', path, value: 1 });
const writeAll = (path: string): OperationRequest => ({ operation: 'write-composite', path, value: {} });

describe('waiting composite requests', () => {
  it('keep their place before and after writes to any of their paths', () => {
    assert.equal(separates(read, write('/1/0/1')), true);
    assert.equal(separates(read, write('/4/0/1')), false);
    assert.equal(separates(writeAll('/3/0/14,/1/0/1'), read), true);
    assert.equal(mayOvertake(writeAll('/3/0/14,/1/0/1'), write('/1/0')), false);
    assert.equal(mayOvertake(writeAll('/3/0/14,/1/0/1'), write('/4/0')), true);
  });

  it('share an answer where they ask the same', () => {
    assert.equal(asksTheSame(read, { ...read }), true);
    assert.equal(asksTheSame(read, { operation: 'read-composite', path: '/3/0/9' }), false);
  });

  it('may be sent again, unless something begins by being written', () => {
    assert.equal(isRepeatable(read), true);
    assert.equal(isRepeatable(writeAll('/3/0/14,/1/0/1')), true);
    assert.equal(isRepeatable(writeAll('/3/0/14,/5/0/1')), false);
  });
});

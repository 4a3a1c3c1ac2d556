/** The object tree as an application uses it. */
import assert from 'node:assert/strict';
import { DeviceManagementError } from '../../../src/errors';
import { ObjectTree } from '../../../src/lwm2m/client/objects';

const refusedWith =
  (code: string, text: RegExp) =>
  (error: unknown): boolean =>
    error instanceof DeviceManagementError && error.code === code && text.test(error.message);

function givenTree(): { tree: ObjectTree; changes: string[] } {
  const tree = new ObjectTree();
  const changes: string[] = [];
  tree.add(3, 0, { 9: 85, 7: [3800, 5000], 14: '+02:00' });
  tree.events.on('changed', (paths) => changes.push(paths.join(' ')));
  return { tree, changes };
}

describe('the object tree', () => {
  it('takes values as the definitions have them, and converts what loses nothing', () => {
    const { tree } = givenTree();
    tree.set('/3/0/9', '42');
    assert.equal(tree.get('/3/0/9'), 42);
    tree.add(3303, 0, { 5700: '21.5' });
    assert.equal(tree.get('/3303/0/5700'), 21.5);
    tree.add(5, 0, { 12: '2026-01-01T00:00:00Z' });
  });

  it('refuses a value of the wrong type or range, naming the resource', () => {
    const { tree } = givenTree();
    assert.throws(() => tree.set('/3/0/9', 'full'), refusedWith('invalid-value', /Battery Level \(\/3\/0\/9\)/));
    assert.throws(() => tree.set('/3/0/9', 101), refusedWith('invalid-value', /0\.\.100/));
    assert.throws(() => tree.add(3, 1, { 9: 'full' }), refusedWith('invalid-value', /\/3\/1\/9/));
  });

  it('takes a multiple resource as array, Map or object, and one of its instances alone', () => {
    const { tree } = givenTree();
    const instances = (): unknown[] => [...(tree.get('/3/0/7') as Map<number, unknown>)];
    assert.deepEqual(instances(), [
      [0, 3800],
      [1, 5000],
    ]);
    tree.set('/3/0/7', { 4: 3700 });
    assert.deepEqual(instances(), [[4, 3700]]);
    tree.set('/3/0/7', new Map([[2, 1]]));
    assert.deepEqual(instances(), [[2, 1]]);
    tree.set('/3/0/7/5', 9);
    assert.deepEqual(instances(), [
      [2, 1],
      [5, 9],
    ]);
    assert.equal(tree.get('/3/0/7/5'), 9);
    assert.equal(tree.get('/3/0/7/6'), undefined);
  });

  it('tells of changes, together where they came together, and not of what is the same', () => {
    const { tree, changes } = givenTree();
    tree.setAll([
      ['/3/0/9', 50],
      ['/3/0/14', '+03:00'],
    ]);
    tree.set('/3/0/9', 50);
    tree.set('/3/0/7', [3800, 5000]);
    assert.deepEqual(changes, ['/3/0/9 /3/0/14']);
  });

  it('says what is wrong with a path', () => {
    const { tree } = givenTree();
    assert.throws(() => tree.set('/3/0', 1), refusedWith('invalid-path', /not a resource/));
    assert.throws(() => tree.set('/9/0/1', 1), refusedWith('invalid-path', /no \/9\/0/));
    assert.throws(() => tree.add(3, 0, {}), refusedWith('invalid-request', /exists already/));
    assert.throws(() => tree.add(70_000, 0, {}), refusedWith('invalid-path', /70000/));
  });

  it('keeps bytes as they were when set, whatever becomes of the buffer', () => {
    const { tree } = givenTree();
    const buffer = Buffer.from('abc');
    tree.add(19, 0, { 0: [buffer] });
    buffer.fill(0);
    assert.equal(String(tree.get('/19/0/0/0')), 'abc');
  });

  it('holds what no model knows, as it is', () => {
    const { tree } = givenTree();
    tree.add(42_000, 0, { 1: 'text', 2: 5 });
    assert.equal(tree.get('/42000/0/2'), 5);
  });

  it('an object stays announced when its last instance goes and the server may make more', () => {
    const { tree } = givenTree();
    tree.permit(3303, { create: true });
    tree.add(3303, 0, { 5700: 1 });
    assert.equal(tree.remove(3303, 0), true);
    assert.equal(tree.remove(3303, 0), false);
    assert.equal(tree.has(3303), true);
    tree.remove(3, 0);
    assert.equal(tree.has(3), false);
  });
});

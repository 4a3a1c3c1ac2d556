import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Path } from '../../src/device/path';
import { integerValue } from '../../src/device/value';
import { DeviceManagementError } from '../../src/errors';

const ids = fc.array(fc.nat(65535), { maxLength: 4 });

describe('Path', () => {
  it('reads its canonical form and the ways people write it', () => {
    for (const text of ['/3/0/9', '3/0/9', '/3/0/9/', ' /3/0/9 ', '/03/0/00009'])
      assert.equal(Path.parse(text).toString(), '/3/0/9');
    for (const text of ['', '/', ' ']) assert.equal(Path.parse(text), Path.root);
    assert.equal(Path.root.toString(), '/');
  });

  it('says its level and ids', () => {
    assert.deepEqual(
      ['/', '/3', '/3/0', '/3/0/6', '/3/0/6/1'].map((text) => Path.parse(text).level),
      ['root', 'object', 'instance', 'resource', 'resource-instance'],
    );
    const path = Path.parse('/3/0/6/1');
    assert.deepEqual([path.object, path.instance, path.resource, path.resourceInstance], [3, 0, 6, 1]);
    assert.equal(Path.parse('/3').instance, undefined);
  });

  it('refuses what is no path, naming the part at fault and an example', () => {
    for (const [text, part] of [
      ['/3/a/9', '"a" is not a number'],
      ['/3//9', '"" is not a number'],
      ['/3/-1', '"-1" is not a number'],
      ['/3/1.5', '"1.5" is not a number'],
      ['/65536', '65536 is not an id from 0 to 65535'],
      ['/1/2/3/4/5', 'it has more than four parts'],
    ] as const) {
      assert.throws(
        () => Path.parse(text),
        (error) => {
          assert.ok(error instanceof DeviceManagementError);
          assert.deepEqual([error.code, error.path === undefined], ['invalid-path', false]);
          assert.ok(error.message.includes(part) && error.message.includes('/3/0/9'), error.message);
          return true;
        },
      );
    }
    assert.throws(() => Path.of(1, Number.NaN), DeviceManagementError);
  });

  it('contains itself and what lies below', () => {
    fc.assert(
      fc.property(ids, ids, (a, b) => {
        const [left, right] = [Path.of(...a), Path.of(...b)];
        assert.equal(left.contains(right), b.length >= a.length && a.every((id, index) => b[index] === id));
        assert.equal(left.equals(right), left.toString() === right.toString());
      }),
    );
  });

  it('comes back from its text', () => {
    fc.assert(fc.property(ids, (list) => assert.deepEqual(Path.parse(Path.of(...list).toString()).ids, list)));
  });

  it('has children, and a parent up to the root', () => {
    const path = Path.parse('/3/0').child(9);
    assert.equal(path.toString(), '/3/0/9');
    assert.equal(path.parent.toString(), '/3/0');
    assert.equal(Path.root.parent, Path.root);
    assert.throws(() => Path.parse('/1/2/3/4').child(5), DeviceManagementError);
  });
});

describe('integerValue', () => {
  it('is a number while that is exact, a decimal string beyond', () => {
    assert.equal(integerValue(2n ** 53n - 1n), 2 ** 53 - 1);
    assert.equal(integerValue(2n ** 53n), '9007199254740992');
    assert.equal(integerValue(-(2n ** 63n)), '-9223372036854775808');
  });
});

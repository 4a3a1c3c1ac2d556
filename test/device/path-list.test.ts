import assert from 'node:assert/strict';
import { isPathList, parsePathList, pathListText } from '../../src/device/path-list';
import { failure } from '../lwm2m/formats/worked-example';

describe('a list of paths', () => {
  it('is canonical: each path once, in the order of naming, none below another', () => {
    assert.equal(pathListText(['3/0/9', '/1/0/1/', '/3/0/9']), '/3/0/9,/1/0/1');
    assert.equal(pathListText(['/3', '/1/0', '/1/0/1', '/3/0/11/0']), '/3,/1/0');
    assert.equal(pathListText(['/3/0/9', '/']), '/');
    assert.deepEqual(parsePathList('/3/0/9, /3/0/11').map(String), ['/3/0/9', '/3/0/11']);
  });

  it('is told from a path', () => {
    assert.equal(isPathList('/3/0/9'), false);
    assert.equal(isPathList('/3/0/9,/1/0/1'), true);
  });

  it('refuses what is no path, and more than anybody names', () => {
    assert.throws(() => parsePathList('/3/0/9,/a'), failure('invalid-path', /"a" is not a number/));
    const many = Array.from({ length: 257 }, (_, id) => `/3/0/${id}`);
    assert.throws(() => pathListText(many), failure('invalid-path', /257 paths are more than the 256/));
  });
});

import assert from 'node:assert/strict';
import { fitsHardware, readDescription, readImage } from '../../../src/fleet/firmware/image';
import { refusal } from './refusal';

const PLAIN = { name: 'tracker', version: '1.2.0' };

describe('description of an image', () => {
  it('needs a name and a version', () => {
    assert.deepEqual(readDescription(PLAIN), { ...PLAIN, hardware: [], dependencies: [] });
    for (const [given, field] of [
      [{}, /^name .* not nothing/],
      [{ name: 'tracker' }, /^version /],
      [{ ...PLAIN, name: 'a@b' }, /no "@" or comma: not "a@b"/],
      [{ ...PLAIN, version: '1,2' }, /^version /],
      [{ ...PLAIN, version: '1\u00002' }, /^version /],
      [{ ...PLAIN, name: 'x'.repeat(65) }, /1 to 64 characters/],
      [{ ...PLAIN, name: '../../etc/passwd' }, /^name /],
      [undefined, /^name /],
    ] as const) {
      assert.match(refusal(() => readDescription(given)).message, field);
    }
  });

  it('lists may be texts with commas, as in a query', () => {
    const { hardware, dependencies } = readDescription({ ...PLAIN, hardware: 'TR-1, TR-2,TR-1,', dependencies: ['boot@2'] });
    assert.deepEqual([hardware, dependencies], [['TR-1', 'TR-2'], ['boot@2']]);
  });

  it('tells what is wrong with whatever else is there', () => {
    for (const [given, field] of [
      [{ hardware: [5] }, /^hardware /],
      [{ hardware: Array.from({ length: 101 }, (_, at) => `m${at}`) }, /^hardware .* 100 at most, not 101/],
      [{ signature: 'AAAA' }, /^signature .* 64 bytes/],
      [{ sha256: 'abc' }, /^sha256 /],
      [{ notes: 5 }, /^notes /],
      [{ minimumVersion: 'x'.repeat(65) }, /^minimumVersion /],
    ] as const) {
      const { code, message } = refusal(() => readDescription({ ...PLAIN, ...given }));
      assert.equal(code, 'invalid-value');
      assert.match(message, field);
    }
  });

  it('an image is for the models it names, and for all when it names none', () => {
    const image = readDescription({ ...PLAIN, hardware: ['TR-1'] });
    assert.deepEqual(
      [fitsHardware(image, 'TR-1'), fitsHardware(image, 'TR-9'), fitsHardware(image, undefined)],
      [true, false, true],
    );
    assert.equal(fitsHardware(readDescription(PLAIN), 'TR-9'), true);
  });
});

describe('an image out of a store', () => {
  const image = { ...PLAIN, hardware: [], dependencies: [], id: '0123456789abcdef', size: 5, sha256: 'a'.repeat(64), created: 1 };

  it('is what was put in', () => assert.deepEqual(readImage(image), image));

  it('is nothing else', () => {
    for (const wrong of [{ id: '../x' }, { size: -1 }, { size: 1.5 }, { sha256: undefined }, { created: 'now' }, { name: '' }])
      assert.throws(() => readImage({ ...image, ...wrong }), JSON.stringify(wrong));
  });
});

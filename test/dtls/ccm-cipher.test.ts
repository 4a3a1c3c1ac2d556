import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AeadCipher } from '../../src/dtls/aead-cipher';
import { CcmCipher } from '../../src/dtls/ccm-cipher';

const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
const SALT = Buffer.from('a0a1a2a3', 'hex');
const bytes = (minLength: number, maxLength = minLength) =>
  fc.uint8Array({ minLength, maxLength }).map((each) => Buffer.from(each));

/** A fragment with eight bytes before it, to see that it is written where it should be. */
function seal(cipher: AeadCipher, additional: Buffer, sequence: Buffer, content: Buffer): Buffer {
  const target = Buffer.alloc(8 + cipher.sealedLength(content.length));
  const copy = Buffer.from(additional);
  copy.writeUInt16BE(content.length, copy.length - 2);
  cipher.seal(copy, sequence, content, target, 8);
  return target;
}

for (const tagBytes of [8, 16]) {
  describe(`CCM with a tag of ${tagBytes} bytes, from kept ciphers`, () => {
    /** Far beyond the records after which ciphers are kept; the same cipher throughout, as in an association. */
    const kept = new CcmCipher(KEY, SALT, tagBytes);
    const oracle = new AeadCipher('aes-128-ccm', KEY, SALT, tagBytes);

    it('gives the bytes that OpenSSL’s CCM gives, whatever came before', () => {
      fc.assert(
        fc.property(bytes(13, 43), bytes(8), bytes(1, 300), (additional, sequence, content) => {
          assert.deepEqual(seal(kept, additional, sequence, content), seal(oracle, additional, sequence, content));
        }),
        { numRuns: 300 },
      );
    });

    it('opens what was sealed, also in the middle of a datagram, and goes on after forgeries', () => {
      fc.assert(
        fc.property(
          bytes(13, 43),
          bytes(8),
          bytes(1, 2_100),
          fc.nat(),
          fc.integer({ min: 1, max: 255 }),
          (additional, sequence, content, at, flip) => {
            const fragment = seal(oracle, additional, sequence, content);
            const forged = Buffer.from(fragment);
            const place = 8 + (at % (forged.length - 8));
            forged[place] = (forged[place] as number) ^ flip;
            assert.equal(kept.open(additional, forged, 8, forged.length), undefined);
            const other = Buffer.from(additional);
            other[0] = (other[0] as number) ^ flip;
            assert.equal(kept.open(other, fragment, 8, fragment.length), undefined);
            assert.deepEqual(kept.open(additional, fragment, 8, fragment.length), content);
          },
        ),
        { numRuns: 200 },
      );
    });
  });
}

describe('more keys than ciphers are kept for', () => {
  it('all work, those that had to give way too', () => {
    const sequence = Buffer.alloc(8, 1);
    const additional = Buffer.alloc(13);
    const pairs = Array.from({ length: 3_000 }, (_, index) => {
      const key = Buffer.alloc(16);
      key.writeUInt32BE(index, 0);
      return { kept: new CcmCipher(key, SALT, 8), oracle: new AeadCipher('aes-128-ccm', key, SALT, 8) };
    });
    for (let round = 0; round < 4; round++) {
      for (const { kept, oracle } of pairs) {
        const content = Buffer.from(`round ${round}`);
        assert.ok(seal(kept, additional, sequence, content).equals(seal(oracle, additional, sequence, content)));
      }
    }
  });
});

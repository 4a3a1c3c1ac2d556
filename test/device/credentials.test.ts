import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { isSameSecurity, provedName, readSecurity, securityKey, weaknessOf } from '../../src/device/credentials';
import { DeviceManagementError } from '../../src/errors';

const KEY = '000102030405060708090a0b0c0d0e0f';

function complaint(given: unknown): string {
  try {
    readSecurity(given);
  } catch (caught) {
    assert.ok(caught instanceof DeviceManagementError && caught.code === 'invalid-value');
    return caught.message;
  }
  throw new Error('taken');
}

describe('readSecurity', () => {
  it('a pre-shared key: the identity as it is, the key in hexadecimal', () => {
    const security = readSecurity({ mode: 'psk', identity: 'kitchen', key: KEY });
    assert.deepEqual(security, { mode: 'psk', identity: 'kitchen', key: Buffer.from(KEY, 'hex') });
    assert.deepEqual([provedName(security), securityKey(security)], ['kitchen', 'psk:kitchen']);
  });

  it('a raw public key as PEM, as DER in base64 or hexadecimal, or by its fingerprint: one and the same', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = publicKey.export({ type: 'spki', format: 'der' });
    const fingerprint = createHash('sha256').update(der).digest();
    const colons = fingerprint.toString('hex').toUpperCase().match(/../g)?.join(':');
    for (const fields of [
      { publicKey: publicKey.export({ type: 'spki', format: 'pem' }) },
      { publicKey: der.toString('base64') },
      { publicKey: der.toString('hex') },
      { fingerprint: fingerprint.toString('hex') },
      { fingerprint: colons },
    ]) {
      assert.deepEqual(readSecurity({ mode: 'rpk', ...fields }), { mode: 'rpk', fingerprint });
    }
    assert.equal(provedName({ mode: 'rpk', fingerprint }), fingerprint.toString('hex'));
  });

  it('a certificate by the name in it; a pinned one goes by a name that no authority can give', () => {
    assert.deepEqual(readSecurity({ mode: 'x509', name: 'kitchen' }), { mode: 'x509', name: 'kitchen' });
    const pinned = readSecurity({ mode: 'x509', fingerprint: 'ab'.repeat(32) });
    assert.equal(provedName(pinned), `sha256:${'ab'.repeat(32)}`);
    assert.match(complaint({ mode: 'x509', name: provedName(pinned) }), /^security\.name must be/);
  });

  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /^security must be an object/],
    [{ mode: 'constructor' }, /^security\.mode must be one of none, psk, rpk, x509/],
    [{ mode: 'psk', identity: '', key: KEY }, /^security\.identity must be a text of 1 to 128 bytes/],
    [{ mode: 'psk', identity: 'ä'.repeat(65), key: KEY }, /^security\.identity/],
    [{ mode: 'psk', identity: '\ud800', key: KEY }, /^security\.identity/],
    [{ mode: 'psk', identity: 'a', key: '' }, /^security\.key must be 1 to 64 bytes in hexadecimal/],
    [{ mode: 'psk', identity: 'a', key: '123' }, /^security\.key/],
    [{ mode: 'psk', identity: 'a', key: 'secret-secret' }, /^security\.key/],
    [{ mode: 'psk', identity: 'a', key: 'ab'.repeat(65) }, /^security\.key/],
    [{ mode: 'rpk', publicKey: 'bm8ga2V5' }, /^security\.publicKey must be the public key/],
    [{ mode: 'rpk', fingerprint: 'abcd' }, /^security\.fingerprint must be a SHA-256/],
    [{ mode: 'x509', certificate: 'bm8gY2VydGlmaWNhdGU=' }, /^security\.certificate must be/],
  ];
  for (const [given, expected] of wrong) {
    it(`refuses ${JSON.stringify(given)?.slice(0, 60)}, naming the property and not its value`, () => {
      const text = complaint(given);
      assert.match(text, expected);
      for (const value of ['secret-secret', '123', 'bm8ga2V5', 'ab'.repeat(65)]) assert.ok(!text.includes(value));
    });
  }

  it('a private key in the place of a public one is refused, and not shown', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const text = complaint({ mode: 'rpk', publicKey: pem });
    assert.ok(!text.includes(pem.split('\n')[1] as string));
  });

  it('warns of a key short enough to be guessed', () => {
    assert.match(weaknessOf(readSecurity({ mode: 'psk', identity: 'a', key: '00112233' })) ?? '', /4 bytes and can be guessed/);
    assert.equal(weaknessOf(readSecurity({ mode: 'psk', identity: 'a', key: KEY })), undefined);
  });

  it('another key under the same identity is another credential', () => {
    const a = readSecurity({ mode: 'psk', identity: 'a', key: KEY });
    assert.ok(isSameSecurity(a, readSecurity({ mode: 'psk', identity: 'a', key: KEY })));
    assert.ok(!isSameSecurity(a, readSecurity({ mode: 'psk', identity: 'a', key: 'ff'.repeat(16) })));
    assert.ok(!isSameSecurity(a, { mode: 'none' }));
  });
});

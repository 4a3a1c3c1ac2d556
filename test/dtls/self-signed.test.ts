import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { verifyChain } from '../../src/dtls/certificate-chain';
import { fingerprint } from '../../src/dtls/raw-key';
import { selfSigned } from '../../src/dtls/self-signed';

describe('a certificate for our own key', () => {
  const from = Date.UTC(2026, 0, 1);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

  it('is read and verified by OpenSSL, belongs to the key, and does not end', () => {
    const certificate = new X509Certificate(selfSigned(privateKey, 'device management', from));
    assert.equal(certificate.subject, 'CN=device management');
    assert.ok(certificate.verify(certificate.publicKey));
    assert.ok(certificate.checkPrivateKey(privateKey));
    assert.equal(new Date(certificate.validFrom).getTime(), from);
    assert.equal(new Date(certificate.validTo).getUTCFullYear(), 9999);
    assert.equal(certificate.ca, false);
  });

  it('has a serial number of its own each time', () => {
    const serials = Array.from({ length: 50 }, () => new X509Certificate(selfSigned(privateKey, 'x', from)).serialNumber);
    assert.equal(new Set(serials).size, 50);
    assert.ok(serials.every((serial) => serial.length === 32));
  });

  it('is good for a peer that knows it, and for no other', () => {
    const der = selfSigned(privateKey, 'device management', from);
    const trust = { now: from + 1, purpose: 'server' as const, anchors: [] };
    assert.equal(verifyChain([der], { ...trust, pinned: [fingerprint(der)] }), 'device management');
    assert.ok(typeof verifyChain([der], trust) !== 'string');
  });
});

import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { FINGERPRINT_NAME, fingerprintName } from '../../../src/device/credentials';
import type { PeerIdentity } from '../../../src/dtls/association-view';
import { fingerprint, publicSpki } from '../../../src/dtls/raw-key';
import { credentialDigests, type DeviceCredentials, dtlsCredentials } from '../../../src/lwm2m/server/dtls-credentials';
import { type CertificateSpec, DAY_MS, type MadeCertificate, makeCertificate, NOW } from '../../dtls/certificate-maker';

const FROM = { address: '10.0.0.2', port: 1 };
const root = makeCertificate({ commonName: 'the root', ca: true, keyUsage: 0x04 });
const otherRoot = makeCertificate({ commonName: 'another root', ca: true, keyUsage: 0x04 });
const device = (spec: CertificateSpec = {}): MadeCertificate => makeCertificate({ commonName: 'dev-1', issuer: root, ...spec });
const authorityOf = ({ der }: MadeCertificate): X509Certificate => new X509Certificate(der);
const pinOf = ({ der }: MadeCertificate): string => fingerprintName(createHash('sha256').update(der).digest());

/** A server that was given these identities. */
function known(provisioned: Readonly<Record<string, string>> = {}, more: Partial<DeviceCredentials> = {}): DeviceCredentials {
  return {
    keyOf: (identity) => (identity === 'key-1' ? Buffer.from('the key of one') : undefined),
    holderOf: ({ security, name }) => provisioned[`${security} ${name}`],
    authorities: [],
    now: () => NOW,
    ...more,
  };
}

async function verdict(chain: readonly MadeCertificate[], credentials: DeviceCredentials): Promise<string> {
  const { verifyCertificate } = dtlsCredentials(credentials);
  const found = await verifyCertificate?.(
    chain.map(({ der }) => der),
    FROM,
  );
  return typeof found === 'object' ? found.refused : `is ${found}`;
}

describe('a raw public key', () => {
  const print = fingerprint(publicSpki(device().key));
  const name = print.toString('hex');

  it('is known when a device was provisioned with it, by its fingerprint', async () => {
    const { lookupRpk } = dtlsCredentials(known({ [`rpk ${name}`]: 'dev-1' }));
    assert.equal(await lookupRpk?.(print, FROM), name);
  });

  it('of nobody is not', async () => {
    assert.equal(await dtlsCredentials(known()).lookupRpk?.(print, FROM), undefined);
  });

  it('is not known because a certificate with this fingerprint, or a PSK identity of this name, is', async () => {
    const { lookupRpk } = dtlsCredentials(known({ [`x509 ${name}`]: 'dev-1', [`psk ${name}`]: 'dev-2' }));
    assert.equal(await lookupRpk?.(print, FROM), undefined);
  });
});

describe('a certificate', () => {
  const byRoot = { authorities: [authorityOf(root)] };

  it('that a device was provisioned with is known by its fingerprint, whoever issued it', async () => {
    const own = makeCertificate({ commonName: 'whatever' });
    assert.equal(await verdict([own], known({ [`x509 ${pinOf(own)}`]: 'dev-1' })), `is ${pinOf(own)}`);
  });

  it('that was provisioned is judged by it alone, also where an authority issued it', async () => {
    const pinned = device({ issuer: otherRoot });
    assert.equal(await verdict([pinned], known({ [`x509 ${pinOf(pinned)}`]: 'dev-1' }, byRoot)), `is ${pinOf(pinned)}`);
  });

  it('that was provisioned must still be valid, and meant for a client', async () => {
    for (const spec of [{ to: NOW - DAY_MS }, { purposes: ['server'] }] as const) {
      const pinned = device(spec);
      assert.doesNotMatch(await verdict([pinned], known({ [`x509 ${pinOf(pinned)}`]: 'dev-1' })), /^is /);
    }
  });

  it('of an authority that is trusted is known by the name in it', async () => {
    assert.equal(await verdict([device()], known({}, byRoot)), 'is dev-1');
  });

  it('may bear its name elsewhere, where the server was told so', async () => {
    const named = device({ commonName: 'serial 7', dnsName: 'dev-1.example', uri: 'urn:dev:os:dev-1' });
    assert.equal(await verdict([named], known({}, { ...byRoot, nameIn: 'dns-name' })), 'is dev-1.example');
    assert.equal(await verdict([named], known({}, { ...byRoot, nameIn: 'uri' })), 'is urn:dev:os:dev-1');
    assert.match(await verdict([device()], known({}, { ...byRoot, nameIn: 'uri' })), /bears no uri/);
  });

  it('of another authority, or of none where none is trusted, is refused', async () => {
    assert.match(await verdict([device({ issuer: otherRoot })], known({}, byRoot)), /no trusted authority issued/);
    assert.match(await verdict([device()], known()), /no trusted authority issued/);
  });

  it('of an authority cannot pass for a provisioned one by its name', async () => {
    const pinned = device();
    const forged = device({ commonName: pinOf(pinned) });
    assert.ok(pinOf(pinned).startsWith(FINGERPRINT_NAME));
    const credentials = known({ [`x509 ${pinOf(pinned)}`]: 'dev-1' }, byRoot);
    assert.equal(await verdict([forged], credentials), 'its name is one that no device may have');
  });

  it('that is none is refused', async () => {
    const found = await dtlsCredentials(known({}, byRoot)).verifyCertificate?.([Buffer.from('none')], FROM);
    assert.deepEqual(found, { refused: 'it cannot be read' });
    assert.notEqual(typeof (await dtlsCredentials(known()).verifyCertificate?.([], FROM)), 'string');
  });
});

describe('what was proved before a restart', () => {
  const psk: PeerIdentity = { security: 'psk', name: 'key-1' };
  const rpk: PeerIdentity = { security: 'rpk', name: 'ab'.repeat(32) };
  const pinned: PeerIdentity = { security: 'x509', name: `${FINGERPRINT_NAME}${'cd'.repeat(32)}` };
  const named: PeerIdentity = { security: 'x509', name: 'dev-1' };
  const digest = (identity: PeerIdentity, ...credentials: Parameters<typeof known>): string | undefined =>
    credentialDigests(known(...credentials))(identity)?.toString('hex');

  it('by a pre-shared key is the same as long as the key is, and tells nothing of it', () => {
    assert.equal(digest(psk), digest(psk));
    assert.notEqual(digest(psk), digest(psk, {}, { keyOf: () => Buffer.from('another key') }));
    assert.equal(digest(psk, {}, { keyOf: () => undefined }), undefined);
  });

  it('by a raw key or a provisioned certificate is good as long as that is somebody’s', () => {
    for (const identity of [rpk, pinned]) {
      assert.notEqual(digest(identity, { [`${identity.security} ${identity.name}`]: 'dev-1' }), undefined);
      assert.equal(digest(identity), undefined);
      assert.equal(digest(identity, {}, { authorities: [authorityOf(root)] }), undefined);
    }
  });

  it('by a certificate of an authority is good as long as the same authorities are trusted', () => {
    const ofRoot = digest(named, {}, { authorities: [authorityOf(root)] });
    assert.notEqual(ofRoot, undefined);
    assert.notEqual(ofRoot, digest(named, {}, { authorities: [authorityOf(otherRoot)] }));
    assert.equal(digest(named), undefined);
  });
});

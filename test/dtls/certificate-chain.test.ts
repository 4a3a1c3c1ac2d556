import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { Certificate } from '../../src/dtls/certificate';
import { type Trust, verifyChain } from '../../src/dtls/certificate-chain';
import { type CertificateSpec, DAY_MS, type MadeCertificate, makeCertificate, NOW } from './certificate-maker';
import { givenConnected } from './world';

const root = makeCertificate({ commonName: 'the root', ca: true, keyUsage: 0x04 });
const sub = makeCertificate({ commonName: 'an authority', ca: true, keyUsage: 0x04, issuer: root });

const device = (spec: CertificateSpec = {}): MadeCertificate => makeCertificate({ commonName: 'dev1', issuer: root, ...spec });
const trust = (change: Partial<Trust> = {}): Trust => ({
  anchors: [new X509Certificate(root.der)],
  now: NOW,
  purpose: 'client',
  ...change,
});

function verdict(chain: readonly MadeCertificate[], change: Partial<Trust> = {}): string {
  const found = verifyChain(
    chain.map(({ der }) => der),
    trust(change),
  );
  return typeof found === 'string' ? `is ${found}` : found.refused;
}

describe('a chain of certificates', () => {
  it('is trusted when an authority issued it, directly or through others, with the root sent along or not', () => {
    assert.equal(verdict([device()]), 'is dev1');
    const below = device({ issuer: sub });
    assert.equal(verdict([below, sub]), 'is dev1');
    assert.equal(verdict([below, sub, root]), 'is dev1');
    assert.equal(verdict([below, root, sub]), 'is dev1', 'in any order');
    assert.match(verdict([below]), /no trusted authority issued "CN=dev1"/);
  });

  it('a certificate of its own is trusted when it is an anchor, or pinned', () => {
    const own = makeCertificate({ commonName: 'alone' });
    assert.match(verdict([own]), /no trusted authority/);
    assert.equal(verdict([own], { anchors: [new X509Certificate(own.der)] }), 'is alone');
    assert.equal(verdict([own], { pinned: [createHash('sha256').update(own.der).digest()] }), 'is alone');
    assert.match(verdict([own], { pinned: [Buffer.alloc(32)] }), /no trusted authority/);
  });

  const refusals: readonly [string, CertificateSpec, RegExp][] = [
    ['x509-expired', { to: NOW - 1_000 }, /valid from .* check the clocks/],
    ['x509-not-yet-valid', { from: NOW + DAY_MS }, /valid from/],
    ['x509-wrong-eku', { purposes: ['server'] }, /extended key usage is not that of a TLS client/],
    ['a key usage without signatures', { keyUsage: 0x08 }, /key usage does not allow signatures/],
    ['a critical extension nobody knows', { criticalUnknown: true }, /critical extension/],
    ['another curve', { curve: 'secp384r1' }, /not on curve P-256/],
    ['a signature with SHA-1', { hash: 'sha1' }, /algorithm that is not trusted/],
    ['no name', { commonName: '' }, /bears no common-name/],
  ];
  for (const [what, spec, reason] of refusals) {
    it(`${what}: refused`, () => assert.match(verdict([device(spec)]), reason));
  }

  it('a purpose that fits, among others, and a key usage with signatures are fine', () => {
    assert.equal(verdict([device({ purposes: ['server', 'client'], keyUsage: 0x80, ca: false })]), 'is dev1');
  });

  it('x509-not-ca: a device’s certificate issues nothing', () => {
    for (const spec of [{}, { ca: false }, { ca: true, keyUsage: 0x80 }]) {
      const notCa = makeCertificate({ commonName: 'no authority', issuer: root, ...spec });
      assert.match(verdict([device({ issuer: notCa }), notCa]), /no certificate authority|no trusted authority/);
    }
  });

  it('x509-path-too-long: beyond what an authority allows, and beyond five', () => {
    const narrow = makeCertificate({ commonName: 'narrow', ca: true, keyUsage: 0x04, pathLength: 0, issuer: root });
    assert.equal(verdict([device({ issuer: narrow }), narrow]), 'is dev1');
    const below = makeCertificate({ commonName: 'below', ca: true, keyUsage: 0x04, issuer: narrow });
    assert.match(verdict([device({ issuer: below }), below, narrow]), /allows 0 authorities below it/);
    const path = [root];
    for (let depth = 0; depth < 5; depth++) {
      path.unshift(
        makeCertificate({ commonName: `authority ${depth}`, ca: true, keyUsage: 0x04, issuer: path[0] as MadeCertificate }),
      );
    }
    assert.match(verdict([device({ issuer: path[0] as MadeCertificate }), ...path]), /more than 5/);
  });

  it('an authority that has expired, or bears the name of another with another key, issues nothing', () => {
    const expired = makeCertificate({ commonName: 'old', ca: true, keyUsage: 0x04, issuer: root, to: NOW - 1 });
    assert.match(verdict([device({ issuer: expired }), expired]), /"CN=old" is valid from/);
    const impostor = makeCertificate({ commonName: 'the root', ca: true, keyUsage: 0x04 });
    assert.match(verdict([device({ issuer: impostor }), impostor]), /no trusted authority/);
  });

  it('x509-name-mismatch: a server must be who was called', () => {
    const server = device({ commonName: 'x', dnsName: 'lwm2m.example', purposes: ['server'] });
    assert.equal(verdict([server], { purpose: 'server', host: 'lwm2m.example' }), 'is x');
    assert.match(verdict([server], { purpose: 'server', host: 'other.example' }), /not for other.example/);
  });

  it('the name is where the rule says', () => {
    const named = device({ dnsName: 'dev1.example', uri: 'urn:dev:1' });
    assert.equal(verdict([named], { name: 'dns-name' }), 'is dev1.example');
    assert.equal(verdict([named], { name: 'uri' }), 'is urn:dev:1');
    assert.match(verdict([device()], { name: 'uri' }), /bears no uri/);
  });

  it('what is no certificate is refused and never throws, however it is malformed', () => {
    assert.deepEqual(verifyChain([], trust()), { refused: 'it cannot be read' });
    const { der } = device();
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), fc.nat(der.length), (at, value, length) => {
        const broken = Buffer.from(der.subarray(0, length));
        if (at < length) broken[at] = value;
        Certificate.read(broken);
        const found = verifyChain([broken], trust());
        assert.ok(broken.equals(der) || typeof found === 'object', 'a changed certificate is not trusted');
      }),
      { numRuns: 1_500 },
    );
  });

  it('a handshake with certificates on both sides names the device, and a refusal says why', async () => {
    const server = makeCertificate({ commonName: 'server', issuer: root });
    const own = device({ issuer: sub });
    const options = (mine: MadeCertificate, chain: readonly MadeCertificate[], purpose: Trust['purpose'], now = NOW) => ({
      credentials: {
        ownKey: mine.key,
        ownChain: chain.map(({ der }) => der),
        verifyCertificate: (shown: readonly Buffer[]) => verifyChain(shown, trust({ purpose, now })),
      },
    });
    const connect = {};
    const good = await givenConnected({
      server: options(server, [server], 'client'),
      device: options(own, [own, sub], 'server'),
      connect,
    });
    assert.deepEqual(good.server.last.identity, { security: 'x509', name: 'dev1' });
    assert.deepEqual(good.device.last.identity, { security: 'x509', name: 'server' });

    const late = options(server, [server], 'client', NOW + 400 * DAY_MS);
    const refused = await givenConnected({ server: late, device: options(own, [own, sub], 'server'), connect });
    assert.equal(refused.server.failures[0]?.reason, 'certificate-refused');
    assert.match(refused.server.failures[0]?.text ?? '', /check the clocks/);
    assert.equal(refused.device.failures[0]?.reason, 'refused-by-peer');
  });
});

/** GnuTLS's client, which sends every message of a flight in a datagram of its own, and speaks raw public keys. */
import assert from 'node:assert/strict';
import { findProgram, Program, skipWithout } from './program';
import { IDENTITY, KEY, Pki, SecureEcho } from './secure-echo';
import { eventually, HOST } from './server';

describe('gnutls-cli', function () {
  this.timeout(30_000);
  const gnutls = findProgram('gnutls-cli');
  let pki: Pki;
  let echo: SecureEcho;

  before(async function () {
    if (gnutls === undefined) skipWithout(this, 'gnutls-cli', 'apt-get install gnutls-bin');
    pki = new Pki();
    echo = await SecureEcho.start(pki);
  });
  after(() => {
    echo?.stop();
    pki?.remove();
  });

  async function talk(priority: string, ...parameters: readonly string[]): Promise<string> {
    const before = echo.connected.length;
    const program = new Program(gnutls as string, [
      '--udp',
      '-p',
      String(echo.port),
      ...parameters,
      '--priority',
      priority,
      HOST,
    ]);
    try {
      await echo.association(before + 1);
      await eventually('its prompt', () => (program.output.includes('Simple Client Mode') ? true : undefined));
      program.say('word');
      await eventually('the echo', () => (program.output.includes('echo word') ? true : undefined));
    } finally {
      await program.stop();
    }
    return program.output;
  }

  for (const [cipher, iana] of [
    ['AES-128-CCM-8', 'PSK_WITH_AES_128_CCM_8'],
    ['AES-128-CCM', 'PSK_WITH_AES_128_CCM'],
    ['AES-128-GCM', 'PSK_WITH_AES_128_GCM_SHA256'],
  ] as const) {
    it(`PSK with ${cipher}`, async () => {
      await talk(`NONE:+VERS-DTLS1.2:+PSK:+${cipher}:+AEAD:+COMP-NULL:+SIGN-ALL`, `--pskusername=${IDENTITY}`, `--pskkey=${KEY}`);
      assert.equal(echo.last?.suite?.name, iana);
    });
  }

  const ECDHE = 'NONE:+VERS-DTLS1.2:+ECDHE-ECDSA:+AES-128-CCM-8:+AEAD:+GROUP-SECP256R1:+SIGN-ECDSA-SHA256:+COMP-NULL';

  it('raw public keys on both sides', async () => {
    await talk(
      `${ECDHE}:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK`,
      '--insecure',
      '--rawpkkeyfile',
      pki.file('device.key'),
      '--rawpkfile',
      pki.file('device.pub'),
    );
    assert.deepEqual(echo.last?.identity, { security: 'rpk', name: 'raw dev1' });
  });

  it('certificates on both sides', async () => {
    await talk(
      `${ECDHE}:+CTYPE-X509`,
      '--x509cafile',
      pki.file('root.pem'),
      '--x509certfile',
      pki.file('device.pem'),
      '--x509keyfile',
      pki.file('device.key'),
      '--verify-hostname=localhost',
    );
    assert.deepEqual(echo.last?.identity, { security: 'x509', name: IDENTITY });
  });

  it('a small MTU', async () => {
    await talk(
      `${ECDHE}:+CTYPE-X509`,
      '--mtu',
      '300',
      '--insecure',
      '--x509certfile',
      pki.file('device.pem'),
      '--x509keyfile',
      pki.file('device.key'),
    );
  });
});

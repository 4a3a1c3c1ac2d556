/** OpenSSL's s_client against our DTLS server. */
import assert from 'node:assert/strict';
import { freeUdpPort } from '../free-port';
import { findProgram, Program, skipWithout } from './program';
import { IDENTITY, KEY, Pki, SecureEcho } from './secure-echo';
import { eventually, HOST } from './server';

const PSK = ['-psk_identity', IDENTITY, '-psk', KEY];

describe('openssl s_client', function () {
  this.timeout(30_000);
  const openssl = findProgram('openssl');
  let pki: Pki;
  let echo: SecureEcho;

  before(async function () {
    if (openssl === undefined) skipWithout(this, 'openssl', 'apt-get install openssl');
    pki = new Pki();
    echo = await SecureEcho.start(pki, { cbc: 'encrypt-then-mac' });
  });
  after(() => {
    echo?.stop();
    pki?.remove();
  });

  /** CCM_8 is below the security level that OpenSSL starts with. */
  const suite = (name: string): string[] => ['-cipher', `${name}:@SECLEVEL=0`];

  function client(...parameters: readonly string[]): Program {
    return new Program(openssl as string, ['s_client', '-dtls1_2', '-connect', `${HOST}:${echo.port}`, ...parameters]);
  }

  /** Says a word and hears it back; resolves to all it printed. */
  async function talk(...parameters: readonly string[]): Promise<string> {
    const before = echo.connected.length;
    const program = client(...parameters);
    try {
      await echo.association(before + 1);
      const word = `word ${before}`;
      program.say(word);
      await eventually('the echo', () => (program.output.includes(`echo ${word}`) ? true : undefined));
    } finally {
      await program.stop();
    }
    return program.output;
  }

  for (const [name, iana] of [
    ['PSK-AES128-CCM8', 'PSK_WITH_AES_128_CCM_8'],
    ['PSK-AES128-CCM', 'PSK_WITH_AES_128_CCM'],
    ['PSK-AES128-GCM-SHA256', 'PSK_WITH_AES_128_GCM_SHA256'],
    ['PSK-AES128-CBC-SHA256', 'PSK_WITH_AES_128_CBC_SHA256'],
  ] as const) {
    it(`${name}: connects and talks`, async () => {
      assert.match(await talk(...PSK, ...suite(name)), /Extended master secret: yes/);
      assert.equal(echo.last?.suite?.name, iana);
      assert.deepEqual(echo.last?.identity, { security: 'psk', name: IDENTITY });
    });
  }

  for (const [name, iana] of [
    ['ECDHE-ECDSA-AES128-CCM8', 'ECDHE_ECDSA_WITH_AES_128_CCM_8'],
    ['ECDHE-ECDSA-AES128-CCM', 'ECDHE_ECDSA_WITH_AES_128_CCM'],
    ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
    ['ECDHE-ECDSA-AES128-SHA256', 'ECDHE_ECDSA_WITH_AES_128_CBC_SHA256'],
  ] as const) {
    it(`${name}: both sides show certificates, and check them`, async () => {
      assert.match(await talk(...withCertificate(), ...suite(name)), /Verification: OK/);
      assert.equal(echo.last?.suite?.name, iana);
      assert.deepEqual(echo.last?.identity, { security: 'x509', name: IDENTITY });
    });
  }

  const withCertificate = (): string[] => [
    '-cert',
    pki.file('device.pem'),
    '-key',
    pki.file('device.key'),
    '-CAfile',
    pki.file('root.pem'),
  ];

  it('an MTU of 256: its flight and ours come in pieces', async () => {
    await talk(...withCertificate(), ...suite('ECDHE-ECDSA-AES128-CCM8'), '-mtu', '256');
  });

  it('every suite OpenSSL knows offered at once: the hello is long, CCM_8 with PSK is chosen', async () => {
    await talk(...PSK, '-cipher', 'ALL:@SECLEVEL=0', '-mtu', '256');
    assert.equal(echo.last?.suite?.name, 'PSK_WITH_AES_128_CCM_8');
  });

  it('resumes its session', async () => {
    const file = pki.file('session.pem');
    await talk(...PSK, ...suite('PSK-AES128-CCM8'), '-sess_out', file);
    assert.match(await talk(...PSK, ...suite('PSK-AES128-CCM8'), '-sess_in', file), /Reused/);
    assert.equal(echo.last?.resumed, true);
  });

  it('twice from the same port, as a device that restarts: the second takes the place of the first', async () => {
    const port = await freeUdpPort();
    const bound = ['-bind', `${HOST}:${port}`, ...PSK, ...suite('PSK-AES128-CCM8')];
    const count = echo.connected.length;
    const first = client(...bound);
    const { id } = await echo.association(count + 1);
    // Killed: without a word.
    await first.stop('SIGKILL');
    await talk(...bound);
    assert.ok(echo.closed.includes(id));
  });

  it('a wrong key and an unknown identity are named here, and not there', async () => {
    const failures = echo.failures.length;
    const wrong = client('-psk_identity', IDENTITY, '-psk', '00', ...suite('PSK-AES128-CCM8'));
    const failed = await eventually('the failure', () => echo.failures[failures]);
    await wrong.stop();
    assert.equal(failed.reason, 'wrong-key');
    assert.doesNotMatch(wrong.output, /alert/);
    const unknown = client('-psk_identity', 'stranger', '-psk', KEY, ...suite('PSK-AES128-CCM8'));
    const other = await eventually('the failure', () => echo.failures[failures + 1]);
    await unknown.stop();
    assert.equal(other.reason, 'unknown-identity');
  });

  it('without a certificate of its own it is refused', async () => {
    const failures = echo.failures.length;
    const program = client(...suite('ECDHE-ECDSA-AES128-GCM-SHA256'), '-CAfile', pki.file('root.pem'));
    const failed = await eventually('the failure', () => echo.failures[failures]);
    await program.stop();
    assert.equal(failed.reason, 'no-certificate');
  });

  it('CBC without encrypt-then-MAC is refused', async () => {
    const failures = echo.failures.length;
    const program = client(...PSK, ...suite('PSK-AES128-CBC-SHA256'), '-no_etm');
    const failed = await eventually('the failure', () => echo.failures[failures]);
    await program.stop();
    assert.equal(failed.reason, 'no-common-suite');
  });
});

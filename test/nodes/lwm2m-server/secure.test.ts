/** Secured devices at the server node: over DTLS and TLS, with every kind of credentials, and what is told of those who are refused. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SystemClock } from '../../../src/clock';
import { readSecurity } from '../../../src/device/credentials';
import { DtlsEndpoint } from '../../../src/dtls/dtls';
import { selfSigned } from '../../../src/dtls/self-signed';
import type { ClientSecurity } from '../../../src/lwm2m/client/client-security';
import { type CertificateSpec, DAY_MS, makeCertificate } from '../../dtls/certificate-maker';
import { freeUdpPort } from '../../free-port';
import {
  around,
  type DeviceOptions,
  deploy,
  device,
  endFlow,
  inbox,
  lifecycle,
  logged,
  portOn,
  running,
  saying,
  send,
  serverNode,
  serverState,
  statuses,
} from '../flow';
import { MovingSocket } from './moving-socket';

const KEY = '00112233445566778899aabbccddeeff';
const PSK: ClientSecurity = { mode: 'psk', identity: 'key-of-dev', key: Buffer.from(KEY, 'hex') };
const READ = { type: 'dm-read', device: 'dev', deviceType: 'str', path: '/3/0/0', pathType: 'str' };
const REGISTER = { type: 'dm-register', device: '', deviceType: 'str', events: [], wires: [['out']] };
const SECURED = { port: 0, securePort: 0, tlsPort: 0, store: 'memory' };

async function given(
  server: Readonly<Record<string, unknown>> = {},
  node: Readonly<Record<string, unknown>> = READ,
): Promise<void> {
  await deploy([serverNode({ ...SECURED, ...server }), ...around(node)]);
  await serverState('listening');
}

function provision(security: object, endpoint = 'dev'): Promise<unknown> {
  return running().provisioning.provision({ endpoint, security: readSecurity(security) });
}

function secured(security: ClientSecurity, over: 'dtls' | 'tls' = 'dtls', options: DeviceOptions = {}) {
  const scheme = over === 'dtls' ? 'coaps' : 'coaps+tcp';
  return device('dev', { scheme, security, server: { host: '127.0.0.1', port: portOn(over) }, ...options });
}

/** One that is not let in. */
function refusedOne(security: ClientSecurity, over: 'dtls' | 'tls' = 'dtls'): void {
  secured(security, over).catch(() => undefined);
}

async function read(): Promise<unknown> {
  send({});
  return (await inbox('out').next()).payload;
}

describe('lwm2m-server: secured devices', () => {
  const folders: string[] = [];

  afterEach(async () => {
    await endFlow();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  function givenFolder(): string {
    const folder = mkdtempSync(path.join(tmpdir(), 'secure-'));
    folders.push(folder);
    return folder;
  }

  it('that a device was refused shows on every node that uses the server', async () => {
    const observe = {
      id: 'observe',
      z: 'tab',
      type: 'dm-observe',
      server: 'server',
      device: '',
      path: '/3303/0/5700',
      wires: [[]],
    };
    await deploy([serverNode(SECURED), ...around(READ), observe]);
    await serverState('listening');
    refusedOne({ ...PSK, identity: 'stranger' } as ClientSecurity);
    await statuses('node').first(({ text }) => /^listening on \d+, \d+ refused$/.test(text ?? ''));
    await statuses('observe').first(({ text }) => /^nothing to observe, \d+ registrations refused$/.test(text ?? ''));
  });

  it('listens on DTLS and TLS, and nowhere where there is no port', async () => {
    await given();
    const transports = (): string[] => running().manager.listening.map(({ transport }) => transport);
    assert.deepEqual(transports(), ['udp', 'dtls', 'tls']);
    await deploy([serverNode({ ...SECURED, securePort: '', tlsPort: '' }), ...around(READ)]);
    await serverState('listening');
    assert.deepEqual(transports(), ['udp']);
  });

  for (const over of ['dtls', 'tls'] as const) {
    it(`a device with its pre-shared key is managed over ${over}, whatever its identity is called`, async () => {
      await given();
      await provision({ mode: 'psk', identity: 'key-of-dev', key: KEY });
      await secured(PSK, over);
      assert.equal(running().manager.registration('dev')?.security, 'psk');
      assert.equal(await read(), 'Acme');
    });

    it(`a wrong key over ${over} is refused: told to the flow, on the status and once in the log, without any key`, async () => {
      await given({}, REGISTER);
      await provision({ mode: 'psk', identity: 'key-of-dev', key: KEY });
      refusedOne({ ...PSK, key: Buffer.alloc(16, 7) } as ClientSecurity, over);
      const { refusal, payload, ...message } = await inbox('out').first(({ event }) => event === 'refused');
      const text = JSON.stringify({ message, refusal, payload });
      assert.match(text, /wrong key for identity [\\"]*key-of-dev/);
      await saying('0 registered, 1 refused');
      const lines = logged('WARN').filter((line) => line.includes('key-of-dev'));
      assert.equal(lines.length, 1);
      assert.match(lines[0] as string, /127\.0\.0\.1 refused: wrong key .*Provision/);
      for (const told of [text, lines[0]]) assert.ok(!/00112233|07070707/.test(told as string));
    });

    it(`an unknown identity over ${over} is refused and named`, async () => {
      await given({}, REGISTER);
      refusedOne({ ...PSK, identity: 'stranger' } as ClientSecurity, over);
      const { refusal, payload } = await inbox('out').first(({ event }) => event === 'refused');
      assert.match(JSON.stringify({ refusal, payload }), /unknown identity [\\"]*stranger/);
    });
  }

  it('who has a key must show it: its name is refused over plain CoAP', async () => {
    await given({ admission: 'open' });
    await provision({ mode: 'psk', identity: 'key-of-dev', key: KEY });
    const refused = lifecycle('refused');
    device('dev', { backoff: { firstMs: 60_000 } }).catch(() => undefined);
    assert.match((await refused).refusal?.reason as string, /unsecured, although it has credentials/);
    assert.equal(running().manager.size, 0);
  });

  it('revoked at retirement it is cut off at once, over DTLS and TLS', async () => {
    for (const over of ['dtls', 'tls'] as const) {
      await given();
      await provision({ mode: 'psk', identity: 'key-of-dev', key: KEY });
      await secured(PSK, over);
      await running().provisioning.retire('dev');
      assert.equal(running().manager.size, 0);
      const refused = lifecycle('refused');
      refusedOne(PSK, over);
      assert.match((await refused).refusal?.reason as string, /unknown identity/);
      await endFlow();
    }
  });

  describe('with a key and certificate that it makes for itself', () => {
    /** What a person takes from the file to configure a device with. */
    async function givenOwn(): Promise<{ file: string; pem: string; folder: string }> {
      const folder = givenFolder();
      const storePath = path.join(folder, 'state');
      await given({ store: 'level', storePath });
      const file = `${storePath}.pem`;
      return { file, pem: readFileSync(file, 'utf8'), folder };
    }

    it('they are kept beside the store, for its user alone, and are the same after a restart', async () => {
      const { file, pem, folder } = await givenOwn();
      assert.equal(statSync(file).mode & 0o777, 0o600);
      await endFlow();
      await given({ store: 'level', storePath: path.join(folder, 'state') });
      assert.equal(readFileSync(file, 'utf8'), pem);
    });

    it('a device with a raw public key is known by it, and knows the server', async () => {
      const { pem } = await givenOwn();
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      await provision({ mode: 'rpk', publicKey: publicKey.export({ type: 'spki', format: 'pem' }) });
      const serverKey = createPublicKey(pem).export({ type: 'spki', format: 'der' });
      await secured({ mode: 'rpk', key: privateKey.export({ type: 'pkcs8', format: 'der' }), serverKey });
      assert.equal(running().manager.registration('dev')?.security, 'rpk');
      assert.equal(await read(), 'Acme');
    });

    for (const over of ['dtls', 'tls'] as const) {
      it(`a device with a certificate that was provisioned is known by it over ${over}`, async () => {
        const { pem } = await givenOwn();
        const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
        const certificate = selfSigned(privateKey, 'some device', Date.now() - 60_000);
        await provision({ mode: 'x509', certificate: new X509Certificate(certificate).toString() });
        await secured(
          {
            mode: 'x509',
            certificate,
            key: privateKey.export({ type: 'pkcs8', format: 'der' }),
            serverCertificate: new X509Certificate(pem).raw,
          },
          over,
        );
        assert.equal(running().manager.registration('dev')?.security, 'x509');
        assert.equal(await read(), 'Acme');
      });
    }
  });

  describe('with files of the user', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const certificate = new X509Certificate(selfSigned(privateKey, 'mine', Date.now() - 60_000)).toString();
    const other = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    }) as string;

    it('it shows those', async () => {
      const folder = givenFolder();
      writeFileSync(path.join(folder, 'key.pem'), key);
      writeFileSync(path.join(folder, 'certificate.pem'), certificate);
      await given({ keyFile: path.join(folder, 'key.pem'), certificateFile: path.join(folder, 'certificate.pem') });
      const own = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
      const deviceCertificate = selfSigned(own, 'dev', Date.now() - 60_000);
      await provision({ mode: 'x509', certificate: new X509Certificate(deviceCertificate).toString() });
      const serverCertificate = new X509Certificate(certificate).raw;
      await secured({
        mode: 'x509',
        certificate: deviceCertificate,
        key: own.export({ type: 'pkcs8', format: 'der' }),
        serverCertificate,
      });
      assert.equal(await read(), 'Acme');
    });

    for (const [title, files, expected] of [
      ['that are not there', {}, /there is no file .*key\.pem/],
      ['without a key', { key: certificate }, /holds no private key in PEM/],
      ['of another curve', { key: other }, /not on curve P-256/],
      ['without a certificate', { key, certificate: key }, /holds no certificate in PEM/],
      ['that do not belong together', { key: freshKey(), certificate }, /does not belong to the key/],
    ] as [string, { key?: string; certificate?: string }, RegExp][]) {
      it(`${title}, it does not start, says why and shows nothing of them`, async () => {
        const folder = givenFolder();
        for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, `${name}.pem`), text);
        const certificateFile = files.certificate === undefined ? '' : path.join(folder, 'certificate.pem');
        await deploy([serverNode({ ...SECURED, keyFile: path.join(folder, 'key.pem'), certificateFile }), ...around(READ)]);
        await serverState('failed');
        const { state } = running();
        const text = state.name === 'failed' ? state.error.message : '';
        assert.match(text, expected);
        assert.ok(!text.includes('PRIVATE'));
      });
    }
  });

  describe('with authorities that it trusts', () => {
    const from = Date.now() - DAY_MS;
    const authority = makeCertificate({ commonName: 'plant authority', ca: true, keyUsage: 0x04, from });
    const NAMINGS: readonly [string, Partial<CertificateSpec>][] = [
      ['common-name', { commonName: 'dev' }],
      ['dns-name', { commonName: 'serial 4711', dnsName: 'dev' }],
      ['uri', { commonName: 'serial 4711', uri: 'dev' }],
    ];
    for (const [certificateName, naming] of NAMINGS) {
      it(`a device is who its certificate names by its ${certificateName}, and nobody else`, async () => {
        const folder = givenFolder();
        const authoritiesFile = path.join(folder, 'authorities.pem');
        writeFileSync(authoritiesFile, new X509Certificate(authority.der).toString());
        await given({ store: 'level', storePath: path.join(folder, 'state'), authoritiesFile, certificateName });
        const { der, key } = makeCertificate({ ...naming, issuer: authority, keyUsage: 0x80, purposes: ['client'], from });
        const serverCertificate = new X509Certificate(readFileSync(path.join(folder, 'state.pem'))).raw;
        const security: ClientSecurity = {
          mode: 'x509',
          certificate: der,
          key: key.export({ type: 'pkcs8', format: 'der' }),
          serverCertificate,
        };
        await secured(security);
        assert.equal(running().manager.registration('dev')?.security, 'x509');
        assert.equal(await read(), 'Acme');
        const refused = lifecycle('refused');
        secured(security, 'dtls', { endpoint: 'other' }).catch(() => undefined);
        assert.match((await refused).refusal?.reason ?? '', /other/);
      });
    }
  });

  for (const [cbc, comes] of [
    [undefined, false],
    ['encrypt-then-mac', true],
    ['any', true],
  ] as const) {
    it(`CBC suites ${cbc ?? 'off'}: a device that knows nothing else ${comes ? 'comes in' : 'stays out'}`, async () => {
      await given({ ...(cbc !== undefined && { cbc }) });
      await provision({ mode: 'psk', identity: 'key-of-dev', key: KEY });
      const socket = createSocket('udp4');
      const outcome = await new Promise<string>((resolve) => {
        const old = new DtlsEndpoint({
          clock: new SystemClock(),
          random: randomBytes,
          credentials: {},
          serve: false,
          suites: [0x00ae],
          cbc: 'encrypt-then-mac',
          transmit: (datagram, address, port) => socket.send(datagram, port, address),
          deliver: () => undefined,
        });
        socket.on('message', (datagram, { address, port }) => old.receive(datagram, address, port));
        old.events.on('association', () => resolve('in'));
        old.events.on('handshake-failed', () => resolve('out'));
        const psk = { identity: 'key-of-dev', key: Buffer.from(KEY, 'hex') };
        socket.bind(0, '127.0.0.1', () => old.connect('127.0.0.1', portOn('dtls'), { psk }));
      });
      socket.close();
      assert.equal(outcome, comes ? 'in' : 'out');
    });
  }

  it('two servers at one secure port: the second says which node has it', async () => {
    await given({ name: 'hall' });
    const clash = serverNode({ ...SECURED, id: 'second', securePort: portOn('dtls'), tlsPort: '' });
    await deploy([serverNode({ ...SECURED, name: 'hall' }), clash, ...around(READ)]);
    await serverState('failed', 'second');
    const { state } = running('second');
    assert.match(state.name === 'failed' ? state.error.message : '', /UDP port \d+ is in use by the lwm2m-server node "hall"/);
  });

  it('a server that nobody gave a secure port runs without one where the usual port is taken', async () => {
    const taken = createSocket('udp4');
    // Taken by this test, or by somebody else: it is the same.
    await new Promise<void>((resolve) => {
      taken.once('error', () => resolve());
      taken.bind(5684, '127.0.0.1', () => resolve());
    });
    const port = await freeUdpPort();
    const { securePort: _left, ...saved } = serverNode({ port, store: 'memory' });
    await deploy([saved as ReturnType<typeof serverNode>, ...around(READ)]);
    await serverState('listening');
    assert.deepEqual(
      running().manager.listening.map(({ transport }) => transport),
      ['udp'],
    );
    assert.match(logged('WARN').join('\n'), /UDP port 5684 .* is in use .*The server runs without DTLS/);
    try {
      taken.close();
    } catch {
      // It was somebody else's.
    }
  });

  it('a deploy that makes the server anew lets a device go on: no handshake, no Register, and it can be asked', async () => {
    const securePort = await freeUdpPort();
    const storePath = path.join(givenFolder(), 'state');
    const server = { securePort, store: 'level', storePath };
    await given(server);
    await provision({ mode: 'psk', identity: 'key-of-dev', key: KEY });
    const carrier = new MovingSocket();
    const client = await secured(PSK, 'dtls', { transport: carrier });
    assert.equal(await read(), 'Acme');
    const before = running();
    const { registeredAt } = before.manager.registration('dev') ?? {};
    const { handshakes } = carrier;
    await given({ ...server, ackTimeout: 3 });
    assert.notEqual(running(), before);
    assert.equal(await read(), 'Acme');
    const updated = lifecycle('updated', 'dev');
    client.update();
    await updated;
    assert.equal(running().manager.registration('dev')?.registeredAt, registeredAt);
    assert.equal(carrier.handshakes, handshakes);
  });

  it('whoever forges records under a device’s address is told of in the log, once, and the device is served again', async () => {
    await given();
    await provision({ mode: 'psk', identity: 'key-of-dev', key: KEY });
    const carrier = new MovingSocket();
    await secured(PSK, 'dtls', { transport: carrier });
    assert.equal(await read(), 'Acme');
    const { lastSent } = carrier;
    for (let number = 1; number <= 300; number++) {
      const forged = Buffer.from(lastSent);
      // A number that is new, so that its tag is looked at.
      forged.writeUIntBE(1_000 + number, 5, 6);
      carrier.send(forged, '127.0.0.1', portOn('dtls'));
      // A burst would be lost in the buffer of the socket.
      if (number % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(await read(), 'Acme');
    const told = logged('WARN').filter((line) => line.includes('forges DTLS records under the address'));
    assert.equal(told.length, 1);
  });

  it('the main job with a connection id while the device’s port changes every few messages: nothing lost, no new handshake', async function () {
    this.timeout(20_000);
    const observe = {
      id: 'observe',
      z: 'tab',
      type: 'dm-observe',
      server: 'server',
      device: 'dev',
      deviceType: 'str',
      path: '/3303/0/5700',
      pathType: 'str',
      wires: [['values']],
    };
    await deploy([serverNode(SECURED), observe as never, { id: 'values', type: 'inbox', z: 'tab', wires: [] }, ...around(READ)]);
    await serverState('listening');
    await provision({ mode: 'psk', identity: 'key-of-dev', key: KEY });
    const carrier = new MovingSocket();
    const client = await secured(PSK, 'dtls', { transport: carrier, confirmableNotifications: true, lifetime: 60 });
    await inbox('values').next();
    const registered = running().manager.registration('dev')?.registeredAt;
    const { handshakes } = carrier;
    const addresses = new Set<string>();
    for (let value = 1; value <= 60; value++) {
      if (value % 4 === 0) await carrier.move();
      client.setValue('/3303/0/5700', value);
      assert.equal((await inbox('values').next()).payload, value);
      if (value % 5 === 0) assert.equal(await read(), 'Acme');
      if (value % 20 === 0) {
        const updated = lifecycle('updated');
        client.update();
        await updated;
        addresses.add(running().manager.registration('dev')?.address as string);
      }
    }
    assert.equal(carrier.moves, 15);
    assert.equal(addresses.size, 3, 'each Update shows where it is');
    assert.equal(running().manager.registration('dev')?.registeredAt, registered);
    assert.equal(carrier.handshakes, handshakes, 'no handshake after the first');
  });
});

function freshKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

import assert from 'node:assert/strict';
import { negotiate } from '../../src/dtls/negotiation';
import { CertificateType, DTLS_1_2 } from '../../src/dtls/protocol';
import { type Credentials, settingsOf } from '../../src/dtls/settings';
import { SUITES } from '../../src/dtls/suites';
import { makeCertificate } from './certificate-maker';

const { RawPublicKey: RPK, X509 } = CertificateType;
const own = makeCertificate({ commonName: 'the server' });
const KEY = { ownKey: own.key };
const CHAIN = { ownKey: own.key, ownChain: [own.der] };
const RPK_OF_PEERS: Credentials = { lookupRpk: () => 'dev' };
const X509_OF_PEERS: Credentials = { verifyCertificate: () => 'dev' };
const settings = settingsOf({
  clock: { wall: () => 0, monotonic: () => 0, after: () => ({ cancel: () => undefined }) },
  random: Buffer.alloc,
  credentials: {},
  transmit: () => undefined,
  deliver: () => undefined,
});

/** What a server with these credentials makes of a hello with these lists: how it shows itself, and how the peer is to. */
function agreed(credentials: Credentials, serverTypes?: readonly number[], clientTypes?: readonly number[]): string {
  const agreement = negotiate(
    {
      version: DTLS_1_2,
      random: Buffer.alloc(32),
      sessionId: Buffer.alloc(0),
      cookie: Buffer.alloc(0),
      suites: SUITES.map(({ number }) => number),
      extensions: {
        ...(serverTypes !== undefined && { serverCertificateTypes: serverTypes }),
        ...(clientTypes !== undefined && { clientCertificateTypes: clientTypes }),
      },
    },
    SUITES.filter(({ keyExchange }) => keyExchange === 'ecdhe-ecdsa'),
    settings,
    credentials,
  );
  if ('reason' in agreement) return agreement.reason;
  const { extensions, ownCertificateType, peerCertificateType } = agreement;
  // RFC 7250 §4.2: what was not offered is not answered.
  assert.deepEqual(extensions.serverCertificateTypes, serverTypes === undefined ? undefined : [ownCertificateType]);
  assert.deepEqual(extensions.clientCertificateTypes, clientTypes === undefined ? undefined : [peerCertificateType]);
  return `${nameOf(ownCertificateType)} for ${nameOf(peerCertificateType)}`;
}

function nameOf(type: number): string {
  return type === RPK ? 'key' : 'certificate';
}

describe('the choice of certificate types', () => {
  const both = { ...CHAIN, ...RPK_OF_PEERS, ...X509_OF_PEERS };
  const cases: readonly [string, Credentials, number[] | undefined, number[] | undefined, string][] = [
    ['X.509 before raw keys: a certificate', both, [X509, RPK], [X509, RPK], 'certificate for certificate'],
    ['raw keys before X.509: a raw key', both, [RPK, X509], [RPK, X509], 'key for key'],
    ['each side has its own order', both, [X509, RPK], [RPK, X509], 'certificate for key'],
    ['no list means X.509 (RFC 7250 §4.1)', both, undefined, undefined, 'certificate for certificate'],
    [
      'X.509 first, but a server without a certificate: its raw key',
      { ...KEY, ...RPK_OF_PEERS },
      [X509, RPK],
      [RPK],
      'key for key',
    ],
    [
      'X.509 first, but a server that judges none: a raw key of the peer',
      { ...CHAIN, ...RPK_OF_PEERS },
      [X509],
      [X509, RPK],
      'certificate for key',
    ],
    [
      'raw keys first, but a server that knows none: a certificate of the peer',
      { ...CHAIN, ...X509_OF_PEERS },
      [RPK],
      [RPK, X509],
      'key for certificate',
    ],
    ['X.509 only, and a server without a certificate', { ...KEY, ...RPK_OF_PEERS }, [X509], [RPK], 'no-common-suite'],
    ['no list, and a server without a certificate', { ...KEY, ...X509_OF_PEERS }, undefined, undefined, 'no-common-suite'],
    ['raw keys only, and a server that knows none', { ...CHAIN, ...X509_OF_PEERS }, [RPK], [RPK], 'no-common-suite'],
    ['types that nobody knows', both, [1, 77], [1, 77], 'no-common-suite'],
    ['types that nobody knows, before one that is known', both, [77, RPK], [77, X509], 'key for certificate'],
  ];
  for (const [what, credentials, serverTypes, clientTypes, expected] of cases) {
    it(what, () => assert.equal(agreed(credentials, serverTypes, clientTypes), expected));
  }
});

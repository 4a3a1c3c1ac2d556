/** X.509 certificates made to order: also those no authority would sign. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { publicSpki } from '../../src/dtls/raw-key';

function element(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const header = length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >>> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}

const sequence = (...contents: readonly Buffer[]): Buffer => element(0x30, ...contents);
const oid = (hex: string): Buffer => element(0x06, Buffer.from(hex, 'hex'));
const octets = (...contents: readonly Buffer[]): Buffer => element(0x04, ...contents);
const TRUE = Buffer.from('0101ff', 'hex');

const ECDSA_SHA256 = '2a8648ce3d040302';
const PURPOSES = { client: '2b06010505070302', server: '2b06010505070301' };

export interface CertificateSpec {
  readonly commonName?: string;
  readonly dnsName?: string;
  readonly uri?: string;
  readonly issuer?: MadeCertificate;
  /** Unix milliseconds. */
  readonly from?: number;
  readonly to?: number;
  readonly ca?: boolean;
  readonly pathLength?: number;
  /** First byte of the bit string: 0x80 digitalSignature, 0x04 keyCertSign. */
  readonly keyUsage?: number;
  readonly purposes?: readonly (keyof typeof PURPOSES)[];
  readonly criticalUnknown?: boolean;
  readonly curve?: 'prime256v1' | 'secp384r1';
  /** Hash of the signature. */
  readonly hash?: 'sha256' | 'sha1';
}

export interface MadeCertificate {
  readonly der: Buffer;
  readonly key: KeyObject;
  readonly name: string;
}

export const DAY_MS = 86_400_000;
export const NOW = Date.UTC(2026, 0, 1);
let serial = 1;

export function makeCertificate(spec: CertificateSpec): MadeCertificate {
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: spec.curve ?? 'prime256v1' });
  const name = spec.commonName ?? '';
  const hash = spec.hash ?? 'sha256';
  const algorithm = sequence(oid(hash === 'sha256' ? ECDSA_SHA256 : '2a8648ce3d0401'));
  const body = sequence(
    Buffer.from('a003020102', 'hex'),
    element(0x02, Buffer.from([1, serial >>> 8, serial++ & 0xff])),
    algorithm,
    distinguished(spec.issuer?.name ?? name),
    sequence(time(spec.from ?? NOW - DAY_MS), time(spec.to ?? NOW + 365 * DAY_MS)),
    distinguished(name),
    publicSpki(key),
    element(0xa3, sequence(...extensionsOf(spec))),
  );
  const signature = sign(hash, body, spec.issuer?.key ?? key);
  return { der: sequence(body, algorithm, element(0x03, Buffer.from([0]), signature)), key, name };
}

function extensionsOf(spec: CertificateSpec): Buffer[] {
  const extensions: Buffer[] = [];
  if (spec.ca !== undefined) {
    const pathLength = spec.pathLength === undefined ? [] : [element(0x02, Buffer.from([spec.pathLength]))];
    extensions.push(sequence(oid('551d13'), TRUE, octets(sequence(...(spec.ca ? [TRUE, ...pathLength] : [])))));
  }
  if (spec.keyUsage !== undefined)
    extensions.push(sequence(oid('551d0f'), TRUE, octets(element(0x03, Buffer.from([0, spec.keyUsage])))));
  if (spec.purposes !== undefined) {
    extensions.push(sequence(oid('551d25'), octets(sequence(...spec.purposes.map((purpose) => oid(PURPOSES[purpose]))))));
  }
  const names: Buffer[] = [];
  if (spec.dnsName !== undefined) names.push(element(0x82, Buffer.from(spec.dnsName)));
  if (spec.uri !== undefined) names.push(element(0x86, Buffer.from(spec.uri)));
  if (names.length > 0) extensions.push(sequence(oid('551d11'), octets(sequence(...names))));
  if (spec.criticalUnknown === true) extensions.push(sequence(oid('2a030405'), TRUE, octets(Buffer.from([5, 0]))));
  return extensions.length > 0 ? extensions : [sequence(oid('551d0e'), octets(octets(Buffer.from([1]))))];
}

function distinguished(commonName: string): Buffer {
  if (commonName === '') return sequence();
  return sequence(element(0x31, sequence(oid('550403'), element(0x0c, Buffer.from(commonName)))));
}

/** UTCTime: YYMMDDhhmmssZ */
function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14);
  return element(0x17, Buffer.from(`${digits}Z`));
}

/**
 * Whether a chain of certificates is to be trusted (RFC 5280 §6, as much of it as devices need), and whose it is. node:crypto checks
 * one signature at a time; the path, validity, constraints and purposes are checked here. There is no revocation list: revoke the
 * identity instead.
 */
import { createHash, timingSafeEqual, type X509Certificate } from 'node:crypto';
import { Certificate } from './certificate';
import { isP256 } from './raw-key';
import type { CertificateRefusal } from './settings';

export interface Trust {
  /** Authorities, or certificates trusted as they are. */
  readonly anchors: readonly X509Certificate[];
  /** SHA-256 of peers' own certificates, which then need no authority. */
  readonly pinned?: readonly Buffer[];
  /** Unix milliseconds. */
  readonly now: number;
  /** What the peer is: its certificate must be meant for that, if it says for what. */
  readonly purpose: 'client' | 'server';
  /** Where the name is: in the subject (default) or the first subjectAltName of a kind; `none` = it does not matter, and is "". */
  readonly name?: 'common-name' | 'dns-name' | 'uri' | 'none';
  /** A name the certificate must bear (RFC 6125): of a server. */
  readonly host?: string;
}

/** Certificates from the peer's own to an anchor, both counted. */
const LONGEST_PATH = 5;

/** Extended key usage (RFC 5280 §4.2.1.12). */
const PURPOSES = { client: '1.3.6.1.5.5.7.3.2', server: '1.3.6.1.5.5.7.3.1' } as const;
const ANY_PURPOSE = '2.5.29.37.0';

/** @param chain DER, the peer's own first @returns the name in it, or why it is refused */
export function verifyChain(chain: readonly Buffer[], trust: Trust): string | CertificateRefusal {
  const certificates = chain.map((der) => Certificate.read(der));
  const [own, ...others] = certificates;
  if (own === undefined || !certificates.every((each) => each !== undefined)) return refused('it cannot be read');
  const flaw = flawOf(own, trust);
  if (flaw !== undefined) return refused(flaw);
  if (!isPinned(chain[0] as Buffer, trust.pinned)) {
    const anchors = trust.anchors.map(({ raw }) => Certificate.read(raw)).filter((each) => each !== undefined);
    const break_ = findPath(own, others as Certificate[], anchors, trust.now);
    if (break_ !== undefined) return refused(break_);
  }
  if (trust.name === 'none') return '';
  const name = nameIn(own.x509, trust.name ?? 'common-name');
  return name === undefined ? refused(`it bears no ${trust.name ?? 'common-name'}`) : name;
}

/** What is wrong with the peer's own certificate, whoever issued it. */
function flawOf(own: Certificate, { now, purpose, host }: Trust): string | undefined {
  if (!own.isValidAt(now))
    return `it is valid from ${own.x509.validFrom} to ${own.x509.validTo}; check the clocks of device and server`;
  if (own.isBeyondUs) return 'it has a critical extension that is not understood';
  if (!isP256(own.publicKey)) return 'its key is not on curve P-256';
  if (!own.maySign) return 'its key usage does not allow signatures';
  // node:crypto calls extended key usage keyUsage.
  const purposes = own.x509.keyUsage as string[] | undefined;
  if (purposes !== undefined && !purposes.includes(PURPOSES[purpose]) && !purposes.includes(ANY_PURPOSE)) {
    return `its extended key usage is not that of a TLS ${purpose}`;
  }
  if (host !== undefined && own.x509.checkHost(host, { subject: 'default' }) === undefined) return `it is not for ${host}`;
  return undefined;
}

/** Undefined when there is a path to an anchor; otherwise where the best one ends. */
function findPath(
  own: Certificate,
  others: readonly Certificate[],
  anchors: readonly Certificate[],
  now: number,
): string | undefined {
  if (anchors.some((anchor) => anchor.x509.raw.equals(own.x509.raw))) return undefined;
  let current = own;
  for (let between = 0; between < LONGEST_PATH - 1; between++) {
    if (!current.isSoundlySigned) return `${subject(current)} is signed with an algorithm that is not trusted`;
    const anchor = anchors.find((candidate) => candidate.issued(current));
    const issuer = anchor ?? others.find((candidate) => candidate !== current && candidate.issued(current));
    if (issuer === undefined) return `no trusted authority issued ${subject(current)}`;
    if (!issuer.mayIssue) return `${subject(issuer)} is no certificate authority`;
    if (!issuer.isValidAt(now)) return `${subject(issuer)} is valid from ${issuer.x509.validFrom} to ${issuer.x509.validTo}`;
    if (issuer.isBeyondUs) return `${subject(issuer)} has a critical extension that is not understood`;
    if (between > issuer.pathLength)
      return `${subject(issuer)} allows ${issuer.pathLength} authorities below it, and there are ${between}`;
    if (anchor !== undefined) return undefined;
    current = issuer;
  }
  return `the path has more than ${LONGEST_PATH} certificates`;
}

function isPinned(der: Buffer, pinned: readonly Buffer[] = []): boolean {
  const print = createHash('sha256').update(der).digest();
  return pinned.some((known) => known.length === print.length && timingSafeEqual(known, print));
}

function nameIn(certificate: X509Certificate, place: 'common-name' | 'dns-name' | 'uri'): string | undefined {
  if (place === 'common-name') return /^CN=(.+)$/m.exec(certificate.subject)?.[1];
  const prefix = place === 'dns-name' ? 'DNS:' : 'URI:';
  // A name with a comma is quoted, and not one of ours.
  const found = certificate.subjectAltName?.split(', ').find((entry) => entry.startsWith(prefix));
  return found?.slice(prefix.length);
}

function subject({ x509 }: Certificate): string {
  return JSON.stringify(x509.subject.replaceAll('\n', ', '));
}

function refused(why: string): CertificateRefusal {
  return { refused: why };
}

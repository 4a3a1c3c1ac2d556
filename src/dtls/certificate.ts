/** One X.509 certificate (RFC 5280): what node:crypto reads of it, and the constraints it does not show. */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { type DerElement, derElements, derSequence, Tag } from './der';

/** Object identifiers as they stand in DER. */
const ECDSA_WITH_SHA2 = new Set(['2a8648ce3d040302', '2a8648ce3d040303', '2a8648ce3d040304']);
const RSA_WITH_SHA2 = new Set(['2a864886f70d01010b', '2a864886f70d01010c', '2a864886f70d01010d']);
const KEY_USAGE = '551d0f';
const BASIC_CONSTRAINTS = '551d13';
/** Extensions we heed, or that may be critical without harm to us: subjectAltName, basicConstraints, keyUsage, extKeyUsage. */
const UNDERSTOOD = new Set([KEY_USAGE, BASIC_CONSTRAINTS, '551d11', '551d25']);

/** Bits of KeyUsage (RFC 5280 §4.2.1.3), counted from the first. */
const DIGITAL_SIGNATURE = 0;
const KEY_CERT_SIGN = 5;

export class Certificate {
  private constructor(
    readonly x509: X509Certificate,
    readonly publicKey: KeyObject,
    /** Undefined = may be used for everything. */
    private readonly keyUsage: Buffer | undefined,
    /** Certificates that may stand between this and the peer's own; infinite where nothing is said. */
    readonly pathLength: number,
    /** A critical extension that we do not understand; it must not be ignored. */
    readonly isBeyondUs: boolean,
    readonly isSoundlySigned: boolean,
  ) {}

  /** Undefined when it is no certificate. */
  static read(der: Buffer): Certificate | undefined {
    let x509: X509Certificate;
    let publicKey: KeyObject;
    try {
      x509 = new X509Certificate(der);
      // Read only when asked for, and throws if it is none.
      publicKey = x509.publicKey;
    } catch {
      return undefined;
    }
    const outer = derElements(der);
    const [body, algorithm] = (outer?.length === 1 ? derSequence(outer[0]) : undefined) ?? [];
    const extensions = extensionsOf(derSequence(body));
    if (extensions === undefined) return undefined;
    const oid = derSequence(algorithm)?.[0]?.content.toString('hex') ?? '';
    const isBeyondUs = extensions.some((extension) => extension.critical && !UNDERSTOOD.has(extension.oid));
    const usage = extensions.find((extension) => extension.oid === KEY_USAGE)?.value;
    const constraints = extensions.find((extension) => extension.oid === BASIC_CONSTRAINTS)?.value;
    return new Certificate(
      x509,
      publicKey,
      usage === undefined ? undefined : (derElements(usage)?.[0]?.content ?? Buffer.alloc(1)),
      pathLengthOf(constraints),
      isBeyondUs,
      ECDSA_WITH_SHA2.has(oid) || RSA_WITH_SHA2.has(oid),
    );
  }

  /** @param now Unix milliseconds */
  isValidAt(now: number): boolean {
    return now >= Date.parse(this.x509.validFrom) && now <= Date.parse(this.x509.validTo);
  }

  get maySign(): boolean {
    return this.hasUsage(DIGITAL_SIGNATURE);
  }

  get mayIssue(): boolean {
    return this.x509.ca && this.hasUsage(KEY_CERT_SIGN);
  }

  issued(other: Certificate): boolean {
    try {
      return other.x509.checkIssued(this.x509) && other.x509.verify(this.publicKey);
    } catch {
      return false;
    }
  }

  private hasUsage(bit: number): boolean {
    const { keyUsage } = this;
    if (keyUsage === undefined) return true;
    // The first byte counts the unused bits at the end.
    return ((keyUsage[1 + (bit >>> 3)] ?? 0) & (0x80 >>> (bit & 7))) !== 0;
  }
}

interface CertificateExtension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

function extensionsOf(body: DerElement[] | undefined): CertificateExtension[] | undefined {
  if (body === undefined) return undefined;
  const wrapper = body.find(({ tag }) => tag === Tag.Extensions);
  if (wrapper === undefined) return [];
  const list = derSequence(derElements(wrapper.content)?.[0]);
  const extensions = list?.map((element) => extensionOf(derSequence(element)));
  return extensions?.every((extension) => extension !== undefined) ? (extensions as CertificateExtension[]) : undefined;
}

function extensionOf(parts: DerElement[] | undefined): CertificateExtension | undefined {
  const oid = parts?.[0];
  const value = parts?.[parts.length - 1];
  if (oid?.tag !== Tag.ObjectIdentifier || value?.tag !== Tag.OctetString) return undefined;
  const critical = parts?.length === 3 && parts[1]?.tag === Tag.Boolean && parts[1].content[0] !== 0;
  return { oid: oid.content.toString('hex'), critical, value: value.content };
}

/** BasicConstraints: whether it is a CA, then, for one that is, pathLenConstraint. */
function pathLengthOf(constraints: Buffer | undefined): number {
  const parts = constraints === undefined ? undefined : derSequence(derElements(constraints)?.[0]);
  const length = parts?.find(({ tag }) => tag === Tag.Integer)?.content;
  if (length === undefined) return Number.POSITIVE_INFINITY;
  return length.length === 1 ? (length[0] as number) : 0;
}

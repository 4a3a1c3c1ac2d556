/** The little of DER (X.690) that is needed to see what node:crypto does not tell of a certificate. Bounded; undefined when malformed. */

export const Tag = {
  Boolean: 0x01,
  Integer: 0x02,
  BitString: 0x03,
  OctetString: 0x04,
  ObjectIdentifier: 0x06,
  Sequence: 0x30,
  Extensions: 0xa3,
} as const;

export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
}

/** No certificate has more in one place. */
const MOST_ELEMENTS = 64;

/** The elements one after the other in `bytes`. */
export function derElements(bytes: Buffer): DerElement[] | undefined {
  const found: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 2 > bytes.length || found.length === MOST_ELEMENTS) return undefined;
    const tag = bytes[at] as number;
    let length = bytes[at + 1] as number;
    at += 2;
    if (length >= 0x80) {
      const lengthBytes = length - 0x80;
      // No indefinite length in DER, and nothing of ours needs more than two bytes.
      if (lengthBytes === 0 || lengthBytes > 2 || at + lengthBytes > bytes.length) return undefined;
      length = bytes.readUIntBE(at, lengthBytes);
      at += lengthBytes;
    }
    if (at + length > bytes.length) return undefined;
    found.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}

/** The elements of a sequence, if it is one. */
export function derSequence(element: DerElement | undefined): DerElement[] | undefined {
  return element?.tag === Tag.Sequence ? derElements(element.content) : undefined;
}

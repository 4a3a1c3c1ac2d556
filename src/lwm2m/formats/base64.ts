/** Base64 as LwM2M payloads carry opaque values: either alphabet, padded or not (RFC 4648 §4, §5), yet nothing else. */

/** The bytes; undefined when a character does not belong there. Node's own decoder would skip over it. */
export function decodeBase64(text: string): Buffer | undefined {
  let end = text.length;
  while (end > 0 && text.length - end < 2 && text.charCodeAt(end - 1) === 0x3d) end--;
  if (end % 4 === 1) return undefined;
  if (end !== text.length && text.length % 4 !== 0) return undefined;
  for (let at = 0; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7a || IN_ALPHABET[code] !== 1) return undefined;
  }
  return Buffer.from(text, 'base64');
}

const IN_ALPHABET = new Uint8Array(128);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_') {
  IN_ALPHABET[character.charCodeAt(0)] = 1;
}

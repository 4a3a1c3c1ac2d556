/** Object links (Objlnk, LwM2M Core 1.1.1 Appendix C): "object:instance", with 65535:65535 for a link to nothing. */

export const NULL_LINK = '65535:65535';

/** The canonical form of a link as formats write it; undefined when it is none. An example of the TS writes the null link in hex. */
export function parseObjectLink(text: string): string | undefined {
  if (text.length > 11) return undefined;
  const colon = text.indexOf(':');
  const object = idOf(text, 0, colon);
  const instance = idOf(text, colon + 1, text.length);
  if (object >= 0 && instance >= 0) return `${object}:${instance}`;
  return text.toUpperCase() === 'FFFF:FFFF' ? NULL_LINK : undefined;
}

/** Both halves of a canonical link. */
export function linkIds(link: string): readonly [number, number] {
  const colon = link.indexOf(':');
  return [Number(link.slice(0, colon)), Number(link.slice(colon + 1))];
}

function idOf(text: string, start: number, end: number): number {
  if (end <= start || end - start > 5) return -1;
  let id = 0;
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    id = id * 10 + digit;
  }
  return id <= 65_535 ? id : -1;
}

/** Versions of firmware and hardware as vendors write them: "1.2.0", "v2.10-rc1", "2024.03". Object versions are `models/versions.ts`. */

/** A longer text is no version, and comparing it costs. */
const LONGEST = 100;

/**
 * Orders versions, oldest first: numbers by their size, what is missing counts as 0, and what follows a hyphen comes before the release itself
 * (SemVer 2.0.0 §11, for whatever has that form); build data after "+" makes no difference.
 * @returns negative, 0 or positive
 */
export function compareSoftwareVersions(a: string, b: string): number {
  const [left, right] = [versionOf(a), versionOf(b)];
  const release = compareParts(left.release, right.release);
  if (release !== 0) return release;
  // 1.0.0-rc1 is older than 1.0.0.
  if (left.pre.length === 0 || right.pre.length === 0) return right.pre.length - left.pre.length;
  return compareParts(left.pre, right.pre);
}

function versionOf(text: string): { readonly release: readonly string[]; readonly pre: readonly string[] } {
  const shown = text
    .slice(0, LONGEST)
    .trim()
    .replace(/^v(?=\d)/i, '')
    .replace(/\+.*$/s, '');
  const at = shown.indexOf('-');
  return { release: partsOf(at < 0 ? shown : shown.slice(0, at)), pre: at < 0 ? [] : partsOf(shown.slice(at + 1)) };
}

/** Digits and letters apart: "rc10" comes after "rc9". */
function partsOf(text: string): readonly string[] {
  return text.match(/\d+|[^\d._\-\s]+/g) ?? [];
}

function compareParts(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const order = comparePart(a[at] ?? '0', b[at] ?? '0');
    if (order !== 0) return order;
  }
  return 0;
}

function comparePart(a: string, b: string): number {
  const [left, right] = [Number(a), Number(b)];
  if (Number.isNaN(left) && Number.isNaN(right)) return a < b ? -1 : Number(a > b);
  // A number comes before a word (SemVer 2.0.0 §11.4.3).
  if (Number.isNaN(left)) return 1;
  if (Number.isNaN(right)) return -1;
  return left - right;
}

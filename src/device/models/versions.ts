/** Versions of objects and of LwM2M: "1.1". */

export interface Version {
  readonly major: number;
  readonly minor: number;
}

/** Reads "1.1"; a patch level ("1.0.2") is passed over. `undefined` when it is no version. */
export function parseVersion(text: string): Version | undefined {
  const match = /^(\d{1,5})\.(\d{1,5})(?:\.\d{1,5})?$/.exec(text);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}

/** Orders version texts, oldest first; what is no version counts as 0.0. */
export function compareVersions(a: string, b: string): number {
  const left = parseVersion(a) ?? { major: 0, minor: 0 };
  const right = parseVersion(b) ?? { major: 0, minor: 0 };
  return left.major - right.major || left.minor - right.minor;
}

/**
 * The version to take when `wanted` is not there: of the same major version the closest, the older of two equally close, because
 * minor versions only add; else the newest.
 */
export function nearestVersion(wanted: string, available: readonly string[]): string | undefined {
  const newest = available.reduce<string | undefined>(
    (best, text) => (best && compareVersions(best, text) >= 0 ? best : text),
    undefined,
  );
  const target = parseVersion(wanted);
  if (target === undefined) return newest;
  let best: { text: string; distance: number } | undefined;
  for (const text of [...available].sort(compareVersions)) {
    const version = parseVersion(text);
    if (version === undefined || version.major !== target.major) continue;
    const distance = Math.abs(version.minor - target.minor);
    if (best === undefined || distance < best.distance) best = { text, distance };
  }
  return best?.text ?? newest;
}

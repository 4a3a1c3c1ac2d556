/** What an object means: its resources, their types and operations, in one version (LwM2M Core 1.1.1 Appendix D). */
import type { ObjectDescription, ResourceDescription } from '../manager';

export type ResourceDefinition = ResourceDescription;

export interface ObjectDefinition {
  readonly id: number;
  readonly name: string;
  /** Of the object: "1.1". */
  readonly version: string;
  /** The LwM2M version it needs at least. */
  readonly lwm2mVersion: string;
  readonly multiple: boolean;
  readonly mandatory: boolean;
  /** In the order of its author, who puts what matters first. */
  readonly resources: ReadonlyMap<number, ResourceDefinition>;
}

/** A definition as plain data, as it crosses the manager. */
export function describe(definition: ObjectDefinition): ObjectDescription {
  const { id, name, version, multiple } = definition;
  return { id, name, version, multiple, resources: [...definition.resources.values()] };
}

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

/**
 * Which version of a core object a device means when it announces none (LwM2M Core 1.1.1 §7.2.2): it follows from the LwM2M version
 * it registered with. A wrong guess costs names and types only; values are decoded by what arrives.
 */
import { parseVersion } from './versions';

interface Defaults {
  readonly '1.0': string;
  readonly '1.1': string;
  readonly '1.2': string;
}

/** By object. What is not here is 1.0 in every LwM2M version. The 1.1 column is that of the 1.1.1 enabler. */
const DEFAULTS: ReadonlyMap<number, Defaults> = new Map([
  [0, { '1.0': '1.0', '1.1': '1.1', '1.2': '1.2' }], // Security
  [1, { '1.0': '1.0', '1.1': '1.1', '1.2': '1.2' }], // Server
  [2, { '1.0': '1.0', '1.1': '1.0', '1.2': '1.1' }], // Access Control
  [3, { '1.0': '1.0', '1.1': '1.1', '1.2': '1.2' }], // Device
  [4, { '1.0': '1.0', '1.1': '1.2', '1.2': '1.3' }], // Connectivity Monitoring
  [5, { '1.0': '1.0', '1.1': '1.0', '1.2': '1.1' }], // Firmware Update
  [21, { '1.0': '1.0', '1.1': '1.0', '1.2': '1.1' }], // OSCORE
]);

/**
 * Object to default version, for one LwM2M version.
 * @param lwm2mVersion as registered; a version newer than those known counts as the newest of them
 */
export function defaultVersions(lwm2mVersion: string): (object: number) => string {
  const column = columnOf(lwm2mVersion);
  return (object) => DEFAULTS.get(object)?.[column] ?? '1.0';
}

function columnOf(lwm2mVersion: string): keyof Defaults {
  const version = parseVersion(lwm2mVersion);
  if (version === undefined || version.major < 1) return '1.0';
  if (version.major > 1 || version.minor >= 2) return '1.2';
  return version.minor === 1 ? '1.1' : '1.0';
}

/** What can be expected of a device: whether it lives on a battery, has little memory, or cannot be asked at all. */
import type { Registration } from '../device/manager';
import type { DeviceFacts } from './facts';
import { DEVICE_CLASSES } from './selector-fields';

export type DeviceClass = (typeof DEVICE_CLASSES)[number];

/** Values of /3/0/6 that do not run out: DC, PoE, USB, mains. */
const LASTING: ReadonlySet<number> = new Set([0, 4, 5, 6]);
/** RFC 7228 §3: what has about 50 KiB of RAM is class 2, the greatest of the constrained. */
const CONSTRAINED_KILOBYTES = 64;
/** Bindings by which something can reach it here: UDP (U) and TCP (T), LwM2M Core 1.1.1 §6.2.1.2. SMS and Non-IP are not. */
const REACHABLE = /[UT]/;

/**
 * @param tags "class=battery" decides, whatever is known
 * @returns undefined when nothing is known that would tell
 */
export function classOf(
  facts: DeviceFacts | undefined,
  registration: Pick<Registration, 'binding' | 'queueMode'> | undefined,
  tags: readonly string[],
): DeviceClass | undefined {
  const said = DEVICE_CLASSES.find((name) => tags.includes(`class=${name}`));
  if (said !== undefined) return said;
  const binding = registration?.binding ?? '';
  if (binding !== '' && !REACHABLE.test(binding)) return 'uplink-only';
  if (facts?.memoryTotal !== undefined && facts.memoryTotal <= CONSTRAINED_KILOBYTES) return 'constrained';
  const sources = facts?.powerSources ?? [];
  if (sources.length > 0) return sources.some((source) => LASTING.has(source)) ? 'mains' : 'battery';
  return registration?.queueMode === true ? 'battery' : undefined;
}

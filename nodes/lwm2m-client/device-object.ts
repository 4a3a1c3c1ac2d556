/** The Device object (3) of a Node-RED that says nothing of itself: every client has one (LwM2M Core 1.1.1 Appendix E.4). */
import { hostname } from 'node:os';
import { isPlainObject } from '../../src/device/scalars';
import type { DescribedObjects } from './described-objects';

const DEVICE = '3';
const NO_ERROR = [0];

/** @returns what is described, with the Device object completed */
export function withDevice(described: unknown, binding: string): unknown {
  if (!isPlainObject(described)) return described;
  const own = described[DEVICE];
  const instance = isPlainObject(own) ? own['0'] : undefined;
  if (own !== undefined && !isPlainObject(instance)) return described;
  const device = {
    0: 'Node-RED',
    1: 'LwM2M client',
    2: hostname(),
    4: null,
    11: NO_ERROR,
    15: Intl.DateTimeFormat().resolvedOptions().timeZone,
    16: binding,
    ...(isPlainObject(instance) && instance),
  };
  return { ...described, [DEVICE]: { 0: device } } satisfies DescribedObjects;
}

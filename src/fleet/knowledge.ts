/** What can be known of a device when it is chosen: the sum of what the fleet's parts know, asked for by those who choose. */
import type { Presence, Registration } from '../device/manager';
import type { DeviceClass } from './device-class';
import type { DeviceFacts } from './facts';
import type { Selector } from './selector';

export interface Knowledge {
  facts(device: string): DeviceFacts | undefined;
  tags(device: string): readonly string[];
  deviceClass(device: string): DeviceClass | undefined;
  /** What a dynamic group means. */
  group(name: string): Selector | undefined;
  registration(device: string): Registration | undefined;
  presence(device: string): Presence;
  /** Unix milliseconds. */
  now(): number;
}

/** Where there is no fleet: names are all there is. */
export const NOTHING_KNOWN: Knowledge = {
  facts: () => undefined,
  tags: () => [],
  deviceClass: () => undefined,
  group: () => undefined,
  registration: () => undefined,
  presence: () => 'gone',
  now: () => 0,
};

/** Who has ever come since the start, or was here then: tells "not here now" (worth waiting for) from "never seen" (probably misspelt). */

import type { DeviceManager } from '../device/manager';
import { DeviceManagementError, type ErrorContext } from '../errors';
import { nearestNames } from './nearest-names';

/** Names kept of devices that have gone; a stranger registering under ever new names must not fill the memory. */
const REMEMBERED = 100_000;
/** Names compared for a suggestion: the answer to a mistake, which a flow may make a thousand times a second. */
const COMPARED = 2_000;
const FORGET_TRIES = 16;

export class Devices {
  private readonly seen = new Set<string>();
  private readonly unsubscribe: () => void;

  constructor(private readonly manager: DeviceManager) {
    for (const { endpoint } of manager.registrations()) this.remember(endpoint);
    this.unsubscribe = manager.events.on('lifecycle', ({ event, device }) => {
      if (event !== 'refused') this.remember(device);
    });
  }

  /** Whether it was registered since the start. */
  isKnown(device: string): boolean {
    return this.seen.has(device);
  }

  /** Registered since before the start. */
  restored(device: string): void {
    this.remember(device);
  }

  *endpoints(): IterableIterator<string> {
    for (const { endpoint } of this.manager.registrations()) yield endpoint;
  }

  /** Why nothing can be asked of `device`, and what to do. */
  absence(device: string, context: ErrorContext = {}): DeviceManagementError {
    return new DeviceManagementError('not-registered', this.sentence(device), { device, ...context });
  }

  close(): void {
    this.unsubscribe();
  }

  private sentence(device: string): string {
    if (this.seen.has(device))
      return `device '${device}' is not registered any more; let the request wait (queue), or try again when it is back`;
    const similar = nearestNames(device, this.endpoints(), COMPARED);
    if (similar.length > 0) return `no device '${device}' is registered; did you mean ${alternatives(similar)}?`;
    const { size } = this.manager;
    return size === 0
      ? `no device '${device}' is registered: no device is registered at all; check that devices reach this server's address and port`
      : `no device '${device}' is registered; ${size} ${size === 1 ? 'other is' : 'others are'}: check the name, or wait until it has registered`;
  }

  private remember(device: string): void {
    if (this.seen.has(device)) return;
    this.seen.add(device);
    if (this.seen.size > REMEMBERED) this.forgetOne();
  }

  /** The oldest that is not here; whoever is registered moves to the end. Gives up early: then there are simply that many devices. */
  private forgetOne(): void {
    for (let tries = 0; tries < FORGET_TRIES; tries++) {
      const [oldest] = this.seen;
      if (oldest === undefined) return;
      this.seen.delete(oldest);
      if (this.manager.registration(oldest) === undefined) return;
      this.seen.add(oldest);
    }
  }
}

function alternatives(names: readonly string[]): string {
  return names.length === 1 ? (names[0] as string) : `${names.slice(0, -1).join(', ')} or ${names[names.length - 1]}`;
}

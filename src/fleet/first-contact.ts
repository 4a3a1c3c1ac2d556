/**
 * Asks new devices what they are: one Read of /3/0 some seconds after they have come, few devices at a time. Not of one that sleeps, that does not
 * announce the Device object, or that has been asked lately: a restart of this side asks nobody again.
 */
import type { Clock, Timer } from '../clock';
import type { DeviceManager, LifecycleEventName } from '../device/manager';
import type { Unsubscribe } from '../events';
import type { Facts } from './facts';
import { Pacer } from './pacer';

/** Whoever has a flow for new devices comes first, and devices that come together are not asked together. */
const AFTER_MS = { least: 3_000, spread: 7_000 };
/** A device that registers again may have got another firmware; one that does so all the time is not asked all the time. */
const ASKED_AGAIN_AFTER_MS = 24 * 60 * 60_000;
const DEVICES_AT_ONCE = 8;
const DEVICE_OBJECT = /^\/3(\/0)?$/;
/** Being here and listening. */
const COMING: ReadonlySet<LifecycleEventName> = new Set(['registered', 'updated', 'objects-changed', 'awake']);

export interface FirstContactOptions {
  readonly manager: DeviceManager;
  readonly clock: Clock;
  readonly facts: Facts;
  readonly isOn: () => boolean;
  /** Whether a device can be asked at all. */
  readonly mayAsk: (device: string) => boolean;
  /** From 0 to 1. */
  readonly random: () => number;
}

export class FirstContact {
  private readonly due = new Map<string, Timer>();
  private readonly pacer = new Pacer(DEVICES_AT_ONCE);
  private readonly unsubscribe: Unsubscribe;

  constructor(private readonly options: FirstContactOptions) {
    this.unsubscribe = options.manager.events.on('lifecycle', ({ event, device }) => {
      if (COMING.has(event) && this.isNew(device, event === 'registered')) this.wait(device);
    });
  }

  close(): void {
    this.unsubscribe();
    for (const timer of this.due.values()) timer.cancel();
    this.due.clear();
    this.pacer.clear();
  }

  private isNew(device: string, hasRegistered: boolean): boolean {
    const { facts, clock } = this.options;
    const { askedAt } = facts.of(device) ?? {};
    if (askedAt === undefined) return true;
    return hasRegistered && clock.wall() - askedAt >= ASKED_AGAIN_AFTER_MS;
  }

  private wait(device: string): void {
    const { clock, random, isOn } = this.options;
    if (this.due.has(device) || !isOn()) return;
    const afterMs = AFTER_MS.least + random() * AFTER_MS.spread;
    this.due.set(
      device,
      clock.after(afterMs, () => this.pacer.run(() => this.ask(device))),
    );
  }

  private async ask(device: string): Promise<void> {
    const { manager, facts, mayAsk, isOn } = this.options;
    this.due.delete(device);
    const registration = manager.registration(device);
    const isThere = registration?.objects.some((path) => DEVICE_OBJECT.test(path)) === true;
    // What sleeps is asked when it wakes.
    if (!isOn() || !isThere || manager.presence(device) !== 'reachable' || !mayAsk(device)) return;
    facts.asked(device);
    try {
      await manager.perform(device, { operation: 'read', path: '/3/0' });
    } catch {
      // Then it is not known; whoever needs it reads it, and learns why not.
    }
  }
}

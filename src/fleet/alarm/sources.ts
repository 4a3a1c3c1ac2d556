/** What the server tells by itself, brought to the alarms: values that arrive, the life of registrations, and silence. */
import type { Clock, Timer } from '../../clock';
import type { DeviceManager, LifecycleEvent, Registration } from '../../device/manager';
import type { ResourceValue } from '../../device/value';
import type { Unsubscribe } from '../../events';
import type { Alarms } from './alarms';
import type { SourceEvent } from './rule';

/** How often it is looked for devices that are silent. */
const SILENCE_LOOK_MS = 10_000;
/** Events that no rule can name. */
const UNNAMED = new Set(['objects-changed', 'asleep', 'awake']);

export class AlarmSources {
  /** Unix milliseconds of the last word, of registered devices only. */
  private readonly heard = new Map<string, number>();
  private readonly subscriptions: readonly Unsubscribe[];
  /** While a rule is about silence. */
  private timer: Timer | undefined;

  constructor(
    private readonly manager: DeviceManager,
    private readonly clock: Clock,
    private readonly alarms: Alarms,
  ) {
    const { events } = manager;
    this.subscriptions = [
      events.on('notification', ({ device, values }) => this.values(device, values)),
      events.on('send', ({ device, values }) => this.values(device, values)),
      events.on('lifecycle', (event) => this.lifecycle(event)),
      events.on('observation-ended', ({ device, code }) => {
        // Without a code this side has ended it, as somebody wished.
        if (code !== undefined) alarms.event(device, 'observation-ended');
      }),
      alarms.events.on('declared', ({ watchesSilence }) => this.watch(watchesSilence)),
      events.on('problem', ({ device }) => alarms.event(device, 'problem')),
    ];
  }

  close(): void {
    this.watch(false);
    for (const unsubscribe of this.subscriptions) unsubscribe();
  }

  private values(device: string, values: readonly ResourceValue[]): void {
    this.spoke(device);
    for (const { path, value } of values) this.alarms.value(device, path, value);
  }

  private lifecycle({ event, device, registration }: LifecycleEvent): void {
    if (event === 'expired' || event === 'deregistered') this.heard.delete(device);
    else if (event !== 'refused' && event !== 'asleep') this.spoke(device);
    if (!UNNAMED.has(event)) this.alarms.event(device, event as SourceEvent, registration?.gateway?.endpoint);
  }

  private spoke(device: string): void {
    if (this.manager.registration(device) === undefined) return;
    this.heard.set(device, this.clock.wall());
    if (this.timer !== undefined) this.alarms.silence(device, 0);
  }

  private watch(watches: boolean): void {
    if (watches) this.timer ??= this.clock.after(SILENCE_LOOK_MS, () => this.look());
    else {
      this.timer?.cancel();
      this.timer = undefined;
    }
  }

  private look(): void {
    this.timer = undefined;
    for (const registration of this.manager.registrations()) {
      this.alarms.silence(registration.endpoint, this.clock.wall() - this.lastWordOf(registration), sleepOf(registration));
    }
    this.watch(true);
  }

  private lastWordOf({ endpoint, updatedAt }: Registration): number {
    return Math.max(this.heard.get(endpoint) ?? 0, updatedAt);
  }
}

/** A device in queue mode need not say anything before its lifetime is over. */
function sleepOf({ queueMode, lifetime }: Registration): number {
  return queueMode ? lifetime * 1000 : 0;
}

/**
 * What is known of each device: what it has ever said of itself in the Device and Location objects (3 and 6), however it came, when it was heard
 * last, and what the network knows of it. Nothing is asked here (`first-contact.ts`). Outlives the process.
 */
import type { Clock } from '../clock';
import type { DeviceManager } from '../device/manager';
import type { ResourceValue, Value } from '../device/value';
import { Events, type Unsubscribe } from '../events';
import type { RecordKind } from '../store/records';
import type { Store } from '../store/store';
import type { Durable, Trouble } from './durable';
import { KeptTable } from './kept-table';
import type { NetworkFacts } from './network-facts';

export interface DeviceFacts {
  readonly manufacturer?: string;
  readonly model?: string;
  readonly serial?: string;
  readonly firmware?: string;
  readonly hardware?: string;
  readonly deviceType?: string;
  /** Percent. */
  readonly batteryLevel?: number;
  /** Values of /3/0/6: 0 DC, 1 and 2 battery, 3 fuel cell, 4 PoE, 5 USB, 6 mains, 7 solar. */
  readonly powerSources?: readonly number[];
  /** Kilobytes. */
  readonly memoryTotal?: number;
  /** "+02:00" (ISO 8601). */
  readonly utcOffset?: string;
  /** "Europe/Berlin". */
  readonly timezone?: string;
  /** Degrees, WGS 84. */
  readonly latitude?: number;
  readonly longitude?: number;
  /** Of the location; Unix milliseconds, as all times here. */
  readonly locatedAt?: number;
  readonly lastSeen?: number;
  /** When it was asked what it is. */
  readonly askedAt?: number;
  /** What the network says of it, by name, with its source. */
  readonly network?: NetworkFacts;
}

type Known = { -readonly [Name in keyof DeviceFacts]: DeviceFacts[Name] };

/** A device can say what it likes. */
const LONGEST_TEXT = 200;
const MOST_POWER_SOURCES = 8;
/** Beyond it one that is not registered is forgotten for each that is new: a stranger under ever new names must not fill the memory. */
const MOST_DEVICES = 100_000;
const FORGET_TRIES = 16;
/** Battery levels and positions change all the time, and a card wears out. */
const KEPT_WITHIN_MS = 60_000;

const KIND: RecordKind<Known> = { prefix: 'facts/', version: 1, read };

/** What is learnt from which resource; each tells whether that is new. */
const LEARNT: Readonly<Record<string, (known: Known, value: Value) => boolean>> = {
  '/3/0/0': text('manufacturer'),
  '/3/0/1': text('model'),
  '/3/0/2': text('serial'),
  '/3/0/3': text('firmware'),
  '/3/0/9': number('batteryLevel'),
  '/3/0/14': text('utcOffset'),
  '/3/0/15': text('timezone'),
  '/3/0/17': text('deviceType'),
  '/3/0/18': text('hardware'),
  '/3/0/21': number('memoryTotal'),
  '/6/0/0': number('latitude'),
  '/6/0/1': number('longitude'),
};
const POWER_SOURCE = '/3/0/6';
const LOCATION = /^\/6\/0\/[01]$/;

export class Facts implements Durable {
  /** Something that can be chosen by has changed; not `lastSeen`, which changes all the time. */
  readonly events = new Events<{ changed: string }>();
  private readonly table: KeptTable<Known>;
  private readonly subscriptions: readonly Unsubscribe[];

  constructor(
    private readonly manager: DeviceManager,
    private readonly clock: Clock,
  ) {
    this.table = new KeptTable({ kind: KIND, clock, what: 'the facts known of devices', withinMs: KEPT_WITHIN_MS });
    const { events } = manager;
    this.subscriptions = [
      events.on('notification', ({ device, values, at }) => this.heard(device, values, at)),
      events.on('send', ({ device, values, at }) => this.heard(device, values, at)),
      events.on('lifecycle', ({ event, device, at }) => {
        if (event === 'refused' || event === 'asleep') return;
        if (event !== 'expired') this.known(device).lastSeen = at;
        // When it was last here is worth keeping when it goes.
        if (event === 'expired' || event === 'deregistered') this.table.changed(device);
      }),
    ];
  }

  of(device: string): DeviceFacts | undefined {
    return this.table.get(device);
  }

  devices(): Iterable<string> {
    return this.table.ids();
  }

  /** Values of a device have come: told, sent or answered. */
  heard(device: string, values: readonly ResourceValue[], at: number): void {
    const known = this.known(device);
    known.lastSeen = at;
    let hasChanged = false;
    const sources: number[] = [];
    for (const { path, value, prefix } of values) {
      // Of a device behind this one.
      if (prefix !== undefined) continue;
      if (path.startsWith(POWER_SOURCE) && typeof value === 'number') sources.push(value);
      const learn = LEARNT[path];
      if (learn === undefined) continue;
      if (!learn(known, value)) continue;
      if (LOCATION.test(path)) known.locatedAt = at;
      hasChanged = true;
    }
    if (sources.length > 0 && sources.join() !== known.powerSources?.join()) {
      known.powerSources = sources.slice(0, MOST_POWER_SOURCES);
      hasChanged = true;
    }
    if (hasChanged) this.changed(device);
  }

  /** It was asked what it is, whatever came of it. */
  asked(device: string): void {
    this.known(device).askedAt = this.clock.wall();
    this.table.changed(device);
  }

  /** What the network says of it; a location of the network holds where the device has told none. */
  informed(device: string, network: NetworkFacts): void {
    const known = this.known(device);
    known.network = network;
    this.changed(device);
  }

  /** The device is out of service. */
  forget(device: string): void {
    if (this.table.get(device) !== undefined) this.table.set(device, undefined);
  }

  async restore(store: Store, trouble: Trouble): Promise<void> {
    await this.table.restore(store, trouble);
    for (const { endpoint, updatedAt } of this.manager.registrations()) {
      const known = this.known(endpoint);
      known.lastSeen = Math.max(known.lastSeen ?? 0, updatedAt);
    }
  }

  flush(): Promise<void> {
    return this.table.flush();
  }

  keepAll(): Promise<void> {
    return this.table.keepAll();
  }

  close(): void {
    for (const unsubscribe of this.subscriptions) unsubscribe();
  }

  private changed(device: string): void {
    this.table.changed(device);
    this.events.emit('changed', device);
  }

  private known(device: string): Known {
    const known = this.table.get(device);
    if (known !== undefined) return known;
    if (this.table.size >= MOST_DEVICES) this.forgetOne();
    const fresh: Known = {};
    this.table.set(device, fresh);
    return fresh;
  }

  /** The oldest of the first few that is not here. */
  private forgetOne(): void {
    let tries = FORGET_TRIES;
    for (const device of this.table.ids()) {
      if (this.manager.registration(device) === undefined) return this.table.set(device, undefined);
      if (--tries === 0) return;
    }
  }
}

type TextName = 'manufacturer' | 'model' | 'serial' | 'firmware' | 'utcOffset' | 'timezone' | 'deviceType' | 'hardware';
type NumberName = 'batteryLevel' | 'memoryTotal' | 'latitude' | 'longitude';

function text(name: TextName) {
  return (known: Known, value: Value): boolean => {
    if (typeof value !== 'string') return false;
    const before = known[name];
    known[name] = value.slice(0, LONGEST_TEXT);
    return known[name] !== before;
  };
}

function number(name: NumberName) {
  return (known: Known, value: Value): boolean => {
    if (typeof value !== 'number' || !Number.isFinite(value) || value === known[name]) return false;
    known[name] = value;
    return true;
  };
}

/** @throws Error when it is none */
function read(value: unknown): Known {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it is no set of facts');
  return value as Known;
}

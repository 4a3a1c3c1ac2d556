/** The devices of one manager, with what no protocol gives them: who is known, requests that wait, observe policies. */
import type { Clock } from '../clock';
import type { DeviceManager } from '../device/manager';
import type { DeviceManagementError } from '../errors';
import type { Store } from '../store/store';
import { Turns } from '../turns';
import { Acquaintance, type AcquaintanceOptions } from './acquaintance';
import { Alarms } from './alarm/alarms';
import { AlarmSources } from './alarm/sources';
import type { Audit, AuditEntry } from './audit';
import { AuditLog } from './audit-log';
import type { DeviceClass } from './device-class';
import { Devices } from './devices';
import type { Durable, Trouble } from './durable';
import type { Facts } from './facts';
import { ImageServing } from './firmware/image-serving';
import type { Places } from './firmware/image-urls';
import { ImageInventory, type ImageInventoryOptions } from './firmware/inventory';
import type { Groups } from './groups';
import { Guards } from './guard';
import { GuardedWrites } from './guarded-write';
import { History } from './history';
import { Jobs } from './job/jobs';
import { Locks } from './lock';
import { ObservePolicies } from './observe-policies';
import { operationEntry, policing } from './operation-entry';
import type { Listener, Order } from './outcomes';
import type { KeptPaths, PolicyJournal } from './policy-journal';
import { RegistrationJournal } from './registration-journal';
import type { RequestJournal } from './request-journal';
import { RequestQueue, type RequestQueueOptions } from './request-queue';
import type { Selector } from './selector';
import type { Tags } from './tags';
import { Usage } from './usage';

export interface FleetOptions
  extends Omit<RequestQueueOptions, 'manager' | 'devices' | 'clock' | 'guards' | 'refusal'>,
    AcquaintanceOptions {
  /** Where acts of the fleet itself are told of; in its audit log alone without. */
  readonly audit?: Audit;
  readonly images?: Omit<ImageInventoryOptions, 'clock'>;
  /** Where devices find this server; absent: they fetch nothing. */
  readonly places?: Places;
}

export class Fleet {
  readonly devices: Devices;
  readonly requests: RequestQueue;
  readonly policies: ObservePolicies;
  readonly locks: Locks;
  readonly guards: Guards;
  readonly images: ImageInventory;
  readonly facts: Facts;
  readonly tags: Tags;
  readonly groups: Groups;
  readonly audit: AuditLog;
  readonly history: History;
  readonly jobs: Jobs;
  readonly alarms: Alarms;
  readonly imageServing: ImageServing;
  readonly journal: RegistrationJournal;
  readonly usage: Usage;
  /** Whatever else of it outlives the process, in the order in which it is taken up. */
  readonly durables: readonly Durable[];
  private readonly guardedWrites: GuardedWrites;
  private readonly acquaintance: Acquaintance;
  private readonly alarmSources: AlarmSources;

  constructor(
    readonly manager: DeviceManager,
    readonly clock: Clock,
    { audit, ...options }: FleetOptions = {},
  ) {
    this.devices = new Devices(manager);
    this.acquaintance = new Acquaintance(manager, this.devices, clock, options, (device) => this.policies.reconsider(device));
    const { facts, tags, groups, manager: overheard } = this.acquaintance;
    const refusal = (device: string): DeviceManagementError | undefined => this.acquaintance.refusal(device);
    this.facts = facts;
    this.tags = tags;
    this.groups = groups;
    this.audit = new AuditLog(clock);
    const told = (entry: AuditEntry): void => this.audit.record(entry);
    this.policies = new ObservePolicies(policing(overheard, told), clock, undefined, (selector, device) =>
      this.matches(selector, device),
    );
    this.history = new History(clock);
    this.journal = new RegistrationJournal(manager, clock);
    this.usage = new Usage(manager, clock);
    const tell: Audit = audit ?? ((entry) => this.audit.record(entry));
    this.locks = new Locks(clock);
    this.guards = new Guards({
      manager: overheard,
      clock,
      locks: this.locks,
      audit: tell,
      zoneOf: (device) => this.acquaintance.zoneOf(device),
    });
    this.images = new ImageInventory({ ...options.images, clock });
    this.imageServing = new ImageServing({ clock, manager, images: this.images, places: options.places });
    this.jobs = new Jobs({ manager, clock, locks: this.locks, guards: this.guards, audit: tell });
    this.alarms = new Alarms({
      clock,
      locks: this.locks,
      audit: tell,
      parentOf: (device) => manager.registration(device)?.gateway?.endpoint ?? tags.value(device, 'parent'),
    });
    this.alarmSources = new AlarmSources(manager, clock, this.alarms);
    this.durables = [
      this.audit,
      this.history,
      this.usage,
      this.images,
      this.imageServing,
      facts,
      tags,
      groups,
      this.alarms,
      this.jobs,
    ];
    this.requests = new RequestQueue({
      ...options,
      manager: overheard,
      devices: this.devices,
      clock,
      guards: this.guards,
      refusal,
    });
    this.requests.outcomes.onSettled = (order, outcome) => {
      const entry = operationEntry(order, outcome);
      if (entry === undefined) return;
      this.audit.record(entry);
      this.usage.asked(entry.actor, order.device, outcome);
    };
    this.guardedWrites = new GuardedWrites({ manager: overheard, requests: this.requests, clock });
  }

  /**
   * The devices a selector means: registered ones, and where it asks for their state or when they were seen, others too. Those named outright come
   * even when they are not here.
   * @param candidates others to choose from
   */
  choose(selector: Selector, candidates?: Iterable<string>): readonly string[] {
    const among = candidates ?? (selector.meansAbsent ? this.acquaintance.all() : this.devices.endpoints());
    return selector.choose(among, this.acquaintance.knowledge);
  }

  /** Whether a selector means this device, registered or not. */
  matches(selector: Selector, device: string): boolean {
    return selector.matches(device, this.acquaintance.knowledge);
  }

  /** All devices of which something is known, registered or not. */
  known(): ReadonlySet<string> {
    return this.acquaintance.all();
  }

  /** Whether a device is here, or anything is known of it. */
  knows(device: string): boolean {
    return this.acquaintance.has(device);
  }

  classOf(device: string): DeviceClass | undefined {
    return this.acquaintance.classOf(device);
  }

  /** Something that selectors ask for has changed of it. */
  reconsider(device: string): void {
    this.acquaintance.changed(device);
  }

  /** Asks a device, now or when it comes; under guard where the order says so. */
  submit(order: Order, listener?: Listener): void {
    const { guard } = order;
    if (guard === undefined) this.requests.submit(order, listener);
    else this.guardedWrites.submit({ ...order, guard }, listener);
  }

  /**
   * Goes on where an earlier life has left off, once the manager has its devices again: what is known of them, what is observed and what waits.
   * Asks nothing yet (`resume`).
   */
  async restore(requests: RequestJournal, policies: PolicyJournal): Promise<void> {
    this.policies.hold();
    const turns = new Turns();
    const kept = new Map<string, KeptPaths>();
    for await (const { device, kept: paths } of policies.load()) {
      kept.set(device, paths);
      await turns.next();
    }
    this.policies.keepIn(policies);
    for (const registration of this.manager.registrations()) {
      this.devices.restored(registration.endpoint);
      this.policies.restored(registration, kept.get(registration.endpoint));
      kept.delete(registration.endpoint);
      await turns.next();
    }
    for (const device of kept.keys()) policies.change(device);
    await this.requests.restore(requests);
  }

  /** The rest of it. @throws DeviceManagementError `store-failed` */
  async restoreParts(store: Store, trouble: Trouble): Promise<void> {
    for (const part of this.durables) await part.restore(store, trouble);
  }

  /** Writes all of it once more, where the store may not have it. @throws DeviceManagementError `store-failed` when it cannot be read */
  async keepAll(): Promise<void> {
    this.policies.keepAll();
    await this.requests.keepAll();
    for (const part of this.durables) await part.keepAll();
  }

  /** The manager listens: what is due is asked, of so many devices at a time. */
  resume(): void {
    this.policies.release();
    this.requests.resume();
    this.jobs.release();
    this.alarms.resume();
  }

  /** @param goesOn what is kept is taken up by another life */
  close(goesOn = true): void {
    this.acquaintance.close();
    this.guardedWrites.close();
    this.requests.close(goesOn);
    this.policies.close();
    this.imageServing.close();
    void this.images.close();
    this.alarmSources.close();
    this.alarms.close();
    this.audit.close();
    this.history.close();
    this.journal.close();
    this.usage.close();
    this.jobs.close();
    this.devices.close();
  }
}

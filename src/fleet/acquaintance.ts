/** All that is known of devices, put together: facts, tags and groups, who is asked what it is, and who is told when something has changed. */
import type { Clock } from '../clock';
import type { DeviceManager } from '../device/manager';
import { DeviceManagementError } from '../errors';
import { classOf, type DeviceClass } from './device-class';
import type { Devices } from './devices';
import { Facts } from './facts';
import { FirstContact } from './first-contact';
import { Groups } from './groups';
import type { Knowledge } from './knowledge';
import { OverheardManager } from './overheard';
import { Reconsidering } from './reconsidering';
import { type ProvisionedTags, Tags } from './tags';
import { type Zone, zoneOf } from './zone';

export interface AcquaintanceOptions {
  /** Where devices have tags of before they come. */
  readonly provisioned?: ProvisionedTags;
  /** Whether devices are asked what they are when they come; not without it. */
  readonly asksNewDevices?: () => boolean;
  /** From 0 to 1. */
  readonly random?: () => number;
}

export class Acquaintance {
  readonly facts: Facts;
  readonly tags: Tags;
  readonly groups: Groups;
  readonly knowledge: Knowledge;
  /** What is asked through it is learnt from. */
  readonly manager: DeviceManager;
  private readonly reconsidering: Reconsidering;
  private readonly firstContact: FirstContact;

  /** @param reconsider a device may have come to be among those that a selector means, or have ceased to be */
  constructor(
    manager: DeviceManager,
    private readonly devices: Devices,
    clock: Clock,
    options: AcquaintanceOptions,
    reconsider: (device: string) => void,
  ) {
    this.facts = new Facts(manager, clock);
    this.tags = new Tags(clock, options.provisioned);
    this.groups = new Groups(clock);
    this.manager = new OverheardManager(
      manager,
      ({ device, values, at }) => this.facts.heard(device, values, at),
      (device) => this.refusal(device),
    );
    this.knowledge = {
      facts: (device) => this.facts.of(device),
      tags: (device) => this.tags.of(device),
      deviceClass: (device) => this.classOf(device),
      group: (name) => this.groups.get(name)?.devices,
      registration: (device) => manager.registration(device),
      presence: (device) => manager.presence(device),
      now: () => clock.wall(),
    };
    this.reconsidering = new Reconsidering(clock, reconsider);
    this.firstContact = new FirstContact({
      manager: this.manager,
      clock,
      facts: this.facts,
      isOn: options.asksNewDevices ?? (() => false),
      mayAsk: (device) => this.refusal(device) === undefined,
      random: options.random ?? Math.random,
    });
    this.facts.events.on('changed', (device) => this.changed(device));
    this.tags.events.on('changed', (device) => this.changed(device));
    this.groups.events.on('changed', () => {
      for (const device of devices.endpoints()) this.changed(device);
    });
  }

  /** Why nothing can be asked of a device, ever. */
  refusal(device: string): DeviceManagementError | undefined {
    if (this.classOf(device) !== 'uplink-only') return undefined;
    const { binding } = this.knowledge.registration(device) ?? {};
    const why = this.tags.of(device).includes(`class=uplink-only`)
      ? 'it has the tag class=uplink-only'
      : `its binding is ${binding}`;
    const text = `device '${device}' only sends, and cannot be asked anything: ${why}; the tag class=battery or class=mains says otherwise`;
    return new DeviceManagementError('unsupported', text, { device });
  }

  /** All of which something is known, registered or not. */
  all(): ReadonlySet<string> {
    return new Set([...this.devices.endpoints(), ...this.facts.devices(), ...this.tags.devices()]);
  }

  /** Whether it is here, or anything is known of it. */
  has(device: string): boolean {
    const { registration, facts, tags } = this.knowledge;
    return registration(device) !== undefined || facts(device) !== undefined || tags(device).length > 0;
  }

  classOf(device: string): DeviceClass | undefined {
    return classOf(this.facts.of(device), this.knowledge.registration(device), this.tags.of(device));
  }

  zoneOf(device: string): Zone {
    const { timezone, utcOffset } = this.facts.of(device) ?? {};
    return zoneOf({ timezone, utcOffset, tag: this.tags.value(device, 'tz') });
  }

  /** Something that selectors ask for. */
  changed(device: string): void {
    this.reconsidering.changed(device);
  }

  close(): void {
    this.firstContact.close();
    this.reconsidering.close();
    this.facts.close();
  }
}

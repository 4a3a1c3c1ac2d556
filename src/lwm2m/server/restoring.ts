/**
 * What an earlier life of this process has kept of its devices: registrations with what is left of their lifetimes, and observations, whose
 * notifications are recognised instead of reset. In slices, since there may be a hundred thousand, and before the first message is heard.
 */
import type { Clock } from '../../clock';
import type { Endpoint } from '../../coap/endpoint';
import type { CoapLayer } from '../../coap/layer';
import { type Identity, identityKey } from '../../device/identity';
import type { Registration } from '../../device/manager';
import { Turns } from '../../turns';
import { type DeviceKeeper, WRITE_BEHIND_MS } from './device-keeper';
import type { Gateways } from './gateways';
import type { KeptContact, KeptObservation, KeptRegistration } from './kept-kinds';
import type { Models } from './models';
import type { Observations } from './observations';
import { planOf } from './operation-plans';
import { isMovable } from './peers';
import type { Presence } from './presence';
import type { RegistrationRecord } from './registration';
import type { Registrations } from './registrations';

export interface RestoringContext {
  readonly clock: Clock;
  readonly layer: Pick<CoapLayer, 'endpoint' | 'transport' | 'absent' | 'resume'>;
  readonly models: Models;
  readonly registrations: Registrations;
  readonly presence: Presence;
  readonly observations: Observations;
  readonly gateways: Gateways;
  readonly identityOf: (peer: Endpoint) => Identity;
  readonly graceMs: number;
  readonly awakeMs: number;
  /** 0 to 1, for what is asked of many. */
  readonly random: () => number;
  /** Its lifetime ran out while this process did not run, or that of its gateway. */
  readonly expired: (registration: Registration) => void;
}

/** Within this time every gateway is asked what is behind it now. */
const LOOK_WITHIN_MS = 60_000;

export class Restoring {
  private readonly contacts = new Map<string, KeptContact>();
  private readonly shared = new Map<string, unknown>();
  private readonly children = new Map<string, Registration[]>();
  private readonly expired: Registration[] = [];
  private readonly turns = new Turns();

  constructor(
    private readonly keeper: DeviceKeeper,
    private readonly context: RestoringContext,
  ) {}

  /** @throws DeviceManagementError `store-failed` when the store cannot be read; what is damaged in it is told of, and left out */
  async run(): Promise<void> {
    const { keeper } = this;
    for await (const { id, value } of keeper.contacts()) {
      this.contacts.set(id, value);
      await this.turns.next();
    }
    for await (const { value } of keeper.registrations()) {
      this.registration(value);
      await this.turns.next();
    }
    this.contacts.clear();
    await this.gateways();
    for await (const { value } of keeper.observations()) {
      if (!this.observation(value)) keeper.forgetObservation(value.token);
      await this.turns.next();
    }
    for (const registration of this.expired) {
      keeper.forget(registration.endpoint);
      this.context.expired(registration);
      await this.turns.next();
    }
  }

  private registration(kept: KeptRegistration): void {
    const { registrations, presence, clock, awakeMs } = this.context;
    const value = this.compacted(this.withContact(kept));
    const { gateway } = value;
    if (gateway !== undefined) {
      const others = this.children.get(gateway.endpoint);
      if (others === undefined) this.children.set(gateway.endpoint, [value]);
      else others.push(value);
      return;
    }
    const leftMs = this.leftOf(value);
    if (leftMs !== undefined && leftMs <= 0) {
      this.expired.push(value);
      return;
    }
    const peer = this.peerOf(kept);
    const where = peer ?? this.absentPeer(kept);
    const { record, displaced } = registrations.restore(kept.id, kept.identity, where, value, leftMs);
    // How long it listens still, if it was heard with its last Update and not later.
    const window = value.queueMode ? awakeMs - Math.max(0, clock.wall() - value.updatedAt) : awakeMs;
    presence.restore(record, peer === undefined ? 0 : window);
    if (displaced !== undefined) presence.restore(displaced, 0);
  }

  private withContact({ id, value }: KeptRegistration): Registration {
    const contact = this.contacts.get(value.endpoint);
    return contact?.id === id && contact.updatedAt > value.updatedAt ? { ...value, updatedAt: contact.updatedAt } : value;
  }

  /** A clock that was set back must not make a lifetime longer than it is. */
  private leftOf({ lifetime, updatedAt }: Registration): number | undefined {
    if (lifetime === 0) return undefined;
    const wholeMs = lifetime * 1000 + this.context.graceMs + WRITE_BEHIND_MS;
    return Math.min(wholeMs, updatedAt + wholeMs - this.context.clock.wall());
  }

  /** Where it can be asked; undefined when it has to come first. */
  private peerOf({ peer, identity }: KeptRegistration): Endpoint | undefined {
    const { layer, identityOf } = this.context;
    const transport = layer.transport(peer.transport);
    if (transport === undefined || transport.reliable === true) return undefined;
    const endpoint = layer.endpoint(peer.address, peer.port, transport);
    // An association of the same name may be another device's by now.
    return isMovable(endpoint) && identityKey(identityOf(endpoint)) !== identity ? undefined : endpoint;
  }

  private absentPeer({ peer }: KeptRegistration): Endpoint {
    const { layer } = this.context;
    return layer.absent(layer.transport(peer.transport));
  }

  /** What many have alike is one value, as it was when they registered. */
  private compacted(value: Registration): Registration {
    return {
      ...value,
      version: this.alike(value.version),
      binding: this.alike(value.binding),
      rootPath: this.alike(value.rootPath),
      security: this.alike(value.security),
      objects: this.alike(value.objects),
      versions: this.alike(value.versions),
      contentFormats: this.alike(value.contentFormats),
      parameters: this.alike(value.parameters),
    };
  }

  private alike<T>(value: T): T {
    const key = JSON.stringify(value);
    const known = this.shared.get(key);
    if (known !== undefined) return known as T;
    this.shared.set(key, value);
    return value;
  }

  private async gateways(): Promise<void> {
    const { registrations, gateways, random } = this.context;
    for (const record of [...registrations.all()]) {
      const children = this.children.get(record.endpoint) ?? [];
      this.children.delete(record.endpoint);
      const free = children.filter(({ endpoint }) => registrations.byEndpoint(endpoint) === undefined);
      gateways.restore(record, free, random() * LOOK_WITHIN_MS);
      await this.turns.next();
    }
    // Those whose gateway has gone.
    for (const children of this.children.values()) this.expired.push(...children);
  }

  /** @returns whether it goes on */
  private observation({ device, registeredAt, request, spec, token }: KeptObservation): boolean {
    const { registrations, observations, models, layer } = this.context;
    const record = registrations.byEndpoint(device);
    if (record === undefined || record.value.registeredAt !== registeredAt || !isMetAt(record)) return false;
    try {
      const plan = planOf(request, { registration: record.value, model: models.of(record.value) });
      observations.restore(record, plan, spec, (observer) => layer.resume(record.peer, token, spec, observer));
      return true;
    } catch {
      // The definitions of objects have changed: what would be refused now is not gone on with.
      return false;
    }
  }
}

/** Observations end with their connection (RFC 8323 Appendix A.4). */
function isMetAt({ peer }: RegistrationRecord): boolean {
  return !peer.reliable;
}

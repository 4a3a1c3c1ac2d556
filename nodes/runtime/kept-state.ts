/** What of a server outlives the process: its store, from the moment the server begins until it ends. Without one it all ends with the process. */
import type { Clock } from '../../src/clock';
import { asDeviceManagementError, DeviceManagementError } from '../../src/errors';
import type { ApiTokens } from '../../src/fleet/api-tokens';
import type { Fleet } from '../../src/fleet/fleet';
import { KeptDevices } from '../../src/fleet/kept-devices';
import { PolicyJournal } from '../../src/fleet/policy-journal';
import type { Provisioning } from '../../src/fleet/provisioning';
import { RequestJournal } from '../../src/fleet/request-journal';
import { DeviceKeeper } from '../../src/lwm2m/server/device-keeper';
import type { SecuredState } from '../../src/lwm2m/server/secured-state';
import { type Restorable as Backup, backup, contentsOf } from '../../src/store/backup';
import { RecoveringStore } from '../../src/store/recovering';
import type { Seal } from '../../src/store/seal';
import { stage, takeUp } from '../../src/store/staged';
import { below, type Store } from '../../src/store/store';

/** Opens the store of a server. */
export type OpenStore = () => Promise<Store>;
/** Gives what secrets in it are sealed with. */
export type OpenSeal = () => Promise<Seal>;
/** Puts another in its place. */
export type KeepSeal = (seal: Seal) => Promise<void>;

/** Where the state is; nowhere without `openStore`. */
export interface KeptWhere {
  readonly openStore?: OpenStore;
  /** Absent: what is known of devices before they come is not kept. */
  readonly openSeal?: OpenSeal;
  readonly keepSeal?: KeepSeal;
  /** What a server of the same node had, when its settings were changed. */
  readonly inherited?: Promise<Backup | undefined>;
  /** What DTLS has agreed on with devices; with their keys, so it is kept where those are. */
  readonly secured?: SecuredState;
}

/** A manager whose devices outlive it. */
export interface Restorable {
  restore(keeper: DeviceKeeper): Promise<void>;
  keepAll(): Promise<void>;
}

export class KeptState {
  /** Why nothing is kept although it should be; for a person. */
  trouble: string | undefined;
  /** Another state waits for the next start. */
  hasTakenIn = false;
  private store: Store | undefined;
  /** Nothing can be written, although it should be. */
  private failing = false;
  /** Whatever writes to it. */
  private writers: { flush(): Promise<void> }[] = [];
  private restoring: Promise<void> | undefined;

  constructor(
    private readonly where: KeptWhere,
    private readonly clock: Clock,
    private readonly warn: (text: string) => void,
    /** Told when things can no longer be kept, or again. */
    private readonly changed: () => void = () => undefined,
  ) {}

  get isKept(): boolean {
    return this.store !== undefined && !this.failing && this.store.isFleeting !== true;
  }

  /** It should be kept, and cannot be. */
  get isFailing(): boolean {
    return this.failing;
  }

  /** Once: a server that cannot have its port yet tries to begin again and again. Never rejects: without a store it goes on from memory. */
  restore(fleet: Fleet, manager: Restorable, provisioning: Provisioning, tokens: ApiTokens): Promise<void> {
    this.restoring ??= this.restoreOnce(fleet, manager, provisioning, tokens);
    return this.restoring;
  }

  /**
   * All of it as one sealed file, as it is now.
   * @throws DeviceManagementError `store-failed` where nothing is kept, `invalid-value` with the first part for a passphrase that is none
   */
  async backup(passphrase: string): Promise<AsyncIterable<Buffer>> {
    const store = this.lastingStore();
    await Promise.all(this.writers.map((writer) => writer.flush()));
    return backup(store, passphrase, await this.where.openSeal?.());
  }

  /** Puts a backup where the next start takes it up, in place of everything. @throws DeviceManagementError `store-failed` */
  async takeIn(restorable: Backup): Promise<void> {
    const { openSeal } = this.where;
    if (openSeal === undefined) throw nothingKept();
    await stage(this.lastingStore(), restorable, await openSeal());
    this.hasTakenIn = true;
  }

  /** All of it, for a server that goes on from it in another place; `undefined` where nothing could be kept. */
  async contents(): Promise<Backup | undefined> {
    await this.restoring;
    const { store } = this;
    const seal = await this.where.openSeal?.();
    if (store === undefined || seal === undefined) return undefined;
    await Promise.allSettled(this.writers.map((writer) => writer.flush()));
    return contentsOf(store, seal);
  }

  /** What has been said is written, and the store is free for another. */
  async close(): Promise<void> {
    await this.restoring;
    // One that fails has told why.
    await Promise.allSettled(this.writers.map((writer) => writer.flush()));
    await this.store?.close();
  }

  private async restoreOnce(fleet: Fleet, manager: Restorable, provisioning: Provisioning, tokens: ApiTokens): Promise<void> {
    const { openStore } = this.where;
    if (openStore === undefined) return;
    try {
      this.store = await RecoveringStore.open(openStore, this.clock, {
        failed: (error) => {
          this.goOn(error);
        },
        recovered: () => void this.recovered(fleet, manager, provisioning, tokens),
      });
    } catch (caught) {
      this.goOn(caught);
    }
    if (this.store !== undefined) {
      await this.inherit(this.store);
      await this.takeUp(this.store);
    }
    await this.restoreProvisioned(provisioning, tokens);
    await this.restoreSecured();
    if (this.store !== undefined) await this.restoreDevices(this.store, fleet, manager);
  }

  private lastingStore(): Store {
    if (this.store === undefined || this.store.isFleeting === true) throw nothingKept();
    return this.store;
  }

  /** What a server of the same node has left elsewhere; a place that has a state of its own goes on from that. */
  private async inherit(store: Store): Promise<void> {
    const { inherited, openSeal, keepSeal } = this.where;
    const left = await inherited;
    if (left === undefined || openSeal === undefined || keepSeal === undefined) return;
    try {
      for await (const _ of store.range({ ...below(''), limit: 1 })) {
        return this.warn(
          'there is a state in this place already, and the server goes on from that; what it had before has stayed where it was',
        );
      }
      await stage(store, left, await openSeal());
      await takeUp(store, openSeal, keepSeal);
    } catch (caught) {
      this.tell(
        `what the server had before its settings were changed cannot be taken over: ${asDeviceManagementError(caught).message}`,
      );
    }
  }

  private async takeUp(store: Store): Promise<void> {
    const { openSeal, keepSeal } = this.where;
    if (openSeal === undefined || keepSeal === undefined) return;
    try {
      if (await takeUp(store, openSeal, keepSeal)) this.warn('the backup that was taken in is what the server goes on from now');
    } catch (caught) {
      this.tell(`the backup that was taken in cannot be used: ${asDeviceManagementError(caught).message}`);
    }
  }

  private async restoreDevices(store: Store, fleet: Fleet, manager: Restorable): Promise<void> {
    try {
      const { clock } = this;
      const tell = (reason: string): void => this.tell(reason);
      const devices = new DeviceKeeper(store, clock, tell);
      const requests = new RequestJournal(store, clock, tell);
      const policies = new PolicyJournal(store, clock, tell);
      this.writers.push(devices, requests, policies, ...fleet.durables);
      await manager.restore(devices);
      await fleet.restore(requests, policies);
      await fleet.restoreParts(store, tell);
    } catch (caught) {
      this.goOn(caught);
    }
  }

  private async recovered(fleet: Fleet, manager: Restorable, provisioning: Provisioning, tokens: ApiTokens): Promise<void> {
    this.failing = false;
    this.trouble = undefined;
    try {
      // First: registrations belong to associations.
      await this.where.secured?.keepAll();
      await manager.keepAll();
      await fleet.keepAll();
      await tokens.keepAll();
      await provisioning.keepAll();
      this.warn('the store can be written to again, and has everything that is known now');
    } catch (caught) {
      this.tell(asDeviceManagementError(caught).message);
    }
    this.changed();
  }

  private goOn(caught: unknown): void {
    this.failing = true;
    this.changed();
    this.tell(
      `${asDeviceManagementError(caught).message}; the server goes on from memory, and with the process it forgets its devices and what waits for them`,
    );
  }

  private async restoreProvisioned(provisioning: Provisioning, tokens: ApiTokens): Promise<void> {
    const { openSeal } = this.where;
    if (openSeal === undefined) return;
    provisioning.isWhole = false;
    if (this.store === undefined) return;
    try {
      await tokens.restore(this.store, (reason) => this.tell(reason));
      await provisioning.restore(new KeptDevices(this.store, await openSeal(), (reason) => this.tell(reason)));
    } catch (caught) {
      this.tell(
        `${asDeviceManagementError(caught).message}; the server goes on without the devices that were provisioned, and unsecured ones are admitted from this machine only`,
      );
    }
  }

  private async restoreSecured(): Promise<void> {
    const { openSeal, secured } = this.where;
    // Without a place of its own there is no next life for an association.
    if (openSeal === undefined || secured === undefined || this.store === undefined || this.store.isFleeting === true) return;
    this.writers.push(secured);
    try {
      await secured.restore(this.store, await openSeal(), (reason) => this.tell(reason));
    } catch (caught) {
      this.tell(`${asDeviceManagementError(caught).message}; devices that come over DTLS make new handshakes`);
    }
  }

  private tell(reason: string): void {
    this.trouble = reason;
    this.warn(reason);
  }
}

function nothingKept(): DeviceManagementError {
  return new DeviceManagementError('store-failed', 'the state of this server is kept in memory only');
}

/** What of a server outlives the process: its store, from the moment the server begins until it ends. Without one it all ends with the process. */
import type { Clock } from '../../src/clock';
import { asDeviceManagementError } from '../../src/errors';
import type { ApiTokens } from '../../src/fleet/api-tokens';
import type { Fleet } from '../../src/fleet/fleet';
import { KeptDevices } from '../../src/fleet/kept-devices';
import { PolicyJournal } from '../../src/fleet/policy-journal';
import type { Provisioning } from '../../src/fleet/provisioning';
import { RequestJournal } from '../../src/fleet/request-journal';
import { DeviceKeeper } from '../../src/lwm2m/server/device-keeper';
import { RecoveringStore } from '../../src/store/recovering';
import type { Seal } from '../../src/store/seal';
import type { Store } from '../../src/store/store';

/** Opens the store of a server. */
export type OpenStore = () => Promise<Store>;
/** Gives what secrets in it are sealed with. */
export type OpenSeal = () => Promise<Seal>;

/** A manager whose devices outlive it. */
export interface Restorable {
  restore(keeper: DeviceKeeper): Promise<void>;
  keepAll(): Promise<void>;
}

export class KeptState {
  /** Why nothing is kept although it should be; for a person. */
  trouble: string | undefined;
  private store: Store | undefined;
  /** Nothing can be written, although it should be. */
  private failing = false;
  /** Whatever writes to it. */
  private writers: readonly { flush(): Promise<void> }[] = [];
  private restoring: Promise<void> | undefined;

  constructor(
    private readonly open: OpenStore | undefined,
    private readonly clock: Clock,
    private readonly warn: (text: string) => void,
    /** Absent: what is known of devices is not kept. */
    private readonly openSeal?: OpenSeal,
    /** Told when things can no longer be kept, or again. */
    private readonly changed: () => void = () => undefined,
  ) {}

  get isKept(): boolean {
    return this.store !== undefined && !this.failing;
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

  /** What has been said is written, and the store is free for another. */
  async close(): Promise<void> {
    await this.restoring;
    // One that fails has told why.
    await Promise.allSettled(this.writers.map((writer) => writer.flush()));
    await this.store?.close();
  }

  private async restoreOnce(fleet: Fleet, manager: Restorable, provisioning: Provisioning, tokens: ApiTokens): Promise<void> {
    if (this.open === undefined) return;
    try {
      this.store = await RecoveringStore.open(this.open, this.clock, {
        failed: (error) => {
          this.goOn(error);
        },
        recovered: () => void this.recovered(fleet, manager),
      });
    } catch (caught) {
      this.goOn(caught);
    }
    await this.restoreProvisioned(provisioning, tokens);
    if (this.store !== undefined) await this.restoreDevices(this.store, fleet, manager);
  }

  private async restoreDevices(store: Store, fleet: Fleet, manager: Restorable): Promise<void> {
    try {
      const { clock } = this;
      const tell = (reason: string): void => this.tell(reason);
      const devices = new DeviceKeeper(store, clock, tell);
      const requests = new RequestJournal(store, clock, tell);
      const policies = new PolicyJournal(store, clock, tell);
      this.writers = [devices, requests, policies];
      await manager.restore(devices);
      await fleet.restore(requests, policies);
    } catch (caught) {
      this.goOn(caught);
    }
  }

  private async recovered(fleet: Fleet, manager: Restorable): Promise<void> {
    this.failing = false;
    this.trouble = undefined;
    try {
      await manager.keepAll();
      await fleet.keepAll();
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
    if (this.openSeal === undefined) return;
    provisioning.isWhole = false;
    if (this.store === undefined) return;
    try {
      await tokens.restore(this.store, (reason) => this.tell(reason));
      await provisioning.restore(new KeptDevices(this.store, await this.openSeal(), (reason) => this.tell(reason)));
    } catch (caught) {
      this.tell(
        `${asDeviceManagementError(caught).message}; the server goes on without the devices that were provisioned, and unsecured ones are admitted from this machine only`,
      );
    }
  }

  private tell(reason: string): void {
    this.trouble = reason;
    this.warn(reason);
  }
}

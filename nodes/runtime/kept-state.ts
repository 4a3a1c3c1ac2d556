/** What of a server outlives the process: its store, from the moment the server begins until it ends. Without one it all ends with the process. */
import type { Clock } from '../../src/clock';
import { asDeviceManagementError } from '../../src/errors';
import type { Fleet } from '../../src/fleet/fleet';
import { KeptDevices } from '../../src/fleet/kept-devices';
import type { Provisioning } from '../../src/fleet/provisioning';
import { RequestJournal } from '../../src/fleet/request-journal';
import type { Seal } from '../../src/store/seal';
import type { Store } from '../../src/store/store';

/** Opens the store of a server. */
export type OpenStore = () => Promise<Store>;
/** Gives what secrets in it are sealed with. */
export type OpenSeal = () => Promise<Seal>;

export class KeptState {
  /** Why nothing is kept although it should be; for a person. */
  trouble: string | undefined;
  private store: Store | undefined;
  private journal: RequestJournal | undefined;
  private restoring: Promise<void> | undefined;

  constructor(
    private readonly open: OpenStore | undefined,
    private readonly clock: Clock,
    private readonly warn: (text: string) => void,
    /** Absent: what is known of devices is not kept. */
    private readonly openSeal?: OpenSeal,
  ) {}

  get isKept(): boolean {
    return this.store !== undefined;
  }

  /** Once: a server that cannot have its port yet tries to begin again and again. Never rejects: without a store it goes on from memory. */
  restore(fleet: Fleet, provisioning: Provisioning): Promise<void> {
    this.restoring ??= this.restoreOnce(fleet, provisioning);
    return this.restoring;
  }

  /** What has been said is written, and the store is free for another. */
  async close(): Promise<void> {
    await this.restoring;
    await this.journal?.flush();
    await this.store?.close();
  }

  private async restoreOnce(fleet: Fleet, provisioning: Provisioning): Promise<void> {
    if (this.open === undefined) return;
    await this.openRequests(this.open, fleet);
    await this.restoreDevices(provisioning);
  }

  private async openRequests(open: OpenStore, fleet: Fleet): Promise<void> {
    try {
      this.store = await open();
      this.journal = new RequestJournal(this.store, this.clock, (reason) => this.tell(reason));
      await fleet.requests.restore(this.journal);
    } catch (caught) {
      this.tell(
        `${asDeviceManagementError(caught).message}; the server goes on, and forgets with the process what waits for devices`,
      );
    }
  }

  private async restoreDevices(provisioning: Provisioning): Promise<void> {
    if (this.openSeal === undefined) return;
    provisioning.isWhole = false;
    if (this.store === undefined) return;
    try {
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

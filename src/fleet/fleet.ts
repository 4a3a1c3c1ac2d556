/** The devices of one manager, with what no protocol gives them: who is known, requests that wait, observe policies. */
import type { Clock } from '../clock';
import type { DeviceManager } from '../device/manager';
import { Devices } from './devices';
import { GuardedWrites } from './guarded-write';
import { ObservePolicies } from './observe-policies';
import type { Listener, Order } from './outcomes';
import { RequestQueue, type RequestQueueOptions } from './request-queue';

export type FleetOptions = Omit<RequestQueueOptions, 'manager' | 'devices' | 'clock'>;

export class Fleet {
  readonly devices: Devices;
  readonly requests: RequestQueue;
  readonly policies: ObservePolicies;
  private readonly guardedWrites: GuardedWrites;

  constructor(
    readonly manager: DeviceManager,
    readonly clock: Clock,
    options: FleetOptions = {},
  ) {
    this.devices = new Devices(manager);
    this.policies = new ObservePolicies(manager, clock);
    this.requests = new RequestQueue({ ...options, manager, devices: this.devices, clock });
    this.guardedWrites = new GuardedWrites({ manager, requests: this.requests, clock });
  }

  /** Asks a device, now or when it comes; under guard where the order says so. */
  submit(order: Order, listener?: Listener): void {
    const { guard } = order;
    if (guard === undefined) this.requests.submit(order, listener);
    else this.guardedWrites.submit({ ...order, guard }, listener);
  }

  close(): void {
    this.guardedWrites.close();
    this.requests.close();
    this.policies.close();
    this.devices.close();
  }
}

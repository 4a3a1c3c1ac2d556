/** The devices of one manager, with what no protocol gives them: who is known, requests that wait, observe policies. */
import type { Clock } from '../clock';
import type { DeviceManager } from '../device/manager';
import { Devices } from './devices';
import { ObservePolicies } from './observe-policies';
import { RequestQueue, type RequestQueueOptions } from './request-queue';

export type FleetOptions = Omit<RequestQueueOptions, 'manager' | 'devices' | 'clock'>;

export class Fleet {
  readonly devices: Devices;
  readonly requests: RequestQueue;
  readonly policies: ObservePolicies;

  constructor(
    readonly manager: DeviceManager,
    readonly clock: Clock,
    options: FleetOptions = {},
  ) {
    this.devices = new Devices(manager);
    this.policies = new ObservePolicies(manager, clock);
    this.requests = new RequestQueue({ ...options, manager, devices: this.devices, clock });
  }

  close(): void {
    this.requests.close();
    this.policies.close();
    this.devices.close();
  }
}

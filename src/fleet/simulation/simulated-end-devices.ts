/** The devices behind a simulated gateway: small sensors, each with objects of its own below a prefix. */
import type { Clock } from '../../clock';
import type { Catalogue } from '../../device/models/catalogue';
import type { Lwm2mClient } from '../../lwm2m/client/client';
import type { EndDevice } from '../../lwm2m/client/end-devices';
import { ObjectTree } from '../../lwm2m/client/objects';
import { type Fraction, Temperature } from './movement';
import type { SimulatedEventName } from './simulated-event';

export interface SimulatedEndDevicesOptions {
  /** Name of the gateway: theirs begin with it. */
  readonly gateway: string;
  readonly count: number;
  /** Of LwM2M. */
  readonly version: string;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly fraction: Fraction;
  readonly tell: (event: SimulatedEventName, device: string, payload: Readonly<Record<string, unknown>>) => void;
}

interface Sensor extends EndDevice {
  readonly prefix: string;
  readonly temperature: Temperature;
}

export class SimulatedEndDevices {
  /** By name, "sim-gw-1-d01". */
  private readonly sensors = new Map<string, Sensor>();

  constructor(private readonly options: SimulatedEndDevicesOptions) {
    const { gateway, count, version, catalogue, clock, fraction } = options;
    for (let index = 1; index <= count; index++) {
      const prefix = `d${String(index).padStart(2, '0')}`;
      const deviceId = `${gateway}-${prefix}`;
      const temperature = new Temperature(fraction);
      const objects = new ObjectTree({ catalogue, version, prefix });
      const celsius = temperature.next(clock.wall());
      objects.add(
        3,
        0,
        { 0: 'Acme Sensors', 1: 'Leaf', 2: deviceId, 3: '1.0.0', 9: 90, 11: [0], 14: '+00:00', 16: 'U', 17: 'room sensor' },
        { 4: { execute: () => () => options.tell('rebooted', deviceId, {}) } },
      );
      objects.add(3303, 0, { 5700: celsius, 5701: 'Cel' });
      this.sensors.set(deviceId, { deviceId, prefix, objects, temperature });
    }
  }

  get names(): readonly string[] {
    return [...this.sensors.keys()];
  }

  /** For the client of the gateway. */
  get devices(): readonly EndDevice[] {
    return [...this.sensors.values()];
  }

  /** Tells what a server does to them. */
  follow(client: Lwm2mClient): void {
    const { tell } = this.options;
    for (const { deviceId, prefix } of this.sensors.values()) {
      const events = client.endDevices.get(prefix)?.events;
      events?.on('written', ({ paths }) => tell('written', deviceId, { paths: [...paths] }));
      events?.on('executed', ({ path, arguments: given }) => {
        tell('executed', deviceId, { path, arguments: Object.fromEntries(given) });
      });
    }
  }

  move(): void {
    const now = this.options.clock.wall();
    for (const { objects, temperature } of this.sensors.values()) objects.set('/3303/0/5700', temperature.next(now));
  }

  /**
   * @returns whether it is one of these
   * @throws DeviceManagementError `invalid-value`, `invalid-path`
   */
  setValue(name: string, path: string, value: unknown): boolean {
    const sensor = this.sensors.get(name);
    sensor?.objects.set(path, value);
    return sensor !== undefined;
  }
}

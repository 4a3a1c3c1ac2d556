/** What the Firmware Update object (5) is made of, in versions 1.0, 1.1 and 1.2: resources, states, results. */
import type { DeviceModel } from '../../device/models/catalogue';

export const FIRMWARE_OBJECT = 5;

export const FirmwareState = { Idle: 0, Downloading: 1, Downloaded: 2, Updating: 3 } as const;

export const FirmwareResult = {
  Initial: 0,
  Success: 1,
  NotEnoughFlash: 2,
  OutOfMemory: 3,
  ConnectionLost: 4,
  IntegrityFailure: 5,
  UnsupportedPackage: 6,
  InvalidUri: 7,
  UpdateFailed: 8,
  UnsupportedProtocol: 9,
  Cancelled: 10,
  Deferred: 11,
} as const;
export type FirmwareResult = (typeof FirmwareResult)[keyof typeof FirmwareResult];

export const Resource = {
  Package: 0,
  PackageUri: 1,
  Update: 2,
  State: 3,
  Result: 5,
  PackageName: 6,
  PackageVersion: 7,
  ProtocolSupport: 8,
  DeliveryMethod: 9,
  Cancel: 10,
  Severity: 11,
  LastStateChange: 12,
  MaximumDefer: 13,
  AutomaticUpgrade: 14,
} as const;

/** 5/0/9. */
export const Delivery = { Pull: 0, Push: 1, Both: 2 } as const;
export type Delivery = (typeof Delivery)[keyof typeof Delivery];

/** 5/0/8. */
export const Protocol = { Coap: 0, Coaps: 1, CoapTcp: 4, CoapsTcp: 5 } as const;

/** 5/0/11: mandatory. */
const USUAL_SEVERITY = 1;

/** Values of what this version of the object has beyond 1.0 (5/1.1: 10 to 13, 5/1.2: 14). */
export function laterValues(model: DeviceModel, now: Date): Readonly<Record<number, unknown>> {
  const values: readonly (readonly [number, unknown])[] = [
    [Resource.Severity, USUAL_SEVERITY],
    [Resource.LastStateChange, now],
    [Resource.MaximumDefer, 0],
    [Resource.AutomaticUpgrade, false],
  ];
  return Object.fromEntries(values.filter(([id]) => model.resource(FIRMWARE_OBJECT, id) !== undefined));
}

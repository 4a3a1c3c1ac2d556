/** Objects of a small tracker, as it comes from its maker: Device (3), Connectivity (4), Location (6), Portfolio (16), Temperature (3303). */
import type { Clock } from '../../clock';
import type { ObjectTree } from '../../lwm2m/client/objects';
import type { LockAndWipe } from './lock-and-wipe';
import { FIRST_FIRMWARE, type Model } from './models';
import type { Battery, Signal, Temperature, Track } from './movement';

export interface TrackerParts {
  readonly index: number;
  readonly model: Model;
  readonly clock: Clock;
  readonly battery: Battery;
  readonly signal: Signal;
  readonly temperature: Temperature;
  readonly track: Track;
  readonly reboot: () => void;
}

/** Device Error Code (3/0/11). */
export const ErrorCode = { None: 0, LowBattery: 1 } as const;

export function addTracker(tree: ObjectTree, lock: LockAndWipe, parts: TrackerParts): void {
  const { index, clock, track, signal, model } = parts;
  const { latitude, longitude } = track.place;
  addDevice(tree, lock, parts);
  const address = `10.20.${index >> 8}.${index & 255}`;
  tree.add(4, 0, { 0: model.bearer, 1: [model.bearer], 2: signal.next(), 3: 30, 4: [address] });
  tree.add(6, 0, { 0: latitude, 1: longitude, 2: 40, 5: new Date(clock.wall()), 6: 0 });
  tree.add(16, 0, { 0: [serialNumber(index), `asset-${index + 1}`] }, lock.over('device', { 0: {} }));
  addThermometer(tree, lock, parts.temperature.next(clock.wall()));
}

/** The extremes begin again at what is measured now. */
export function resetExtremes(tree: ObjectTree): void {
  const now = tree.get('/3303/0/5700');
  tree.setAll([
    ['/3303/0/5601', now],
    ['/3303/0/5602', now],
  ]);
}

function addDevice(tree: ObjectTree, lock: LockAndWipe, { index, model, battery, clock, reboot }: TrackerParts): void {
  // A clock that is set wrong stays as wrong.
  let aheadMs = 0;
  tree.add(
    3,
    0,
    {
      0: model.manufacturer,
      1: model.model,
      2: serialNumber(index),
      3: FIRST_FIRMWARE,
      6: [1],
      7: [battery.millivolts],
      9: battery.percent,
      10: 512,
      11: [ErrorCode.None],
      14: '+00:00',
      15: 'UTC',
      16: 'U',
      17: model.type,
      18: 'rev B',
      20: battery.status,
      21: 2_048,
    },
    lock.over('device', {
      4: { execute: () => reboot },
      5: { execute: () => reboot },
      12: { execute: () => tree.set('/3/0/11', [ErrorCode.None]) as undefined },
      13: {
        read: () => new Date(clock.wall() + aheadMs),
        write: (content) => {
          aheadMs = (content as Date).getTime() - clock.wall();
        },
      },
      14: {},
      15: {},
    }),
  );
}

function addThermometer(tree: ObjectTree, lock: LockAndWipe, celsius: number): void {
  tree.add(
    3303,
    0,
    { 5601: celsius, 5602: celsius, 5700: celsius, 5701: 'Cel' },
    lock.over('sensor', { 5605: { execute: () => resetExtremes(tree) as undefined } }),
  );
}

function serialNumber(index: number): string {
  return `SN${100_000 + index}`;
}

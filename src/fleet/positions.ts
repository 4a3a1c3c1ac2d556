/** Where devices are that may be served in an area only: the newest value of their Location object (6), however it came. */
import type { Clock } from '../clock';
import type { Position } from '../device/access';
import type { DeviceManager } from '../device/manager';
import type { ResourceValue } from '../device/value';
import type { Unsubscribe } from '../events';

/**
 * A device that is refused cannot say that it has come back. So what is older than this is not held against it: it may register, and say
 * where it is.
 */
const HELD_MS = 15 * 60_000;

interface Sighting {
  latitude?: number;
  longitude?: number;
  at: number;
}

/** /6/<instance>/0 is the latitude, /6/<instance>/1 the longitude. */
const COORDINATE = /^\/6\/\d+\/([01])$/;

export class Positions {
  private readonly sightings = new Map<string, Sighting>();
  private readonly subscriptions: readonly Unsubscribe[];

  /**
   * @param isBound whether the device may be served in an area only; of others nothing is remembered
   * @param moved told when a position has become known
   */
  constructor(
    manager: DeviceManager,
    private readonly clock: Clock,
    private readonly isBound: (device: string) => boolean,
    private readonly moved: (device: string) => void,
  ) {
    this.subscriptions = [
      manager.events.on('notification', ({ device, values }) => this.heard(device, values)),
      manager.events.on('send', ({ device, values }) => this.heard(device, values)),
    ];
  }

  /** Undefined: not known, or too long ago. */
  of(device: string): Position | undefined {
    const { latitude, longitude, at = Number.NEGATIVE_INFINITY } = this.sightings.get(device) ?? {};
    if (this.clock.monotonic() - at > HELD_MS || latitude === undefined || longitude === undefined) return undefined;
    return { latitude, longitude };
  }

  close(): void {
    for (const unsubscribe of this.subscriptions) unsubscribe();
  }

  private heard(device: string, values: readonly ResourceValue[]): void {
    let sighting: Sighting | undefined;
    for (const { path, value } of values) {
      const which = COORDINATE.exec(path)?.[1];
      if (which === undefined || typeof value !== 'number' || !this.isBound(device)) continue;
      sighting ??= this.sightings.get(device) ?? { at: 0 };
      if (which === '0') sighting.latitude = value;
      else sighting.longitude = value;
    }
    if (sighting === undefined) return;
    sighting.at = this.clock.monotonic();
    this.sightings.set(device, sighting);
    this.moved(device);
  }
}

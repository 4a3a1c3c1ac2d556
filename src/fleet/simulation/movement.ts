/** How the values of a simulated device move: believable, small steps, and the same again from the same seed. */

/** 0 <= x < 1. */
export type Fraction = () => number;

const DAY_MS = 24 * 60 * 60 * 1000;
const HOUR_MS = 60 * 60 * 1000;
/** The warmest hour of a day, of 24. */
const WARMEST_HOUR = 15;

/** A number near 0, rarely beyond ±2: a sum of uniform ones is normal enough. */
export function bell(fraction: Fraction): number {
  return fraction() + fraction() + fraction() + fraction() - 2;
}

export function between(low: number, high: number, fraction: Fraction): number {
  return low + (high - low) * fraction();
}

export function rounded(value: number, decimals: number): number {
  const factor = 10 ** decimals;
  return Math.round(value * factor) / factor;
}

/** Follows the day and wanders about it. */
export class Temperature {
  private drift = 0;
  private readonly mean: number;
  private readonly swing: number;

  constructor(private readonly fraction: Fraction) {
    this.mean = between(16, 24, fraction);
    this.swing = between(2, 6, fraction);
  }

  /** @param wallMs Unix time */
  next(wallMs: number): number {
    this.drift = this.drift * 0.97 + bell(this.fraction) * 0.2;
    const hour = (wallMs % DAY_MS) / HOUR_MS;
    const daily = Math.cos(((hour - WARMEST_HOUR) / 24) * 2 * Math.PI);
    return rounded(this.mean + this.swing * daily + this.drift, 2);
  }
}

/** Battery Status (3/0/20). */
export const BatteryStatus = { Normal: 0, Charging: 1, Low: 4 } as const;

const EMPTY_PERCENT = 8;
const FULL_PERCENT = 97;
const LOW_PERCENT = 15;
const CHARGES_FASTER = 12;

/** Drains within days, is charged when nearly empty, and can be told to be low and stay so. */
export class Battery {
  private exact: number;
  private charging = false;
  private forcedLow = false;
  private readonly percentPerHour: number;

  constructor(private readonly fraction: Fraction) {
    this.exact = between(35, FULL_PERCENT, fraction);
    this.percentPerHour = between(2, 6, fraction);
  }

  get percent(): number {
    return Math.round(this.exact);
  }

  get isLow(): boolean {
    return this.exact <= LOW_PERCENT && !this.charging;
  }

  get status(): number {
    if (this.charging) return BatteryStatus.Charging;
    return this.isLow ? BatteryStatus.Low : BatteryStatus.Normal;
  }

  /** Of a lithium cell, in mV. */
  get millivolts(): number {
    return Math.round(3_300 + this.exact * 8.5);
  }

  next(elapsedMs: number): void {
    const percent = (this.percentPerHour * elapsedMs) / HOUR_MS;
    if (this.charging) this.exact = Math.min(this.exact + percent * CHARGES_FASTER, FULL_PERCENT);
    else this.exact = Math.max(this.exact - percent, this.forcedLow ? 1 : EMPTY_PERCENT);
    if (this.exact >= FULL_PERCENT) this.charging = false;
    else if (this.exact <= EMPTY_PERCENT && !this.forcedLow) this.charging = true;
  }

  makeLow(): void {
    this.forcedLow = true;
    this.charging = false;
    this.exact = between(4, 9, this.fraction);
  }

  /** A new cell. */
  replace(): void {
    this.forcedLow = false;
    this.charging = false;
    this.exact = FULL_PERCENT;
  }
}

export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

const METERS_PER_DEGREE = 111_320;
/** It strolls about its home and turns back before it is this far. */
const FURTHEST_METERS = 2_000;

/** Walking pace, slow turns. */
export class Track {
  private heading: number;
  private east = 0;
  private north = 0;
  metersPerSecond = 0;

  constructor(
    private readonly home: Place,
    private readonly fraction: Fraction,
  ) {
    this.heading = fraction() * 2 * Math.PI;
  }

  next(elapsedMs: number): Place {
    this.heading += bell(this.fraction) * 0.4;
    if (Math.hypot(this.east, this.north) > FURTHEST_METERS) this.heading = Math.atan2(-this.east, -this.north);
    this.metersPerSecond = rounded(Math.max(0, 0.8 + bell(this.fraction) * 0.5), 1);
    const meters = (this.metersPerSecond * elapsedMs) / 1000;
    this.east += Math.sin(this.heading) * meters;
    this.north += Math.cos(this.heading) * meters;
    return this.place;
  }

  get place(): Place {
    const { latitude, longitude } = this.home;
    const perDegreeEast = METERS_PER_DEGREE * Math.cos((latitude * Math.PI) / 180);
    return {
      latitude: rounded(latitude + this.north / METERS_PER_DEGREE, 6),
      longitude: rounded(longitude + this.east / perDegreeEast, 6),
    };
  }
}

/** Radio signal strength in dBm about a level of its own. */
export class Signal {
  private readonly mean: number;

  constructor(private readonly fraction: Fraction) {
    this.mean = between(-98, -62, fraction);
  }

  next(): number {
    return Math.round(this.mean + bell(this.fraction) * 4);
  }
}

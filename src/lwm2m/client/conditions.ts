/**
 * When an observed value is worth a notification (LwM2M Core 1.1.1 §5.1.2), as functions of attributes and values: no timers, no
 * messages. Times in seconds.
 */
import type { NotificationAttributes } from '../../device/attributes';

export interface Periods {
  /** No sooner than this after the last notification; 0 = at once. */
  readonly pmin: number;
  /** No later than this after the last notification; `undefined` = never for time's sake. */
  readonly pmax: number | undefined;
  /** Conditions are looked at no more often than this. */
  readonly epmin: number;
  /** And at least this often, for resources that compute their value and announce no change. */
  readonly epmax: number | undefined;
}

/** Default Minimum and Maximum Period of the Server object (1/x/2, 1/x/3). */
export interface DefaultPeriods {
  readonly pmin: number | undefined;
  readonly pmax: number | undefined;
}

/**
 * The periods that hold. A pmax that is 0 or below pmin is ignored, without an error (LwM2M Core 1.1.1 §5.1.2); equal to pmin it
 * counts: 1.1 alone forbids it, and ignoring it would silence a device whose server goes by 1.0.2 or 1.2.
 */
export function periodsOf(attributes: NotificationAttributes, defaults: DefaultPeriods): Periods {
  const pmin = attributes.pmin ?? defaults.pmin ?? 0;
  const pmax = attributes.pmax ?? defaults.pmax ?? 0;
  const epmax = attributes.epmax ?? 0;
  return {
    pmin,
    pmax: pmax > 0 && pmax >= pmin ? pmax : undefined,
    epmin: attributes.epmin ?? 0,
    epmax: epmax > 0 ? epmax : undefined,
  };
}

/** Whether a Boolean has turned the way that is asked for (LwM2M Core 1.2 §7.3): 0 to false, 1 to true. */
export function meetsEdge(edge: number, before: boolean, present: boolean): boolean {
  return before !== present && present === (edge === 1);
}

export function hasThresholds({ gt, lt, st }: NotificationAttributes): boolean {
  return typeof gt === 'number' || typeof lt === 'number' || typeof st === 'number';
}

/** Whether the way from the reported to the present value crosses gt or lt, in either direction, or is at least a step. */
export function meetsThresholds(attributes: NotificationAttributes, reported: number, present: number): boolean {
  const { gt, lt, st } = attributes;
  if (typeof gt === 'number' && reported > gt !== present > gt) return true;
  if (typeof lt === 'number' && reported < lt !== present < lt) return true;
  return typeof st === 'number' && Math.abs(present - reported) >= st;
}

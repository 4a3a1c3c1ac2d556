/** What an alarm is when its condition has come, and what a case remembers of its comings and goings. */
import { type Alarm, isActive } from './alarm';
import type { Case } from './case';
import { type Hiding, next } from './lifecycle';
import type { AlarmRule } from './rule';

/** So many comings and goings within this time are flapping. */
export const FLAPS = 6;
export const FLAP_MS = 600_000;
/** Characters of a value that is kept as what raised an alarm. */
const LONGEST_VALUE = 100;

/**
 * @param now Unix milliseconds
 * @param newId of an alarm that was not open
 * @param explainedBy the device whose alarm explains this one, and hides it
 */
export function raisedAlarm(
  rule: AlarmRule,
  known: Case,
  now: number,
  newId: () => string,
  explainedBy: string | undefined,
): Alarm {
  const { device, type, instance, alarm, value } = known;
  const { severity, eventType, cause, repair } = rule;
  const state = next(alarm?.state ?? 'normal', 'raise') as Alarm['state'];
  const isHidden = alarm !== undefined && alarm.hiding !== 'shown';
  const hiding: Hiding = isHidden ? alarm.hiding : explainedBy === undefined ? 'shown' : 'suppressed';
  const times = { count: rule.raiseOn === undefined ? 1 : known.times.length, firstAt: known.times[0] ?? now };
  const before = alarm ?? { id: newId(), comments: [], flapping: false, ...times };
  return {
    ...before,
    ...{ device, type, severity, eventType, cause, state, hiding, lastAt: now },
    ...(alarm !== undefined && { count: alarm.count + 1 }),
    ...(instance !== undefined && { instance }),
    ...(repair !== undefined && { repair }),
    ...(value !== undefined && { value }),
    ...(explainedBy !== undefined && { parent: explainedBy }),
  };
}

/** The same once more. */
export function countedAlarm(alarm: Alarm, value: Case['value'], now: number): Alarm {
  return { ...alarm, count: alarm.count + 1, lastAt: now, ...(value !== undefined && { value }) };
}

/** Whether there should be an alarm, by the condition and how often it has come. */
export function isWanted({ met, times }: Case, rule: AlarmRule): boolean {
  return met && times.length >= rule.times;
}

export function isRaised({ alarm }: Case): boolean {
  return alarm !== undefined && isActive(alarm);
}

/** How long what has been may still make a difference: to "so many times within", and to flapping. Unix milliseconds. */
export function countsUntil({ times, transitions }: Case, rule: AlarmRule | undefined): number {
  return Math.max((times.at(-1) ?? 0) + (rule?.within ?? 0) * 1000, (transitions.at(-1) ?? Number.NEGATIVE_INFINITY) + FLAP_MS);
}

/** The newest of them, as far as they are within this time. */
export function recent(times: readonly number[], withinMs: number, now: number, most: number): readonly number[] {
  return times.filter((time) => now - time <= withinMs).slice(-most);
}

/** Of a rule for any instance, the one that a value is of. */
export function instanceOf({ path }: AlarmRule, found: string): string | undefined {
  return path?.includes('*') ? found.split('/').slice(0, 3).join('/') : undefined;
}

export function shortened(value: unknown): Alarm['value'] {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  return typeof value === 'string' ? value.slice(0, LONGEST_VALUE) : undefined;
}

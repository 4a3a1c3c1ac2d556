/** One row for each thing a guard can look at: when it applies, what it reads, what it finds. */
import type { Registration } from '../device/manager';
import type { Value } from '../device/value';
import type { GuardContext, GuardReason, GuardRules } from './guard-rules';

/** By full path. */
export type Readings = ReadonlyMap<string, Value>;

export interface Sight {
  readonly rules: GuardRules;
  readonly registration: Registration;
  readonly readings: Readings;
  readonly context: GuardContext;
  /** Unix milliseconds. */
  readonly now: number;
}

export interface Finding {
  /** For a person. */
  readonly text: string;
  readonly value?: unknown;
  readonly limit?: unknown;
  /** It could not be read. */
  readonly isMissing?: boolean;
  readonly retryAt?: number;
}

export interface GuardCheck {
  readonly reason: GuardReason;
  applies(rules: GuardRules, registration: Registration): boolean;
  reads(rules: GuardRules, registration: Registration): readonly string[];
  /** `undefined`: nothing stands in the way. */
  finds(sight: Sight): Finding | undefined;
}

const DEVICE = '/3/0';
const RADIO = '/4/0';
/** Sources that do not run down (3/0/6): DC, Power over Ethernet, USB, mains. */
const LASTING_SOURCES = [0, 4, 5, 6];
/** Battery status (3/0/20). */
const CHARGING = [1, 2];
const LOW = 4;
/** 3/0/10 counts in kilobytes of 1000 bytes. */
const KILOBYTE = 1000;

const UPDATE_STATES: Readonly<Record<number, string>> = { 1: 'downloading', 2: 'downloaded', 3: 'updating' };

export const GUARD_CHECKS: readonly GuardCheck[] = [
  {
    reason: 'updating',
    applies: ({ notUpdating }, registration) => notUpdating === true && firmwareOf(registration) !== undefined,
    reads: (_rules, registration) => [`${firmwareOf(registration)}/3`],
    finds({ registration, readings }) {
      const state = readings.get(`${firmwareOf(registration)}/3`);
      if (state === undefined) return missing('its update state');
      const name = UPDATE_STATES[Number(state)];
      return name === undefined ? undefined : { text: `a firmware update is under way (${name})`, value: state, limit: 0 };
    },
  },
  {
    reason: 'battery',
    applies: ({ battery }) => battery !== undefined,
    reads: () => [DEVICE],
    finds({ rules: { battery: limit = 0 }, readings }) {
      const sources = each(readings, `${DEVICE}/6`).map(Number);
      const status = readings.get(`${DEVICE}/20`);
      if (sources.some((source) => LASTING_SOURCES.includes(source)) || CHARGING.includes(Number(status))) return undefined;
      if (status === LOW) return { text: 'its battery is low', value: 'low', limit };
      const level = numberAt(readings, `${DEVICE}/9`);
      if (level === undefined) return missing('its battery level');
      return level < limit
        ? { text: `its battery is at ${level} %, and ${limit} % are asked for`, value: level, limit }
        : undefined;
    },
  },
  {
    reason: 'signal',
    applies: ({ signal }) => signal !== undefined,
    reads: () => [`${RADIO}/2`],
    finds({ rules: { signal: limit = 0 }, readings }) {
      const signal = numberAt(readings, `${RADIO}/2`);
      if (signal === undefined) return missing('its signal strength');
      return signal < limit
        ? { text: `its signal is at ${signal} dBm, and ${limit} dBm are asked for`, value: signal, limit }
        : undefined;
    },
  },
  {
    reason: 'memory',
    applies: ({ memoryFactor }) => memoryFactor !== undefined,
    reads: () => [DEVICE],
    finds({ rules: { memoryFactor = 1 }, readings, context: { imageBytes } }) {
      if (imageBytes === undefined) return undefined;
      const free = numberAt(readings, `${DEVICE}/10`);
      if (free === undefined) return missing('its free memory');
      const limit = Math.ceil((imageBytes * memoryFactor) / KILOBYTE);
      return free < limit
        ? { text: `it has ${free} kB of free memory, and ${limit} kB are needed`, value: free, limit }
        : undefined;
    },
  },
  {
    reason: 'busy',
    applies: ({ busy }) => busy !== undefined,
    reads: ({ busy }) => (busy === undefined ? [] : [busy.path]),
    finds({ rules: { busy }, readings }) {
      if (busy === undefined) return undefined;
      const value = readings.get(busy.path);
      if (value === undefined) return missing(`whether it is in use (${busy.path})`);
      return String(value) === String(busy.equals)
        ? { text: `it is in use: ${busy.path} is ${value}`, value, limit: busy.equals }
        : undefined;
    },
  },
  {
    reason: 'errors',
    applies: ({ errors }) => errors !== undefined && errors.length > 0,
    reads: () => [DEVICE],
    finds({ rules: { errors = [] }, readings }) {
      const found = each(readings, `${DEVICE}/11`)
        .map(Number)
        .filter((code) => errors.includes(code));
      return found.length === 0
        ? undefined
        : { text: `it reports error ${found.join(', ')} (3/0/11)`, value: found, limit: errors };
    },
  },
  {
    reason: 'rebooted',
    applies: ({ rebootedWithinMs }) => rebootedWithinMs !== undefined,
    reads: () => [],
    finds({ rules: { rebootedWithinMs = 0 }, registration: { registeredAt }, now }) {
      const retryAt = registeredAt + rebootedWithinMs;
      if (retryAt <= now) return undefined;
      const seconds = Math.round((now - registeredAt) / 1000);
      return { text: `it has registered anew ${seconds} s ago`, value: registeredAt, limit: rebootedWithinMs, retryAt };
    },
  },
];

function missing(what: string): Finding {
  return { text: `${what} cannot be read`, isMissing: true };
}

/** Where its firmware object is: vendors have it in another instance than 0. */
function firmwareOf({ objects }: Registration): string | undefined {
  return objects.find((path) => path.startsWith('/5/'));
}

/** What is no number is as good as missing: devices and models may disagree. */
function numberAt(readings: Readings, path: string): number | undefined {
  const value = Number(readings.get(path) ?? Number.NaN);
  return Number.isNaN(value) ? undefined : value;
}

/** All values of a resource, single or multiple. */
function each(readings: Readings, path: string): Value[] {
  return [...readings].filter(([of]) => of === path || of.startsWith(`${path}/`)).map(([, value]) => value);
}

/**
 * What a selector can ask of a device: a row for each field, with how its values are written and which comparisons make sense. Knows no
 * devices and imports nothing of the system, so that the dialogs of the editor explain by the same table as the server does.
 */

export const OPERATORS = ['=', '!=', '<', '<=', '>', '>='] as const;
export type Operator = (typeof OPERATORS)[number];

/** A circle on the Earth. */
export interface Circle {
  /** Degrees, WGS 84. */
  readonly latitude: number;
  readonly longitude: number;
  readonly metres: number;
}

/** What a device is compared with; ages are milliseconds. */
export type Operand = string | number | Circle;

interface Kind {
  readonly operators: readonly Operator[];
  /** @returns the value, or `undefined` when it is none */
  read(text: string): Operand | undefined;
  /** As an expression has it, before quotes. */
  print(value: Operand): string;
  /** For a person: what a value looks like. */
  readonly example: string;
}

const EQUALITY: readonly Operator[] = ['=', '!='];
const ORDER: readonly Operator[] = ['<', '<=', '>', '>='];
const LONGEST_TEXT = 255;

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

const STATES = ['online', 'asleep', 'offline'] as const;
export const DEVICE_CLASSES = ['mains', 'battery', 'constrained', 'uplink-only'] as const;
const SECURITY_MODES = ['none', 'psk', 'rpk', 'x509'] as const;

const TEXT: Kind = {
  operators: EQUALITY,
  read: (text) => (text.length <= LONGEST_TEXT ? text : undefined),
  print: String,
  example: 'a text, in which * stands for anything',
};

const VERSION: Kind = { ...TEXT, operators: OPERATORS, example: 'a version such as 1.2.0' };

const AGE: Kind = {
  operators: ORDER,
  read(text) {
    const match = /^(\d{1,9})(s|min|h|d)$/.exec(text);
    return match === null ? undefined : Number(match[1]) * (UNITS_MS[match[2] as string] as number);
  },
  print(value) {
    const [unit, size] = Object.entries(UNITS_MS)
      .reverse()
      .find(([, ms]) => (value as number) % ms === 0) ?? ['s', 1_000];
    return `${(value as number) / size}${unit}`;
  },
  example: 'an age such as 90s, 15min, 1h or 7d',
};

const PATH: Kind = {
  operators: EQUALITY,
  read(text) {
    const match = /^\/?(\d{1,5})(\/\d{1,5})?$/.exec(text);
    return match === null ? undefined : `/${match[1]}${match[2] ?? ''}`;
  },
  print: String,
  example: 'an object or an instance, such as /3303 or /3303/0',
};

const NUMBER: Kind = {
  operators: OPERATORS,
  read: (text) => (/^-?\d{1,15}(\.\d{1,10})?$/.test(text) ? Number(text) : undefined),
  print: String,
  example: 'a number',
};

const CIRCLE: Kind = {
  operators: ['='],
  read(text) {
    const match = /^(-?\d{1,2}(?:\.\d{1,12})?)[/,](-?\d{1,3}(?:\.\d{1,12})?)[/,](\d{1,9}(?:\.\d{1,6})?)(k?m)?$/.exec(text);
    if (match === null) return undefined;
    return circleOf(Number(match[1]), Number(match[2]), Number(match[3]) * (match[4] === 'km' ? 1_000 : 1));
  },
  print(value) {
    const { latitude, longitude, metres } = value as Circle;
    return `${latitude}/${longitude}/${metres}`;
  },
  example: 'latitude/longitude/radius, such as 52.52/13.40/5km',
};

function oneOf(choices: readonly string[], operators: readonly Operator[]): Kind {
  return {
    operators,
    read: (text) => choices.find((choice) => choice === text.toLowerCase()),
    print: String,
    example: `one of ${choices.join(', ')}`,
  };
}

/** @returns undefined when there is no such place */
export function circleOf(latitude: number, longitude: number, metres: number): Circle | undefined {
  const isPlace = Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 && metres > 0;
  return isPlace ? { latitude, longitude, metres } : undefined;
}

export const FIELDS = {
  endpoint: TEXT,
  tag: TEXT,
  group: TEXT,
  manufacturer: TEXT,
  model: TEXT,
  serial: TEXT,
  firmware: VERSION,
  hardware: VERSION,
  deviceType: TEXT,
  object: PATH,
  lastSeen: AGE,
  state: oneOf(STATES, EQUALITY),
  near: CIRCLE,
  battery: NUMBER,
  class: oneOf(DEVICE_CLASSES, EQUALITY),
  version: VERSION,
  binding: TEXT,
  security: oneOf(SECURITY_MODES, EQUALITY),
  gateway: TEXT,
} as const satisfies Record<string, Kind>;

export type FieldName = keyof typeof FIELDS;
export const FIELD_NAMES = Object.keys(FIELDS) as readonly FieldName[];

/** Whatever its case; several tags are asked for by the same word. */
export function fieldNamed(word: string): FieldName | undefined {
  const lower = word.toLowerCase();
  return lower === 'tags' ? 'tag' : FIELD_NAMES.find((name) => name.toLowerCase() === lower);
}

export interface Comparison {
  readonly field: FieldName;
  readonly operator: Operator;
  readonly value: Operand;
}

/** @returns a comparison, or for a person what is wrong with it */
export function comparisonOf(field: FieldName, operator: Operator, text: string): Comparison | string {
  const { operators, read, example }: Kind = FIELDS[field];
  if (!operators.includes(operator)) return `${field} is compared by ${operators.join(' ')}, and not by ${operator}`;
  const value = text === '' ? undefined : read(text);
  return value === undefined ? `${field} must be ${example}` : { field, operator, value };
}

export function printedOperand({ field, value }: Comparison): string {
  const { print }: Kind = FIELDS[field];
  return print(value);
}

/** Conditions of a selector made into one question to ask of each device: a row for each field. Made once, asked ten thousand times. */
import { distance } from '../device/access';
import type { Presence } from '../device/manager';
import { compareSoftwareVersions } from '../device/software-version';
import type { DeviceFacts } from './facts';
import type { Knowledge } from './knowledge';
import { placeOf } from './network-facts';
import type { Circle, Comparison, FieldName, Operand, Operator } from './selector-fields';
import type { Condition } from './selector-syntax';
import { wildcard } from './wildcard';

export type Test = (device: string, knowledge: Knowledge) => boolean;

export function testOf(condition: Condition): Test {
  if ('any' in condition) {
    const tests = condition.any.map(testOf);
    return (device, knowledge) => tests.some((test) => test(device, knowledge));
  }
  if ('all' in condition) {
    const tests = condition.all.map(testOf);
    return (device, knowledge) => tests.every((test) => test(device, knowledge));
  }
  if ('not' in condition) return opposite(testOf(condition.not));
  const { field, operator, value } = condition;
  // Also of a device of which it is not known: it does not have that value.
  return operator === '!=' ? opposite(TESTS[field]({ field, operator: '=', value })) : TESTS[field](condition);
}

function opposite(test: Test): Test {
  return (device, knowledge) => !test(device, knowledge);
}

const STATE_OF: Readonly<Record<Presence, string>> = { reachable: 'online', asleep: 'asleep', gone: 'offline' };

/** None gets `!=`. */
const TESTS: Readonly<Record<FieldName, (comparison: Comparison) => Test>> = {
  endpoint: ({ value }) => {
    const isIt = textTest(value, '');
    return (device) => isIt(device);
  },
  tag: ({ value }) => {
    const isIt = textTest(value, '');
    return (device, { tags }) => tags(device).some(isIt);
  },
  group: ({ value }) => {
    const name = String(value);
    return (device, knowledge) =>
      knowledge.group(name)?.matches(device, knowledge) === true || knowledge.tags(device).includes(`group=${name}`);
  },
  manufacturer: fact('manufacturer'),
  model: fact('model'),
  serial: fact('serial'),
  deviceType: fact('deviceType'),
  firmware: versionTest(({ facts }, device) => facts(device)?.firmware),
  hardware: versionTest(({ facts }, device) => facts(device)?.hardware),
  class:
    ({ value }) =>
    (device, { deviceClass }) =>
      deviceClass(device) === value,
  battery: ({ operator, value }) => {
    const holds = ORDERS[operator];
    return (device, { facts }) => {
      const level = facts(device)?.batteryLevel;
      return level !== undefined && holds(level - (value as number));
    };
  },
  object: ({ value }) => {
    const path = String(value);
    const below = `${path}/`;
    return (device, { registration }) =>
      registration(device)?.objects.some((object) => object === path || object.startsWith(below)) === true;
  },
  lastSeen: ({ operator, value }) => {
    const holds = ORDERS[operator];
    return (device, { facts, now }) => {
      const at = facts(device)?.lastSeen;
      return at !== undefined && holds(now() - at - (value as number));
    };
  },
  state:
    ({ value }) =>
    (device, { presence }) =>
      STATE_OF[presence(device)] === value,
  near: ({ value }) => {
    const circle = value as Circle;
    return (device, { facts }) => {
      const place = placeOf(facts(device));
      return place !== undefined && distance(circle, place) <= circle.metres;
    };
  },
  version: versionTest(({ registration }, device) => registration(device)?.version),
  binding: ({ value }) => {
    const isIt = textTest(value, 'i');
    return (device, { registration }) => {
      const binding = registration(device)?.binding;
      return binding !== undefined && isIt(binding);
    };
  },
  security:
    ({ value }) =>
    (device, { registration }) =>
      registration(device)?.security === value,
  gateway: ({ value }) => {
    const isIt = textTest(value, '');
    return (device, { registration }) => {
      const gateway = registration(device)?.gateway?.endpoint;
      return gateway !== undefined && isIt(gateway);
    };
  },
};

/** By the sign of a difference. */
const ORDERS: Readonly<Record<Operator, (difference: number) => boolean>> = {
  '=': (difference) => difference === 0,
  '!=': (difference) => difference !== 0,
  '<': (difference) => difference < 0,
  '<=': (difference) => difference <= 0,
  '>': (difference) => difference > 0,
  '>=': (difference) => difference >= 0,
};

/** Makers do not agree with themselves on the case of their names. */
function fact(name: 'manufacturer' | 'model' | 'serial' | 'deviceType'): (comparison: Comparison) => Test {
  return ({ value }) => {
    const isIt = textTest(value, 'i');
    return (device, { facts }) => {
      const known = facts(device)?.[name];
      return known !== undefined && isIt(known);
    };
  };
}

function versionTest(
  versionOf: (knowledge: Knowledge, device: string) => DeviceFacts['firmware'],
): (comparison: Comparison) => Test {
  return ({ operator, value }) => {
    const wanted = String(value);
    const holds = ORDERS[operator];
    const isIt = operator === '=' && wanted.includes('*') ? textTest(wanted, 'i') : undefined;
    return (device, knowledge) => {
      const version = versionOf(knowledge, device);
      if (version === undefined) return false;
      return isIt === undefined ? holds(compareSoftwareVersions(version, wanted)) : isIt(version);
    };
  };
}

/** @param flags of the pattern: "i" where case makes no difference */
function textTest(value: Operand, flags: '' | 'i'): (text: string) => boolean {
  const wanted = String(value);
  if (flags === '' && !wanted.includes('*')) return (text) => text === wanted;
  const pattern = wildcard(wanted, flags);
  return (text) => pattern.test(text);
}

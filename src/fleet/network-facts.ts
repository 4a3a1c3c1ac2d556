/**
 * What others than the device know of it: the operator of its network, a router, a resolver of locations (Y.4702 clause 8.5.3). Each is kept with who
 * said so and when.
 */
import type { Position } from '../device/access';
import { DeviceManagementError } from '../errors';
import type { DeviceFacts } from './facts';

export interface NetworkFact {
  readonly value: string | number | boolean;
  /** Who says so: "operator". */
  readonly source: string;
  /** Unix milliseconds. */
  readonly at: number;
}

export type NetworkFacts = Readonly<Record<string, NetworkFact>>;

const MOST_FACTS = 50;
const LONGEST_TEXT = 200;
const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,49}$/;

/**
 * @param given `{operator: "Example", rsrp: -104, latitude: 52.5, longitude: 13.4}`; null takes one away
 * @returns all of them, the new ones in place of the old
 * @throws DeviceManagementError `invalid-value`, naming what is wrong
 */
export function mergedNetworkFacts(before: NetworkFacts, given: unknown, source: unknown, at: number): NetworkFacts {
  if (typeof given !== 'object' || given === null || Array.isArray(given) || Object.keys(given).length === 0) {
    throw invalid('what the network says of a device is an object such as {"operator": "Example", "rsrp": -104}');
  }
  if (typeof source !== 'string' || source.trim() === '' || source.length > LONGEST_TEXT) {
    throw invalid('who says so? send msg.source, such as "operator" or "router"');
  }
  const merged = { ...before };
  for (const [name, value] of Object.entries(given)) {
    if (!NAME.test(name))
      throw invalid(`${JSON.stringify(name.slice(0, 60))} is no name: letters, digits, "_", "." and "-", at most 50`);
    if (value === null) delete merged[name];
    else merged[name] = { value: readValue(name, value), source: source.trim(), at };
  }
  if (Object.keys(merged).length > MOST_FACTS)
    throw invalid(`of a device at most ${MOST_FACTS} are kept: take some away with null`);
  checkPlace(merged);
  return merged;
}

/** Where it is: by its own word, else by that of the network. */
export function placeOf(facts: DeviceFacts | undefined): Position | undefined {
  const latitude = facts?.latitude ?? numeric(facts?.network?.latitude);
  const longitude = facts?.longitude ?? numeric(facts?.network?.longitude);
  return latitude === undefined || longitude === undefined ? undefined : { latitude, longitude };
}

function readValue(name: string, value: unknown): NetworkFact['value'] {
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value;
  if (typeof value === 'string' && value.length <= LONGEST_TEXT) return value;
  throw invalid(`${name} must be a number, true or false, or a text of at most ${LONGEST_TEXT} characters`);
}

function checkPlace({ latitude, longitude }: NetworkFacts): void {
  const isWithin = (fact: NetworkFact | undefined, most: number): boolean =>
    fact === undefined || (typeof fact.value === 'number' && Math.abs(fact.value) <= most);
  if (!isWithin(latitude, 90) || !isWithin(longitude, 180)) throw invalid('latitude and longitude must be degrees');
}

function numeric(fact: NetworkFact | undefined): number | undefined {
  return typeof fact?.value === 'number' ? fact.value : undefined;
}

function invalid(text: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', text);
}

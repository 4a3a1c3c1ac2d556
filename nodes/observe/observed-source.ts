/** Values a device sends of its own accord, observed or not, as messages: one for each point in time, oldest first. */
import { Path } from '../../src/device/path';
import { fromResourceValues, type PayloadKeys } from '../../src/device/payload';
import type { ResourceValue } from '../../src/device/value';
import { modelOf } from '../../src/fleet/device-model';
import type { Message } from '../runtime/flow-host';
import type { RunningServer } from '../runtime/running-server';
import type { SourceRules } from '../runtime/source-buffer';

export interface Observed {
  readonly operation: 'observe' | 'notify' | 'send';
  readonly device: string;
  /** What is observed; of a Send, what its values have in common. */
  readonly path: string;
  readonly values: readonly ResourceValue[];
  readonly contentFormat?: number;
  readonly at: number;
}

/** Newest of each path: a notification may hold only what changed, so an older one may have a value the newer has not. */
export const OBSERVED_RULES: SourceRules<Observed> = {
  keyOf: ({ operation, device, path }) => `${operation === 'send' ? 'send' : ''} ${path} ${device}`,
  merge: (older, newer) => {
    const [only] = newer.values;
    const isCovered = newer.values.length === 1 && older.values.every(({ path }) => path === only?.path);
    return isCovered ? newer : { ...newer, values: newestOfEach([...stamped(older), ...stamped(newer)]) };
  },
};

export function observedMessages(observed: Observed, keys: PayloadKeys, { id, manager }: RunningServer): readonly Message[] {
  const { operation, device, path, contentFormat, at: receivedAt } = observed;
  const target = Path.parse(path);
  const model = modelOf(manager, device);
  return moments(observed).map(({ at, values }) => ({
    topic: `${device}${path}`,
    device,
    path,
    payload: fromResourceValues(values, target, keys, model) ?? null,
    dm: {
      server: id,
      operation,
      ...(contentFormat !== undefined && { contentFormat }),
      at: at ?? receivedAt,
      ...(operation === 'observe' && { initial: true }),
    },
  }));
}

/** What all these paths lie below; a single one is itself. */
export function commonPath(paths: readonly string[]): string {
  const [first, ...others] = paths.map((path) => path.split('/').slice(1));
  if (first === undefined) return '/';
  const differs = first.findIndex((part, depth) => others.some((other) => other[depth] !== part));
  return `/${(differs < 0 ? first : first.slice(0, differs)).join('/')}`;
}

/** Values without a time of their own belong to the moment they came in. */
function moments({ values, at }: Observed): readonly { at: number | undefined; values: ResourceValue[] }[] {
  const byTime = new Map<number, ResourceValue[]>();
  for (const value of values) {
    const time = value.at ?? at;
    const same = byTime.get(time);
    if (same === undefined) byTime.set(time, [value]);
    else same.push(value);
  }
  if (byTime.size === 0) return [{ at, values: [] }];
  return [...byTime].sort(([a], [b]) => a - b).map(([time, same]) => ({ at: time, values: same }));
}

/** Merged with newer ones, a value must not seem to be as new as they are. */
function stamped({ values, at }: Observed): readonly ResourceValue[] {
  return values.map((value) => (value.at === undefined ? { ...value, at } : value));
}

function newestOfEach(values: readonly ResourceValue[]): readonly ResourceValue[] {
  const newest = new Map<string, ResourceValue>();
  for (const value of values) {
    const known = newest.get(value.path);
    if (known === undefined || (value.at ?? 0) >= (known.at ?? 0)) newest.set(value.path, value);
  }
  return [...newest.values()];
}

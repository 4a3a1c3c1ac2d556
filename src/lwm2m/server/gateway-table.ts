/**
 * What a gateway says is behind it: object 25 (LwM2M Gateway), in version 2.0 with the objects of each device as links, in version 1.0
 * with a way into object 26 (LwM2M Gateway Routing). Odd entries are passed over and told of.
 */
import { isGatewayPrefix, Path } from '../../device/path';
import type { ResourceValue, Value } from '../../device/value';
import type { AnnouncedObjects, ObjectLists } from './announced-objects';
import { Mistake } from './mistake';

export const GATEWAY_OBJECT = 25;
export const ROUTING_OBJECT = 26;

const Entry = { DeviceId: 0, Prefix: 1, Routing: 2, Objects: 3 } as const;
const Route = { ObjectId: 0, Mapping: 1 } as const;

export interface AnnouncedChild {
  /** As its gateway knows it. */
  readonly deviceId: string;
  /** In front of its paths. */
  readonly prefix: string;
  readonly announced: Pick<AnnouncedObjects, 'objects' | 'versions'>;
}

export interface GatewayTable {
  /** In the order of their instances; no two with the same prefix. */
  readonly children: readonly AnnouncedChild[];
  /** What cannot be used of it, sentences for a person. */
  readonly mistakes: readonly string[];
}

/** More problems of one table are not told one by one. */
const MOST_MISTAKES = 5;
const NOTHING: AnnouncedChild['announced'] = Object.freeze({ objects: Object.freeze([]), versions: Object.freeze({}) });

type Instance = ReadonlyMap<number, readonly Value[]>;

/** Whether the table is of version 1.0 and says what its devices have in object 26. */
export function needsRouting(values: readonly ResourceValue[]): boolean {
  return values.some(({ path }) => Path.parse(path).object === GATEWAY_OBJECT && Path.parse(path).resource === Entry.Routing);
}

/** @param values of objects 25 and, for version 1.0, 26 */
export function readTable(values: readonly ResourceValue[], lists: ObjectLists): GatewayTable {
  const entries = instancesOf(values, GATEWAY_OBJECT);
  const routes = instancesOf(values, ROUTING_OBJECT);
  const children = new Map<string, AnnouncedChild>();
  const mistakes: string[] = [];
  for (const [id, entry] of entries) {
    const deviceId = textOf(entry, Entry.DeviceId);
    const prefix = textOf(entry, Entry.Prefix);
    const path = `/${GATEWAY_OBJECT}/${id}`;
    if (prefix === '') mistakes.push(`${path}/${Entry.Prefix} is empty: give the device behind it a prefix, in the gateway`);
    else if (!isGatewayPrefix(prefix)) mistakes.push(`${path}/${Entry.Prefix} is no prefix: one path segment, and no number`);
    else if (children.has(prefix)) mistakes.push(`${path}/${Entry.Prefix} is the prefix of another device too`);
    else {
      const announced = objectsOf(entry, routes, prefix, lists);
      if (announced instanceof Mistake) mistakes.push(`${path}/${Entry.Objects} is passed over: ${announced.reason}`);
      children.set(prefix, { deviceId, prefix, announced: announced instanceof Mistake ? NOTHING : announced });
    }
  }
  const rest = mistakes.length - MOST_MISTAKES;
  if (rest > 0) mistakes.splice(MOST_MISTAKES, rest, `and ${rest} more of the kind`);
  return { children: [...children.values()], mistakes };
}

function instancesOf(values: readonly ResourceValue[], object: number): ReadonlyMap<number, Instance> {
  const instances = new Map<number, Map<number, Value[]>>();
  for (const { path: text, prefix, value } of values) {
    const path = Path.parse(text);
    if (path.object !== object || prefix !== undefined) continue;
    const { instance: id, resource } = path as Path & { instance: number; resource: number };
    const instance = instances.get(id) ?? new Map<number, Value[]>();
    instances.set(id, instance);
    const held = instance.get(resource);
    if (held === undefined) instance.set(resource, [value]);
    else held.push(value);
  }
  return instances;
}

/** A device that keeps to no model may send a text as bytes. */
function textOf(instance: Instance, resource: number): string {
  const value = instance.get(resource)?.[0];
  return typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : '';
}

function objectsOf(
  entry: Instance,
  routes: ReadonlyMap<number, Instance>,
  prefix: string,
  lists: ObjectLists,
): AnnouncedChild['announced'] | Mistake {
  const links = textOf(entry, Entry.Objects) || routedLinks(entry, routes);
  // Links are without the prefix, yet a gateway that leaves it there is understood.
  return links === '' ? NOTHING : lists.read(Buffer.from(links), `/${prefix}`);
}

/** Version 1.0: each way is an object and, where it says so, links into it. */
function routedLinks(entry: Instance, routes: ReadonlyMap<number, Instance>): string {
  const ways = (entry.get(Entry.Routing) ?? []).map((link) => {
    const [object, id] = String(link).split(':').map(Number);
    const way = object === ROUTING_OBJECT ? routes.get(id as number) : undefined;
    if (way === undefined) return '';
    const target = way.get(Route.ObjectId)?.[0];
    return textOf(way, Route.Mapping) || (target === undefined ? '' : `</${target}>`);
  });
  return ways.filter((way) => way !== '').join(',');
}

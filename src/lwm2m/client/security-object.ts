/** The Security object (0): where the servers are, and the keys for them. No management server ever sees it (LwM2M Core 1.1.1 §8.2). */
import { Mode, Security } from '../../device/accounts';
import type { Scheme } from './client-options';
import type { ObjectTree } from './objects';

const OBJECT = 0;
const NO_KEY = Buffer.alloc(0);

/** Objects that hold keys: Security, OSCORE, COSE. */
export const HIDDEN_OBJECTS: ReadonlySet<number> = new Set([OBJECT, 21, 23]);

export interface ServerPlace {
  readonly scheme: Scheme;
  readonly host: string;
  readonly port: number;
}

/** Adds an account without keys that is known from the factory. @param shortServerId absent: it is the bootstrap server's */
export function addFactoryAccount(tree: ObjectTree, place: ServerPlace, shortServerId?: number): void {
  tree.add(OBJECT, tree.freeInstanceId(OBJECT), {
    [Security.Uri]: uriOf(place),
    [Security.Bootstrap]: shortServerId === undefined,
    [Security.Mode]: Mode.None,
    [Security.Identity]: NO_KEY,
    [Security.ServerKey]: NO_KEY,
    [Security.SecretKey]: NO_KEY,
    ...(shortServerId !== undefined && { [Security.ShortServerId]: shortServerId }),
  });
}

export function isBootstrapAccount(tree: ObjectTree, instance: number): boolean {
  return tree.instance(OBJECT, instance)?.content(Security.Bootstrap) === true;
}

export function hasBootstrapAccount(tree: ObjectTree): boolean {
  return tree.instances(OBJECT).some(({ id }) => isBootstrapAccount(tree, id));
}

function uriOf({ scheme, host, port }: ServerPlace): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

const URI = /^(coap|coap\+tcp):\/\/(?:\[([0-9a-f:.]+)\]|([^\s:/?#[\]]{1,253}))(?::(\d{1,5}))?(?:[/?#]|$)/i;

/** Of a coap or coap+tcp URI; undefined when it is none. */
export function placeOf(uri: string, defaultPort: number): ServerPlace | undefined {
  const [matched, scheme, ipv6, name, digits] = URI.exec(uri) ?? [];
  if (matched === undefined) return undefined;
  const port = digits === undefined ? defaultPort : Number(digits);
  const isPort = port > 0 && port <= 65_535;
  return isPort ? { scheme: scheme?.toLowerCase() as Scheme, host: (ipv6 ?? name) as string, port } : undefined;
}

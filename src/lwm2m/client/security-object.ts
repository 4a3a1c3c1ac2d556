/** The Security object (0): where the servers are, and the keys for them. No management server ever sees it (LwM2M Core 1.1.1 §8.2). */
import { Security } from '../../device/accounts';
import { DEFAULT_PORTS, type Scheme } from './client-options';
import { type ClientSecurity, securityResources } from './client-security';
import type { ObjectInstance, ObjectTree } from './objects';

const OBJECT = 0;

export interface ServerPlace {
  readonly scheme: Scheme;
  readonly host: string;
  readonly port: number;
}

/**
 * Adds an account that is known from the factory.
 * @param shortServerId absent: it is the bootstrap server's
 * @throws DeviceManagementError `invalid-value` when its security cannot be used
 */
export function addFactoryAccount(
  tree: ObjectTree,
  place: ServerPlace,
  security: ClientSecurity | undefined,
  shortServerId?: number,
): ObjectInstance {
  return tree.add(OBJECT, tree.freeInstanceId(OBJECT), {
    [Security.Uri]: uriOf(place),
    [Security.Bootstrap]: shortServerId === undefined,
    ...securityResources(security, tree.version),
    ...(shortServerId !== undefined && { [Security.ShortServerId]: shortServerId }),
  });
}

export function accountAt(tree: ObjectTree, instance: number): ObjectInstance | undefined {
  return tree.instance(OBJECT, instance);
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

const URI = /^(coaps?(?:\+tcp)?):\/\/(?:\[([0-9a-f:.]+)\]|([^\s:/?#[\]]{1,253}))(?::(\d{1,5}))?(?:[/?#]|$)/i;

/** Of a URI that a client can follow; undefined when it is none. */
export function placeOf(uri: string): ServerPlace | undefined {
  const [matched, name, ipv6, host, digits] = URI.exec(uri) ?? [];
  if (matched === undefined) return undefined;
  const scheme = name?.toLowerCase() as Scheme;
  const port = digits === undefined ? DEFAULT_PORTS[scheme] : Number(digits);
  const isPort = port > 0 && port <= 65_535;
  return isPort ? { scheme, host: (ipv6 ?? host) as string, port } : undefined;
}

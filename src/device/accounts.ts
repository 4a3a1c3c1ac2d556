/**
 * What Security (0), Server (1) and Access Control (2) must say together (LwM2M Core 1.1.1 §6.1.7.5, Appendix E). A bootstrap server
 * asks it of what it is about to write, a client of what was written before it believes it.
 */
import { Path } from './path';
import type { ResourceValue, Value } from './value';

const SECURITY = 0;
const SERVER = 1;
const ACCESS_CONTROL = 2;

export const Security = { Uri: 0, Bootstrap: 1, Mode: 2, Identity: 3, ServerKey: 4, SecretKey: 5, ShortServerId: 10 } as const;
export const Server = { ShortServerId: 0, Lifetime: 1, Storing: 6, Binding: 7, PriorityOrder: 13, MuteSend: 23 } as const;
const Access = { Acl: 2, Owner: 3 } as const;
/** Security Mode (0/x/2). */
export const Mode = { Psk: 0, Rpk: 1, X509: 2, None: 3, Est: 4 } as const;

const HIGHEST_SHORT_ID = 65_534;
/** The owner of what no management server may change: MAX_ID (LwM2M Core 1.1.1 §8.1.2). */
const NOBODY = 65_535;
/** Applies to every server without an entry of its own. */
const EVERYONE = 0;
/** LwM2M Transport 1.2 §5.2: what a DTLS stack must take. */
const LONGEST_PSK_IDENTITY = 128;
const LONGEST_PSK_KEY = 64;

/** Which security modes and which letter of the binding go with a URI. */
const SCHEMES: Readonly<Record<string, { readonly secured: boolean; readonly letter: string }>> = {
  coap: { secured: false, letter: 'U' },
  coaps: { secured: true, letter: 'U' },
  'coap+tcp': { secured: false, letter: 'T' },
  'coaps+tcp': { secured: true, letter: 'T' },
};

/** Resources of one instance; those of a multiple resource by their instance ids. */
interface Instance {
  readonly path: string;
  readonly resources: Map<number, Value>;
  readonly many: Map<number, Map<number, Value>>;
}

interface Accounts {
  readonly securities: readonly Instance[];
  readonly servers: readonly Instance[];
  readonly controls: readonly Instance[];
}

/** A server as a client needs it. */
export interface UsableAccount {
  readonly securityInstance: number;
  readonly serverInstance: number;
  readonly uri: string;
  readonly mode: number;
}

/**
 * What is wrong with instances as a whole, in a sentence without its full stop; undefined when they fit together.
 * @param values complete instances of objects 0, 1 and 2; other objects are passed over
 */
export function accountComplaint(values: Iterable<ResourceValue>): string | undefined {
  const accounts = accountsIn(values);
  for (const check of CHECKS) {
    const complaint = check(accounts);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

/** Pairs of Security and Server, the preferred one first (1/x/13, then by instance). */
export function usableAccounts(values: Iterable<ResourceValue>): readonly UsableAccount[] {
  const { securities, servers } = accountsIn(values);
  const priority = (server: Instance): number => numberAt(server, Server.PriorityOrder) ?? Number.POSITIVE_INFINITY;
  const byPriority = [...servers].sort((a, b) => (priority(a) === priority(b) ? 0 : priority(a) - priority(b)));
  return byPriority.flatMap((server) => {
    const security = securities.find((one) => !isBootstrap(one) && shortIdOf(one) === server.resources.get(Server.ShortServerId));
    const uri = security?.resources.get(Security.Uri);
    if (security === undefined || typeof uri !== 'string') return [];
    const [securityInstance, serverInstance] = [security, server].map(({ path }) => Path.parse(path).instance as number);
    return [
      {
        securityInstance: securityInstance as number,
        serverInstance: serverInstance as number,
        uri,
        mode: numberAt(security, Security.Mode) ?? Mode.None,
      },
    ];
  });
}

const CHECKS: readonly ((accounts: Accounts) => string | undefined)[] = [
  ({ servers }) => first(servers, serverComplaint),
  ({ servers }) => twice(servers, Server.ShortServerId),
  ({ securities }) => first(securities, securityComplaint),
  ({ securities }) =>
    securities.filter(isBootstrap).length > 1 ? 'there is more than one bootstrap account (0/x/1 = true)' : undefined,
  ({ securities, servers }) => first(servers, (server) => partnerComplaint(server, securities)),
  ({ securities, servers }) => first(securities, (security) => bindingComplaint(security, servers)),
  ({ controls, servers }) => first(controls, (control) => ownerComplaint(control, servers)),
];

function serverComplaint(server: Instance): string | undefined {
  const id = server.resources.get(Server.ShortServerId);
  if (!isShortId(id)) return `${server.path}/${Server.ShortServerId} must be a short server id from 1 to ${HIGHEST_SHORT_ID}`;
  if (numberAt(server, Server.Lifetime) === undefined) return `${server.path}/${Server.Lifetime} (Lifetime) is missing`;
  return server.resources.has(Server.Binding) ? undefined : `${server.path}/${Server.Binding} (Binding) is missing`;
}

function securityComplaint(security: Instance): string | undefined {
  const { path, resources } = security;
  const uri = resources.get(Security.Uri);
  const scheme = typeof uri === 'string' ? schemeOf(uri) : undefined;
  if (scheme === undefined) return `${path}/${Security.Uri} must be a URI such as coap://host:5683 or coaps://host:5684`;
  const mode = resources.get(Security.Mode);
  if (typeof mode !== 'number' || mode < Mode.Psk || mode > Mode.Est) return `${path}/${Security.Mode} must be a security mode`;
  if (scheme.secured === (mode === Mode.None)) {
    return `${path}: ${String(uri)} does not fit security mode ${mode}: coaps needs a key, coap takes none`;
  }
  if (isBootstrap(security)) {
    return resources.has(Security.ShortServerId)
      ? `${path} is the bootstrap account and must have no short server id`
      : undefined;
  }
  if (!isShortId(shortIdOf(security))) {
    return `${path}/${Security.ShortServerId} must be a short server id from 1 to ${HIGHEST_SHORT_ID}`;
  }
  return mode === Mode.Psk ? pskComplaint(security) : undefined;
}

/** The key itself is never shown. */
function pskComplaint({ path, resources }: Instance): string | undefined {
  const identity = resources.get(Security.Identity);
  const key = resources.get(Security.SecretKey);
  if (!Buffer.isBuffer(identity) || identity.length === 0 || identity.length > LONGEST_PSK_IDENTITY) {
    return `${path}/${Security.Identity} must be a PSK identity of 1 to ${LONGEST_PSK_IDENTITY} bytes`;
  }
  if (!Buffer.isBuffer(key) || key.length === 0 || key.length > LONGEST_PSK_KEY) {
    return `${path}/${Security.SecretKey} must be a key of 1 to ${LONGEST_PSK_KEY} bytes`;
  }
  return undefined;
}

function partnerComplaint(server: Instance, securities: readonly Instance[]): string | undefined {
  const id = server.resources.get(Server.ShortServerId);
  const partners = securities.filter((security) => !isBootstrap(security) && shortIdOf(security) === id);
  if (partners.length === 1) return undefined;
  return `${server.path} with short server id ${String(id)} needs exactly one Security instance with that id (0/x/10), but there are ${partners.length}`;
}

function bindingComplaint(security: Instance, servers: readonly Instance[]): string | undefined {
  if (isBootstrap(security)) return undefined;
  const id = shortIdOf(security);
  const server = servers.find((one) => one.resources.get(Server.ShortServerId) === id);
  if (server === undefined) return `${security.path} with short server id ${String(id)} has no Server instance (1/x/0)`;
  const binding = String(server.resources.get(Server.Binding));
  const uri = String(security.resources.get(Security.Uri));
  const letter = schemeOf(uri)?.letter ?? '';
  return binding.includes(letter)
    ? undefined
    : `${server.path}: binding ${binding} does not go with ${uri}, which needs ${letter}`;
}

function ownerComplaint({ path, resources, many }: Instance, servers: readonly Instance[]): string | undefined {
  const known = new Set(servers.map((server) => server.resources.get(Server.ShortServerId)));
  const owner = resources.get(Access.Owner);
  if (owner !== NOBODY && !known.has(owner))
    return `${path}/${Access.Owner}: the owner ${String(owner)} is no server of this device`;
  const stranger = [...(many.get(Access.Acl)?.keys() ?? [])].find((id) => id !== EVERYONE && !known.has(id));
  return stranger === undefined ? undefined : `${path}/${Access.Acl}/${stranger}: there is no server with this short id`;
}

function first(instances: readonly Instance[], check: (instance: Instance) => string | undefined): string | undefined {
  for (const instance of instances) {
    const complaint = check(instance);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

function twice(instances: readonly Instance[], resource: number): string | undefined {
  const seen = new Set<Value | undefined>();
  for (const { path, resources } of instances) {
    const value = resources.get(resource);
    if (seen.has(value)) return `${path}/${resource}: short server id ${String(value)} is used twice`;
    seen.add(value);
  }
  return undefined;
}

function accountsIn(values: Iterable<ResourceValue>): Accounts {
  const byPath = new Map<string, Instance>();
  for (const { path: text, value } of values) {
    const { object, instance, resource, resourceInstance } = Path.parse(text);
    if (resource === undefined || (object as number) > ACCESS_CONTROL) continue;
    const path = `/${object}/${instance}`;
    const known = byPath.get(path) ?? { path, resources: new Map(), many: new Map() };
    byPath.set(path, known);
    if (resourceInstance === undefined) known.resources.set(resource, value);
    else known.many.set(resource, (known.many.get(resource) ?? new Map<number, Value>()).set(resourceInstance, value));
  }
  const of = (object: number): Instance[] => [...byPath.values()].filter(({ path }) => path.startsWith(`/${object}/`));
  return { securities: of(SECURITY), servers: of(SERVER), controls: of(ACCESS_CONTROL) };
}

function schemeOf(uri: string): (typeof SCHEMES)[string] | undefined {
  const match = /^(coaps?(?:\+tcp)?):\/\/[^\s/]+/.exec(uri);
  return match === null ? undefined : SCHEMES[match[1] as string];
}

function isBootstrap({ resources }: Instance): boolean {
  return resources.get(Security.Bootstrap) === true;
}

function shortIdOf({ resources }: Instance): Value | undefined {
  return resources.get(Security.ShortServerId);
}

function isShortId(value: Value | undefined): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= HIGHEST_SHORT_ID;
}

function numberAt({ resources }: Instance, resource: number): number | undefined {
  const value = resources.get(resource);
  return typeof value === 'number' ? value : undefined;
}

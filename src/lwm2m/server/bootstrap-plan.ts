/**
 * What is to be written into a device, as values: a configuration, made to fit what the device told of itself. Checked as a whole
 * before anything is sent, because a device that finds it inconsistent at the end refuses all of it (4.06).
 */
import { accountComplaint, Mode, Security, Server } from '../../device/accounts';
import type { AccountSecurity, BootstrapConfiguration, ServerAccount } from '../../device/bootstrap';
import { toResourceValues } from '../../device/coercion';
import type { Catalogue, DeviceModel } from '../../device/models/catalogue';
import { Path } from '../../device/path';
import type { ResourceValue, Value } from '../../device/value';
import { DeviceManagementError } from '../../errors';
import { type Discovered, UNDISCOVERED } from './bootstrap-discovered';

export interface BootstrapWrite {
  /** An instance, a resource or a resource instance. */
  readonly target: Path;
  readonly values: readonly ResourceValue[];
}

export interface BootstrapPlan {
  readonly deletes: readonly Path[];
  readonly writes: readonly BootstrapWrite[];
}

/** Security, Server, Access Control and OSCORE first, as Leshan has it; then the others by their numbers. */
const ORDER: readonly number[] = [0, 1, 2, 21];
const SECURITY = 0;
const SERVER = 1;
/** Where nothing is known of a device, its bootstrap account is taken to be at one of the first ids. */
const FIRST_BLIND_SECURITY = 10;
const NO_KEY = Buffer.alloc(0);
/** Caps what a flow can have this server send to one device. */
const MOST_WRITES = 1_000;

/**
 * @throws DeviceManagementError `invalid-request`, `invalid-path`, `invalid-value`, saying what to change in the configuration
 */
export function planBootstrap(configuration: BootstrapConfiguration, found: Discovered, model: DeviceModel): BootstrapPlan {
  const deletes = configuration.deletes.map(deletedPath);
  const objects = Object.entries(configuration.objects).map(([path, value]) => objectWrite(path, value, model));
  const writes = [...accountWrites(configuration.servers, deletes, objects, found), ...objects].sort(byOrder);
  if (writes.length > MOST_WRITES) throw invalid(`it writes ${writes.length} instances, more than ${MOST_WRITES}`);
  if (writes.length === 0 && deletes.length === 0) throw invalid('it changes nothing: give it a server');
  const losesServers = deletes.some((path) => path.level !== 'instance' && (path.object ?? SERVER) <= SERVER);
  if (losesServers && !writes.some(({ target }) => target.object === SERVER && target.level === 'instance')) {
    throw invalid('it removes the servers of the device and gives it none');
  }
  const rotated = writes.find(({ target }) => isBootstrapAccount(target, found));
  if (rotated !== undefined) {
    throw invalid(`${rotated.target} is the account of the bootstrap server in this device: choose another instance of object 0`);
  }
  // What is written resource by resource completes instances that only the device knows: it decides on those.
  const whole = writes.filter(({ target }) => target.level === 'instance').flatMap(({ values }) => values);
  const complaint = accountComplaint(whole);
  if (complaint !== undefined) throw invalid(complaint);
  return { deletes, writes };
}

/**
 * Whether a configuration can be used at all, before a device has asked for it.
 * @throws DeviceManagementError as `planBootstrap`
 */
export function checkBootstrap(configuration: BootstrapConfiguration, catalogue: Catalogue): void {
  planBootstrap(configuration, UNDISCOVERED, catalogue.forDevice({ version: '1.1', versions: {} }));
}

/** LwM2M Core 1.1.1 §6.1.7.6: everything, an object or an instance. */
function deletedPath(text: string): Path {
  const path = Path.parse(text);
  if (path.level === 'root' || path.level === 'object' || path.level === 'instance') return path;
  throw new DeviceManagementError('invalid-path', `${path} cannot be deleted in a bootstrap: give /, an object or an instance.`, {
    path: path.toString(),
  });
}

function objectWrite(path: string, value: unknown, model: DeviceModel): BootstrapWrite {
  const target = Path.parse(path);
  if (target.level === 'root' || target.level === 'object') {
    throw new DeviceManagementError(
      'invalid-path',
      `${target} cannot be written: give an instance or a resource, such as /3/0.`,
      {
        path: target.toString(),
      },
    );
  }
  return { target, values: toResourceValues(value, target, model) };
}

function accountWrites(
  servers: readonly ServerAccount[],
  deletes: readonly Path[],
  objects: readonly BootstrapWrite[],
  found: Discovered,
): BootstrapWrite[] {
  const securityIds = freeIds(SECURITY, deletes, objects, found);
  const serverIds = freeIds(SERVER, deletes, objects, found);
  return servers.flatMap((account) => {
    const security = Path.of(SECURITY, securityIds.next().value as number);
    const server = Path.of(SERVER, serverIds.next().value as number);
    return [
      { target: security, values: valuesAt(security, securityResources(account)) },
      { target: server, values: valuesAt(server, serverResources(account, found.version)) },
    ];
  });
}

/** Ids that are neither kept by the device nor used by whole instances of the configuration itself. */
function* freeIds(
  object: number,
  deletes: readonly Path[],
  objects: readonly BootstrapWrite[],
  found: Discovered,
): Generator<number, void> {
  const isDeleted = (id: number): boolean => deletes.some((path) => path.contains(Path.of(object, id)));
  const kept = [...(found.instances?.get(object) ?? [])].filter(
    (id) => (object === SECURITY && found.bootstrapAccounts.has(id)) || !isDeleted(id),
  );
  const own = objects
    .filter(({ target }) => target.object === object && target.level === 'instance')
    .map(({ target }) => target.instance as number);
  const taken = new Set([...kept, ...own]);
  const isBlind = object === SECURITY && found.instances === undefined;
  for (let id = isBlind ? FIRST_BLIND_SECURITY : 0; ; id++) if (!taken.has(id)) yield id;
}

type Resources = Readonly<Record<number, Value>>;

function valuesAt(instance: Path, resources: Resources): ResourceValue[] {
  return Object.entries(resources).map(([resource, value]) => ({ path: `${instance}/${resource}`, value }));
}

function securityResources({ uri, security, shortServerId }: ServerAccount): Resources {
  return {
    [Security.Uri]: uri,
    [Security.Bootstrap]: false,
    ...credentials(security),
    [Security.ShortServerId]: shortServerId,
  };
}

/** 3 to 5 are mandatory also where they are empty (object Security 1.0 and 1.1). */
function credentials(security: AccountSecurity): Resources {
  const { Mode: mode, Identity, ServerKey, SecretKey } = Security;
  if (security.mode === 'none') return { [mode]: Mode.None, [Identity]: NO_KEY, [ServerKey]: NO_KEY, [SecretKey]: NO_KEY };
  if (security.mode === 'psk') {
    return { [mode]: Mode.Psk, [Identity]: Buffer.from(security.identity), [ServerKey]: NO_KEY, [SecretKey]: security.key };
  }
  return {
    [mode]: security.mode === 'rpk' ? Mode.Rpk : Mode.X509,
    [Identity]: security.publicKey,
    [ServerKey]: security.serverPublicKey,
    [SecretKey]: security.secretKey,
  };
}

function serverResources({ shortServerId, lifetime, binding, storing, muteSend }: ServerAccount, version?: string): Resources {
  return {
    [Server.ShortServerId]: shortServerId,
    [Server.Lifetime]: lifetime,
    [Server.Storing]: storing ?? false,
    [Server.Binding]: binding,
    // Came with 1.1; a device of 1.0 may refuse the whole instance for it.
    ...(muteSend !== undefined && version !== '1.0' && { [Server.MuteSend]: muteSend }),
  };
}

function isBootstrapAccount({ object, instance }: Path, { bootstrapAccounts }: Discovered): boolean {
  return object === SECURITY && bootstrapAccounts.has(instance as number);
}

function byOrder(a: BootstrapWrite, b: BootstrapWrite): number {
  const [left, right] = [a, b].map(({ target }) => {
    const place = ORDER.indexOf(target.object as number);
    return place < 0 ? ORDER.length + (target.object as number) : place;
  }) as [number, number];
  return left - right;
}

function invalid(why: string): DeviceManagementError {
  return new DeviceManagementError('invalid-request', `the bootstrap configuration cannot be used: ${why}.`);
}

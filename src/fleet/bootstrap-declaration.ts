/** What a user says a device is to be given, as a dialog or a message has it: read, checked, and shown again without its keys. */
import type { AccountSecurity, ServerAccount } from '../device/bootstrap';
import { isPlainObject, shown } from '../device/scalars';
import { DeviceManagementError } from '../errors';

/** `generated`: a pre-shared key of its own for each device. */
export interface DeclaredServer extends Omit<ServerAccount, 'security'> {
  readonly security: 'generated' | AccountSecurity;
}

export interface BootstrapDeclaration {
  readonly servers: readonly DeclaredServer[];
  readonly deletes: readonly string[];
  readonly objects: Readonly<Record<string, unknown>>;
  readonly verify: boolean;
}

const DEFAULT_DELETES: readonly string[] = ['/0', '/1'];
const DEFAULT_LIFETIME_SECONDS = 86_400;
const MOST_SERVERS = 20;
const PARTS: ReadonlySet<string> = new Set(['servers', 'deletes', 'objects', 'verify']);
const SERVER_PARTS: ReadonlySet<string> = new Set([
  'uri',
  'shortServerId',
  'lifetime',
  'binding',
  'security',
  'storing',
  'muteSend',
]);

/**
 * @param given {servers: [{uri, shortServerId?, lifetime?, binding?, security?, storing?, muteSend?}], deletes?, objects?, verify?}; security is
 *   "generated" (default for coaps), "none" (for coap), or {identity, key} with the key in hex or as a Buffer
 * @throws DeviceManagementError `invalid-request`, naming the part at fault and never a key
 */
export function readDeclaration(given: unknown): BootstrapDeclaration {
  if (!isPlainObject(given)) {
    throw invalid(`it must be an object such as {"servers": [{"uri": "coaps://host:5684"}]}, but ${shown(given)} came`);
  }
  refuseUnknown(given, PARTS, '');
  const { servers = [], deletes = DEFAULT_DELETES, objects = {}, verify = false } = given;
  if (!Array.isArray(servers) || servers.length > MOST_SERVERS)
    throw invalid(`"servers" must be a list of at most ${MOST_SERVERS}`);
  if (!Array.isArray(deletes) || !deletes.every((path) => typeof path === 'string')) {
    throw invalid('"deletes" must be a list of paths such as ["/0", "/1"]');
  }
  if (!isPlainObject(objects)) throw invalid('"objects" must be an object keyed by path, such as {"/3/0/15": "Europe/Berlin"}');
  if (typeof verify !== 'boolean') throw invalid('"verify" must be true or false');
  return { servers: servers.map(readServer), deletes, objects, verify };
}

/** For a list: what was declared, with none of its keys, nor what may be one. */
export function shownDeclaration({ servers, deletes, objects, verify }: BootstrapDeclaration): Record<string, unknown> {
  return {
    servers: servers.map(({ security, ...server }) => ({
      ...server,
      security: security === 'generated' ? security : security.mode,
    })),
    deletes: [...deletes],
    objects: Object.keys(objects),
    verify,
  };
}

function readServer(given: unknown, index: number): DeclaredServer {
  const where = `servers[${index}]`;
  if (!isPlainObject(given)) throw invalid(`${where} must be an object with a "uri"`);
  refuseUnknown(given, SERVER_PARTS, `${where}.`);
  const { uri, shortServerId = index + 1, lifetime = DEFAULT_LIFETIME_SECONDS, binding, storing, muteSend, security } = given;
  if (typeof uri !== 'string' || uri === '') throw invalid(`${where}.uri must be a URI such as coaps://host:5684`);
  for (const [name, value] of Object.entries({ storing, muteSend })) {
    if (value !== undefined && typeof value !== 'boolean') throw invalid(`${where}.${name} must be true or false`);
  }
  return {
    uri,
    shortServerId: wholeNumber(shortServerId, `${where}.shortServerId`, 1, 65_534),
    lifetime: wholeNumber(lifetime, `${where}.lifetime`, 0, 2 ** 32 - 1),
    binding: readBinding(binding ?? (uri.includes('+tcp:') ? 'T' : 'U'), where),
    security: readSecurity(security ?? (uri.startsWith('coaps') ? 'generated' : 'none'), where),
    ...(storing !== undefined && { storing: storing as boolean }),
    ...(muteSend !== undefined && { muteSend: muteSend as boolean }),
  };
}

function readBinding(given: unknown, where: string): string {
  if (typeof given === 'string' && /^[UTSNMHQ]{1,6}$/.test(given)) return given;
  throw invalid(`${where}.binding must be letters such as U (UDP) or T (TCP)`);
}

/** Errors say what is expected and not what came: it may be a key in the wrong place. */
function readSecurity(given: unknown, where: string): DeclaredServer['security'] {
  if (given === 'generated') return given;
  if (given === 'none') return { mode: 'none' };
  if (!isPlainObject(given)) throw invalid(`${where}.security must be "generated", "none", or {identity, key}`);
  const { identity, key } = given;
  if (typeof identity !== 'string' || identity === '') throw invalid(`${where}.security.identity must be a text`);
  const bytes = Buffer.isBuffer(key) ? Buffer.from(key) : hexBytes(key);
  if (bytes === undefined) throw invalid(`${where}.security.key must be hexadecimal digits, two for each byte, or a Buffer`);
  return { mode: 'psk', identity, key: bytes };
}

function hexBytes(given: unknown): Buffer | undefined {
  return typeof given === 'string' && /^([0-9a-f]{2})+$/i.test(given) ? Buffer.from(given, 'hex') : undefined;
}

function wholeNumber(given: unknown, where: string, least: number, most: number): number {
  const number = typeof given === 'string' && given.trim() !== '' ? Number(given) : given;
  if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most) return number;
  throw invalid(`${where} must be a whole number from ${least} to ${most}`);
}

/** A misspelt part would be passed over in silence. */
function refuseUnknown(given: Readonly<Record<string, unknown>>, known: ReadonlySet<string>, where: string): void {
  const unknown = Object.keys(given).find((name) => !known.has(name));
  if (unknown !== undefined) throw invalid(`${where}${unknown} is unknown: use ${[...known].join(', ')}`);
}

function invalid(why: string): DeviceManagementError {
  return new DeviceManagementError('invalid-request', `the bootstrap configuration cannot be used: ${why}.`);
}

/**
 * The object list of a Register or Update (LwM2M Core 1.1.1 §6.2.1, RFC 6690): which objects and instances a device has, in which
 * versions, below which root, and in which formats it speaks. Equal lists are one shared value: most devices of a type send
 * the same bytes, and a hundred thousand copies would be most of the memory and of the time of a registration.
 */
import { Code } from '../../coap/codes';
import { asDeviceManagementError } from '../../errors';
import { type Link, parseLinks } from '../formats/link-format';
import { Mistake } from './mistake';

export interface AnnouncedObjects {
  readonly objects: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
  /** "" for the plain root, "/lwm2m" for an alternate one; undefined when no root link came. */
  readonly rootPath: string | undefined;
  /** `ct` of the root link; undefined when it did not say. */
  readonly contentFormats: readonly number[] | undefined;
}

/** A device with more objects and instances than this is broken or hostile; each would cost every list of devices. */
export const MOST_LINKS = 1000;
/** A root path is sent with every request to the device. */
const LONGEST_ROOT_PATH = 64;
const MOST_FORMATS = 32;
/** How many different lists are remembered for sharing, twice at most: one generation being filled, one being forgotten. */
const LISTS_PER_GENERATION = 2048;
/** A longer list is parsed each time: nobody may fill the memory with long keys. */
const LONGEST_SHARED_BYTES = 4096;

/** Reads object lists, and gives equal bytes the same value. */
export class ObjectLists {
  private young = new Map<string, AnnouncedObjects>();
  private old = new Map<string, AnnouncedObjects>();

  /** @param knownRoot the root path of the registration, for an Update whose list has no root link */
  read(payload: Uint8Array, knownRoot = ''): AnnouncedObjects | Mistake {
    if (payload.length > LONGEST_SHARED_BYTES) return readObjectLinks(payload, knownRoot);
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const key = knownRoot + bytes.toString('latin1');
    const known = this.young.get(key) ?? this.old.get(key);
    const list = known ?? readObjectLinks(payload, knownRoot);
    if (!(list instanceof Mistake)) this.keep(key, list);
    return list;
  }

  private keep(key: string, list: AnnouncedObjects): void {
    if (this.young.has(key)) return;
    if (this.young.size >= LISTS_PER_GENERATION) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, list);
  }
}

/** Reads one list. Odd links are passed over; it is a mistake only when nothing usable remains. */
export function readObjectLinks(payload: Uint8Array, knownRoot = ''): AnnouncedObjects | Mistake {
  let links: readonly Link[];
  try {
    links = parseLinks(payload, { links: MOST_LINKS });
  } catch (caught) {
    const { code, message } = asDeviceManagementError(caught);
    if (code === 'too-large') return new Mistake(Code.RequestEntityTooLarge, `the object list is too long: ${message}`, SHORTER);
    return new Mistake(Code.BadRequest, `the object list cannot be read: ${message}`, FORM);
  }
  const root = rootLink(links);
  const rootPath = root === undefined ? undefined : rootPathOf(root.path);
  const prefix = rootPath ?? knownRoot;
  const objects = new Set<string>();
  const versions: Record<string, string> = {};
  for (const link of links) {
    if (link === root) continue;
    const path = objectPath(link.path, prefix);
    if (path === undefined) continue;
    objects.add(path);
    const version = text(link.attributes.ver);
    // LwM2M Core 1.1.1 §7.2.2 has the version on the object link; an example of it, and clients, have it on the instance.
    if (version !== undefined && /^\d{1,3}\.\d{1,3}$/.test(version)) versions[path.split('/')[1] as string] = version;
  }
  if (objects.size === 0) return new Mistake(Code.BadRequest, 'no object in the object list', FORM);
  return Object.freeze({
    objects: Object.freeze([...objects]),
    versions: Object.freeze(versions),
    rootPath,
    contentFormats: root === undefined ? undefined : formatsOf(root),
  });
}

/** Profile lists (LwM2M Core 1.2 §6.2.1, `pid`) with what the payload adds. */
export function joinedObjects(lists: readonly AnnouncedObjects[]): AnnouncedObjects {
  return Object.freeze({
    objects: Object.freeze([...new Set(lists.flatMap((list) => list.objects))]),
    versions: Object.freeze(Object.assign({}, ...lists.map((list) => list.versions)) as Record<string, string>),
    rootPath: lists.find((list) => list.rootPath !== undefined)?.rootPath,
    contentFormats: lists.find((list) => list.contentFormats !== undefined)?.contentFormats,
  });
}

/** Same objects in same versions, whatever their order. */
export function sameObjects(
  a: Pick<AnnouncedObjects, 'objects' | 'versions'>,
  b: Pick<AnnouncedObjects, 'objects' | 'versions'>,
): boolean {
  if (a.objects.length !== b.objects.length) return false;
  const other = new Set(b.objects);
  if (!a.objects.every((path) => other.has(path))) return false;
  const versions = Object.keys(a.versions);
  return (
    versions.length === Object.keys(b.versions).length && versions.every((object) => a.versions[object] === b.versions[object])
  );
}

const SHORTER = 'Announce fewer objects and instances.';
const FORM = 'Send a link list such as </1/0>,</3/0> (RFC 6690) as the payload.';

/** `rt="oma.lwm2m"` marks the root; without it `</>` is the root (LwM2M Core 1.1.1 §6.4.1). */
function rootLink(links: readonly Link[]): Link | undefined {
  return (
    links.find((link) => text(link.attributes.rt)?.split(' ').includes('oma.lwm2m')) ??
    links.find((link) => link.path === '/' || link.path === '')
  );
}

function rootPathOf(path: string): string {
  const trimmed = `/${path
    .split('/')
    .filter((segment) => segment !== '')
    .join('/')}`;
  return trimmed === '/' || trimmed.length > LONGEST_ROOT_PATH ? '' : trimmed;
}

/** "/3", "/3/0" in its canonical form; undefined for anything else a list may hold. */
function objectPath(path: string, prefix: string): string | undefined {
  const below = prefix !== '' && path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path;
  const match = /^\/?(\d{1,5})(?:\/(\d{1,5}))?\/?$/.exec(below);
  if (match === null) return undefined;
  const object = Number(match[1]);
  const instance = match[2] === undefined ? undefined : Number(match[2]);
  if (object > 65_535 || (instance ?? 0) > 65_535) return undefined;
  return instance === undefined ? `/${object}` : `/${object}/${instance}`;
}

/** `ct=112`, `ct="110 112"`, or nothing. */
function formatsOf(root: Link): readonly number[] | undefined {
  const formats = text(root.attributes.ct)
    ?.split(/[ ,]+/)
    .filter((format) => /^\d{1,5}$/.test(format))
    .map(Number);
  return formats === undefined || formats.length === 0 ? undefined : Object.freeze(formats.slice(0, MOST_FORMATS));
}

function text(attribute: string | number | true | undefined): string | undefined {
  return attribute === undefined || attribute === true ? undefined : String(attribute);
}

/** Object lists by profile id (1.2). @throws Error when a profile has no readable object list: a mistake of whoever configured it */
export function readProfiles(profiles: Readonly<Record<string, string>>): ReadonlyMap<string, AnnouncedObjects> {
  return new Map(
    Object.entries(profiles).map(([id, links]) => {
      const list = readObjectLinks(Buffer.from(links));
      if (list instanceof Mistake) throw new Error(`profile ${id}: ${list.reason}. ${list.remedy}`);
      return [id, list];
    }),
  );
}

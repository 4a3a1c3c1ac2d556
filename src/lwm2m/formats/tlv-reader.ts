/** Decodes LwM2M TLV in one pass over the bytes, with one object per value: notifications come in this format. */
import type { Path } from '../../device/path';
import type { ResourceValue, TypeOf } from '../../device/value';
import { beyondCap, malformed } from './failure';
import { MOST_VALUES } from './format';
import { KIND_NAMES, Kind, NAME } from './tlv-kind';
import { readTlvValue } from './tlv-value';

/** In place of an id: the request left it open. */
const ANY = -1;

/** Where the reader stands among entries of one level. */
class Level {
  at: number;
  /** Devices send ids ascending, and an id above all before it is new; `seen` is made only where one is not. */
  highest = -1;
  seen: Set<number> | undefined;

  constructor(
    readonly from: number,
    readonly end: number,
    /** The id that the request named, or ANY. */
    readonly only: number,
  ) {
    this.at = from;
  }
}

export class TlvReader {
  private readonly values: ResourceValue[] = [];
  // The entry read last: its kind and id, where it begins, and where its value does.
  private kind = 0;
  private id = 0;
  private head = 0;
  private start = 0;

  constructor(
    private readonly bytes: Buffer,
    private readonly typeOf: TypeOf,
  ) {}

  /** @throws DeviceManagementError `decode-error`, `too-large` */
  read(base: Path): ResourceValue[] {
    const [object, instance, resource, resourceInstance] = base.ids;
    const end = this.bytes.length;
    if (object === undefined) throw this.wrong('a request for one object', 'a request for /');
    if (instance === undefined) this.instances(object, ANY, end);
    else if (resource === undefined) this.instances(object, instance, end);
    else if (resourceInstance === undefined) this.resources(object, resource, `/${object}/${instance}`, 0, end);
    else this.resourceInstance(object, resource, resourceInstance, `/${object}/${instance}/${resource}`, end);
    return this.values;
  }

  /**
   * The answer for an object or an instance: wrapped or bare resources. Bare resources below an object, from devices that leave
   * the wrapper out where only one instance can be, are those of instance 0.
   */
  private instances(object: number, only: number, end: number): void {
    if (end > 0 && (this.bytes[0] as number) >> 6 !== Kind.Instance) {
      return this.resources(object, ANY, `/${object}/${only === ANY ? 0 : only}`, 0, end);
    }
    const level = new Level(0, end, only);
    while (level.at < end) {
      const next = this.entry(level);
      if (this.kind !== Kind.Instance) throw this.wrong('an object instance', KIND_NAMES[this.kind]);
      this.resources(object, ANY, `/${object}/${this.id}`, this.start, next);
    }
  }

  private resources(object: number, only: number, prefix: string, from: number, end: number): void {
    const level = new Level(from, end, only);
    while (level.at < end) {
      const next = this.entry(level);
      const path = `${prefix}/${this.id}`;
      if (this.kind === Kind.Resource) this.value(object, this.id, path, next);
      else if (this.kind === Kind.Multiple) this.resourceInstances(object, this.id, ANY, path, this.start, next);
      else throw this.wrong('a resource or multiple resource', KIND_NAMES[this.kind]);
    }
  }

  private resourceInstances(object: number, resource: number, only: number, prefix: string, from: number, end: number): void {
    const level = new Level(from, end, only);
    while (level.at < end) {
      const next = this.entry(level);
      if (this.kind !== Kind.ResourceInstance) throw this.wrong('a resource instance', KIND_NAMES[this.kind]);
      this.value(object, resource, `${prefix}/${this.id}`, next);
    }
  }

  /** The answer for one resource instance: bare, or inside its multiple resource. */
  private resourceInstance(object: number, resource: number, only: number, prefix: string, end: number): void {
    if (end === 0 || (this.bytes[0] as number) >> 6 !== Kind.Multiple) {
      return this.resourceInstances(object, resource, only, prefix, 0, end);
    }
    const level = new Level(0, end, resource);
    while (level.at < end) {
      const next = this.entry(level);
      if (this.kind !== Kind.Multiple) throw this.wrong('a multiple resource', KIND_NAMES[this.kind]);
      this.resourceInstances(object, resource, only, prefix, this.start, next);
    }
  }

  private value(object: number, resource: number, path: string, end: number): void {
    if (this.values.length >= MOST_VALUES) throw beyondCap(NAME, 'values', MOST_VALUES);
    this.values.push({ path, value: readTlvValue(this.bytes, this.start, end, this.typeOf(object, resource), path) });
  }

  /** The next entry of a level, into the fields; returns where it ends. */
  private entry(level: Level): number {
    const next = this.readHead(level.at, level.end);
    const { id } = this;
    if (level.only !== ANY && id !== level.only) throw this.wrong(`id ${level.only}, which was asked for`, `id ${id}`);
    if (id > level.highest) {
      level.highest = id;
      level.seen?.add(id);
    } else {
      level.seen ??= this.idsBefore(level);
      if (level.seen.has(id)) throw this.wrong('each id once on its level', `${id} again`);
      level.seen.add(id);
    }
    level.at = next;
    return next;
  }

  /** Once per level at most, so that time stays linear. */
  private idsBefore(level: Level): Set<number> {
    const ids = new Set<number>();
    for (let at = level.from; at < level.at; ids.add(this.id)) at = this.readHead(at, level.end);
    this.readHead(level.at, level.end);
    return ids;
  }

  /** Kind, id and length of an entry, checked against the end of what holds it. */
  private readHead(at: number, end: number): number {
    const { bytes } = this;
    const type = bytes[at] as number;
    const idLength = (type & 0x20) === 0 ? 1 : 2;
    const lengthLength = (type >> 3) & 3;
    const start = at + 1 + idLength + lengthLength;
    this.head = at;
    if (start > end) throw this.wrong(`${start - at} bytes of head`, `${end - at}`);
    this.kind = type >> 6;
    this.id = idLength === 1 ? (bytes[at + 1] as number) : ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    let length = lengthLength === 0 ? type & 7 : 0;
    for (let byte = start - lengthLength; byte < start; byte++) length = (length << 8) | (bytes[byte] as number);
    this.start = start;
    if (start + length > end) throw this.wrong(`${length} bytes of value`, `${end - start}`);
    return start + length;
  }

  private wrong(expected: string, got: string | undefined): Error {
    return malformed(NAME, `offset ${this.head}`, expected, got ?? 'nothing');
  }
}

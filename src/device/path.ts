/**
 * Where something is in a device: /object/instance/resource/resource instance, each id 0..65535 (LwM2M Core 1.1.1 §7.2.1).
 * A path is an immutable value; `toString` is its canonical form, which is what crosses every public interface.
 */
import { DeviceManagementError } from '../errors';

export type PathLevel = 'root' | 'object' | 'instance' | 'resource' | 'resource-instance';

const LEVELS: readonly PathLevel[] = ['root', 'object', 'instance', 'resource', 'resource-instance'];
/** 65535 is reserved (MAX_ID) yet met on the wire as the null object link; as a path id it is accepted like any other. */
const HIGHEST_ID = 65535;
/** Characters. A prefix is in every name of every record; gateways in the field take a word. */
const LONGEST_PREFIX = 64;
/** Texts whose paths are remembered. */
const MOST_PARSED = 4_096;
/** Longer ones are padded with blanks, and not worth their memory. */
const LONGEST_PARSED = 32;

export class Path {
  static readonly root = new Path([]);
  /** Paths by their texts: they are immutable, so one does for all. */
  private static readonly parsed = new Map<string, Path>();
  private text: string | undefined;

  private constructor(readonly ids: readonly number[]) {}

  /** @throws DeviceManagementError `invalid-path` */
  static of(...ids: number[]): Path {
    if (ids.length > 4) throw invalid(`/${ids.join('/')}`, 'it has more than four parts');
    for (const id of ids) if (!isId(id)) throw invalid(`/${ids.join('/')}`, `${id} is not an id from 0 to ${HIGHEST_ID}`);
    return ids.length === 0 ? Path.root : new Path(ids);
  }

  /**
   * Reads "/3/0/9", "3/0/9" or "/3/0/"; "/" is the root.
   * @throws DeviceManagementError `invalid-path`, naming the part at fault
   */
  static parse(text: string): Path {
    const known = Path.parsed.get(text);
    if (known !== undefined) return known;
    const path = Path.read(text);
    if (text.length > LONGEST_PARSED) return path;
    // Flows and devices name the same few paths again and again. Full: begun anew, as what is named again comes back by itself.
    if (Path.parsed.size >= MOST_PARSED) Path.parsed.clear();
    Path.parsed.set(text, path);
    return path;
  }

  private static read(text: string): Path {
    const trimmed = text.trim().replace(/^\//, '').replace(/\/$/, '');
    if (trimmed === '') return Path.root;
    const ids = trimmed.split('/').map((part) => {
      if (!/^\d{1,5}$/.test(part)) throw invalid(text, `"${part}" is not a number`);
      return Number(part);
    });
    return Path.of(...ids);
  }

  get level(): PathLevel {
    return LEVELS[this.ids.length] as PathLevel;
  }

  get object(): number | undefined {
    return this.ids[0];
  }

  get instance(): number | undefined {
    return this.ids[1];
  }

  get resource(): number | undefined {
    return this.ids[2];
  }

  get resourceInstance(): number | undefined {
    return this.ids[3];
  }

  get parent(): Path {
    return Path.of(...this.ids.slice(0, -1));
  }

  child(id: number): Path {
    return Path.of(...this.ids, id);
  }

  /** Whether `other` is this path or lies below it. */
  contains(other: Path): boolean {
    return this.ids.every((id, index) => other.ids[index] === id);
  }

  equals(other: Path): boolean {
    return this.ids.length === other.ids.length && this.contains(other);
  }

  toString(): string {
    this.text ??= `/${this.ids.join('/')}`;
    return this.text;
  }
}

/** What stands before the paths of a device behind a gateway: one segment, no number, or it would be an object (25/x/1). */
export function isGatewayPrefix(text: string): boolean {
  return text.length <= LONGEST_PREFIX && !/^\d*$/.test(text) && !/[/\p{C}]/u.test(text);
}

export function isId(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= HIGHEST_ID;
}

function invalid(text: string, why: string): DeviceManagementError {
  return new DeviceManagementError(
    'invalid-path',
    `"${text}" is not a path: ${why}. Use /object/instance/resource, for example /3/0/9.`,
    { path: text },
  );
}

/**
 * The compact form of the OMA registry, `registry.json`: a JSON array with one object version a line, so that a change of the
 * registry reads well in a diff and a line can be decoded alone.
 *
 *   [id, name, version, LwM2M version, occurrence, [resource, …]]      sorted by id, then version
 *   resource:   [id, name, type, operations, occurrence, range?, units?]     or a bare id: as in the line before, which is
 *               the same object's previous version
 *   occurrence: "1" "0..1" "1..*" "0..*"     mandatory or not, single or multiple
 */
import type { ResourceType } from '../value';
import type { ObjectDefinition, ResourceDefinition } from './definition';
import { compareVersions } from './versions';

type Occurrence = '1' | '0..1' | '1..*' | '0..*';
type PackedResource = readonly [number, string, ResourceType, string, Occurrence, string?, string?];
type PackedObject = readonly [number, string, string, string, Occurrence, readonly (PackedResource | number)[]];

export interface RegistryEntry {
  readonly id: number;
  readonly name: string;
  readonly version: string;
}

/** One object of the registry in all its versions, decoded when first asked for. */
interface ObjectLines {
  /** Oldest first. */
  readonly entries: RegistryEntry[];
  readonly lines: string[];
  decoded: Map<string, ObjectDefinition> | undefined;
}

/** Writes `registry.json`; the same definitions in any order give the same text. */
export function encodeRegistry(definitions: Iterable<ObjectDefinition>): string {
  const sorted = [...definitions].sort((a, b) => a.id - b.id || compareVersions(a.version, b.version));
  let previous: ObjectDefinition | undefined;
  const lines = sorted.map((definition) => {
    const before = previous?.id === definition.id ? previous : undefined;
    previous = definition;
    return JSON.stringify(packObject(definition, before));
  });
  return `[\n${lines.join(',\n')}\n]\n`;
}

/** Finds objects in the text of `registry.json` without decoding them. */
export class Registry {
  private readonly byId = new Map<number, ObjectLines>();

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const head = /^\[(\d+),("(?:[^"\\]|\\.)*"),"([\d.]+)"/.exec(line);
      if (head === null) continue;
      const entry = { id: Number(head[1]), name: JSON.parse(head[2] as string) as string, version: head[3] as string };
      const object = this.byId.get(entry.id) ?? { entries: [], lines: [], decoded: undefined };
      object.entries.push(entry);
      object.lines.push(line);
      this.byId.set(entry.id, object);
    }
  }

  objects(): IterableIterator<number> {
    return this.byId.keys();
  }

  /** Versions of an object, oldest first, with its name in each. */
  entries(object: number): readonly RegistryEntry[] {
    return this.byId.get(object)?.entries ?? [];
  }

  definition(object: number, version: string): ObjectDefinition | undefined {
    const lines = this.byId.get(object);
    if (lines === undefined) return undefined;
    lines.decoded ??= decodeLines(lines.lines);
    return lines.decoded.get(version);
  }
}

function decodeLines(lines: readonly string[]): Map<string, ObjectDefinition> {
  const decoded = new Map<string, ObjectDefinition>();
  let previous: ObjectDefinition | undefined;
  for (const line of lines) {
    previous = unpackObject(JSON.parse(line.replace(/,$/, '')) as PackedObject, previous);
    decoded.set(previous.version, previous);
  }
  return decoded;
}

function packObject(definition: ObjectDefinition, before: ObjectDefinition | undefined): PackedObject {
  const resources = [...definition.resources.values()].map((resource) => {
    const packed = packResource(resource);
    const old = before?.resources.get(resource.id);
    return old !== undefined && JSON.stringify(packResource(old)) === JSON.stringify(packed) ? resource.id : packed;
  });
  const { id, name, version, lwm2mVersion } = definition;
  return [id, name, version, lwm2mVersion, occurrenceOf(definition), resources];
}

function unpackObject(packed: PackedObject, before: ObjectDefinition | undefined): ObjectDefinition {
  const [id, name, version, lwm2mVersion, occurrence, packedResources] = packed;
  const resources = new Map<number, ResourceDefinition>();
  for (const entry of packedResources) {
    const resource = typeof entry === 'number' ? before?.resources.get(entry) : unpackResource(entry);
    if (resource !== undefined) resources.set(resource.id, resource);
  }
  return { id, name, version, lwm2mVersion, ...meaningOf(occurrence), resources };
}

function packResource(resource: ResourceDefinition): PackedResource {
  const { id, name, type, operations, range, units } = resource;
  const core = [id, name, type, operations, occurrenceOf(resource)] as const;
  if (units !== undefined) return [...core, range ?? '', units];
  return range === undefined ? core : [...core, range];
}

function unpackResource([id, name, type, operations, occurrence, range, units]: PackedResource): ResourceDefinition {
  const { multiple, mandatory } = meaningOf(occurrence);
  return { id, name, type, operations, multiple, mandatory, ...(range && { range }), ...(units && { units }) };
}

function occurrenceOf({ multiple, mandatory }: { multiple: boolean; mandatory: boolean }): Occurrence {
  if (multiple) return mandatory ? '1..*' : '0..*';
  return mandatory ? '1' : '0..1';
}

function meaningOf(occurrence: Occurrence): { multiple: boolean; mandatory: boolean } {
  return { multiple: occurrence.endsWith('*'), mandatory: occurrence.startsWith('1') };
}

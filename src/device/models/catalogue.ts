/**
 * What objects mean, by version: the OMA registry that the pack carries, and vendor definitions laid over it. The registry is read
 * when first needed and each object decoded when first asked for.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { TypeOf } from '../value';
import { defaultVersions } from './default-versions';
import type { ObjectDefinition, ResourceDefinition } from './definition';
import { Registry } from './registry';
import { type DdfProblem, readVendorFolder } from './vendor-folder';
import { compareVersions, nearestVersion } from './versions';

export type { DdfProblem } from './vendor-folder';

/** Objects as one device speaks them. */
export interface DeviceModel {
  definition(object: number): ObjectDefinition | undefined;
  resource(object: number, resource: number): ResourceDefinition | undefined;
  readonly typeOf: TypeOf;
}

/** The part of a registration that decides on versions. */
export interface SpokenVersions {
  /** LwM2M version: "1.1". */
  readonly version: string;
  /** Object versions it announced: {"3303": "1.1"}. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface CatalogueEntry {
  readonly id: number;
  /** In its newest version. */
  readonly name: string;
  /** Oldest first. */
  readonly versions: readonly string[];
}

/** Immutable, hence one for all catalogues of this process. */
let shared: Registry | undefined;

function sharedRegistry(): Registry {
  shared ??= new Registry(readFileSync(path.join(__dirname, 'registry.json'), 'utf8'));
  return shared;
}

export class Catalogue {
  /** Vendor definitions by object, then version. */
  private readonly vendor = new Map<number, Map<string, ObjectDefinition>>();

  private constructor(private readonly base: () => Registry | undefined) {}

  /** The OMA registry; vendor definitions added to it stay in this catalogue. */
  static registry(): Catalogue {
    return new Catalogue(sharedRegistry);
  }

  static empty(): Catalogue {
    return new Catalogue(() => undefined);
  }

  /** Adds a definition; it takes precedence over the registry's of the same object and version. */
  add(definition: ObjectDefinition): void {
    const versions = this.vendor.get(definition.id) ?? new Map<string, ObjectDefinition>();
    versions.set(definition.version, definition);
    this.vendor.set(definition.id, versions);
  }

  /** Adds the DDF XML files of a folder. What is returned was not used. */
  addVendorFolder(folder: string): readonly DdfProblem[] {
    const { definitions, problems } = readVendorFolder(folder);
    for (const definition of definitions) this.add(definition);
    return problems;
  }

  /** Versions of an object, oldest first; none when it is unknown. */
  versions(object: number): readonly string[] {
    const known = new Set(
      this.base()
        ?.entries(object)
        .map((entry) => entry.version),
    );
    for (const version of this.vendor.get(object)?.keys() ?? []) known.add(version);
    return [...known].sort(compareVersions);
  }

  /** That version, else the nearest (`nearestVersion`); without one, the newest. */
  definition(object: number, version?: string): ObjectDefinition | undefined {
    const exact = version === undefined ? undefined : this.exact(object, version);
    if (exact !== undefined) return exact;
    const nearest = nearestVersion(version ?? '', this.versions(object));
    return nearest === undefined ? undefined : this.exact(object, nearest);
  }

  /** Every object, by id. */
  *objects(): IterableIterator<CatalogueEntry> {
    const base = this.base();
    const ids = new Set<number>([...(base?.objects() ?? []), ...this.vendor.keys()]);
    for (const id of [...ids].sort((a, b) => a - b)) {
      const versions = this.versions(id);
      const newest = versions[versions.length - 1] as string;
      const name = this.vendor.get(id)?.get(newest)?.name ?? base?.entries(id).find((entry) => entry.version === newest)?.name;
      yield { id, name: name ?? String(id), versions };
    }
  }

  /** As a device speaks: the version it announced, else the default of its LwM2M version. Holds nothing but the registration. */
  forDevice(spoken: SpokenVersions): DeviceModel {
    const defaultOf = defaultVersions(spoken.version);
    const definition = (object: number): ObjectDefinition | undefined => {
      const announced = Object.hasOwn(spoken.versions, object) ? spoken.versions[object] : undefined;
      return this.definition(object, announced ?? defaultOf(object));
    };
    const resource = (object: number, id: number): ResourceDefinition | undefined => definition(object)?.resources.get(id);
    return { definition, resource, typeOf: (object, id) => resource(object, id)?.type };
  }

  private exact(object: number, version: string): ObjectDefinition | undefined {
    return this.vendor.get(object)?.get(version) ?? this.base()?.definition(object, version);
  }
}

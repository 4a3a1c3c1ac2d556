/** What an object means: its resources, their types and operations, in one version (LwM2M Core 1.1.1 Appendix D). */
import type { ObjectDescription, ResourceDescription } from '../manager';

export type ResourceDefinition = ResourceDescription;

export interface ObjectDefinition {
  readonly id: number;
  readonly name: string;
  /** Of the object: "1.1". */
  readonly version: string;
  /** The LwM2M version it needs at least. */
  readonly lwm2mVersion: string;
  readonly multiple: boolean;
  readonly mandatory: boolean;
  /** In the order of its author, who puts what matters first. */
  readonly resources: ReadonlyMap<number, ResourceDefinition>;
}

/** A definition as plain data, as it crosses the manager. */
export function describe(definition: ObjectDefinition): ObjectDescription {
  const { id, name, version, multiple } = definition;
  return { id, name, version, multiple, resources: [...definition.resources.values()] };
}

/** Attributes of one observation, in the query of its Observe (LwM2M Core 1.2 §6.4.1, §7.3.2): they hold in place of all that are attached. */
import { type AttributeName, checkAttributes, type NotificationAttributes, toQuery } from '../../device/attributes';
import type { OperationName } from '../../device/operation';
import type { Path } from '../../device/path';
import { invalidRequest, type PlanContext, typeAt, unsupported } from './plan';

/** Conditions on values make no sense for several at once (LwM2M Core 1.2 §6.4.4). */
const OF_SEVERAL: ReadonlySet<AttributeName> = new Set<AttributeName>(['pmin', 'pmax', 'epmin', 'epmax', 'con']);

interface Observing {
  readonly operation: OperationName;
  readonly attributes?: NotificationAttributes;
}

/**
 * @param paths several for an Observe-Composite
 * @throws DeviceManagementError `invalid-value`, `invalid-request`, `unsupported`
 */
export function queryOf({ operation, attributes }: Observing, paths: readonly Path[], context: PlanContext): readonly string[] {
  if (attributes === undefined || toQuery(attributes).length === 0) return [];
  const { version } = context.registration;
  const about = paths.join(',');
  if (version !== '1.2') {
    throw unsupported(operation, about, `LwM2M ${version} has no attributes in Observe: use Write-Attributes`);
  }
  const given = Object.entries(attributes) as [AttributeName, number | null | undefined][];
  if (given.some(([, value]) => value === null)) throw invalidRequest(operation, about, 'an observation has nothing to clear');
  const odd = given.find(([name]) => operation === 'observe-composite' && !OF_SEVERAL.has(name));
  if (odd !== undefined) throw invalidRequest(operation, about, `${odd[0]} is for a single path`);
  for (const path of paths) {
    if (path.level !== 'root') checkAttributes(attributes, { level: path.level, type: typeAt(path, context.model), version });
  }
  return toQuery(attributes);
}

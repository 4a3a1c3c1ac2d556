/**
 * What requests that wait for the same device mean to each other: which one makes an older one needless, which may share an answer, and
 * which must not change places. Rules on plain requests; the lines they stand in are `waiting-lines.ts`.
 */
import type { OperationName, OperationRequest } from '../device/operation';

/** These only look: asking twice changes nothing. */
const LOOKING: ReadonlySet<OperationName> = new Set(['read', 'discover', 'read-composite']);
/** What they do may hang on anything written before them, and anything after them on what they did. */
const ACTING: ReadonlySet<OperationName> = new Set(['execute', 'create', 'delete']);
/** Looked at and not changed, yet begun or ended by asking. */
const LOOKING_ON: ReadonlySet<OperationName> = new Set(['observe', 'observe-composite', 'cancel-observation']);
/** Objects in which a Write sets something going (Package, Package URI): written twice, it begins twice. */
const STARTED_BY_WRITING: ReadonlySet<string> = new Set(['5', '9']);

/** Whether `later` leaves nothing of what `earlier` would have done. What stands between them is judged by `separates`. */
export function supersedes(later: OperationRequest, earlier: OperationRequest): boolean {
  if (later.path !== earlier.path) return false;
  if (later.operation === 'write' && earlier.operation === 'write') return replaces(later);
  // Attributes that the later one does not name stay as the earlier one sets them (LwM2M Core 1.1.1 §6.4.4).
  if (later.operation !== 'write-attributes' || earlier.operation !== 'write-attributes') return false;
  return Object.keys(earlier.attributes).every((name) => name in later.attributes);
}

/** Whether `later` must leave alone what stands before `between`: it looked at that, or hangs on it. */
export function separates(between: OperationRequest, later: OperationRequest): boolean {
  if (ACTING.has(between.operation)) return true;
  return isLook(between) !== isLook(later) && overlap(between.path, later.path);
}

/** Whether the answer to one is an answer to the other. */
export function asksTheSame(a: OperationRequest, b: OperationRequest): boolean {
  return LOOKING.has(a.operation) && JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

/** Whether an urgent request may be put before one that was there first. Of two that touch the same, at least one changing it, it may not. */
export function mayOvertake(urgent: OperationRequest, other: OperationRequest): boolean {
  return (isLook(urgent) && isLook(other)) || !overlap(touchedBy(urgent), touchedBy(other));
}

/** Whether a request that may or may not have reached the device can be sent again: an Execute may not, it could reboot twice. */
export function isRepeatable(request: OperationRequest): boolean {
  if (isLook(request) || request.operation === 'write-attributes') return true;
  if (request.operation === 'write-composite')
    return !request.path.split(',').some((path) => STARTED_BY_WRITING.has(objectOf(path)));
  return request.operation === 'write' && replaces(request) && !STARTED_BY_WRITING.has(objectOf(request.path));
}

function isLook({ operation }: OperationRequest): boolean {
  return LOOKING.has(operation) || LOOKING_ON.has(operation);
}

/** An update of an instance leaves alone what it does not name. */
function replaces(request: OperationRequest & { operation: 'write' }): boolean {
  const isResource = request.path.split('/').length > 3;
  return (request.mode ?? (isResource ? 'replace' : 'update')) === 'replace';
}

/** An Execute works with the resources beside it: Update (/5/0/2) with the Package URI (/5/0/1). */
function touchedBy({ operation, path }: OperationRequest): string {
  return ACTING.has(operation) ? path.split('/', 3).join('/') : path;
}

/** One path is the other, or lies below it; of a list (`path-list.ts`), one of its paths. */
function overlap(a: string, b: string): boolean {
  const others = b.split(',');
  return a.split(',').some((one) => others.some((other) => isAtOrBelow(one, other) || isAtOrBelow(other, one)));
}

function isAtOrBelow(path: string, above: string): boolean {
  return path === above || above === '/' || path.startsWith(`${above}/`);
}

function objectOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function sorted(request: OperationRequest): readonly [string, unknown][] {
  return Object.entries(request).sort(([a], [b]) => (a < b ? -1 : 1));
}

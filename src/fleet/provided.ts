/** A request that is sent only provided that the device may be disturbed: held against its rules at the moment it would be sent. */
import { DeviceManagementError, type ErrorCode } from '../errors';
import type { Deferral, Guards } from './guard';
import type { GuardReason, GuardRules } from './guard-rules';
import type { Order } from './outcomes';
import { contextOf } from './waiting-errors';

/** Plain data: it waits with its request. */
export interface Provided {
  readonly rules: GuardRules;
  /** It goes all the same, which is audited. */
  readonly force?: true;
}

/** Not there: the request waits for the device as it would without a guard. */
const ABSENCES: Readonly<Partial<Record<GuardReason, ErrorCode>>> = { asleep: 'asleep', offline: 'not-registered' };

/** @returns why it must not be sent now */
export async function objection(order: Order, guards: Guards): Promise<DeviceManagementError | undefined> {
  const { provided, device, owner, kept } = order;
  if (provided === undefined) return undefined;
  const actor = `node ${owner}`;
  const holder = holderOf(kept?.job) ?? actor;
  const verdict = await guards.check(device, provided.rules, { holder, ...(provided.force && { force: actor }) });
  return verdict.go ? undefined : deferred(order, verdict);
}

/** A step of a job works in the name of the job. */
function holderOf(job: unknown): string | undefined {
  const id = typeof job === 'object' && job !== null ? (job as { job?: unknown }).job : undefined;
  return typeof id === 'string' ? `job ${id}` : undefined;
}

function deferred(order: Order, { reason, text, retryAt }: Deferral): DeviceManagementError {
  const code = ABSENCES[reason] ?? 'deferred';
  const again = retryAt === undefined ? '' : `; try again at ${new Date(retryAt).toISOString()}`;
  return new DeviceManagementError(code, `device '${order.device}' is not to be disturbed now: ${text}${again}`, {
    ...contextOf(order),
    ...(retryAt !== undefined && { retryAt }),
  });
}

/** An operation as the audit log has it: who asked what of whom, and how it ended. Values are in none. */
import type { DeviceManager } from '../device/manager';
import type { OperationRequest } from '../device/operation';
import { asDeviceManagementError } from '../errors';
import type { Audit, AuditEntry } from './audit';
import type { Order, Outcome } from './outcomes';
import { OverheardManager } from './overheard';

/** `undefined` where whoever asked tells of it itself. */
export function operationEntry({ owner, device, request, kept, audited }: Order, outcome: Outcome): AuditEntry | undefined {
  if (audited === true) return undefined;
  const thread = threadOf(kept?.job);
  return {
    actor: `node ${owner}`,
    action: `${request.operation} ${request.path}`,
    device,
    ...endOf(outcome),
    ...(thread !== undefined && { thread }),
  };
}

/** What observe policies ask is nobody's order in particular: it is told of as the server's own. */
export function policing(manager: DeviceManager, audit: Audit): DeviceManager {
  const entry = (device: string, { operation, path }: Pick<OperationRequest, 'operation' | 'path'>, outcome: Outcome): void =>
    audit({ actor: 'observe policies', action: `${operation} ${path}`, device, ...endOf(outcome) });
  return new OverheardManager(
    manager,
    (result) => entry(result.device, result, { result }),
    undefined,
    (device, request, caught) => entry(device, request, { error: asDeviceManagementError(caught) }),
  );
}

/** The code of a failure alone: its sentence may quote what was to be written. */
export function endOf(outcome: Outcome): Pick<AuditEntry, 'outcome' | 'detail' | 'durationMs'> {
  if ('error' in outcome) {
    const { error, elapsedMs } = outcome;
    return { outcome: 'failed', detail: error.code, ...(elapsedMs !== undefined && { durationMs: Math.round(elapsedMs) }) };
  }
  return { outcome: 'done', durationMs: Math.round(outcome.result.rtt) };
}

/** A step of a job belongs to the job. */
function threadOf(job: unknown): string | undefined {
  const { job: id } = (typeof job === 'object' && job !== null ? job : {}) as { job?: unknown };
  return typeof id === 'string' ? id : undefined;
}

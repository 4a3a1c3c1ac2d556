/** An operation as the audit log has it: who asked what of whom, and how it ended. Values are in none. */
import type { AuditEntry } from './audit';
import type { Order, Outcome } from './outcomes';

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

/** The code of a failure alone: its sentence may quote what was to be written. */
export function endOf(outcome: Outcome): Pick<AuditEntry, 'outcome' | 'detail' | 'durationMs'> {
  if ('error' in outcome) return { outcome: 'failed', detail: outcome.error.code };
  return { outcome: 'done', durationMs: Math.round(outcome.result.rtt) };
}

/** A step of a job belongs to the job. */
function threadOf(job: unknown): string | undefined {
  const { job: id } = (typeof job === 'object' && job !== null ? job : {}) as { job?: unknown };
  return typeof id === 'string' ? id : undefined;
}

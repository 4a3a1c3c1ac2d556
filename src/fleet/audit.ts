/** Who did what, to be kept: one line for each act that changes something or that was refused. Secrets are in none. */

export interface AuditEntry {
  /** "user admin", "token 3f2a (billing)". */
  readonly actor: string;
  /** "write /3/0/14", "provision". */
  readonly action: string;
  readonly device?: string;
  readonly outcome: 'done' | 'refused' | 'failed';
  /** For a person: why, or how it ended. */
  readonly detail?: string;
  /** What it belongs to, a job, an update or a remediation by its id: one query tells the whole story. */
  readonly thread?: string;
  /** How long it took, in milliseconds. */
  readonly durationMs?: number;
}

export type Audit = (entry: AuditEntry) => void;

export function auditLine({ actor, action, device, outcome, detail }: AuditEntry): string {
  const where = device === undefined ? '' : ` of device ${JSON.stringify(device)}`;
  return `audit: ${actor}: ${action}${where}: ${outcome}${detail === undefined ? '' : ` (${detail})`}`;
}

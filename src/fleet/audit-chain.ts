/**
 * The audit log as it is kept: chunks of entries, each with the hash of the one before and one over both, so that an entry that was
 * changed, taken out or put in afterwards is found. It shows that something was done to the log; it does not keep whoever can write all of it from making another.
 */
import { createHash } from 'node:crypto';
import type { RecordKind } from '../store/records';
import type { AuditEntry } from './audit';

export interface AuditedEntry extends AuditEntry {
  /** From 1 up, without a gap. */
  readonly number: number;
  /** Unix milliseconds. */
  readonly at: number;
}

export interface AuditChunk {
  readonly entries: readonly AuditedEntry[];
  /** Hash of the chunk before; of the very first: nothing. */
  readonly before: string;
  readonly hash: string;
}

export const AUDIT_KIND: RecordKind<AuditChunk> = { prefix: 'audit/', version: 1, read };
/** Digits of a number in its key: the order of keys is that of entries. */
const NUMBER_DIGITS = 12;

/** Name of the chunk that begins with an entry. */
export function chunkId(number: number): string {
  return String(number).padStart(NUMBER_DIGITS, '0');
}

export function chunkOf(entries: readonly AuditedEntry[], before: string): AuditChunk {
  return { entries, before, hash: hashOf(entries, before) };
}

/** What is wrong with a chunk that follows `previous`; `undefined`: nothing. */
export function flawIn({ entries, before, hash }: AuditChunk, previous: AuditChunk | undefined): string | undefined {
  if (hash !== hashOf(entries, before)) return 'it was changed';
  if (previous === undefined) return undefined;
  const last = previous.entries[previous.entries.length - 1]?.number ?? 0;
  if (entries[0]?.number !== last + 1) return `entries ${last + 1} to ${(entries[0]?.number ?? 0) - 1} are missing before it`;
  return before === previous.hash ? undefined : 'it does not follow from the one before';
}

function hashOf(entries: readonly AuditedEntry[], before: string): string {
  const hash = createHash('sha256').update(before);
  // As the store gives it back: with its members in the order in which they were written.
  return hash.update(JSON.stringify(entries)).digest('base64url');
}

/** @throws Error when it is no chunk */
function read(value: unknown): AuditChunk {
  const { entries, before, hash } = (value ?? {}) as Partial<AuditChunk>;
  const isChunk =
    Array.isArray(entries) &&
    entries.length > 0 &&
    entries.every((entry: Partial<AuditedEntry>) => Number.isInteger(entry?.number) && typeof entry.actor === 'string');
  if (!isChunk || typeof before !== 'string' || typeof hash !== 'string') throw new Error('it is no part of an audit log');
  return value as AuditChunk;
}

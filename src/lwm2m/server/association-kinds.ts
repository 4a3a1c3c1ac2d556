/**
 * DTLS associations and sessions as they stand in a store. Keys are sealed, each for the association or session it is of, together with a
 * digest of the credential that was proved: what was proved by another than the present one is not gone on with.
 */
import type { PeerIdentity } from '../../dtls/association-view';
import type { AssociationPlace } from '../../dtls/snapshot';
import { UNREPEATABLE } from '../../store/backup';
import type { RecordKind } from '../../store/records';

/** What never changes of an association. */
export interface KeptAssociation {
  readonly sealed: Buffer;
}

export interface KeptSession {
  /** The master secret. */
  readonly sealed: Buffer;
  readonly suite: number;
  readonly encryptThenMac: boolean;
  readonly security: PeerIdentity['security'];
  readonly name: string;
  /** Unix milliseconds. */
  readonly since: number;
}

/** The last life of the server for which record numbers were reserved (`dtls/lives.ts`). */
export interface KeptLife {
  readonly life: number;
}

/** Two servers that go on with one association would use its record numbers twice: these are in no backup. */
export const ASSOCIATIONS: RecordKind<KeptAssociation> = {
  prefix: `${UNREPEATABLE}associations/`,
  version: 1,
  read: readAssociation,
};
export const PLACES: RecordKind<AssociationPlace> = { prefix: `${UNREPEATABLE}places/`, version: 1, read: readPlace };
export const LIVES: RecordKind<KeptLife> = { prefix: `${UNREPEATABLE}lives/`, version: 1, read: readLife };
/** By session id, in hex. */
export const SESSIONS: RecordKind<KeptSession> = { prefix: 'dtls-sessions/', version: 1, read: readSession };

type Fields<T> = { readonly [Name in keyof T]?: unknown };

function readAssociation(kept: unknown): KeptAssociation {
  if (!Buffer.isBuffer(fieldsOf<KeptAssociation>(kept).sealed)) throw new Error('it is not an association');
  return kept as KeptAssociation;
}

function readPlace(kept: unknown): AssociationPlace {
  const { address, port, top } = fieldsOf<AssociationPlace>(kept);
  if (typeof address !== 'string' || !isCount(port) || (top !== -1 && !isCount(top))) throw new Error('it is not a place');
  return kept as AssociationPlace;
}

function readLife(kept: unknown): KeptLife {
  if (!isCount(fieldsOf<KeptLife>(kept).life)) throw new Error('it is not a number of a life');
  return kept as KeptLife;
}

function readSession(kept: unknown): KeptSession {
  const { sealed, suite, encryptThenMac, security, name, since } = fieldsOf<KeptSession>(kept);
  const isOne =
    Buffer.isBuffer(sealed) &&
    isCount(suite) &&
    typeof encryptThenMac === 'boolean' &&
    (security === 'psk' || security === 'rpk' || security === 'x509') &&
    typeof name === 'string' &&
    isCount(since);
  if (!isOne) throw new Error('it is not a session');
  return kept as KeptSession;
}

function fieldsOf<T>(value: unknown): Fields<T> {
  return (typeof value === 'object' && value !== null ? value : {}) as Fields<T>;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/**
 * An association as bytes, to be stored and taken up again after a restart, of which the peer notices nothing. It holds live keys:
 * whoever stores it encrypts it.
 */
import { Association } from './association';
import type { PeerIdentity } from './association-view';
import { cipherFrom, materialLength } from './cipher-keys';
import { Reader, Writer } from './codec';
import type { RecordCipher } from './record-cipher';
import type { WindowSize } from './replay-window';
import { type Suite, suiteOf } from './suites';

const FORMAT = 1;
const SECURITY: readonly PeerIdentity['security'][] = ['psk', 'rpk', 'x509'];
const ROLES: readonly Association['role'][] = ['server', 'client'];
const FLAG_EXTENDED_MASTER_SECRET = 1;
const FLAG_ENCRYPT_THEN_MAC = 2;
const FLAG_RESUMED = 4;

/**
 * How much is counted as used that is not yet: of our numbers many, for none may be used twice under a key; of the peer's few, since
 * as many of its good records are dropped after a crash.
 */
const WRITE_RESERVE = 4_096;
const READ_RESERVE = 32;

/**
 * @param exact nothing is sent or received after this (a clean stop); otherwise a reserve is added, and `state-due` tells when half of
 * it is used
 */
export function writeSnapshot(association: Association, exact: boolean): Buffer {
  const { records } = association;
  const identity = association.identity as PeerIdentity;
  const sequence = records.sequence + (exact ? 0 : WRITE_RESERVE);
  const top = records.window.top + (exact ? 0 : READ_RESERVE);
  association.dueSequence = exact ? Number.POSITIVE_INFINITY : records.sequence + WRITE_RESERVE / 2;
  association.dueTop = exact ? Number.POSITIVE_INFINITY : records.window.top + READ_RESERVE / 2;
  const flags =
    (association.extendedMasterSecret ? FLAG_EXTENDED_MASTER_SECRET : 0) |
    (association.encryptThenMac ? FLAG_ENCRYPT_THEN_MAC : 0) |
    (association.resumed ? FLAG_RESUMED : 0);
  return new Writer()
    .uint(FORMAT, 1)
    .uint(association.id, 6)
    .uint(ROLES.indexOf(association.role), 1)
    .uint((association.suite as Suite).number, 2)
    .uint(flags, 1)
    .uint(SECURITY.indexOf(identity.security), 1)
    .vector(2, Buffer.from(identity.name))
    .vector(1, Buffer.from(association.address))
    .uint(association.port, 2)
    .vector(1, records.ownCid)
    .vector(1, records.peerCid)
    .uint(records.largestContent, 2)
    .vector(1, (records.reading as RecordCipher).material())
    .vector(1, (records.writing as RecordCipher).material())
    .uint(sequence, 6)
    .uint(top + 1, 6)
    .finish();
}

/** The association, connected, yet in no table; undefined when the bytes are not of this format. */
export function readSnapshot(bytes: Uint8Array, windowSize: WindowSize): Association | undefined {
  const reader = new Reader(Buffer.from(bytes));
  if (reader.uint(1) !== FORMAT) return undefined;
  const id = reader.uint(6);
  const role = ROLES[reader.uint(1)];
  const suite = suiteOf(reader.uint(2));
  const flags = reader.uint(1);
  const security = SECURITY[reader.uint(1)];
  const name = reader.vector(2, 0, 0xffff).toString();
  const address = reader.vector(1, 1, 255).toString();
  const port = reader.uint(2);
  const ownCid = Buffer.from(reader.vector(1, 0, 255));
  const peerCid = Buffer.from(reader.vector(1, 0, 255));
  const largestContent = reader.uint(2);
  const readMaterial = reader.vector(1, 0, 255);
  const writeMaterial = reader.vector(1, 0, 255);
  const sequence = reader.uint(6);
  const top = reader.uint(6) - 1;
  if (!reader.done || role === undefined || suite === undefined || security === undefined) return undefined;
  if (readMaterial.length !== materialLength(suite) || writeMaterial.length !== materialLength(suite)) return undefined;
  const association = new Association(id, role, address, port, windowSize);
  const { records } = association;
  association.state = 'connected';
  association.identity = { security, name };
  association.suite = suite;
  association.extendedMasterSecret = (flags & FLAG_EXTENDED_MASTER_SECRET) !== 0;
  association.encryptThenMac = (flags & FLAG_ENCRYPT_THEN_MAC) !== 0;
  association.resumed = (flags & FLAG_RESUMED) !== 0;
  records.ownCid = ownCid;
  records.peerCid = peerCid;
  records.largestContent = largestContent;
  records.reading = cipherFrom(suite, readMaterial, association.encryptThenMac);
  records.writing = cipherFrom(suite, writeMaterial, association.encryptThenMac);
  records.sequence = sequence;
  if (top >= 0) records.window.closeBelow(top);
  return association;
}

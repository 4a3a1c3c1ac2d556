/**
 * An association in two parts, to be stored and taken up again after a restart, of which the peer notices nothing: what never changes, with
 * live keys, which whoever stores it encrypts; and its place, small, since it is written again and again.
 */
import { Association } from './association';
import type { PeerIdentity } from './association-view';
import { cipherFrom, materialLength } from './cipher-keys';
import { Reader, Writer } from './codec';
import type { RecordCipher } from './record-cipher';
import type { WindowSize } from './replay-window';
import { type Suite, suiteOf } from './suites';

const FORMAT = 2;
const SECURITY: readonly PeerIdentity['security'][] = ['psk', 'rpk', 'x509'];
const FLAG_EXTENDED_MASTER_SECRET = 1;
const FLAG_ENCRYPT_THEN_MAC = 2;
const FLAG_RESUMED = 4;

/** Where the peer was met last, and the highest record number it was heard with: what is not above that is a replay. */
export interface AssociationPlace {
  readonly address: string;
  readonly port: number;
  /** -1 before the first. */
  readonly top: number;
}

export interface AssociationSnapshot {
  readonly id: number;
  readonly identity: PeerIdentity;
  readonly secret: Buffer;
  readonly place: AssociationPlace;
}

/** Of a server's association whose keys are there. */
export function writeSnapshot(association: Association): AssociationSnapshot {
  const { id, records } = association;
  const identity = association.identity as PeerIdentity;
  const flags =
    (association.extendedMasterSecret ? FLAG_EXTENDED_MASTER_SECRET : 0) |
    (association.encryptThenMac ? FLAG_ENCRYPT_THEN_MAC : 0) |
    (association.resumed ? FLAG_RESUMED : 0);
  const secret = new Writer()
    .uint(FORMAT, 1)
    .uint(association.born, 6)
    .uint((association.suite as Suite).number, 2)
    .uint(flags, 1)
    .uint(SECURITY.indexOf(identity.security), 1)
    .vector(2, Buffer.from(identity.name))
    .vector(1, records.ownCid)
    .vector(1, records.peerCid)
    .uint(records.largestContent, 2)
    .vector(1, (records.reading as RecordCipher).material())
    .vector(1, (records.writing as RecordCipher).material())
    .finish();
  return { id, identity, secret, place: placeOf(association) };
}

export function placeOf({ address, port, records }: Association): AssociationPlace {
  return { address, port, top: records.window.top };
}

/** The association, connected, yet in no table and without a number of its own to send; undefined when the bytes are not of this format. */
export function readSnapshot(
  id: number,
  secret: Uint8Array,
  { address, port, top }: AssociationPlace,
  windowSize: WindowSize,
): Association | undefined {
  const reader = new Reader(Buffer.from(secret));
  if (reader.uint(1) !== FORMAT) return undefined;
  const born = reader.uint(6);
  const suite = suiteOf(reader.uint(2));
  const flags = reader.uint(1);
  const security = SECURITY[reader.uint(1)];
  const name = reader.vector(2, 0, 0xffff).toString();
  const ownCid = Buffer.from(reader.vector(1, 0, 255));
  const peerCid = Buffer.from(reader.vector(1, 0, 255));
  const largestContent = reader.uint(2);
  const readMaterial = reader.vector(1, 0, 255);
  const writeMaterial = reader.vector(1, 0, 255);
  if (!reader.done || suite === undefined || security === undefined) return undefined;
  if (readMaterial.length !== materialLength(suite) || writeMaterial.length !== materialLength(suite)) return undefined;
  const association = new Association(id, 'server', address, port, windowSize);
  const { records } = association;
  association.state = 'connected';
  association.born = born;
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
  if (top >= 0) records.window.closeBelow(top);
  return association;
}

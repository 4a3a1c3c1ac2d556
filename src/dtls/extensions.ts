/** Hello extensions: one row each, that reads and writes it. What is not in the table is ignored (RFC 5246 §7.4.1.4). */
import { Reader, Writer } from './codec';
import { Extension, LARGEST_PLAINTEXT } from './protocol';

/** Who sends the hello: a list in a client's is often a choice in a server's. */
export type Side = 'client' | 'server';

export interface Extensions {
  /** Bytes (RFC 6066 §4). */
  maxFragmentLength?: number;
  groups?: readonly number[];
  pointFormats?: readonly number[];
  signatureAlgorithms?: readonly number[];
  /** Lists in a ClientHello, the one that was chosen in a ServerHello (RFC 7250 §4). */
  clientCertificateTypes?: readonly number[];
  serverCertificateTypes?: readonly number[];
  encryptThenMac?: true;
  extendedMasterSecret?: true;
  /** Bytes of plaintext in a record (RFC 8449). */
  recordSizeLimit?: number;
  /** What the peer is to put into its records; empty = nothing (RFC 9146 §3). */
  connectionId?: Buffer;
  /** RFC 5746: we never renegotiate, so it is always empty. */
  renegotiationInfo?: true;
}

interface ExtensionCodec {
  readonly number: number;
  read(reader: Reader, into: Extensions, side: Side): void;
  /** @returns false when there is nothing to write */
  write(writer: Writer, from: Extensions, side: Side): boolean;
}

/** 2^9 to 2^12 (RFC 6066 §4). */
const FRAGMENT_LENGTHS = [0, 512, 1_024, 2_048, 4_096];
const SMALLEST_RECORD_LIMIT = 64;

/** In the order in which they are written. */
const CODECS: readonly ExtensionCodec[] = [
  {
    number: Extension.MaxFragmentLength,
    read: (reader, into) => {
      const length = FRAGMENT_LENGTHS[reader.uint(1)] ?? 0;
      if (length === 0) reader.fail();
      else into.maxFragmentLength = length;
    },
    write: (writer, { maxFragmentLength }) => {
      if (maxFragmentLength === undefined) return false;
      writer.uint(FRAGMENT_LENGTHS.indexOf(maxFragmentLength), 1);
      return true;
    },
  },
  numberList(Extension.SupportedGroups, 'groups', 2, 2),
  numberList(Extension.EcPointFormats, 'pointFormats', 1, 1),
  numberList(Extension.SignatureAlgorithms, 'signatureAlgorithms', 2, 2),
  certificateTypes(Extension.ClientCertificateType, 'clientCertificateTypes'),
  certificateTypes(Extension.ServerCertificateType, 'serverCertificateTypes'),
  flag(Extension.EncryptThenMac, 'encryptThenMac'),
  flag(Extension.ExtendedMasterSecret, 'extendedMasterSecret'),
  {
    number: Extension.RecordSizeLimit,
    read: (reader, into) => {
      const limit = reader.uint(2);
      if (limit < SMALLEST_RECORD_LIMIT) reader.fail();
      else into.recordSizeLimit = Math.min(limit, LARGEST_PLAINTEXT);
    },
    write: (writer, { recordSizeLimit }) => {
      if (recordSizeLimit === undefined) return false;
      writer.uint(recordSizeLimit, 2);
      return true;
    },
  },
  {
    number: Extension.ConnectionId,
    read: (reader, into) => {
      // A copy: it outlives the datagram.
      into.connectionId = Buffer.from(reader.vector(1, 0, 255));
    },
    write: (writer, { connectionId }) => {
      if (connectionId === undefined) return false;
      writer.vector(1, connectionId);
      return true;
    },
  },
  {
    number: Extension.RenegotiationInfo,
    read: (reader, into) => {
      if (reader.vector(1, 0, 0).length === 0) into.renegotiationInfo = true;
    },
    write: (writer, { renegotiationInfo }) => {
      if (renegotiationInfo === undefined) return false;
      writer.uint(0, 1);
      return true;
    },
  },
];

const BY_NUMBER = new Map(CODECS.map((codec) => [codec.number, codec]));

/** Reads the block of extensions, or its absence, at the end of a hello; fails the reader when they are malformed. */
export function readExtensions(reader: Reader, side: Side): Extensions {
  const found: Extensions = {};
  if (reader.left === 0) return found;
  const block = new Reader(reader.vector(2, 0, 0xffff));
  const seen = new Set<number>();
  while (block.left > 0 && !block.failed) {
    const number = block.uint(2);
    const content = new Reader(block.vector(2, 0, 0xffff));
    if (seen.has(number)) block.fail();
    seen.add(number);
    const codec = BY_NUMBER.get(number);
    if (codec === undefined) continue;
    codec.read(content, found, side);
    if (!content.done) block.fail();
  }
  if (block.failed) reader.fail();
  return found;
}

/** The block with its length; nothing at all when there are no extensions. */
export function writeExtensions(writer: Writer, extensions: Extensions, side: Side): void {
  const block = new Writer();
  for (const codec of CODECS) {
    const content = new Writer(32);
    if (codec.write(content, extensions, side)) block.uint(codec.number, 2).vector(2, content.finish());
  }
  const bytes = block.finish();
  if (bytes.length > 0) writer.vector(2, bytes);
}

type ListName = 'groups' | 'pointFormats' | 'signatureAlgorithms';

function numberList(number: number, name: ListName, lengthBytes: number, width: number): ExtensionCodec {
  return {
    number,
    read: (reader, into) => {
      into[name] = reader.numbers(lengthBytes, width);
    },
    write: (writer, from) => {
      const values = from[name];
      if (values !== undefined) writer.numbers(lengthBytes, width, values);
      return values !== undefined;
    },
  };
}

function certificateTypes(number: number, name: 'clientCertificateTypes' | 'serverCertificateTypes'): ExtensionCodec {
  return {
    number,
    read: (reader, into, side) => {
      into[name] = side === 'client' ? reader.numbers(1, 1) : [reader.uint(1)];
    },
    write: (writer, from, side) => {
      const types = from[name];
      if (types === undefined) return false;
      if (side === 'client') writer.numbers(1, 1, types);
      else writer.uint(types[0] as number, 1);
      return true;
    },
  };
}

function flag(number: number, name: 'encryptThenMac' | 'extendedMasterSecret'): ExtensionCodec {
  return {
    number,
    read: (_reader, into) => {
      into[name] = true;
    },
    write: (_writer, from) => from[name] === true,
  };
}

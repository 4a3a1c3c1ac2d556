import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cipherFrom, ciphersFrom, keyBlockLength } from '../../src/dtls/cipher-keys';
import { parseRecord, plainRecord, RecordHeader, RecordLayer } from '../../src/dtls/record';
import { isCbc, SUITES, type Suite, suiteOf } from '../../src/dtls/suites';
import {
  CLIENT_FINISHED,
  CLIENT_FINISHED_RECORD,
  hex,
  KEY_BLOCK,
  PING,
  PING_RECORD,
  RESET,
  RESET_RECORD,
  SERVER_CID,
  SERVER_FINISHED,
  SERVER_FINISHED_RECORD,
} from './worked-example';

const CCM_8 = suiteOf(0xc0a8) as Suite;
const HANDSHAKE = 22;
const DATA = 23;
const NO_CID = Buffer.alloc(0);

interface Pair {
  readonly client: RecordLayer;
  readonly server: RecordLayer;
}

/** Both ends of one association; the CIDs are those that each end receives. */
function givenPair(suite = CCM_8, encryptThenMac = false, serverCid: Buffer = NO_CID, clientCid: Buffer = NO_CID): Pair {
  const block = suite === CCM_8 ? KEY_BLOCK : Buffer.from(Array.from({ length: keyBlockLength(suite) }, (_, at) => at));
  const keys = ciphersFrom(suite, block, encryptThenMac);
  const again = ciphersFrom(suite, block, encryptThenMac);
  const client = new RecordLayer(64);
  const server = new RecordLayer(64);
  client.writing = keys.client;
  client.reading = keys.server;
  server.writing = again.server;
  server.reading = again.client;
  client.peerCid = server.ownCid = serverCid;
  server.peerCid = client.ownCid = clientCid;
  return { client, server };
}

function open(layer: RecordLayer, record: Buffer): { type: number; content: Buffer } | undefined {
  const header = new RecordHeader();
  if (!parseRecord(record, 0, layer.ownCid.length, header) || !layer.isPlausible(header)) return undefined;
  const content = layer.open(record, header);
  return content === undefined ? undefined : { type: layer.openedType, content };
}

describe('records', () => {
  it('the worked example: protected records with CID from the client, without from the server', () => {
    const { client, server } = givenPair(CCM_8, false, SERVER_CID);
    assert.deepEqual(client.seal(HANDSHAKE, CLIENT_FINISHED), CLIENT_FINISHED_RECORD);
    assert.deepEqual(client.seal(DATA, PING), PING_RECORD);
    assert.deepEqual(server.seal(HANDSHAKE, SERVER_FINISHED), SERVER_FINISHED_RECORD);
    assert.deepEqual(server.seal(DATA, RESET), RESET_RECORD);

    assert.deepEqual(open(server, CLIENT_FINISHED_RECORD), { type: HANDSHAKE, content: CLIENT_FINISHED });
    assert.deepEqual(open(server, PING_RECORD), { type: DATA, content: PING });
    assert.deepEqual(open(client, SERVER_FINISHED_RECORD), { type: HANDSHAKE, content: SERVER_FINISHED });
    assert.deepEqual(open(client, RESET_RECORD), { type: DATA, content: RESET });
  });

  const kinds = SUITES.flatMap((suite) => (isCbc(suite) ? [true, false] : [false]).map((etm) => [suite, etm] as const));
  for (const [suite, encryptThenMac] of kinds) {
    const name = `${suite.name}${encryptThenMac ? ' with encrypt-then-MAC' : ''}`;

    it(`${name}: what one end seals the other opens, with CIDs and without`, () => {
      const cids = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
      const contents = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes));
      fc.assert(
        fc.property(cids, cids, contents, (serverCid, clientCid, content) => {
          const { client, server } = givenPair(suite, encryptThenMac, serverCid, clientCid);
          assert.deepEqual(open(server, client.seal(DATA, content))?.content, content);
          assert.deepEqual(open(client, server.seal(DATA, content))?.content, content);
        }),
        { numRuns: 30 },
      );
    });

    it(`${name}: a record with any byte changed does not open, and marks nothing as seen`, () => {
      const { client, server } = givenPair(suite, encryptThenMac, SERVER_CID);
      const record = client.seal(DATA, PING);
      for (let at = 0; at < record.length; at++) {
        const forged = Buffer.from(record);
        forged[at] = (forged[at] as number) ^ 0x10;
        // The CID is the way to the association and the record is refused there; here it is refused for its tag.
        assert.equal(open(server, forged), undefined, `byte ${at}`);
      }
      for (let length = 0; length < record.length; length++) assert.equal(open(server, record.subarray(0, length)), undefined);
      assert.equal(server.window.top, -1);
      assert.deepEqual(open(server, record)?.content, PING);
    });

    it(`${name}: keys stored and read again are the same`, () => {
      const { client, server } = givenPair(suite, encryptThenMac);
      const material = server.reading?.material() as Buffer;
      server.reading = cipherFrom(suite, material, encryptThenMac);
      assert.deepEqual(open(server, client.seal(DATA, PING))?.content, PING);
    });
  }

  it('replay-record: a record opens once', () => {
    const { client, server } = givenPair();
    const record = client.seal(DATA, PING);
    assert.ok(open(server, record));
    assert.equal(open(server, record), undefined);
  });

  it('empty-ccm-record: never accepted, with whatever tag', () => {
    const { client, server } = givenPair();
    const record = client.seal(DATA, Buffer.alloc(0));
    assert.equal(open(server, record), undefined, 'not even with the right one');
    record[record.length - 1] = (record[record.length - 1] as number) ^ 1;
    assert.equal(open(server, record), undefined);
    assert.equal(server.window.top, -1);
  });

  it('gcm-short-tag: a record with four bytes of its tag does not open', () => {
    const { client, server } = givenPair(suiteOf(0x00a8));
    const record = client.seal(DATA, Buffer.alloc(40, 7));
    const cut = Buffer.from(record.subarray(0, record.length - 12));
    cut.writeUInt16BE(cut.length - 13, 11);
    assert.equal(open(server, cut), undefined);
  });

  it('gcm-no-early-plaintext: nothing of a forged record comes out', () => {
    const { client, server } = givenPair(suiteOf(0x00a8));
    const record = client.seal(DATA, Buffer.alloc(40, 7));
    record[record.length - 1] = (record[record.length - 1] as number) ^ 1;
    assert.equal(open(server, record), undefined);
  });

  it('cbc-padding-oracle: bad padding and bad MAC end the same, both ways of MAC', () => {
    for (const encryptThenMac of [true, false]) {
      const { client, server } = givenPair(suiteOf(0x00ae), encryptThenMac);
      const record = client.seal(DATA, Buffer.alloc(64, 7));
      const outcomes = Array.from({ length: 256 }, (_, value) => {
        const forged = Buffer.from(record);
        // The last byte of the block before the last is XORed onto the length of the padding.
        const at = record.length - 17 - (encryptThenMac ? 32 : 0);
        forged[at] = (forged[at] as number) ^ value;
        return value === 0 ? undefined : open(server, forged);
      });
      assert.deepEqual(new Set(outcomes), new Set([undefined]));
      assert.ok(open(server, record));
    }
  });

  it('a padded inner plaintext loses its padding (RFC 9146 §4); without a type it is dropped', () => {
    const { client, server } = givenPair(CCM_8, false, SERVER_CID);
    const padded = (inner: Buffer): Buffer => {
      // What `seal` would do with another type and padding: type and padding are the end of the content.
      const record = client.seal(inner[inner.length - 1] as number, inner.subarray(0, -1));
      return record;
    };
    assert.deepEqual(open(server, padded(hex('4000000117000000'))), { type: DATA, content: PING });
    assert.equal(open(server, padded(hex('0000000000'))), undefined, 'no type');
    assert.equal(open(server, padded(hex('4000000114'))), undefined, 'ChangeCipherSpec inside');
    assert.equal(open(server, padded(hex('4000000119'))), undefined, 'a CID record inside');
  });

  it('cid-classic-type-after-negotiation: records without CID are nobody’s where one was agreed on, and the other way round', () => {
    const withCid = givenPair(CCM_8, false, SERVER_CID);
    const without = givenPair();
    assert.equal(open(withCid.server, without.client.seal(DATA, PING)), undefined);
    assert.equal(open(without.server, withCid.client.seal(DATA, PING)), undefined);
  });

  it('cid-truncated: a record shorter than its CID is no record', () => {
    for (let length = 0; length < 22; length++) {
      assert.equal(parseRecord(PING_RECORD.subarray(0, length), 0, 8, new RecordHeader()), false);
    }
  });

  it('the nonce is the record’s own: a peer may begin anywhere (OpenSSL with GCM)', () => {
    const { client, server } = givenPair(suiteOf(0x00a8));
    const cipher = client.writing;
    const record = Buffer.alloc(13 + 8 + PING.length + 16);
    hex('17fefd0001000000000000').copy(record);
    record.writeUInt16BE(record.length - 13, 11);
    cipher?.seal(hex('000100000000000017fefd0004'), hex('a1b2c3d4e5f60718'), PING, record, 13);
    assert.deepEqual(open(server, record)?.content, PING);
  });

  it('parsing never throws, and never sees a record beyond the datagram', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.integer({ min: 0, max: 20 }), (bytes, cidLength) => {
        const header = new RecordHeader();
        if (!parseRecord(Buffer.from(bytes), 0, cidLength, header)) return;
        assert.ok(header.end <= bytes.length && header.fragmentAt < header.end);
      }),
    );
    const plain = plainRecord(HANDSHAKE, 5, PING);
    const header = new RecordHeader();
    assert.ok(parseRecord(plain, 0, 0, header));
    assert.deepEqual([header.type, header.epoch, header.sequence, header.end], [HANDSHAKE, 0, 5, plain.length]);
  });
});

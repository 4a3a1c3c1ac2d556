/** The frames of RFC 8323 §3.2. Vectors: the worked lengths of the text, and messages of RFC 7252 written both ways. */
import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import fc from 'fast-check';
import { MessageType, MessageWriter, parseMessage } from '../../../src/coap/message';
import { FrameReader, frameOf } from '../../../src/coap/transports/tcp-framing';
import { hex } from './frames';

const LARGEST = 1024 * 1024;

/** A message of RFC 7252: NON, message ID 0, 2.05, without a token, whose options and payload take `length` bytes. */
function messageOf(length: number): Buffer {
  const body = Buffer.alloc(length, 0x61);
  if (length > 0) body[0] = 0xff;
  return Buffer.concat([hex('50 45 00 00'), body]);
}

function all(reader: FrameReader): unknown[] {
  const found: unknown[] = [];
  for (let message = reader.next(); message !== undefined; message = reader.next()) {
    found.push(message);
    if (typeof message === 'string') break;
  }
  return found;
}

describe('a frame of CoAP over TCP', () => {
  const HEADS: readonly (readonly [length: number, head: string])[] = [
    [0, '00 45'],
    [12, 'c0 45'],
    [13, 'd0 00 45'],
    [268, 'd0 ff 45'],
    [269, 'e0 00 00 45'],
    [65_804, 'e0 ff ff 45'],
    [65_805, 'f0 00 00 00 00 45'],
    [70_000, 'f0 00 00 10 63 45'],
  ];
  for (const [length, head] of HEADS) {
    it(`begins with ${head} where ${length} bytes follow the token`, () => {
      const message = messageOf(length);
      const frame = frameOf(message);
      const start = hex(head);
      assert.deepEqual(frame.subarray(0, start.length), start);
      assert.equal(frame.length, start.length + length);
      const reader = new FrameReader(LARGEST);
      reader.add(frame);
      assert.deepEqual(reader.next(), message);
      assert.equal(reader.next(), undefined);
    });
  }

  it('carries the Register that over UDP is a confirmable message', () => {
    const options = 'b27264 1128 3765703d64657631 056c743d3630 03623d55 ff 3c2f332f303e';
    const frame = frameOf(hex(`5402 0000 a1b2c3d4 ${options}`));
    assert.deepEqual(frame, hex(`d4 11 02 a1b2c3d4 ${options}`));
  });

  it('has a token of up to eight bytes', () => {
    const frame = hex('18 45 0102030405060708 c0');
    const reader = new FrameReader(LARGEST);
    reader.add(frame);
    assert.deepEqual(reader.next(), hex('58 45 0000 0102030405060708 c0'));
  });
});

describe('reading frames', () => {
  it('waits for the rest, and says how much it holds and expects', () => {
    const reader = new FrameReader(LARGEST);
    reader.add(hex('d4 11'));
    assert.equal(reader.next(), undefined);
    assert.equal(reader.expected, 0);
    reader.add(hex('02 a1b2c3d4'));
    assert.equal(reader.next(), undefined);
    assert.equal(reader.expected, 3 + 4 + 30);
    assert.ok(reader.held >= 7 && reader.held <= 64);
    reader.add(Buffer.alloc(30, 0xc0));
    assert.ok(Buffer.isBuffer(reader.next()));
    assert.equal(reader.next(), undefined);
    assert.equal(reader.held, 0);
    assert.equal(reader.expected, 0);
  });

  it('hands out copies: what was read does not change with the buffer it came in', () => {
    const chunk = hex('00 45 00 44');
    const reader = new FrameReader(LARGEST);
    reader.add(chunk);
    const message = reader.next();
    chunk.fill(0);
    assert.deepEqual(message, hex('50 45 00 00'));
  });

  for (const tokenLength of [9, 12, 15]) {
    it(`refuses a token of ${tokenLength} bytes`, () => {
      const reader = new FrameReader(LARGEST);
      reader.add(Buffer.from([tokenLength]));
      assert.equal(reader.next(), 'token-length');
    });
  }

  it('refuses a length beyond its limit as soon as the length is known, and keeps nothing for it', () => {
    const reader = new FrameReader(1_000);
    reader.add(hex('f0 ff ff ff ff 02'));
    assert.equal(reader.next(), 'too-large');
    assert.ok(reader.held <= 6);
  });

  it('takes the largest message and refuses one byte more', () => {
    for (const [length, taken] of [
      [1_000, true],
      [1_001, false],
    ] as const) {
      const reader = new FrameReader(1_000);
      reader.add(frameOf(messageOf(length)));
      assert.equal(Buffer.isBuffer(reader.next()), taken, `${length}`);
    }
  });

  it('reads 1,000 messages from one piece', () => {
    const frames = Array.from({ length: 1_000 }, (_, index) => frameOf(messageOf(index % 300)));
    const reader = new FrameReader(LARGEST);
    reader.add(Buffer.concat(frames));
    assert.equal(all(reader).length, 1_000);
  });

  it('holds no more than twice a message that comes byte by byte, and copies it a bounded number of times', () => {
    const message = messageOf(300_000);
    const frame = frameOf(message);
    const reader = new FrameReader(LARGEST);
    for (let at = 0; at < frame.length - 1; at++) {
      reader.add(frame.subarray(at, at + 1));
      assert.equal(reader.next(), undefined);
      if (reader.held > 2 * (at + 1)) assert.fail(`${reader.held} bytes held for ${at + 1}`);
    }
    reader.add(frame.subarray(frame.length - 1));
    assert.deepEqual(reader.next(), message);
  });

  it('does not keep a large piece alive for the few bytes at its end', () => {
    const reader = new FrameReader(LARGEST);
    reader.add(Buffer.concat([frameOf(messageOf(60_000)), hex('e0')]));
    assert.equal(all(reader).length, 1);
    assert.ok(reader.held <= 2);
  });
});

describe('for any messages', () => {
  const writer = new MessageWriter();
  const message = fc
    .record({
      code: fc.constantFrom(0x01, 0x02, 0x05, 0x45, 0x84, 0xe1),
      token: fc.uint8Array({ maxLength: 8 }),
      path: fc.array(fc.string({ maxLength: 20 }), { maxLength: 5 }),
      payload: fc.uint8Array({ maxLength: 2_000 }),
    })
    .map(({ code, token, path, payload }) =>
      writer.begin(MessageType.NonConfirmable, code, 0, token).strings(11, path).payload(payload).finish(),
    );

  it('reads what was written, however it is cut into pieces', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }),
        (sent, cuts) => {
          const stream = Buffer.concat(sent.map(frameOf));
          const reader = new FrameReader(LARGEST);
          const read: unknown[] = [];
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const size = cuts[turn % cuts.length] as number;
            reader.add(Buffer.from(stream.subarray(at, at + size)));
            read.push(...all(reader));
            at += size;
          }
          assert.deepEqual(read, sent);
          assert.equal(reader.held, 0);
        },
      ),
    );
  });

  it('survives any bytes: messages of the form of RFC 7252, a fault, or a wait, and never more memory than twice what came', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (chunks) => {
        const reader = new FrameReader(4_096);
        let arrived = 0;
        for (const chunk of chunks) {
          reader.add(Buffer.from(chunk));
          arrived += chunk.length;
          for (const found of all(reader)) {
            if (typeof found === 'string') return;
            const parsed = parseMessage(found as Buffer);
            assert.ok(typeof parsed === 'number' || (parsed.messageId === 0 && parsed.type === MessageType.NonConfirmable));
          }
          assert.ok(reader.held <= 2 * arrived);
        }
      }),
    );
  });

  it('is never led to a message by random bytes that is larger than the limit', () => {
    const bytes = randomFillSync(Buffer.alloc(200_000));
    const reader = new FrameReader(64);
    reader.add(bytes);
    for (const found of all(reader)) assert.ok(typeof found === 'string' || (found as Buffer).length <= 4 + 8 + 64);
  });
});

/** The codec: worked bytes both ways, every rule of RFC 7252 §3 and its malformed twins, and properties. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Code } from '../../src/coap/codes';
import { DROP, emptyMessage, Message, MessageType, MessageWriter, parseMessage } from '../../src/coap/message';
import { ContentFormat, Option } from '../../src/coap/options';
import { type DatagramSpec, datagram, hex } from './datagram';

function parsed(bytes: Buffer | string): Message {
  const message = parseMessage(typeof bytes === 'string' ? hex(bytes) : bytes);
  assert.ok(message instanceof Message, `expected a message, got ${String(message)}`);
  return message;
}

const TOKEN = hex('a1b2c3d4');

/** Bytes worked out by hand from RFC 7252 §3, RFC 7641 §2, RFC 7959 §2.1, RFC 9175 §2.2 and §3.2. */
const GOLDEN: readonly { readonly title: string; readonly bytes: string; readonly spec: DatagramSpec }[] = [
  {
    title: 'a Register with link-format payload',
    bytes: '44021234 a1b2c3d4 b27264 1128 3765703d64657631 056c743d3630 03623d55 ff 3c2f332f303e',
    spec: {
      code: Code.Post,
      messageId: 0x1234,
      token: TOKEN,
      options: [
        [Option.UriPath, 'rd'],
        [Option.ContentFormat, ContentFormat.LinkFormat],
        [Option.UriQuery, 'ep=dev1'],
        [Option.UriQuery, 'lt=60'],
        [Option.UriQuery, 'b=U'],
      ],
      payload: '</3/0>',
    },
  },
  {
    title: 'its piggybacked answer with two Location-Path segments',
    bytes: '64411234 a1b2c3d4 827264 0137',
    spec: {
      type: MessageType.Acknowledgement,
      code: Code.Created,
      messageId: 0x1234,
      token: TOKEN,
      options: [
        [Option.LocationPath, 'rd'],
        [Option.LocationPath, '7'],
      ],
    },
  },
  {
    title: 'an Observe request, whose zero is an option without bytes',
    bytes: '44012001 01020304 60 5133 0130 0139 622d16',
    spec: {
      code: Code.Get,
      messageId: 0x2001,
      token: hex('01020304'),
      options: [
        [Option.Observe, 0],
        [Option.UriPath, '3'],
        [Option.UriPath, '0'],
        [Option.UriPath, '9'],
        [Option.Accept, ContentFormat.Tlv],
      ],
    },
  },
  {
    title: 'Echo, an option number that needs one extension byte',
    bytes: '64811234 a1b2c3d4 d8ef 0102030405060708',
    spec: {
      type: MessageType.Acknowledgement,
      code: Code.Unauthorized,
      messageId: 0x1234,
      token: TOKEN,
      options: [[Option.Echo, hex('0102030405060708')]],
    },
  },
  {
    title: 'Block1 and Request-Tag after Content-Format',
    bytes: '40031234 c0 d1020e d1fc01',
    spec: {
      code: Code.Put,
      messageId: 0x1234,
      options: [
        [Option.ContentFormat, ContentFormat.Text],
        [Option.Block1, 0x0e],
        [Option.RequestTag, hex('01')],
      ],
    },
  },
  { title: 'a ping', bytes: '4000beef', spec: { code: Code.Empty, messageId: 0xbeef } },
];

describe('the codec', () => {
  describe('with worked bytes', () => {
    for (const { title, bytes, spec } of GOLDEN) {
      it(`writes ${title}`, () => assert.equal(datagram(spec).toString('hex'), hex(bytes).toString('hex')));

      it(`reads ${title}`, () => {
        const message = parsed(bytes);
        assert.equal(message.type, spec.type ?? MessageType.Confirmable);
        assert.equal(message.code, spec.code);
        assert.equal(message.messageId, spec.messageId);
        assert.deepEqual(Buffer.from(message.token), Buffer.from(spec.token ?? []));
        assert.equal(message.payload.toString(), spec.payload ?? '');
        const numbers = message.options.filter((_value, index) => index % 3 === 0);
        assert.deepEqual(
          numbers,
          (spec.options ?? []).map(([number]) => number),
        );
        for (const [number, value] of spec.options ?? []) {
          if (typeof value === 'number') assert.equal(message.uint(number), value);
          else if (typeof value === 'string') assert.ok(message.strings(number).includes(value));
          else assert.deepEqual(message.opaque(number), value);
        }
      });
    }
  });

  describe('refuses what is no message', () => {
    const DROPPED = {
      'an empty datagram': '',
      'three bytes': '400112',
      'version 0': '00011234',
      'version 2': '80011234',
      'version 3': 'c0011234',
    };
    for (const [title, bytes] of Object.entries(DROPPED)) {
      it(`drops ${title} without an answer`, () => assert.equal(parseMessage(hex(bytes)), DROP));
    }

    /** The first byte lacks its type, which is set below; all are message format errors (RFC 7252 §3, §4.2, §4.3). */
    const MALFORMED: Readonly<Record<string, string>> = {
      'token length 9': '4901beef 010203040506070809',
      'token length 15': '4f01beef 0102030405060708090a0b0c0d0e0f',
      'a token past the end': '4401beef 0102',
      'option delta 15': '4001beef f0',
      'option length 15': '4001beef 1f',
      'an option past the end': '4001beef b5 7264',
      'a missing extension of delta': '4001beef d0',
      'a missing extension of length': '4001beef 0d',
      'half an extension of delta': '4001beef e001',
      'half an extension of length': '4001beef 0e01',
      'a payload marker followed by nothing': '4001beef ff',
      'an empty message with a token': '4100beef 01',
      'an empty message with an option': '4000beef b0',
      'an empty message with a payload': '4000beef ff01',
      'code class 1': '4021beef',
      'code class 6': '40c1beef',
      'code class 7': '40e1beef',
      'options numbers beyond 65,535': '4001beef e0ffff e0ffff',
    };
    for (const [title, bytes] of Object.entries(MALFORMED)) {
      it(`asks for a Reset of a confirmable message with ${title}, and drops any other`, () => {
        const confirmable = hex(bytes);
        assert.equal(parseMessage(confirmable), 0xbeef);
        for (const type of [MessageType.NonConfirmable, MessageType.Acknowledgement, MessageType.Reset]) {
          const other = Buffer.from(confirmable);
          other[0] = ((other[0] as number) & 0xcf) | (type << 4);
          assert.equal(parseMessage(other), DROP);
        }
      });
    }
  });

  it('accepts leading zeros in a uint option', () => assert.equal(parsed('4001beef c2 0028').uint(Option.ContentFormat), 40));

  it('reads a maximal option: length in two extension bytes, number 65,535', () => {
    const value = Buffer.alloc(1034, 0x78);
    const message = parsed(datagram({ code: Code.Get, messageId: 1, options: [[65_535, value]] }));
    assert.deepEqual(message.opaque(65_535), value);
  });

  it('turns invalid UTF-8 into a name that matches nothing', () => {
    assert.deepEqual(parsed('4001beef b2 c328').strings(Option.UriPath), ['\ufffd(']);
  });

  it('keeps empty path segments, dots and slashes as they came', () => {
    const segments = ['', '..', '.', 'a/b', '\0', 'ü'.repeat(127)];
    const options = segments.map((segment) => [Option.UriPath, segment] as const);
    assert.deepEqual(parsed(datagram({ code: Code.Get, messageId: 1, options })).strings(Option.UriPath), segments);
  });

  it('refuses to write options out of order', () => {
    const writer = new MessageWriter().begin(MessageType.Confirmable, Code.Get, 1);
    assert.throws(() => writer.uint(Option.Accept, 0).uint(Option.Observe, 0), RangeError);
  });

  it('is not confused by its own last message', () => {
    const writer = new MessageWriter();
    writer.begin(MessageType.Confirmable, Code.Put, 1, TOKEN).uint(Option.Size1, 9).payload(Buffer.alloc(5_000)).finish();
    assert.equal(writer.begin(MessageType.Reset, 0, 2).finish().toString('hex'), '70000002');
  });

  describe('judging options', () => {
    const message = (options: DatagramSpec['options']): Message =>
      parsed(datagram({ code: Code.Get, messageId: 1, ...(options && { options }) }));

    it('reports an unknown critical option', () => assert.equal(message([[65_001, 1]]).dropUnknownOptions(), true));
    it('takes out an unknown elective option and keeps the others in place', () => {
      const one = message([
        [Option.UriPath, 'a'],
        [2_048, 'x'],
        [2_050, 'y'],
      ]);
      assert.equal(one.dropUnknownOptions(), false);
      assert.equal(one.options.length, 3);
      assert.deepEqual(one.strings(Option.UriPath), ['a']);
    });
    it('treats a value of a wrong length as unknown', () => {
      assert.equal(message([[Option.Accept, hex('000001')]]).dropUnknownOptions(), true);
      const elective = message([[Option.ContentFormat, hex('000001')]]);
      assert.equal(elective.dropUnknownOptions(), false);
      assert.equal(elective.uint(Option.ContentFormat), undefined);
    });
    it('counts the second of an option that must not repeat as unknown', () => {
      assert.equal(message([[Option.Accept, 0], [Option.Accept, 0]]).dropUnknownOptions(), true); // biome-ignore format: one row
      const elective = message([[Option.ContentFormat, 40], [Option.ContentFormat, 41]]); // biome-ignore format: one row
      assert.equal(elective.dropUnknownOptions(), false);
      assert.equal(elective.uint(Option.ContentFormat), 40);
      assert.equal(elective.options.length, 3);
    });
    for (const [name, number] of Object.entries({ OSCORE: 9, 'Q-Block1': 19, 'Q-Block2': 31 })) {
      it(`does not know ${name}`, () => assert.equal(message([[number, 1]]).dropUnknownOptions(), true));
    }
  });

  describe('for any message', () => {
    const option = fc.tuple(fc.integer({ min: 1, max: 65_535 }), fc.uint8Array({ maxLength: 300 }));
    const anyMessage = fc.record({
      type: fc.integer({ min: 0, max: 3 }),
      code: fc.oneof(fc.integer({ min: 1, max: 31 }), fc.integer({ min: 64, max: 191 })),
      messageId: fc.integer({ min: 0, max: 65_535 }),
      token: fc.uint8Array({ maxLength: 8 }),
      options: fc.array(option, { maxLength: 12 }).map((list) => list.sort(([a], [b]) => a - b)),
      payload: fc.uint8Array({ maxLength: 1_200 }),
    });

    it('reads back what it wrote', () => {
      fc.assert(
        fc.property(anyMessage, (spec) => {
          const message = parsed(datagram(spec));
          assert.deepEqual([message.type, message.code, message.messageId], [spec.type, spec.code, spec.messageId]);
          assert.deepEqual(Buffer.from(message.token), Buffer.from(spec.token));
          assert.deepEqual(Buffer.from(message.payload), Buffer.from(spec.payload));
          assert.equal(message.options.length, spec.options.length * 3);
          spec.options.forEach(([number, value], index) => {
            const [readNumber, offset = 0, length = 0] = message.options.slice(index * 3, index * 3 + 3);
            assert.equal(readNumber, number);
            assert.deepEqual(Buffer.from(message.bytes.subarray(offset, offset + length)), Buffer.from(value));
          });
        }),
      );
    });

    it('survives every truncation: each is a shorter message or refused', () => {
      fc.assert(
        fc.property(anyMessage, (spec) => {
          const whole = datagram(spec);
          for (let length = 0; length < whole.length; length++) {
            const result = parseMessage(whole.subarray(0, length));
            if (typeof result === 'number') continue;
            for (let at = 1; at < result.options.length; at += 3) {
              assert.ok((result.options[at] as number) + (result.options[at + 1] as number) <= length);
            }
          }
        }),
        { numRuns: 50 },
      );
    });

    it('writes a uint in its shortest form', () => {
      fc.assert(
        fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (value) => {
          const message = parsed(datagram({ code: Code.Get, messageId: 1, options: [[Option.Size1, value]] }));
          assert.equal(message.uint(Option.Size1), value);
          assert.equal(message.options[2], value === 0 ? 0 : Math.floor(Math.log2(value) / 8) + 1);
        }),
      );
    });
  });

  it('writes empty messages of four bytes', () => {
    assert.equal(emptyMessage(MessageType.Reset, 0xbeef).toString('hex'), '7000beef');
    assert.equal(emptyMessage(MessageType.Acknowledgement, 0xbeef).toString('hex'), '6000beef');
  });
});

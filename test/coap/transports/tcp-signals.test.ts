/** Signalling messages of RFC 8323 §5, and those of a real client. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FrameReader } from '../../../src/coap/transports/tcp-framing';
import {
  abortFrame,
  BASE_CAPABILITIES,
  capabilitiesFrame,
  isSignal,
  pingFrame,
  pongFrame,
  readSignal,
  releaseFrame,
} from '../../../src/coap/transports/tcp-signals';
import { hex } from './frames';

function read(frame: Buffer | string, before = BASE_CAPABILITIES) {
  const reader = new FrameReader(1_152);
  reader.add(typeof frame === 'string' ? hex(frame) : frame);
  const message = reader.next();
  assert.ok(Buffer.isBuffer(message));
  assert.ok(isSignal(message));
  return readSignal(message, before);
}

describe('signalling messages', () => {
  it('announce capabilities', () => {
    assert.deepEqual(capabilitiesFrame(65_536), hex('50 e1 23 01 00 00 20'));
  });

  it('tell the capabilities of Anjay, whose CSM has a token', () => {
    assert.deepEqual(read('68 e1 af93ce486dc40672 24 ffffffff 20'), {
      kind: 'capabilities',
      capabilities: { largestMessage: 2 ** 32 - 1, blockwise: true },
    });
  });

  it('leave at its base value what a CSM does not name, and as it was what a later one does not', () => {
    assert.deepEqual(read('00 e1'), { kind: 'capabilities', capabilities: { largestMessage: 1_152, blockwise: false } });
    const before = { largestMessage: 5_000, blockwise: true };
    assert.deepEqual(read('00 e1', before), { kind: 'capabilities', capabilities: before });
    assert.deepEqual(read('30 e1 22 0480', before), {
      kind: 'capabilities',
      capabilities: { largestMessage: 1_152, blockwise: true },
    });
  });

  it('pass over an elective option of a CSM that is not known, and name a critical one', () => {
    assert.equal(read('10 e1 60').kind, 'capabilities');
    assert.deepEqual(read('10 e1 50'), { kind: 'bad-option', number: 5 });
  });

  it('refuse a Max-Message-Size of five bytes', () => {
    assert.deepEqual(read('60 e1 25 0102030405'), { kind: 'bad-option', number: 2 });
  });

  it('ask and answer whether the other is there, with custody only where asked for', () => {
    assert.deepEqual(pingFrame(), hex('00 e2'));
    assert.deepEqual(read('02 e2 0102'), { kind: 'ping', token: hex('0102'), custody: false });
    assert.deepEqual(read('12 e2 0102 20'), { kind: 'ping', token: hex('0102'), custody: true });
    assert.deepEqual(pongFrame(hex('0102'), false), hex('02 e3 0102'));
    assert.deepEqual(pongFrame(hex('0102'), true), hex('12 e3 0102 20'));
    assert.deepEqual(read('00 e3'), { kind: 'pong' });
  });

  it('end a connection in peace, wherever else the peer would have us go', () => {
    assert.deepEqual(releaseFrame(), hex('00 e4'));
    assert.deepEqual(read('40 e4 23 616263'), { kind: 'release' });
  });

  it('end a connection over a fault, with the reason and the option', () => {
    assert.deepEqual(abortFrame('why'), hex('40 e5 ff 776879'));
    assert.deepEqual(abortFrame('why', 5), hex('60 e5 21 05 ff 776879'));
    assert.deepEqual(read('40 e5 ff 776879'), { kind: 'abort', diagnostic: 'why' });
  });

  it('cannot put control characters or a flood into our log', () => {
    const frame = Buffer.concat([hex('d0 f4 e5 ff'), Buffer.from(`\u0007\n${'x'.repeat(254)}`)]);
    const signal = read(frame);
    assert.equal(signal.kind, 'abort');
    assert.match(signal.kind === 'abort' ? signal.diagnostic : '', /^ {2}x{118}$/);
  });

  it('may have codes that are not known', () => {
    assert.deepEqual(read('00 fe'), { kind: 'unknown' });
  });

  it('are malformed where their options are', () => {
    assert.deepEqual(read('10 e1 f0'), { kind: 'malformed' });
    assert.deepEqual(read('10 e1 ff'), { kind: 'malformed' });
  });

  it('survive any bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xff), fc.uint8Array({ maxLength: 60 }), (code, body) => {
        const signal = readSignal(Buffer.concat([Buffer.from([0x50, code, 0, 0]), body]), BASE_CAPABILITIES);
        assert.equal(typeof signal.kind, 'string');
      }),
    );
  });
});

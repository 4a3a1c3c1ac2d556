import assert from 'node:assert/strict';
import { createHash, createSecretKey } from 'node:crypto';
import { extendedMasterSecret, keyBlock, plainMasterSecret, pskPremaster, verifyData } from '../../src/dtls/prf';
import { HANDSHAKE_HEADER } from '../../src/dtls/protocol';
import { Transcript } from '../../src/dtls/transcript';
import {
  CLIENT_FINISHED,
  CLIENT_HELLO,
  CLIENT_KEY_EXCHANGE,
  CLIENT_RANDOM,
  KEY_BLOCK,
  MASTER_SECRET,
  PLAIN_MASTER_SECRET,
  PREMASTER,
  PSK,
  SERVER_FINISHED,
  SERVER_HELLO,
  SERVER_HELLO_DONE,
  SERVER_RANDOM,
  SESSION_HASH,
} from './worked-example';

const FLIGHTS = [CLIENT_HELLO, SERVER_HELLO, SERVER_HELLO_DONE, CLIENT_KEY_EXCHANGE];
const body = (message: Buffer): Buffer => message.subarray(HANDSHAKE_HEADER);

describe('key derivation', () => {
  it('the worked example, from the pre-shared key to both Finished', () => {
    assert.deepEqual(pskPremaster(PSK), PREMASTER);
    assert.deepEqual(createHash('sha256').update(Buffer.concat(FLIGHTS)).digest(), SESSION_HASH);
    const master = extendedMasterSecret(PREMASTER, SESSION_HASH);
    assert.deepEqual(master.export(), MASTER_SECRET);
    assert.deepEqual(keyBlock(master, CLIENT_RANDOM, SERVER_RANDOM, 40), KEY_BLOCK);
    assert.deepEqual(verifyData(master, 'client', SESSION_HASH), body(CLIENT_FINISHED));
    const withFinished = createHash('sha256')
      .update(Buffer.concat([...FLIGHTS, CLIENT_FINISHED]))
      .digest();
    assert.deepEqual(verifyData(master, 'server', withFinished), body(SERVER_FINISHED));
  });

  it('without extended master secret', () => {
    assert.deepEqual(plainMasterSecret(PREMASTER, CLIENT_RANDOM, SERVER_RANDOM).export(), PLAIN_MASTER_SECRET);
  });

  it('the transcript is the messages with their headers, as if they had not been fragmented', () => {
    const transcript = new Transcript();
    for (const message of FLIGHTS) transcript.add(message[0] as number, message.readUInt16BE(4), body(message));
    assert.deepEqual(transcript.bytes(), Buffer.concat(FLIGHTS));
    assert.deepEqual(transcript.hash(), SESSION_HASH);
    transcript.clear();
    assert.equal(transcript.bytes().length, 0);
  });

  it('no secret shows in a dump', () => {
    const dump = JSON.stringify(extendedMasterSecret(PREMASTER, SESSION_HASH)) + String(createSecretKey(PSK));
    assert.ok(!dump.includes(MASTER_SECRET.toString('hex').slice(0, 8)));
  });
});

/** Every datagram that a real device sent, to a living server: a message, and answered as the documents have it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { codeText, isRequest } from '../../src/coap/codes';
import { type Message, MessageType, parseMessage } from '../../src/coap/message';
import { Option } from '../../src/coap/options';
import { ScriptedPeer } from '../coap/world';
import { configured } from '../lwm2m/server/bootstrap-world';
import { givenServer } from '../lwm2m/server/world';

const FOLDER = path.join(__dirname, '../fixtures/captures');
/** Records and frames have tests of their own: test/dtls/captured-handshake.test.ts, anjay-tcp.test.ts. */
const OTHER_LAYERS = ['anjay-dtls.txt', 'anjay-tcp.txt'];
/** What each may be answered: what is not here is answered with success. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  // No firmware is served here.
  '/fw': /^4\.04$/,
};

interface Said {
  readonly fromDevice: boolean;
  readonly hex: string;
  readonly message: Message;
}

function readSaid(file: string): Said[] {
  return readFileSync(path.join(FOLDER, file), 'utf8')
    .split('\n')
    .filter((line) => /^[<>] /.test(line))
    .map((line) => {
      const message = parseMessage(Buffer.from(line.slice(2), 'hex'));
      assert.ok(typeof message !== 'number', `no message: ${line.slice(0, 60)}`);
      return { fromDevice: line.startsWith('<'), hex: line.slice(2), message };
    });
}

describe('every datagram of a recorded device', () => {
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.txt') && !OTHER_LAYERS.includes(name))) {
    it(`${file}: is a message, and a request among them gets its answer`, async () => {
      const said = readSaid(file);
      const ids = said.flatMap(({ fromDevice, message }) => (fromDevice ? [] : message.strings(Option.LocationPath).slice(1)));
      let next = 0;
      const world = await givenServer({ makeId: () => ids[next++] ?? `x${next}`, bootstrap: () => configured() });
      const peer = new ScriptedPeer(world.network, '10.0.0.2', 56830);
      const answers = new Map<string, string>();
      for (const { fromDevice, hex, message } of said) {
        if (!fromDevice) continue;
        const before = peer.inbox.length;
        peer.send(hex);
        await world.settle(20);
        const got = peer.inbox.slice(before).find(({ messageId }) => messageId === message.messageId);
        if (isRequest(message.code)) {
          const uri = `/${message.strings(Option.UriPath).join('/')}`;
          assert.ok(got !== undefined, `${uri} gets an answer`);
          assert.match(codeText(got.code), REFUSED[uri] ?? /^2\./, `${uri} ${hex.slice(0, 60)}`);
          answers.set(uri, codeText(got.code));
        } else if (message.type === MessageType.Confirmable) {
          // Nobody here has observed it: Reset, so that the device ends it (RFC 7641 §3.6).
          assert.equal(got?.type, MessageType.Reset, hex);
        }
      }
      assert.ok(answers.size > 1, 'it asked for something');
      assert.deepEqual(world.problems, []);
    });
  }
});

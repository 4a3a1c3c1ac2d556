import assert from 'node:assert/strict';
import { SystemClock } from '../../../src/clock';
import { TcpTransport } from '../../../src/coap/transports/tcp';
import { UdpTransport } from '../../../src/coap/transports/udp';

const RECEIVER = { received: () => undefined };

describe('a port that is none', () => {
  // Node listens on any free port for NaN, and on 34463 for 99999.
  for (const port of [Number.NaN, 99_999, -1, 5683.5]) {
    it(`${port} is refused by every transport, saying what a port is`, async () => {
      const transports = [
        new UdpTransport({ host: '127.0.0.1', port }),
        new TcpTransport({ listen: { host: '127.0.0.1', port }, clock: new SystemClock() }),
      ];
      for (const transport of transports) {
        await assert.rejects(transport.open(RECEIVER), { code: 'server-unavailable', message: /from 1 to 65535/ });
        await transport.close();
      }
    });
  }
});

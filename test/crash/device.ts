/** The other end of the crash test: devices that notice nothing of the server's deaths, and remember what it has acknowledged. */
import { SystemClock } from '../../src/clock';
import { systemRandom } from '../../src/coap/random';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { UdpTransport } from '../../src/coap/transports/udp';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { AWAKE_MS, CRASH_PARAMETERS, keyOf, SECURED } from './words';

/** A handshake in the middle of which the server dies is begun again soon. */
const HANDSHAKE = { retransmitMs: 100, limits: { handshakeMs: 2_000 } };

/** A device, with what the server has acknowledged to it. */
export class Device {
  readonly client: Lwm2mClient;
  private readonly secure: DtlsTransport | undefined;
  registrations = 0;
  lifetime = 3_000;
  /** Of an Update on its way. */
  asked = 3_000;
  updates = 0;
  readonly executed: string[] = [];

  constructor(
    readonly name: string,
    ports: { readonly plain: number; readonly secure: number },
    queueMode: boolean,
  ) {
    const isSecured = SECURED.includes(name);
    this.secure = isSecured ? secured(name) : undefined;
    const objects = new ObjectTree({ version: '1.1' });
    objects.add(
      3,
      0,
      { 0: 'Fleetweave', 15: 'UTC' },
      { 4: { execute: (text) => void this.executed.push(JSON.stringify([...text])) } },
    );
    objects.add(3303, 0, { 5700: 0 });
    this.client = new Lwm2mClient({
      endpoint: name,
      server: { host: '127.0.0.1', port: isSecured ? ports.secure : ports.plain },
      ...(this.secure !== undefined && { transport: this.secure }),
      objects,
      lifetime: this.lifetime,
      queueMode,
      awakeMs: AWAKE_MS,
      parameters: CRASH_PARAMETERS,
      confirmableNotifications: true,
    });
    this.client.events.on('registered', () => {
      this.registrations++;
    });
    this.client.events.on('updated', () => {
      this.updates++;
      this.lifetime = this.asked;
    });
  }

  /** Handshakes that came to their end; 0 without DTLS. */
  get handshakes(): number {
    return this.secure?.endpoint.counters.handshakes ?? 0;
  }

  /** Updates with another lifetime, once the Update before is acknowledged. */
  update(): void {
    if (this.registrations === 0 || this.asked !== this.lifetime) return;
    this.asked++;
    this.client.setValue('/1/0/1', this.asked);
  }
}

function secured(name: string): DtlsTransport {
  return new DtlsTransport({
    carrier: new UdpTransport({ host: '127.0.0.1', port: 0 }),
    clock: new SystemClock(),
    random: (length) => systemRandom.bytes(length),
    credentials: {},
    serve: false,
    connectWith: () => ({ psk: { identity: name, key: keyOf(name) } }),
    ...HANDSHAKE,
  });
}

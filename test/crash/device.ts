/** The other end of the crash test: devices that notice nothing of the server's deaths, and remember what it has acknowledged. */
import type { Clock } from '../../src/clock';
import { type Random, systemRandom } from '../../src/coap/random';
import type { Transport } from '../../src/coap/transport';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { AWAKE_MS, CRASH_PARAMETERS, keyOf, SECURED } from './words';

/** A handshake in the middle of which the server dies is begun again soon. */
const HANDSHAKE = { retransmitMs: 100, limits: { handshakeMs: 2_000 } };

export interface DeviceWorld {
  readonly clock: Clock;
  /** Where the server is met, without DTLS and with it. */
  readonly host: string;
  readonly plain: number;
  readonly secure: number;
  /** A socket of its own for a device. */
  carrier(device: string): Transport;
  readonly random?: Random;
}

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
    world: DeviceWorld,
    queueMode: boolean,
  ) {
    const { clock, host, random = systemRandom } = world;
    const isSecured = SECURED.includes(name);
    const carrier = world.carrier(name);
    if (isSecured) {
      this.secure = new DtlsTransport({
        carrier,
        clock,
        random: (length) => random.bytes(length),
        credentials: {},
        serve: false,
        connectWith: () => ({ psk: { identity: name, key: keyOf(name) } }),
        ...HANDSHAKE,
      });
    }
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
      server: { host, port: isSecured ? world.secure : world.plain },
      transport: this.secure ?? carrier,
      clock,
      random,
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

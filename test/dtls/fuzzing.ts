/**
 * Hostile datagrams by the hundred thousand, most of them close to right: hellos with a good cookie and anything behind it, whole flights
 * with bytes changed, cut, doubled and out of order, and records under the right keys with anything inside. After each batch a device must
 * still connect and be heard, and nothing may have grown.
 */
import { VirtualClock } from '../../src/clock';
import { seededRandom } from '../../src/coap/transports/memory';
import type { Association } from '../../src/dtls/association';
import { Reader } from '../../src/dtls/codec';
import { DtlsEndpoint } from '../../src/dtls/dtls';
import { readHelloVerifyRequest, writeClientHello } from '../../src/dtls/hello';
import { handshakeMessage } from '../../src/dtls/messages';
import { fingerprint } from '../../src/dtls/raw-key';
import { readFragment } from '../../src/dtls/reassembly';
import { plainRecord } from '../../src/dtls/record';
import type { Credentials } from '../../src/dtls/settings';
import { CLIENT_RANDOM, IDENTITY, PSK } from './worked-example';
import { rawKeyPair } from './world';

const SERVER = '10.0.0.1';
const PORT = 5684;
const BATCH = 500;
const LIMITS = { associations: 50, halfOpen: 40, halfOpenPerAddress: 10, sessions: 50, reassemblyBytes: 200_000, lookUps: 20 };

export interface FuzzReport {
  /** Datagrams that came to the server. */
  readonly inputs: number;
  /** Devices that connected and were heard in between. */
  readonly served: number;
  /** How often a datagram got past the cookie, and past the tag. */
  readonly handshakes: number;
  readonly opened: number;
  readonly heapGrowthBytes: number;
}

type Random = () => number;

interface Wire {
  readonly datagram: Buffer;
  readonly address: string;
  readonly port: number;
}

class Fuzzer {
  readonly clock = new VirtualClock();
  readonly server: DtlsEndpoint;
  served = 0;
  handshakes = 0;
  opened = 0;
  private readonly random: Random;
  private readonly serverKey = rawKeyPair();
  private readonly deviceKey = rawKeyPair();
  /** What the server sent last; to whom does not matter here. */
  private out: Wire[] = [];
  private heard = 0;
  private hosts = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.server = this.endpoint({
      lookupPsk: (identity) => (identity === IDENTITY ? PSK : undefined),
      ...this.rawKeys(this.serverKey, this.deviceKey),
    });
  }

  /** One batch around one honest device. */
  batch(): void {
    const isPsk = this.random() < 0.8;
    this.hellos(BATCH / 5);
    this.flights((BATCH * 2) / 5, isPsk);
    // What was left half open is over by then, and gives room to the honest.
    this.clock.advance(61_000);
    this.records((BATCH * 2) / 5, isPsk);
  }

  /** A device connects, and is heard. */
  serve(isPsk: boolean): { device: DtlsEndpoint; at: string; sent: Buffer[] } {
    const at = this.host();
    const { device, sent } = this.device(isPsk);
    device.connect(SERVER, PORT, isPsk ? { psk: { identity: IDENTITY, key: PSK } } : {});
    this.exchange(device, sent, at);
    const heard = this.heard;
    this.sendData(device, Buffer.from('honest'), at, sent);
    if (this.heard === heard) throw new Error('an honest device is not served any more');
    this.served++;
    return { device, at, sent };
  }

  check(): void {
    const held = this.server.held();
    const isBounded =
      held.associations <= LIMITS.associations &&
      held.handshakes <= LIMITS.halfOpen &&
      held.sessions <= LIMITS.sessions &&
      held.reassemblyBytes <= LIMITS.reassemblyBytes &&
      held.timers <= LIMITS.halfOpen;
    if (!isBounded) throw new Error(`grew: ${JSON.stringify(held)}`);
  }

  /** Hellos with anything in them, each with the cookie it was given. */
  private hellos(count: number): void {
    const valid = writeClientHello({
      version: 0xfefd,
      random: CLIENT_RANDOM,
      sessionId: Buffer.alloc(0),
      cookie: Buffer.alloc(0),
      suites: [0xc0a8, 0xc0ae, 0xff],
      extensions: { extendedMasterSecret: true, connectionId: Buffer.alloc(4), groups: [23], clientCertificateTypes: [2] },
    });
    for (let index = 0; index < count; index++) {
      const at = this.host();
      const body = this.mutated(valid);
      this.receive(plainRecord(22, 0, handshakeMessage(1, 0, body)), at);
      const verify = this.out[0]?.datagram;
      const fragment = verify === undefined ? undefined : readFragment(new Reader(verify, 13));
      const cookie = fragment?.type === 3 ? readHelloVerifyRequest(fragment.bytes) : undefined;
      // version, random, session id; then the cookie takes the place of the empty one.
      const cookieAt = 35 + (body[34] ?? 0);
      if (cookie === undefined || body.length <= cookieAt) continue;
      const answered = Buffer.concat([
        body.subarray(0, cookieAt),
        Buffer.from([cookie.length]),
        cookie,
        body.subarray(cookieAt + 1),
      ]);
      const handshakes = this.server.held().handshakes + this.server.counters.handshakesFailed;
      this.receive(plainRecord(22, 1, handshakeMessage(1, 1, answered)), at);
      if (this.server.held().handshakes + this.server.counters.handshakesFailed > handshakes) this.handshakes++;
    }
  }

  /** Flights of an honest device, changed on the way; the server's answers change on their way back. */
  private flights(count: number, isPsk: boolean): void {
    for (let sent = 0; sent < count; ) {
      const { device, sent: fromDevice } = this.device(isPsk);
      device.connect(SERVER, PORT, isPsk ? { psk: { identity: IDENTITY, key: PSK } } : {});
      const helloCount = 2;
      let seen = 0;
      this.exchange(device, fromDevice, this.host(), (datagram) => {
        seen++;
        // The hellos pass, or nothing behind them would be tried.
        const copies = seen > helloCount ? 1 + Math.floor(this.random() * 12) : 1;
        sent += copies;
        return Array.from({ length: copies }, (_, copy) =>
          seen > helloCount && copy < copies - 1 ? this.mutated(datagram) : datagram,
        );
      });
      device.stop(false);
    }
  }

  /** Records under the right keys with anything inside, and right records with anything changed. */
  private records(count: number, isPsk: boolean): void {
    const { device, at, sent } = this.serve(isPsk);
    const [association] = device.associationsOf(isPsk ? IDENTITY : 'peer') as Association[];
    if (association === undefined) throw new Error('no association');
    const handshake = handshakeMessage(1, 7, Buffer.alloc(40));
    const contents = [
      Buffer.from([1, 90]),
      handshake,
      handshakeMessage(20, 3, Buffer.alloc(12)),
      Buffer.from('data'),
      Buffer.from([1]),
    ];
    for (let index = 0; index < count; index++) {
      const content = this.mutated(contents[Math.floor(this.random() * contents.length)] as Buffer);
      const type = this.random() < 0.7 ? 20 + Math.floor(this.random() * 6) : Math.floor(this.random() * 256);
      // A close or a fatal alert would end the batch early.
      const isEnd = type === 21 && (content[0] === 2 || content[1] === 0);
      if (content.length === 0 || isEnd) continue;
      const record = association.records.seal(type, content);
      const refused = this.refused();
      this.receive(this.random() < 0.5 ? record : this.mutated(record), at);
      if (this.refused() === refused) this.opened++;
    }
    // The forged ones have made its place quiet for a second.
    this.clock.advance(2_000);
    const heard = this.heard;
    this.sendData(device, Buffer.from('after it all'), at, sent);
    if (this.heard === heard) throw new Error('an association did not survive forged records');
    device.stop(false);
  }

  private refused(): number {
    const { forged, replayed, malformed, unknown, quiet } = this.server.counters;
    return forged + replayed + malformed + unknown + quiet;
  }

  /** Carries datagrams between a device and the server until both are silent. */
  private exchange(
    device: DtlsEndpoint,
    fromDevice: Buffer[],
    at: string,
    change?: (datagram: Buffer) => readonly Buffer[],
  ): void {
    for (let round = 0; round < 12 && fromDevice.length > 0; round++) {
      const answers: Buffer[] = [];
      for (const datagram of fromDevice.splice(0)) {
        for (const changed of change?.(datagram) ?? [datagram]) {
          this.receive(changed, at);
          answers.push(...this.out.map((wire) => wire.datagram));
        }
      }
      for (const answer of answers) {
        if (change !== undefined && this.random() < 0.2) device.receive(this.mutated(answer), SERVER, PORT);
        device.receive(answer, SERVER, PORT);
      }
    }
  }

  private sendData(device: DtlsEndpoint, data: Buffer, at: string, sent: Buffer[]): void {
    sent.length = 0;
    for (const { id } of [...device.associationsOf(IDENTITY), ...device.associationsOf('peer')]) device.send(id, data);
    for (const datagram of sent) this.receive(datagram, at);
    sent.length = 0;
  }

  private receive(datagram: Buffer, at: string): void {
    this.out = [];
    this.server.receive(Buffer.from(datagram), at, 40_000);
  }

  /** Bits, bytes, lengths, cuts, doublings, strange numbers. */
  private mutated(bytes: Buffer): Buffer {
    let copy = Buffer.from(bytes);
    for (let change = 0; change <= this.random() * 3; change++) {
      const at = Math.floor(this.random() * copy.length);
      const choice = Math.floor(this.random() * 7);
      if (copy.length === 0) return copy;
      if (choice === 0) copy[at] = (copy[at] as number) ^ (1 << Math.floor(this.random() * 8));
      else if (choice === 1) copy[at] = Math.floor(this.random() * 256);
      else if (choice === 2) copy[at] = [0, 1, 0x7f, 0x80, 0xff][Math.floor(this.random() * 5)] as number;
      else if (choice === 3) copy = copy.subarray(0, at);
      else if (choice === 4) copy = Buffer.concat([copy, copy.subarray(at)]);
      else if (choice === 5) copy = Buffer.concat([copy.subarray(0, at), copy.subarray(Math.min(at + 2, copy.length))]);
      else copy = Buffer.concat([copy.subarray(0, at), Buffer.from([0, 0]), copy.subarray(at)]);
    }
    return copy;
  }

  private device(isPsk: boolean): { device: DtlsEndpoint; sent: Buffer[] } {
    const sent: Buffer[] = [];
    const credentials = isPsk ? {} : this.rawKeys(this.deviceKey, this.serverKey);
    return { device: this.endpoint(credentials, sent), sent };
  }

  private endpoint(credentials: Credentials, sent?: Buffer[]): DtlsEndpoint {
    return new DtlsEndpoint({
      clock: this.clock,
      random: (length) => Buffer.from(Array.from({ length }, () => Math.floor(this.random() * 256))),
      credentials,
      serve: sent === undefined,
      limits: LIMITS,
      transmit: (datagram, address, port) => {
        if (sent === undefined) this.out.push({ datagram, address, port });
        else sent.push(datagram);
      },
      deliver: () => {
        this.heard++;
      },
      onBug: (bug) => {
        throw bug;
      },
    });
  }

  private rawKeys(own: ReturnType<typeof rawKeyPair>, other: ReturnType<typeof rawKeyPair>): Credentials {
    return { ownKey: own.key, lookupRpk: (print) => (print.equals(fingerprint(other.spki)) ? 'peer' : undefined) };
  }

  private host(): string {
    this.hosts = (this.hosts + 1) % 60_000;
    return `10.${1 + (this.hosts >>> 8)}.${this.hosts & 255}.1`;
  }
}

/** @throws Error at the first input that throws, makes anything grow, or ends the service */
export function fuzz(inputs: number, seed: number, progress: (done: number) => void = () => undefined): FuzzReport {
  const fuzzer = new Fuzzer(seed);
  // Once around, so that what is made once is not taken for growth.
  for (let warm = 0; warm < 20; warm++) fuzzer.batch();
  const heapBefore = heap();
  const { counters } = fuzzer.server;
  const first = counters.datagrams;
  for (let done = 0; done < inputs; done = counters.datagrams - first) {
    fuzzer.batch();
    fuzzer.check();
    progress(done);
  }
  return {
    inputs: counters.datagrams - first,
    served: fuzzer.served,
    handshakes: fuzzer.handshakes,
    opened: fuzzer.opened,
    heapGrowthBytes: heap() - heapBefore,
  };
}

/** With --expose-gc what is left after a collection; otherwise a rough figure. */
function heap(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed;
}

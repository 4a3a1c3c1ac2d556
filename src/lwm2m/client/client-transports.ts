/**
 * What a client speaks over: one transport for each scheme it may need. One that may be told its servers by a bootstrap server needs them
 * all, over one socket for datagrams; connections are made when something is sent. Beside them, how it proves itself at each place.
 */
import type { Clock } from '../../clock';
import type { Random } from '../../coap/layer';
import type { Transport } from '../../coap/transport';
import { DtlsTransport } from '../../coap/transports/dtls';
import { SplitDatagrams } from '../../coap/transports/split-datagrams';
import { TcpTransport } from '../../coap/transports/tcp';
import { TlsTransport } from '../../coap/transports/tls';
import { UdpTransport } from '../../coap/transports/udp';
import type { ConnectOptions } from '../../dtls/handshake-client';
import type { Scheme } from './client-options';
import type { Radio } from './radio';

export interface ClientTransportsOptions {
  readonly scheme: Scheme;
  /** Whether others than `scheme` may be needed too. */
  readonly all: boolean;
  /** In place of UDP, or where it is reliable, of TCP. */
  readonly given: Transport | undefined;
  readonly radio: Radio;
  readonly clock: Clock;
  readonly random: Random;
  /** No keys could be agreed on with a server; the reason is for a person. */
  readonly onFailure: (address: string, port: number, reason: string) => void;
}

export class ClientTransports {
  private readonly byScheme = new Map<Scheme, Transport>();
  private readonly proofs = new Map<string, ConnectOptions>();

  constructor(private readonly options: ClientTransportsOptions) {
    const { scheme, all, given } = options;
    const isReliable = given?.reliable ?? scheme.endsWith('+tcp');
    if (all || !isReliable) this.addDatagrams();
    // A network given in place of ours has no connections beside it.
    if (given === undefined ? all || isReliable : isReliable) this.addConnections();
  }

  /** For the message layer; that of the scheme is the first. */
  get all(): [Transport, ...Transport[]] {
    const { scheme } = this.options;
    const others = [...this.byScheme].filter(([name]) => name !== scheme).map(([, transport]) => transport);
    return [this.of(scheme) as Transport, ...others];
  }

  get schemes(): readonly Scheme[] {
    return [...this.byScheme.keys()];
  }

  of(scheme: Scheme): Transport | undefined {
    return this.byScheme.get(scheme);
  }

  /** From now on it proves itself there by this; keys that were agreed on by something else are forgotten. */
  prove(scheme: Scheme, address: string, port: number, proof: ConnectOptions | undefined): void {
    const place = placeKey(scheme, address, port);
    const before = this.proofs.get(place);
    if (before === proof) return;
    if (before !== undefined) this.of(scheme)?.disconnect?.(address, port);
    if (proof === undefined) this.proofs.delete(place);
    else this.proofs.set(place, proof);
  }

  private addDatagrams(): void {
    const { given, radio, scheme, all } = this.options;
    const carrier = radio.over(given ?? new UdpTransport({ port: 0 }));
    if (!all && scheme === 'coap') return this.add('coap', carrier);
    if (!all) return this.add('coaps', this.secured(carrier));
    const { plain, secured } = new SplitDatagrams(carrier);
    this.add('coap', plain);
    this.add('coaps', this.secured(secured));
  }

  private addConnections(): void {
    const { given, radio, clock, scheme, all } = this.options;
    if (all || scheme === 'coap+tcp') this.add('coap+tcp', radio.over(given ?? new TcpTransport({ clock })));
    if (given !== undefined || (!all && scheme !== 'coaps+tcp')) return;
    this.add('coaps+tcp', radio.over(new TlsTransport({ clock, credentials: {}, connectWith: this.proving('coaps+tcp') })));
  }

  private secured(carrier: Transport): DtlsTransport {
    const { clock, random, onFailure } = this.options;
    const transport = new DtlsTransport({
      carrier,
      clock,
      random: (length) => random.bytes(length),
      credentials: {},
      serve: false,
      connectWith: this.proving('coaps'),
    });
    transport.endpoint.events.on('handshake-failed', ({ address, port, reason, text }) => {
      // Those that this side gave up make room for another.
      if (reason !== 'superseded' && reason !== 'stopped') onFailure(address, port, text);
    });
    return transport;
  }

  private add(scheme: Scheme, transport: Transport): void {
    this.byScheme.set(scheme, transport);
  }

  private proving(scheme: Scheme): (address: string, port: number) => ConnectOptions {
    return (address, port) => this.proofs.get(placeKey(scheme, address, port)) ?? {};
  }
}

function placeKey(scheme: Scheme, address: string, port: number): string {
  return `${scheme} ${address} ${port}`;
}

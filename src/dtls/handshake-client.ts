/**
 * The client's side (RFC 5246 §7.3). It says hello until a server answers.
 *
 *   wait-hello ─ PSK ──→ wait-server-key → wait-done ────────────────────────────────────────────┐
 *        ├── ECDHE ────→ wait-certificate → wait-server-key → wait-request → wait-done → look-up ─┤
 *        └── resumption ──────────────────────────────────────────────────────────────────────────┴→ wait-ccs → wait-finished → connected
 */
import { type KeyObject, sign } from 'node:crypto';
import type { Association } from './association';
import type { PeerIdentity } from './association-view';
import { objectionTo, offeredExtensions } from './client-negotiation';
import type { Extensions } from './extensions';
import { type Failure, failure } from './failure';
import { Handshake, type HandshakeState } from './handshake';
import type { HandshakeContext } from './handshake-context';
import { type ClientHello, readHelloVerifyRequest, readServerHello, type ServerHello, writeClientHello } from './hello';
import {
  readCertificateRequest,
  readEcdheServerKeyExchange,
  readPskHint,
  type SignedPoint,
  writeCertificateChain,
  writeCertificateVerify,
  writeClientPoint,
  writePskIdentity,
  writeRawPublicKey,
} from './messages';
import { enabledSuites } from './negotiation';
import { pskPremaster } from './prf';
import {
  Alert,
  CertificateType,
  DTLS_1_2,
  EMPTY_RENEGOTIATION_INFO_SCSV,
  HandshakeType,
  LARGEST_PLAINTEXT,
  RANDOM_BYTES,
} from './protocol';
import { EphemeralKey, publicSpki } from './raw-key';
import type { CompleteMessage } from './reassembly';
import type { Session } from './sessions';
import type { Credentials } from './settings';
import { ShownKey } from './shown-key';
import { isCbc, type KeyExchange, type Suite } from './suites';

const NOTHING = Buffer.alloc(0);
/** A server that keeps asking for cookies is none. */
const MOST_COOKIES = 3;

export interface PskCredential {
  readonly identity: string;
  readonly key: Uint8Array;
}

export interface ConnectOptions {
  /** Ours towards this server. Without it, our own key among the credentials is used. */
  readonly psk?: PskCredential;
  /** In place of the endpoint's. */
  readonly credentials?: Credentials;
}

type Handler = (this: ClientHandshake, message: CompleteMessage) => void;

export class ClientHandshake extends Handshake {
  protected readonly side = 'client';
  private readonly suites: readonly Suite[];
  private hello: ClientHello;
  private cookies = 0;
  private isRequested = false;
  private ownType: number = CertificateType.X509;
  private peerType: number = CertificateType.X509;
  private sessionId: Buffer = NOTHING;
  private shown: ShownKey | undefined = undefined;
  private serverPoint: Buffer | undefined = undefined;

  private static readonly TABLE: Partial<Record<HandshakeState, Readonly<Record<number, Handler>>>> = {
    'wait-hello': {
      [HandshakeType.HelloVerifyRequest]: ClientHandshake.prototype.helloVerifyRequest,
      [HandshakeType.ServerHello]: ClientHandshake.prototype.serverHello,
    },
    'wait-certificate': { [HandshakeType.Certificate]: ClientHandshake.prototype.certificate },
    'wait-server-key': {
      [HandshakeType.ServerKeyExchange]: ClientHandshake.prototype.serverKeyExchange,
      [HandshakeType.ServerHelloDone]: ClientHandshake.prototype.helloDone,
    },
    'wait-request': {
      [HandshakeType.CertificateRequest]: ClientHandshake.prototype.certificateRequest,
      [HandshakeType.ServerHelloDone]: ClientHandshake.prototype.helloDone,
    },
    'wait-done': { [HandshakeType.ServerHelloDone]: ClientHandshake.prototype.helloDone },
  };

  /** @param session to be resumed, if the server still has it; its key in `sessions` is `sessionKey` */
  constructor(
    context: HandshakeContext,
    association: Association,
    private readonly options: ConnectOptions,
    private readonly session: Session | undefined,
    private readonly sessionKey: string,
  ) {
    super(context, association, 0);
    const exchanges = new Set<KeyExchange>([options.psk === undefined ? 'ecdhe-ecdsa' : 'psk']);
    this.suites = enabledSuites(context.settings, exchanges);
    this.clientRandom = context.random(RANDOM_BYTES);
    if (options.psk !== undefined) this.claimed = { security: 'psk', name: options.psk.identity };
    this.hello = {
      version: DTLS_1_2,
      random: this.clientRandom,
      sessionId: session?.id ?? NOTHING,
      cookie: NOTHING,
      suites: [...this.suites.map(({ number }) => number), EMPTY_RENEGOTIATION_INFO_SCSV],
      extensions: this.offer(),
    };
  }

  start(): void {
    this.sayHello();
  }

  protected handler(type: number): Handler | undefined {
    return ClientHandshake.TABLE[this.state]?.[type];
  }

  /** Our CID, if we have one, and the rest of what we offer. */
  private offer(): Extensions {
    const { context, association, suites } = this;
    const { cidLength } = context.settings;
    if (cidLength === undefined) return offeredExtensions(context.credentials, suites, undefined);
    association.records.ownCid = (cidLength > 0 ? context.allotCid(association) : undefined) ?? NOTHING;
    return offeredExtensions(context.credentials, suites, association.records.ownCid);
  }

  private sayHello(): void {
    this.newFlight();
    // HelloVerifyRequest and the hello before it do not count (RFC 6347 §4.2.1).
    this.transcript.clear();
    this.say(HandshakeType.ClientHello, writeClientHello(this.hello));
    this.sendFlight(true);
  }

  private helloVerifyRequest({ body }: CompleteMessage): void {
    const cookie = readHelloVerifyRequest(body);
    if (cookie === undefined) return this.malformed('the HelloVerifyRequest');
    if (++this.cookies > MOST_COOKIES) {
      return this.fail(failure('unexpected-message', 'the server asks for a cookie again and again', Alert.HandshakeFailure));
    }
    this.hello = { ...this.hello, cookie };
    this.sayHello();
  }

  private serverHello(message: CompleteMessage): void {
    const hello = readServerHello(message.body);
    if (hello === undefined) return this.malformed('the ServerHello');
    const suite = this.suites.find(({ number }) => number === hello.suite);
    const resumed = this.isResumedBy(hello) ? this.session : undefined;
    const refusal = objectionTo(hello, suite, this.hello.extensions, resumed, this.context.settings);
    if (refusal !== undefined || suite === undefined) return this.fail(refusal as Failure);
    this.hear(message);
    const { association } = this;
    const { extensions } = hello;
    this.serverRandom = Buffer.from(hello.random);
    this.sessionId = Buffer.from(hello.sessionId);
    association.suite = suite;
    association.extendedMasterSecret = extensions.extendedMasterSecret === true;
    association.encryptThenMac = isCbc(suite) && extensions.encryptThenMac === true;
    association.records.largestContent = extensions.recordSizeLimit ?? extensions.maxFragmentLength ?? LARGEST_PLAINTEXT;
    if (extensions.connectionId === undefined) association.records.ownCid = NOTHING;
    else association.records.peerCid = extensions.connectionId;
    this.ownType = extensions.clientCertificateTypes?.[0] ?? CertificateType.X509;
    this.peerType = extensions.serverCertificateTypes?.[0] ?? CertificateType.X509;
    if (resumed !== undefined) return this.resume(resumed);
    this.state = suite.keyExchange === 'psk' ? 'wait-server-key' : 'wait-certificate';
  }

  private isResumedBy(hello: ServerHello): boolean {
    return this.session !== undefined && hello.sessionId.length > 0 && hello.sessionId.equals(this.session.id);
  }

  private resume({ master, identity }: Session): void {
    this.association.resumed = true;
    this.claimed = identity;
    this.master = master;
    this.makeCiphers();
    this.state = 'wait-ccs';
  }

  private certificate(message: CompleteMessage): void {
    const shown = ShownKey.read(message.body, this.peerType, 'server');
    if (!(shown instanceof ShownKey)) return this.fail(shown);
    this.hear(message);
    this.shown = shown;
    this.state = 'wait-server-key';
  }

  private serverKeyExchange(message: CompleteMessage): void {
    if (this.options.psk !== undefined) {
      if (readPskHint(message.body) === undefined) return this.malformed('the ServerKeyExchange');
      this.hear(message);
      this.state = 'wait-done';
      return;
    }
    const exchange = readEcdheServerKeyExchange(message.body);
    if (exchange === undefined) return this.malformed('the ServerKeyExchange');
    if (!this.isSigned(exchange)) {
      return this.fail(failure('bad-signature', 'the server does not own the key it shows', Alert.DecryptError));
    }
    this.hear(message);
    this.serverPoint = Buffer.from(exchange.point);
    this.state = 'wait-request';
  }

  private isSigned({ parameters, signature }: SignedPoint): boolean {
    return (this.shown as ShownKey).hasSigned(Buffer.concat([this.clientRandom, this.serverRandom, parameters]), signature);
  }

  private certificateRequest(message: CompleteMessage): void {
    const isPossible = readCertificateRequest(message.body);
    if (isPossible === undefined) return this.malformed('the CertificateRequest');
    this.hear(message);
    this.isRequested = true;
    this.state = 'wait-done';
  }

  private helloDone(message: CompleteMessage): void {
    if (message.body.length > 0) return this.malformed('the ServerHelloDone');
    if (this.options.psk === undefined && this.serverPoint === undefined) {
      return this.fail(failure('unexpected-message', 'the server sent no key', Alert.UnexpectedMessage));
    }
    this.hear(message);
    if (this.shown === undefined) this.answer();
    else this.identify(this.shown, () => this.answer());
  }

  /** Our keys, and Finished. */
  private answer(): void {
    const { psk } = this.options;
    this.newFlight();
    const { ownKey } = this.context.credentials;
    if (this.isRequested) this.say(HandshakeType.Certificate, this.ownCertificate());
    if (psk !== undefined) {
      this.say(HandshakeType.ClientKeyExchange, writePskIdentity(Buffer.from(psk.identity)));
      this.derive(pskPremaster(psk.key));
    } else {
      const ephemeral = new EphemeralKey();
      const premaster = ephemeral.agree(this.serverPoint as Buffer);
      if (premaster === undefined) {
        return this.fail(failure('malformed', 'the key of the server is no point of P-256', Alert.IllegalParameter));
      }
      this.say(HandshakeType.ClientKeyExchange, writeClientPoint(ephemeral.point));
      this.derive(premaster);
    }
    if (this.isRequested && ownKey !== undefined) {
      this.say(HandshakeType.CertificateVerify, writeCertificateVerify(sign('sha256', this.transcript.bytes(), ownKey)));
    }
    this.sayFinished();
    this.state = 'wait-ccs';
    this.sendFlight(true);
  }

  private ownCertificate(): Buffer {
    const { ownKey, ownChain } = this.context.credentials;
    if (ownKey === undefined) return writeCertificateChain([]);
    return this.ownType === CertificateType.RawPublicKey
      ? writeRawPublicKey(publicSpki(ownKey))
      : writeCertificateChain(ownChain ?? []);
  }

  protected finished(message: CompleteMessage): void {
    if (!this.isVerified(message.body)) return;
    this.hear(message);
    const { association, context } = this;
    const identity = this.claimed as PeerIdentity;
    if (association.resumed) {
      this.newFlight();
      this.sayFinished();
      this.sendFlight(false);
    } else if (this.sessionId.length > 0 && association.extendedMasterSecret) {
      context.sessions.add(this.sessionKey, {
        id: this.sessionId,
        master: this.master as KeyObject,
        suite: (association.suite as Suite).number,
        encryptThenMac: association.encryptThenMac,
        identity,
        since: context.clock.monotonic(),
      });
    }
    this.establish(identity);
  }

  protected override overdue(): Failure {
    if (this.state === 'wait-hello') {
      const remedy = 'check its host and port, whether it runs, and whether a firewall is between';
      return failure('timeout', `the server does not answer: ${remedy}`);
    }
    // A server that does not know us, or knows another key, says nothing: the same silence as a lost network.
    if (this.state !== 'wait-ccs' || this.options.psk === undefined) return super.overdue();
    return failure(
      'timeout',
      `the server does not answer the Finished: is the key of ${this.options.psk.identity} the right one?`,
    );
  }
}

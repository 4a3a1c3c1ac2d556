/**
 * The server's side (RFC 5246 §7.3, RFC 4279 §2, RFC 8422 §2). It begins with a ClientHello whose cookie is good.
 *
 *   wait-hello ─ PSK ──→ wait-client-key → look-up ─────────────┐
 *        ├── ECDHE ────→ wait-certificate → wait-client-key → wait-verify → look-up ─┤
 *        └── resumption ────────────────────────────────────────┴→ wait-ccs → wait-finished → keeping → connected
 */
import { type KeyObject, sign } from 'node:crypto';
import type { Association } from './association';
import type { PeerIdentity } from './association-view';
import { type Failure, failure } from './failure';
import { Handshake, type HandshakeState } from './handshake';
import type { HandshakeContext } from './handshake-context';
import { type ClientHello, readClientHello, SESSION_ID_BYTES, writeServerHello } from './hello';
import {
  ecdheParameters,
  readCertificateVerify,
  readClientPoint,
  readPskIdentity,
  writeCertificateChain,
  writeCertificateRequest,
  writeEcdheServerKeyExchange,
  writeRawPublicKey,
} from './messages';
import { type Agreement, negotiate } from './negotiation';
import { pskPremaster } from './prf';
import { Alert, CertificateType, DTLS_1_2, HandshakeType, RANDOM_BYTES } from './protocol';
import { EphemeralKey, publicSpki } from './raw-key';
import type { CompleteMessage } from './reassembly';
import { type Session, sessionKey } from './sessions';
import { ShownKey } from './shown-key';

/** What RFC 4279 §5.3 makes everybody support; longer ones are nobody's. */
const LONGEST_IDENTITY = 128;
/** The length of the key that stands in for one that is not there. */
const STAND_IN_KEY_BYTES = 16;
const NOTHING = Buffer.alloc(0);

type Handler = (this: ServerHandshake, message: CompleteMessage) => void;

export class ServerHandshake extends Handshake {
  protected readonly side = 'server';
  private agreement: Agreement | undefined = undefined;
  private ephemeral: EphemeralKey | undefined = undefined;
  private session: Session | undefined = undefined;
  private sessionId: Buffer = NOTHING;
  private shown: ShownKey | undefined = undefined;

  private static readonly TABLE: Partial<Record<HandshakeState, Readonly<Record<number, Handler>>>> = {
    'wait-hello': { [HandshakeType.ClientHello]: ServerHandshake.prototype.hello },
    'wait-certificate': { [HandshakeType.Certificate]: ServerHandshake.prototype.certificate },
    'wait-client-key': { [HandshakeType.ClientKeyExchange]: ServerHandshake.prototype.clientKey },
    'wait-verify': { [HandshakeType.CertificateVerify]: ServerHandshake.prototype.certificateVerify },
  };

  /**
   * @param random of the ClientHello
   * @param firstSequence its message number; @param recordSequence the number of its record: ours go on from there
   */
  constructor(
    context: HandshakeContext,
    association: Association,
    random: Buffer,
    firstSequence: number,
    recordSequence: number,
  ) {
    super(context, association, firstSequence);
    this.clientRandom = Buffer.from(random);
    this.sendSequence = firstSequence;
    association.records.plainSequence = recordSequence;
  }

  /** Is a hello with this random a repeat of the one that began this handshake? */
  isAnswerTo(random: Buffer): boolean {
    return this.clientRandom.equals(random);
  }

  protected handler(type: number): Handler | undefined {
    return ServerHandshake.TABLE[this.state]?.[type];
  }

  private hello(message: CompleteMessage): void {
    const hello = readClientHello(message.body);
    if (hello === undefined) return this.malformed('the ClientHello');
    const { context, association } = this;
    const agreement = negotiate(hello, context.suites, context.settings, context.credentials);
    if ('reason' in agreement) return this.fail(agreement);
    const session = this.resumable(hello, agreement);
    if (session !== undefined && 'reason' in session) return this.fail(session);
    this.hear(message);
    this.agreement = agreement;
    this.session = session;
    this.clientRandom = Buffer.from(hello.random);
    this.serverRandom = context.random(RANDOM_BYTES);
    association.suite = agreement.suite;
    association.extendedMasterSecret = agreement.extendedMasterSecret;
    association.encryptThenMac = agreement.encryptThenMac;
    association.records.largestContent = agreement.largestContent;
    const mayBeResumed = agreement.extendedMasterSecret && context.sessions.enabled;
    this.sessionId = session?.id ?? (mayBeResumed ? context.random(SESSION_ID_BYTES) : NOTHING);
    this.say(
      HandshakeType.ServerHello,
      writeServerHello({
        version: DTLS_1_2,
        random: this.serverRandom,
        sessionId: this.sessionId,
        suite: agreement.suite.number,
        extensions: { ...agreement.extensions, ...this.connectionId(hello) },
      }),
    );
    if (session === undefined) this.offerKeys(agreement);
    else this.resume(session);
  }

  /** RFC 9146 §3: the peer's goes into our records, ours into the peer's. */
  private connectionId({ extensions }: ClientHello): { connectionId?: Buffer } {
    const { association, context } = this;
    if (extensions.connectionId === undefined || context.settings.cidLength === undefined) return {};
    const own = context.allotCid(association);
    if (own === undefined) return {};
    association.records.ownCid = own;
    association.records.peerCid = extensions.connectionId;
    return { connectionId: own };
  }

  /** A session that this hello may resume; a failure where it must not be ignored (RFC 7627 §5.3). */
  private resumable(hello: ClientHello, agreement: Agreement): Session | Failure | undefined {
    if (hello.sessionId.length === 0) return undefined;
    const { sessions, clock } = this.context;
    const session = sessions.find(sessionKey(hello.sessionId), clock.monotonic());
    if (session === undefined) return undefined;
    if (!agreement.extendedMasterSecret) {
      return failure(
        'downgrade',
        'the device resumes a session without the extended master secret it began with',
        Alert.HandshakeFailure,
      );
    }
    const isSame = session.suite === agreement.suite.number && session.encryptThenMac === agreement.encryptThenMac;
    return isSame ? session : undefined;
  }

  private resume(session: Session): void {
    this.association.resumed = true;
    this.claimed = session.identity;
    this.master = session.master;
    this.makeCiphers();
    this.sayFinished();
    this.state = 'wait-ccs';
    this.sendFlight(true);
  }

  private offerKeys({ suite, ownCertificateType }: Agreement): void {
    if (suite.keyExchange === 'psk') this.state = 'wait-client-key';
    else {
      const { ownKey, ownChain } = this.context.credentials;
      const key = ownKey as KeyObject;
      const isRaw = ownCertificateType === CertificateType.RawPublicKey;
      this.say(HandshakeType.Certificate, isRaw ? writeRawPublicKey(publicSpki(key)) : writeCertificateChain(ownChain ?? []));
      this.ephemeral = new EphemeralKey();
      const parameters = ecdheParameters(this.ephemeral.point);
      const signature = sign('sha256', Buffer.concat([this.clientRandom, this.serverRandom, parameters]), key);
      this.say(HandshakeType.ServerKeyExchange, writeEcdheServerKeyExchange(parameters, signature));
      this.say(HandshakeType.CertificateRequest, writeCertificateRequest());
      this.state = 'wait-certificate';
    }
    this.say(HandshakeType.ServerHelloDone, NOTHING);
    this.sendFlight(true);
  }

  /** Only read here: whose key it is, is asked once it proved to own it. */
  private certificate(message: CompleteMessage): void {
    const shown = ShownKey.read(message.body, (this.agreement as Agreement).peerCertificateType, 'device');
    if (!(shown instanceof ShownKey)) return this.fail(shown);
    this.hear(message);
    this.shown = shown;
    this.state = 'wait-client-key';
  }

  private clientKey(message: CompleteMessage): void {
    if (this.ephemeral !== undefined) return this.agree(message, this.ephemeral);
    const bytes = readPskIdentity(message.body);
    if (bytes === undefined) return this.malformed('the ClientKeyExchange');
    const identity = identityText(bytes);
    if (identity === undefined) {
      return this.fail(failure('bad-identity', 'the PSK identity is empty, too long or no UTF-8 text', Alert.IllegalParameter));
    }
    this.hear(message);
    this.claimed = { security: 'psk', name: identity };
    const { credentials } = this.context;
    const { address, port } = this.association;
    this.ask(
      () => credentials.lookupPsk?.(identity, { address, port }),
      (key) => this.pskFound(identity, key),
    );
  }

  /** Known or not: the same messages and the same work (RFC 4279 §2 allows it); the difference is for the operator alone. */
  private pskFound(identity: string, key: Uint8Array | undefined): void {
    const isKnown = key !== undefined && key.length > 0;
    const standIn = this.context.random(STAND_IN_KEY_BYTES);
    this.suspicion = isKnown
      ? failure('wrong-key', `wrong key for identity ${identity}: the device has another than was provisioned here`)
      : failure('unknown-identity', `unknown identity ${identity}: provision it, or correct the device`);
    this.derive(pskPremaster(isKnown ? key : standIn));
    this.state = 'wait-ccs';
  }

  private agree(message: CompleteMessage, ephemeral: EphemeralKey): void {
    const point = readClientPoint(message.body);
    if (point === undefined) return this.malformed('the ClientKeyExchange');
    const premaster = ephemeral.agree(point);
    if (premaster === undefined) {
      return this.fail(failure('malformed', 'the key of the device is no point of P-256', Alert.IllegalParameter));
    }
    this.hear(message);
    this.derive(premaster);
    this.state = 'wait-verify';
  }

  private certificateVerify(message: CompleteMessage): void {
    const signature = readCertificateVerify(message.body);
    const shown = this.shown as ShownKey;
    if (signature === undefined) return this.malformed('the CertificateVerify');
    if (!shown.hasSigned(this.transcript.bytes(), signature)) {
      return this.fail(failure('bad-signature', 'the device does not own the key it shows', Alert.DecryptError));
    }
    this.hear(message);
    this.identify(shown, () => {
      this.state = 'wait-ccs';
    });
  }

  protected finished(message: CompleteMessage): void {
    if (!this.isVerified(message.body)) return;
    this.hear(message);
    const identity = this.claimed as PeerIdentity;
    this.keep(identity, () => {
      if (this.session === undefined) {
        this.newFlight();
        this.sayFinished();
        this.sendFlight(false);
        if (this.sessionId.length > 0) this.remember(identity);
      }
      this.establish(identity);
    });
  }

  private remember(identity: PeerIdentity): void {
    const { sessions, clock } = this.context;
    sessions.add(sessionKey(this.sessionId), {
      id: this.sessionId,
      master: this.master as KeyObject,
      suite: (this.agreement as Agreement).suite.number,
      encryptThenMac: (this.agreement as Agreement).encryptThenMac,
      identity,
      since: clock.monotonic(),
    });
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function identityText(bytes: Buffer): string | undefined {
  if (bytes.length === 0 || bytes.length > LONGEST_IDENTITY) return undefined;
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * The bootstrap interface as the client sees it (LwM2M Core 1.1.1 §6.1):
 *
 *            begin            pack refused or unreadable         2.04
 *   idle ───────────> packing ─────────────────────────> asking ──────> open ──┐ Discover, Read, Write, Delete
 *    ^                   │ 2.05 and consistent             │ error      │  ^    │
 *    │                   v                                 v            │  └────┘
 *    ├─────────────── done <───────────────────── Finish, consistent ───┤
 *    │                                                                  v
 *    └──(begin, later)── waiting <── Finish, inconsistent; EXCHANGE_LIFETIME of silence
 *
 * What is written is kept only from a bootstrap that came to its end: else the tree is as it was.
 */
import type { Clock, Timer } from '../../clock';
import { Code, codeText } from '../../coap/codes';
import type { IncomingRequest } from '../../coap/incoming';
import type { CoapResponse, RequestSpec, ResponseCallback } from '../../coap/layer';
import { accountComplaint, type UsableAccount, usableAccounts } from '../../device/accounts';
import type { ResourceValue } from '../../device/value';
import { asDeviceManagementError, DeviceManagementError } from '../../errors';
import { Backoff, type BackoffRules } from './backoff';
import { BootstrapOperations } from './bootstrap-operations';
import { type BootstrapTarget, unpack } from './bootstrap-writing';
import type { Scheme } from './client-options';
import { connectOptionsOf } from './client-security';
import type { ObjectInstance } from './objects';
import { Refusal } from './refusal';
import { accountAt, placeOf } from './security-object';
import { TreeSnapshot } from './tree-snapshot';

export interface BootstrapOptions extends BootstrapTarget {
  readonly clock: Clock;
  readonly endpoint: string;
  /** Of the servers it can speak to. */
  readonly schemes: readonly Scheme[];
  /** Whether to ask for a pack first (1.2). */
  readonly pack: boolean;
  /** `pct`: the format it is to be written in. */
  readonly preferredFormat: number | undefined;
  /** How long to wait for Finish after the last operation. */
  readonly patienceMs: number;
  readonly backoff: BackoffRules;
  readonly fraction: () => number;
  readonly ask: (spec: RequestSpec, callback: ResponseCallback) => { cancel(): void };
  readonly succeeded: (how: 'sequence' | 'pack', account: UsableAccount) => void;
  readonly failed: (error: DeviceManagementError, retryMs: number) => void;
}

type State = 'idle' | 'packing' | 'asking' | 'open' | 'waiting';

/** LwM2M CBOR would be smaller, yet not every server has it. */
const PACK_FORMAT = 112;
const ACCOUNT_OBJECTS: readonly number[] = [0, 1, 2];

export class Bootstrap {
  private state: State = 'idle';
  private pending: { cancel(): void } | undefined;
  private timer: Timer | undefined;
  private before: TreeSnapshot | undefined;
  private attempt = 0;
  private question = 0;
  private readonly backoff: Backoff;
  private readonly operations: BootstrapOperations;

  constructor(private readonly options: BootstrapOptions) {
    this.backoff = new Backoff(options.backoff, options.fraction);
    this.operations = new BootstrapOperations({
      ...options,
      wall: () => options.clock.wall(),
      complaint: () => this.complaint(),
      finished: (complaint) => this.finished(complaint),
    });
  }

  /** Whether it is asking, being written, or waiting to ask again. */
  get isUnderWay(): boolean {
    return this.state !== 'idle';
  }

  begin(): void {
    this.abandon();
    this.before = new TreeSnapshot(this.options.tree);
    if (this.options.pack) this.askForPack();
    else this.askForSequence();
  }

  /** As `begin`, with growing pauses when one follows another: a server that writes what then fails must not be asked without end. */
  beginAgain(): void {
    if (this.attempt++ === 0) return this.begin();
    this.abandon();
    this.wait(this.backoff.next());
  }

  /** What was written has proved good. */
  settled(): void {
    this.attempt = 0;
    this.backoff.reset();
  }

  /** Ends it without a word, and undoes what was written. */
  abandon(): void {
    const { pending, before } = this;
    this.state = 'idle';
    this.question++;
    this.pending = undefined;
    this.before = undefined;
    this.timer?.cancel();
    pending?.cancel();
    before?.restore();
  }

  /** A request of the bootstrap server. @returns whether it is one of a bootstrap */
  answer(request: IncomingRequest): boolean {
    // Its 2.04 may have been lost on the way: what it asks shows that it was sent.
    if (this.state === 'asking') this.open();
    if (this.state !== 'open') return false;
    this.expectMore();
    this.operations.answer(request);
    return true;
  }

  private askForPack(): void {
    const query = [`ep=${this.options.endpoint}`];
    this.ask('packing', { code: Code.Get, path: ['bspack'], query, accept: PACK_FORMAT }, (response) => {
      // Whatever is wrong with a pack, the sequence remains (LwM2M Core 1.2 §6.1.7.9).
      if (response?.code !== Code.Content || !this.takePack(response)) return this.askForSequence();
      this.done('pack');
    });
  }

  private takePack(response: CoapResponse): boolean {
    try {
      unpack(this.options, response, this.options.clock.wall());
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof DeviceManagementError)) throw error;
      this.undo();
      return false;
    }
    if (this.complaint() === undefined) return true;
    this.undo();
    return false;
  }

  private askForSequence(): void {
    const { endpoint, preferredFormat } = this.options;
    const query = [`ep=${endpoint}`, ...(preferredFormat === undefined ? [] : [`pct=${preferredFormat}`])];
    this.ask('asking', { code: Code.Post, path: ['bs'], query }, (response, error) => {
      if (response === undefined) return this.fail(explained(error));
      if (response.code === Code.Changed) return this.open();
      const reason = response.payload.length === 0 ? '' : `: ${response.payload.toString('utf8', 0, 200)}`;
      const code = codeText(response.code);
      this.fail(new DeviceManagementError(code, `the bootstrap server refused with ${code}${reason}`), response.maxAge);
    });
  }

  private ask(
    state: State,
    spec: RequestSpec,
    answered: (response: CoapResponse | undefined, error: DeviceManagementError | undefined) => void,
  ): void {
    this.state = state;
    const question = ++this.question;
    this.pending = this.options.ask(spec, (error, response) => {
      // An answer to what was abandoned, or after what it announces has begun.
      if (this.question !== question || this.state !== state) return;
      this.pending = undefined;
      answered(response, error);
    });
  }

  private open(): void {
    this.state = 'open';
    this.expectMore();
  }

  private expectMore(): void {
    const { clock, patienceMs } = this.options;
    this.timer?.cancel();
    this.timer = clock.after(patienceMs, () => {
      const seconds = Math.round(patienceMs / 1000);
      this.fail(new DeviceManagementError('timeout', `the bootstrap server fell silent: no Finish within ${seconds} s`));
    });
  }

  private finished(complaint: string | undefined): void {
    if (complaint === undefined) return this.done('sequence');
    this.fail(new DeviceManagementError('4.06', `the bootstrap server wrote what is inconsistent: ${complaint}`));
  }

  private done(how: 'sequence' | 'pack'): void {
    // Kept from now on.
    this.before = undefined;
    this.abandon();
    const account = this.usable();
    if (account !== undefined) this.options.succeeded(how, account);
  }

  private fail(error: DeviceManagementError, maxAge = 0): void {
    this.abandon();
    this.attempt++;
    const retryMs = this.backoff.next(maxAge * 1000);
    this.wait(retryMs);
    this.options.failed(asDeviceManagementError(error), retryMs);
  }

  private wait(ms: number): void {
    this.state = 'waiting';
    this.timer = this.options.clock.after(ms, () => this.begin());
  }

  private undo(): void {
    this.before?.restore();
    this.before = new TreeSnapshot(this.options.tree);
  }

  private complaint(): string | undefined {
    const complaint = accountComplaint(this.accounts());
    if (complaint !== undefined) return complaint;
    return this.usable() === undefined
      ? `there is no server that this device can reach with keys it can use: it speaks ${this.options.schemes.join(', ')}`
      : undefined;
  }

  private usable(): UsableAccount | undefined {
    const { schemes } = this.options;
    return usableAccounts(this.accounts()).find(({ uri, securityInstance }) => {
      const place = placeOf(uri);
      const account = accountAt(this.options.tree, securityInstance);
      return place !== undefined && schemes.includes(place.scheme) && account !== undefined && canProve(account, place.host);
    });
  }

  private accounts(): ResourceValue[] {
    return ACCOUNT_OBJECTS.flatMap((object) =>
      this.options.tree
        .instances(object)
        .flatMap((instance) => instance.present().flatMap((resource) => instance.values(resource))),
    );
  }
}

/** Whether its keys are such as a handshake can use. */
function canProve(account: ObjectInstance, host: string): boolean {
  try {
    connectOptionsOf(account, host, () => 0);
    return true;
  } catch {
    return false;
  }
}

function explained(error: DeviceManagementError | undefined): DeviceManagementError {
  if (error !== undefined && error.code !== 'timeout') return error;
  const text = 'the bootstrap server did not answer: check its host and port, whether it runs, and whether a firewall is between';
  return new DeviceManagementError('timeout', text, { cause: error });
}

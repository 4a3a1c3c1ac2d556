/**
 * The registration interface as the client sees it (LwM2M Core 1.1.1 §6.2):
 *
 *              register              2.01
 *   idle ─────────────────> registering ─────────> registered ──┐ Update: half the lifetime, a change, the server's trigger
 *    ^                         ^  │ refused,          │  ^      │
 *    │ deregister, 2.02        │  │ no answer         │  └──────┘ 2.04
 *    │                         │  v                   │ refused, no answer
 *    └────────── (any) ─── waiting <──────────────────┘ 4.04: registering at once
 *
 * Retransmission is the message layer's; this waits between whole attempts.
 */
import type { Clock, Timer } from '../../clock';
import { Code, codeText, isSuccess } from '../../coap/codes';
import type { CoapResponse, RequestSpec, ResponseCallback } from '../../coap/layer';
import { ContentFormat } from '../../coap/options';
import { DeviceManagementError } from '../../errors';
import type { Events } from '../../events';
import { Backoff, type BackoffRules } from './backoff';
import type { ClientEvents } from './client-events';

export type RegistrationState = 'idle' | 'registering' | 'registered' | 'waiting';

export interface RegistrationOptions {
  readonly clock: Clock;
  readonly endpoint: string;
  readonly version: string;
  /** Letters of the transports, as the Server object has them now: "U". */
  readonly binding: () => string;
  readonly queueMode: boolean;
  /** Seconds, as the Server object has it now. */
  readonly lifetime: () => number;
  readonly objectList: () => string;
  readonly ask: (spec: RequestSpec, timeoutMs: number | undefined, callback: ResponseCallback) => { cancel(): void };
  readonly backoff: BackoffRules;
  readonly fraction: () => number;
  readonly events: Events<ClientEvents>;
  /** A registration begins or has gone: nothing the server set up holds any more. */
  readonly onFresh: (reason: string) => void;
}

/** Of half the lifetime: devices that started together shall not stay together. */
const UPDATE_JITTER = 0.1;
/** Leaving must not take the 93 s that a server which is gone would cost. */
const DEREGISTER_TIMEOUT_MS = 4_000;

export class Registration {
  private current: RegistrationState = 'idle';
  private location: readonly string[] = [];
  private announcedLifetime = 0;
  private announcedObjects = '';
  private pending: { cancel(): void } | undefined;
  private timer: Timer | undefined;
  private updateWanted = false;
  private attempt = 0;
  private readonly backoff: Backoff;

  constructor(private readonly options: RegistrationOptions) {
    this.backoff = new Backoff(options.backoff, options.fraction);
  }

  get state(): RegistrationState {
    return this.current;
  }

  register(): void {
    this.abandon('registering');
    const { endpoint, version } = this.options;
    this.announcedLifetime = this.options.lifetime();
    this.announcedObjects = this.options.objectList();
    this.options.onFresh('the device registers anew');
    this.ask(
      {
        code: Code.Post,
        path: ['rd'],
        query: [`ep=${endpoint}`, `lt=${this.announcedLifetime}`, `lwm2m=${version}`, ...this.bindingQuery()],
        contentFormat: ContentFormat.LinkFormat,
        payload: Buffer.from(this.announcedObjects),
      },
      (response) => {
        if (response.code !== Code.Created) return this.failed(refusalOf('Register', response), response.maxAge);
        this.location = response.locationPath;
        this.settled();
        this.options.events.emit('registered', { location: this.locationText });
      },
    );
  }

  /** Tells the server what changed; what changes while it is told follows. */
  update(): void {
    if (this.current !== 'registered') return;
    if (this.pending !== undefined) {
      this.updateWanted = true;
      return;
    }
    this.updateWanted = false;
    const lifetime = this.options.lifetime();
    const objects = this.options.objectList();
    const hasNewObjects = objects !== this.announcedObjects;
    const query = lifetime === this.announcedLifetime ? [] : [`lt=${lifetime}`];
    this.ask(
      {
        code: Code.Post,
        path: this.location,
        query,
        ...(hasNewObjects && { contentFormat: ContentFormat.LinkFormat, payload: Buffer.from(objects) }),
      },
      (response) => {
        // The server does not know it (4.04), or not from this address (4.00, Leshan): all begins anew.
        if (response.code === Code.NotFound || response.code === Code.BadRequest) return this.register();
        if (response.code !== Code.Changed) return this.failed(refusalOf('Update', response), response.maxAge);
        this.announcedLifetime = lifetime;
        this.announcedObjects = objects;
        this.settled();
        this.options.events.emit('updated', { location: this.locationText });
        if (this.updateWanted) this.update();
      },
    );
  }

  /** Updates when lifetime or objects differ from what the server was told. */
  updateIfChanged(): void {
    if (this.options.lifetime() !== this.announcedLifetime || this.options.objectList() !== this.announcedObjects) this.update();
  }

  /** Leaves; calls back when the server said so, or did not in time. */
  deregister(done: () => void): void {
    if (this.current !== 'registered') {
      this.abandon('idle');
      return done();
    }
    const { location, locationText } = this;
    this.abandon('idle');
    this.options.onFresh('the device has left');
    let patience: Timer | undefined;
    const asked = this.options.ask({ code: Code.Delete, path: location }, DEREGISTER_TIMEOUT_MS, (_error, response) => {
      patience?.cancel();
      if (response !== undefined && isSuccess(response.code))
        this.options.events.emit('deregistered', { location: locationText });
      done();
    });
    // It may have to wait for its turn, behind a request that is not answered, and would then outlast its own time.
    patience = this.options.clock.after(DEREGISTER_TIMEOUT_MS, () => asked.cancel());
  }

  /** Forgets the registration without a word to the server. */
  abandon(state: RegistrationState = 'idle'): void {
    const { pending } = this;
    this.pending = undefined;
    this.attempt++;
    pending?.cancel();
    this.timer?.cancel();
    this.current = state;
  }

  private get locationText(): string {
    return `/${this.location.join('/')}`;
  }

  /** In 1.0 queue mode is a letter of the binding, later a parameter without value (LwM2M Core 1.1.1 §6.2.1). */
  private bindingQuery(): string[] {
    const { queueMode, version } = this.options;
    const binding = this.options.binding();
    if (version === '1.0') return [`b=${binding}${queueMode ? 'Q' : ''}`];
    return queueMode ? [`b=${binding}`, 'Q'] : [`b=${binding}`];
  }

  private ask(spec: RequestSpec, answered: (response: CoapResponse) => void): void {
    this.timer?.cancel();
    const attempt = ++this.attempt;
    this.pending = this.options.ask(spec, undefined, (error, response) => {
      // An answer to what was abandoned.
      if (this.attempt !== attempt) return;
      this.pending = undefined;
      if (response !== undefined) answered(response);
      else this.failed(explained(error));
    });
  }

  private settled(): void {
    this.current = 'registered';
    this.backoff.reset();
    if (this.announcedLifetime === 0) return;
    const untilUpdateMs = (this.announcedLifetime * 1000) / 2;
    const early = untilUpdateMs * UPDATE_JITTER * this.options.fraction();
    this.timer = this.options.clock.after(untilUpdateMs - early, () => this.update());
  }

  private failed(error: DeviceManagementError, maxAge?: number): void {
    const retryMs = this.backoff.next(error.code === '5.03' ? (maxAge ?? 0) * 1000 : 0);
    this.current = 'waiting';
    this.timer = this.options.clock.after(retryMs, () => this.register());
    this.options.events.emit('failed', { error, retryMs });
  }
}

function refusalOf(operation: string, { code, payload }: CoapResponse): DeviceManagementError {
  const reason = payload.length === 0 ? '' : `: ${payload.toString('utf8', 0, 200)}`;
  return new DeviceManagementError(codeText(code), `the server refused the ${operation} with ${codeText(code)}${reason}`);
}

/** The message layer speaks of a peer; here it is the server, and a person may have mistyped where it is. */
function explained(error: DeviceManagementError | undefined): DeviceManagementError {
  if (error !== undefined && error.code !== 'timeout') return error;
  return new DeviceManagementError(
    'timeout',
    'the server did not answer: check its host and port, whether it runs, and whether a firewall is between',
    { cause: error },
  );
}

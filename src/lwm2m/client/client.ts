/**
 * The LwM2M client: a device that one server manages, which a bootstrap server may tell it. Composition of the message layer, the object
 * tree with the operations on it, reporting, registration and bootstrap. What the device is, the application says with its tree; this makes it managed.
 */
import { type Clock, SystemClock, type Timer } from '../../clock';
import { Code } from '../../coap/codes';
import type { Endpoint } from '../../coap/endpoint';
import type { IncomingRequest } from '../../coap/incoming';
import { CoapLayer, type Random, type RequestSpec, type ResponseCallback, systemRandom } from '../../coap/layer';
import type { Path } from '../../device/path';
import { DeviceManagementError } from '../../errors';
import { Events } from '../../events';
import { Absence } from './absence';
import { DEFAULT_BACKOFF } from './backoff';
import type { ClientEvents } from './client-events';
import { CLIENT_LIMITS, type Lwm2mClientOptions } from './client-options';
import { ClientTransports } from './client-transports';
import type { EndDevices } from './end-devices';
import { Fetching } from './fetching';
import { ManagedObjects } from './managed-objects';
import { objectList } from './object-list';
import type { ObjectTree } from './objects';
import type { FetchListener, FetchOptions } from './package-fetch';
import { Provisioning } from './provisioning';
import { Questions } from './questions';
import { QueueMode } from './queue-mode';
import { Radio } from './radio';
import { Registration, type RegistrationState } from './registration';
import { Sending } from './sending';
import { ServerObject } from './server-object';

export type { ClientEvents } from './client-events';
export type { Lwm2mClientOptions } from './client-options';

export type ClientState = RegistrationState | 'bootstrapping';

export class Lwm2mClient {
  readonly events = new Events<ClientEvents>();
  readonly endpoint: string;
  readonly objects: ObjectTree;
  /** Behind it, when it is a gateway. */
  readonly endDevices: EndDevices;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly radio: Radio;
  private readonly transports: ClientTransports;
  private readonly layer: CoapLayer;
  private readonly questions: Questions;
  private readonly managed: ManagedObjects;
  private readonly registering: Registration;
  private readonly provisioning: Provisioning;
  private readonly serverObject: ServerObject;
  private readonly sleep: QueueMode;
  private readonly absence: Absence;
  private readonly sending: Sending;
  private readonly fetching: Fetching;
  private opening: Promise<void> | undefined;
  private running = false;
  private told: Timer | undefined;
  private readonly stopListeners = new Set<() => void>();

  constructor(private readonly options: Lwm2mClientOptions) {
    const { endpoint, objects } = options;
    this.endpoint = endpoint;
    this.objects = objects;
    this.clock = options.clock ?? new SystemClock();
    this.random = options.random ?? systemRandom;
    this.radio = new Radio(() => this.sleep.traffic());
    this.transports = this.makeTransports();
    this.layer = this.makeLayer();
    this.questions = new Questions(this.layer);
    const queueMode = options.queueMode ?? false;
    this.sleep = new QueueMode({
      enabled: queueMode,
      awakeMs: options.awakeMs ?? this.layer.times.maxTransmitWaitMs,
      clock: this.clock,
      radio: this.radio,
      maySleep: () => this.state === 'registered',
      onChange: (event) => this.events.emit(event, {}),
    });
    this.serverObject = new ServerObject(objects, {
      update: () => this.registering.update(),
      disable: (seconds) => this.absence.disabled(seconds),
      ...(options.bootstrap !== undefined && { bootstrap: () => this.provisioning.begin() }),
    });
    this.provisioning = new Provisioning(
      {
        clock: this.clock,
        layer: this.layer,
        transports: this.transports,
        questions: this.questions,
        objects,
        serverObject: this.serverObject,
        events: this.events,
        fraction: () => this.random.fraction(),
        isUp: () => this.running && this.radio.state !== 'cut-off',
        register: () => this.registering.register(),
        leave: (reason) => this.leaveServer(reason),
      },
      options,
    );
    const { clock, events, layer, serverObject } = this;
    this.managed = new ManagedObjects(
      {
        clock,
        layer,
        tree: objects,
        defaults: () => serverObject.defaultPeriods,
        onBug: warn,
        confirmable: () => options.confirmableNotifications === true || serverObject.wantsConfirmable,
        storing: () => serverObject.storesNotifications,
      },
      events,
      options.endDevices,
    );
    this.endDevices = this.managed.endDevices;
    this.registering = new Registration({
      clock,
      endpoint,
      version: objects.version,
      binding: () => serverObject.binding,
      queueMode,
      lifetime: () => serverObject.lifetime,
      objectList: () => objectList(objects),
      ask: (spec, timeoutMs, callback) => this.ask(spec, timeoutMs, callback),
      backoff: { ...DEFAULT_BACKOFF, ...options.backoff },
      fraction: () => this.random.fraction(),
      events,
      onFresh: (reason) => this.managed.endObservations(reason),
    });
    this.absence = new Absence({
      clock,
      radio: this.radio,
      sleep: this.sleep,
      provisioning: this.provisioning,
      registering: this.registering,
      isRunning: () => this.running,
      endObservations: (reason) => this.managed.endObservations(reason),
      fraction: () => this.random.fraction(),
    });
    this.sending = new Sending({
      endpoint,
      clock,
      objects,
      endDevices: this.endDevices,
      serverObject,
      events,
      registering: this.registering,
      isRegistered: () => this.state === 'registered',
      ask: (spec, callback) => this.ask(spec, undefined, callback),
      stopListeners: this.stopListeners,
    });
    this.fetching = new Fetching({
      clock,
      servers: () => this.provisioning.servers,
      ask: (peer, spec, options, callback) => this.questions.ask(peer, spec, options, callback),
    });
    objects.events.on('changed', (paths) => this.settingsChanged(paths));
    objects.events.on('instances', () => this.tellServer());
  }

  get state(): ClientState {
    return this.provisioning.isUnderWay ? 'bootstrapping' : this.registering.state;
  }

  get isAsleep(): boolean {
    return this.radio.state === 'asleep';
  }

  /** Paths the server observes. */
  get observations(): readonly string[] {
    return this.managed.observations;
  }

  get local(): { readonly address: string; readonly port: number } | undefined {
    return this.layer.local;
  }

  /**
   * Opens the socket and begins to register, or asks for its servers first; resolves with the first registration. It goes on trying until it is stopped: events tell.
   * @throws DeviceManagementError of the transport; `server-unavailable` when the host has no address; `cancelled` by `stop`
   */
  async start(): Promise<void> {
    if (this.opening !== undefined) {
      throw new DeviceManagementError('invalid-request', `${this.endpoint} has been started already: make another client.`);
    }
    this.opening = this.open();
    await this.opening;
    await new Promise<void>((resolve, reject) => {
      const registered = this.events.on('registered', () => settle(resolve));
      const stopped = (): void => settle(() => reject(cancelled(this.endpoint)));
      this.stopListeners.add(stopped);
      const settle = (then: () => void): void => {
        registered();
        this.stopListeners.delete(stopped);
        then();
      };
      // Cut off before it began: it registers when it comes back.
      if (this.radio.state === 'on') this.provisioning.connect();
    });
  }

  /** De-registers and closes; a server that is gone delays it by a few seconds at most. */
  async stop(): Promise<void> {
    // A socket that is just being opened would stay behind.
    await this.opening?.catch(() => undefined);
    if (!this.running) return;
    this.running = false;
    this.fetching.stop();
    this.absence.stop();
    this.told?.cancel();
    this.sleep.stop();
    this.provisioning.abandon();
    const isCutOff = this.radio.state === 'cut-off';
    if (isCutOff) this.registering.abandon();
    else await new Promise<void>((resolve) => this.registering.deregister(resolve));
    this.managed.endObservations('the client stopped');
    for (const tell of this.stopListeners) tell();
    this.provisioning.servers.release();
    await this.layer.close();
  }

  /**
   * Changes a resource; observers are told as their attributes say.
   * @throws DeviceManagementError `invalid-value`, `invalid-path`
   */
  setValue(path: string, value: unknown): void {
    this.objects.set(path, value);
  }

  /** Several at once: observers of an instance are told once. */
  setValues(values: Iterable<readonly [path: string, value: unknown]>): void {
    this.objects.setAll(values);
  }

  /** Tells the server it is still here (Update). */
  update(): void {
    this.registering.update();
  }

  /**
   * Send (LwM2M Core 1.1.1 §6.4.6): values of these paths, with the time, in SenML CBOR.
   * @throws DeviceManagementError `unsupported` in 1.0 or while muted, `not-registered`, `invalid-path`, the server's code, or why it did not answer
   */
  send(paths: readonly string[]): Promise<void> {
    return this.sending.send(paths);
  }

  /**
   * Fetches what is at a URI, block by block, over the transports it has; goes on at the same byte after a silence.
   * @returns what ends it
   */
  fetch(uri: string, listener: FetchListener, options?: FetchOptions): () => void {
    return this.fetching.begin(uri, listener, options);
  }

  /** Falls silent as without power: says nothing, hears nothing. */
  cutOff(): void {
    this.absence.begin();
  }

  /** Comes back after `cutOff` and registers anew, or asks for its servers when it has none. */
  comeBack(): void {
    this.absence.end();
  }

  /**
   * As after a power cycle: silent for a while, then new; what the server had set up is forgotten.
   * @param whileDown what changes meanwhile, seen with the new registration
   */
  restart(silentMs: number, whileDown: () => void = () => undefined): void {
    this.absence.begin();
    this.managed.forgetAttributes();
    this.absence.endAfter(silentMs, whileDown);
  }

  private async open(): Promise<void> {
    await this.provisioning.resolve();
    await this.layer.open();
    this.running = true;
  }

  /** Observations end with their connection (RFC 8323 Appendix A.4); the server finds the device again by its next Update. */
  private disconnected(peer: Endpoint): void {
    if (!this.provisioning.servers.isManagement(peer) || !this.running) return;
    this.managed.endObservations('the connection ended');
    this.absence.reconnect();
  }

  private makeTransports(): ClientTransports {
    const { scheme = 'coap', bootstrap, transport } = this.options;
    return new ClientTransports({
      scheme,
      all: bootstrap !== undefined,
      given: transport,
      radio: this.radio,
      clock: this.clock,
      random: this.random,
      onFailure: (address, port, reason) => {
        const text = `no secure connection to the server: ${reason}`;
        this.questions.fail(address, port, new DeviceManagementError('server-unavailable', text));
      },
    });
  }

  private makeLayer(): CoapLayer {
    return new CoapLayer({
      transports: this.transports.all,
      clock: this.clock,
      random: this.random,
      ...(this.options.parameters !== undefined && { parameters: this.options.parameters }),
      limits: { ...CLIENT_LIMITS, ...this.options.limits },
      onRequest: (request) => this.requested(request),
      onDisconnected: (peer) => this.disconnected(peer),
      onHandlerError: warn,
    });
  }

  /**
   * Only its server is answered. It is from the moment of Register on: a 2.01 may be lost on the way while the server, which sent it,
   * already asks.
   */
  private requested(request: IncomingRequest): void {
    const { running, provisioning } = this;
    if (running && provisioning.answer(request)) return;
    const isManaged = running && !provisioning.isUnderWay;
    if (isManaged && request.endpoint === provisioning.servers.management) {
      this.managed.answer(request);
      return;
    }
    request.respond({ code: Code.Unauthorized });
  }

  /** Another one will manage it, or this one anew: registration, observations and attributes end without a word. */
  private leaveServer(reason: string): void {
    this.registering.abandon();
    this.managed.endObservations(reason);
    this.managed.forgetAttributes();
  }

  private ask(spec: RequestSpec, timeoutMs: number | undefined, callback: ResponseCallback): { cancel(): void } {
    const management = this.provisioning.servers.toManagement();
    if (management === undefined) throw cancelled(this.endpoint);
    return this.questions.ask(management, spec, timeoutMs === undefined ? {} : { timeoutMs }, callback);
  }

  /** The server set its own resources (1/0/…): periods hold at once, the lifetime is confirmed by an Update. */
  private settingsChanged(paths: readonly Path[]): void {
    if (!paths.some((path) => this.serverObject.isSetting(path))) return;
    this.managed.attributesChanged();
    this.tellServer();
  }

  /** After the answer that goes out now: an Update in front of it would cross it. */
  private tellServer(): void {
    this.told ??= this.clock.after(0, () => {
      this.told = undefined;
      if (this.running) this.registering.updateIfChanged();
    });
  }
}

/** A bug of the application in a behaviour of its own: told, and survived. */
function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), 'Lwm2mClientError');
}

function cancelled(endpoint: string): DeviceManagementError {
  return new DeviceManagementError('cancelled', `${endpoint} was stopped.`);
}

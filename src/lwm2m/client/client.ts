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
import { AttachedAttributes } from './attached-attributes';
import { DEFAULT_BACKOFF } from './backoff';
import type { ClientEvents } from './client-events';
import { CLIENT_LIMITS, type Lwm2mClientOptions } from './client-options';
import { ClientTransports } from './client-transports';
import { EndDevices, type EndDevicesContext } from './end-devices';
import { objectList } from './object-list';
import type { ObjectTree } from './objects';
import { Operations } from './operations';
import { Provisioning } from './provisioning';
import { Questions } from './questions';
import { QueueMode } from './queue-mode';
import { Radio } from './radio';
import { Registration, type RegistrationState } from './registration';
import { Reporting } from './reporting';
import { sendOutcome, sendRequest } from './sending';
import { ServerObject } from './server-object';

export type { ClientEvents } from './client-events';
export type { Lwm2mClientOptions } from './client-options';

export type ClientState = RegistrationState | 'bootstrapping';

/** When a server goes, its clients shall not all come back in the same moment. */
const RECONNECT_SPREAD_MS = 3_000;

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
  private readonly attached: AttachedAttributes;
  private readonly reporting: Reporting;
  private readonly operations: Operations;
  private readonly registering: Registration;
  private readonly provisioning: Provisioning;
  private readonly serverObject: ServerObject;
  private readonly sleep: QueueMode;
  private opening: Promise<void> | undefined;
  private running = false;
  private silence: Timer | undefined;
  private told: Timer | undefined;
  private reconnecting: Timer | undefined;
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
      disable: (seconds) => this.disable(seconds),
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
    this.attached = new AttachedAttributes(objects.version, objects.model);
    const { clock, events, attached, layer, serverObject } = this;
    const reporting: EndDevicesContext = {
      clock,
      layer,
      tree: objects,
      defaults: () => serverObject.defaultPeriods,
      onBug: warn,
      confirmable: () => options.confirmableNotifications === true || serverObject.wantsConfirmable,
      storing: () => serverObject.storesNotifications,
    };
    this.reporting = new Reporting({ ...reporting, attached, events });
    this.endDevices = new EndDevices(reporting);
    if (options.endDevices !== undefined) this.endDevices.announce();
    for (const device of options.endDevices ?? []) this.endDevices.add(device);
    this.operations = new Operations(objects, attached, this.reporting, clock, events);
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
      onFresh: (reason) => this.endObservations(reason),
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
    return [...this.reporting.paths, ...this.endDevices.observations];
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
    this.silence?.cancel();
    this.told?.cancel();
    this.reconnecting?.cancel();
    this.sleep.stop();
    this.provisioning.abandon();
    const isCutOff = this.radio.state === 'cut-off';
    if (isCutOff) this.registering.abandon();
    else await new Promise<void>((resolve) => this.registering.deregister(resolve));
    this.endObservations('the client stopped');
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
  async send(paths: readonly string[]): Promise<void> {
    const { version } = this.objects;
    if (version === '1.0')
      throw new DeviceManagementError('unsupported', 'Send came with LwM2M 1.1, and this client speaks 1.0.');
    if (this.serverObject.isMuted) {
      const path = this.serverObject.muteSendPath;
      throw new DeviceManagementError('unsupported', `The server has muted Send: it must write false to ${path} first.`, {
        path,
      });
    }
    if (this.state !== 'registered') {
      throw new DeviceManagementError('not-registered', `${this.endpoint} is not registered: wait for the registration.`);
    }
    const spec = sendRequest(this.objects, this.endDevices, paths, this.clock.wall());
    const send = (): Promise<void> =>
      new Promise((resolve, reject) => {
        this.ask(spec, undefined, sendOutcome(resolve, reject));
      });
    await send().catch(async (error: unknown) => {
      // A Send names no registration: after a NAT has changed the address, only an Update can tell whose it is.
      const isUnknown = error instanceof DeviceManagementError && error.code === '4.04';
      if (!isUnknown || !(await this.introduced())) throw error;
      await send();
    });
  }

  /** Falls silent as without power: says nothing, hears nothing. */
  cutOff(): void {
    this.radio.state = 'cut-off';
    this.sleep.stop();
    this.silence?.cancel();
    this.provisioning.abandon();
    this.registering.abandon();
    this.endObservations('the device was cut off');
    this.provisioning.servers.hangUp();
  }

  /** Comes back after `cutOff` and registers anew, or asks for its servers when it has none. */
  comeBack(): void {
    this.silence?.cancel();
    this.radio.state = 'on';
    if (this.running) this.provisioning.connect();
  }

  /**
   * As after a power cycle: silent for a while, then new; what the server had set up is forgotten.
   * @param whileDown what changes meanwhile, seen with the new registration
   */
  restart(silentMs: number, whileDown: () => void = () => undefined): void {
    this.cutOff();
    this.forgetAttributes();
    this.silence = this.clock.after(silentMs, () => {
      whileDown();
      this.comeBack();
    });
  }

  private async open(): Promise<void> {
    await this.provisioning.resolve();
    await this.layer.open();
    this.running = true;
  }

  /** Observations end with their connection (RFC 8323 Appendix A.4); the server finds the device again by its next Update. */
  private disconnected(peer: Endpoint): void {
    if (!this.provisioning.servers.isManagement(peer) || !this.running) return;
    this.endObservations('the connection ended');
    this.reconnecting?.cancel();
    this.reconnecting = this.clock.after(this.random.fraction() * RECONNECT_SPREAD_MS, () => {
      if (this.running && this.radio.state !== 'cut-off') this.registering.update();
    });
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
      if (!this.endDevices.answer(request)) this.operations.answer(request);
      return;
    }
    request.respond({ code: Code.Unauthorized });
  }

  /** Another one will manage it, or this one anew: registration, observations and attributes end without a word. */
  private leaveServer(reason: string): void {
    this.registering.abandon();
    this.endObservations(reason);
    this.forgetAttributes();
  }

  private endObservations(reason: string): void {
    this.reporting.endAll(reason);
    this.endDevices.endAll(reason);
  }

  private forgetAttributes(): void {
    this.attached.clear();
    this.endDevices.clearAttributes();
  }

  private ask(spec: RequestSpec, timeoutMs: number | undefined, callback: ResponseCallback): { cancel(): void } {
    const management = this.provisioning.servers.toManagement();
    if (management === undefined) throw cancelled(this.endpoint);
    return this.questions.ask(management, spec, timeoutMs === undefined ? {} : { timeoutMs }, callback);
  }

  /** The server set its own resources (1/0/…): periods hold at once, the lifetime is confirmed by an Update. */
  private settingsChanged(paths: readonly Path[]): void {
    if (!paths.some((path) => this.serverObject.isSetting(path))) return;
    this.reporting.attributesChanged();
    this.endDevices.attributesChanged();
    this.tellServer();
  }

  /** Updates, and tells whether the server knows it then. */
  private introduced(): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isKnown: boolean): void => {
        for (const stop of listening) stop();
        this.stopListeners.delete(stopped);
        resolve(isKnown);
      };
      const stopped = (): void => end(false);
      const listening = [
        this.events.on('updated', () => end(true)),
        this.events.on('registered', () => end(true)),
        this.events.on('failed', stopped),
        this.events.on('deregistered', stopped),
      ];
      this.stopListeners.add(stopped);
      if (this.state === 'registered') this.registering.update();
      else stopped();
    });
  }

  /** After the answer that goes out now: an Update in front of it would cross it. */
  private tellServer(): void {
    this.told ??= this.clock.after(0, () => {
      this.told = undefined;
      if (this.running) this.registering.updateIfChanged();
    });
  }

  /** 1/x/4: leaves, and is not to be reached until the time has passed. */
  private disable(seconds: number): void {
    this.registering.deregister(() => {
      if (!this.running) return;
      this.radio.state = 'cut-off';
      this.provisioning.servers.hangUp();
      this.silence = this.clock.after(seconds * 1000, () => this.comeBack());
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

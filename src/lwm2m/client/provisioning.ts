/**
 * How a client comes to its server: known from the factory, or told by a bootstrap server, which is asked when there is none, when a server
 * says so (1/x/9), and when none lets the client register (LwM2M Core 1.1.1 §6.1.2, §6.2.1.2).
 */
import type { Clock } from '../../clock';
import type { IncomingRequest } from '../../coap/incoming';
import type { CoapLayer } from '../../coap/layer';
import type { UsableAccount } from '../../device/accounts';
import { asDeviceManagementError, DeviceManagementError } from '../../errors';
import type { Events } from '../../events';
import { DEFAULT_BACKOFF } from './backoff';
import { Bootstrap } from './bootstrap';
import type { ClientEvents } from './client-events';
import { DEFAULT_LIFETIME_SECONDS, DEFAULT_PORTS, type Lwm2mClientOptions, type Scheme } from './client-options';
import { connectOptionsOf } from './client-security';
import type { ClientTransports } from './client-transports';
import type { ObjectInstance, ObjectTree } from './objects';
import type { Questions } from './questions';
import { accountAt, addFactoryAccount, placeOf, type ServerPlace } from './security-object';
import type { ServerObject } from './server-object';
import { addressOf, type Place, Servers } from './servers';

export interface ProvisioningContext {
  readonly clock: Clock;
  readonly layer: Pick<CoapLayer, 'endpoint' | 'disconnect' | 'times'>;
  readonly transports: ClientTransports;
  readonly questions: Questions;
  readonly objects: ObjectTree;
  readonly serverObject: ServerObject;
  readonly events: Events<ClientEvents>;
  readonly fraction: () => number;
  /** Whether it may speak: started, and not cut off. */
  readonly isUp: () => boolean;
  readonly register: () => void;
  /** Its servers are to change: nothing that was set up with the old one holds. */
  readonly leave: (reason: string) => void;
}

/** Letters of LwM2M Core §6.2.1. */
const BINDINGS: Readonly<Record<Scheme, string>> = { coap: 'U', coaps: 'U', 'coap+tcp': 'T', 'coaps+tcp': 'T' };
/** In which it is written unless it prefers another. */
const SENML_CBOR = 112;

export class Provisioning {
  readonly servers: Servers;
  private readonly bootstrap: Bootstrap | undefined;
  private failures = 0;
  /** As they come from the factory. */
  private serverAccount: ObjectInstance | undefined;
  private bootstrapAccount: ObjectInstance | undefined;

  /** @throws DeviceManagementError `invalid-request` when neither a server nor a bootstrap server is given, or the security does not go with the scheme */
  constructor(
    private readonly context: ProvisioningContext,
    private readonly options: Lwm2mClientOptions,
  ) {
    const { events, layer, transports } = context;
    this.servers = new Servers(layer, transports);
    this.addAccounts();
    this.bootstrap = this.makeBootstrap();
    events.on('registered', () => {
      this.failures = 0;
      this.bootstrap?.settled();
    });
    events.on('failed', ({ error }) => this.failedToRegister(error));
  }

  get isUnderWay(): boolean {
    return this.bootstrap?.isUnderWay === true;
  }

  /** @throws DeviceManagementError `server-unavailable` when a host has no address; `invalid-value` when a key cannot be used */
  async resolve(): Promise<void> {
    const { server, bootstrap } = this.options;
    if (server !== undefined) this.servers.manage(await this.found(this.placeAt(server), this.serverAccount));
    if (bootstrap !== undefined) this.servers.bootstrapFrom(await this.found(this.placeAt(bootstrap), this.bootstrapAccount));
  }

  /** Registers, or asks for its servers when it has none. */
  connect(): void {
    this.bootstrap?.abandon();
    if (this.servers.management !== undefined) this.context.register();
    else this.bootstrap?.begin();
  }

  /** Asks for its servers although it may have some. */
  begin(): void {
    this.context.leave('the device is being bootstrapped');
    this.bootstrap?.begin();
  }

  abandon(): void {
    this.bootstrap?.abandon();
  }

  /** @returns whether it was a request of a bootstrap */
  answer(request: IncomingRequest): boolean {
    return request.endpoint === this.servers.bootstrap && this.bootstrap?.answer(request) === true;
  }

  /** Security and Server as they come from the factory. */
  private addAccounts(): void {
    const { objects, serverObject } = this.context;
    const { endpoint, server, bootstrap, lifetime, binding, muteSend, security } = this.options;
    if (server === undefined && bootstrap === undefined) {
      throw new DeviceManagementError('invalid-request', `${endpoint} has neither a server nor a bootstrap server: give it one.`);
    }
    const isSecured = this.scheme.startsWith('coaps');
    if (isSecured !== (security !== undefined)) {
      const text = isSecured ? `${this.scheme} needs a key` : `${this.scheme} takes no key: use coaps or coaps+tcp with it`;
      throw new DeviceManagementError('invalid-request', `${endpoint} cannot speak to its server: ${text}.`);
    }
    if (bootstrap !== undefined) this.bootstrapAccount = addFactoryAccount(objects, this.placeAt(bootstrap), security);
    if (server === undefined) return;
    this.serverAccount = addFactoryAccount(objects, this.placeAt(server), security, 1);
    serverObject.addFactory({
      lifetime: lifetime ?? DEFAULT_LIFETIME_SECONDS,
      binding: binding ?? BINDINGS[this.scheme],
      mute: muteSend ?? true,
    });
  }

  private get scheme(): Scheme {
    return this.options.scheme ?? 'coap';
  }

  private placeAt({ host, port }: { readonly host: string; readonly port?: number }): ServerPlace {
    return { scheme: this.scheme, host, port: port ?? DEFAULT_PORTS[this.scheme] };
  }

  private async found({ scheme, host, port }: ServerPlace, account: ObjectInstance | undefined): Promise<Place> {
    const proof = account === undefined ? undefined : connectOptionsOf(account, host, () => this.context.clock.wall());
    return { scheme, address: await addressOf(host), port, proof };
  }

  private makeBootstrap(): Bootstrap | undefined {
    const { endpoint, bootstrap, backoff } = this.options;
    if (bootstrap === undefined) return undefined;
    const { clock, events, fraction, isUp, layer, objects, questions, serverObject, transports } = this.context;
    return new Bootstrap({
      tree: objects,
      behavioursOf: (object) => (object === 1 ? serverObject.behaviours : {}),
      clock,
      endpoint,
      schemes: transports.schemes,
      pack: bootstrap.pack ?? objects.version >= '1.2',
      preferredFormat: bootstrap.preferredFormat ?? (objects.version === '1.0' ? undefined : SENML_CBOR),
      patienceMs: layer.times.exchangeLifetimeMs,
      backoff: { ...DEFAULT_BACKOFF, ...backoff },
      fraction,
      ask: (spec, callback) => questions.ask(this.servers.toBootstrap() as NonNullable<Servers['bootstrap']>, spec, {}, callback),
      succeeded: (how, account) => void this.bootstrapped(how, account),
      failed: (error, retryMs) => {
        events.emit('failed', { error, retryMs });
        // Back to the server it had: better an old configuration than none.
        if (isUp() && this.servers.management !== undefined) this.connect();
      },
    });
  }

  /** It has servers now: it registers at the one it prefers. */
  private async bootstrapped(how: 'sequence' | 'pack', account: UsableAccount): Promise<void> {
    const { events, isUp, leave, objects, register, serverObject } = this.context;
    const { uri, securityInstance, serverInstance } = account;
    leave('the device has been bootstrapped');
    serverObject.adopt(serverInstance);
    events.emit('bootstrapped', { how, uri });
    try {
      const place = placeOf(uri);
      if (place === undefined) throw new DeviceManagementError('server-unavailable', `${uri} is no URI this client can follow`);
      const server = await this.found(place, accountAt(objects, securityInstance));
      if (!isUp()) return;
      this.servers.manage(server);
      register();
    } catch (error) {
      events.emit('failed', { error: asDeviceManagementError(error), retryMs: 0 });
      if (isUp()) this.bootstrap?.beginAgain();
    }
  }

  /** Refused, or silent for as often as it shall try, it asks the bootstrap server again. */
  private failedToRegister({ code }: DeviceManagementError): void {
    const { isUp, leave, serverObject } = this.context;
    const { bootstrap } = this;
    if (!isUp() || bootstrap === undefined || bootstrap.isUnderWay || !serverObject.bootstrapsOnFailure) return;
    if (++this.failures < serverObject.retryCount && code !== '4.03') return;
    this.failures = 0;
    leave('the device is being bootstrapped');
    bootstrap.beginAgain();
  }
}

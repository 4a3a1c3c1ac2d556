/** The LwM2M server: composition of the message layer, the registry, the interfaces and the operations behind the manager's interface. */
import { type Clock, SystemClock } from '../../clock';
import type { Endpoint } from '../../coap/endpoint';
import { CoapLayer, systemRandom } from '../../coap/layer';
import type { RefusedPeer } from '../../coap/transport';
import { printable } from '../../device/admission';
import type { BootstrapEvent } from '../../device/bootstrap';
import type { DownloadSource } from '../../device/download';
import type {
  DeviceManager,
  LifecycleEvent,
  ManagerEvents,
  ObjectDescription,
  Presence as PresenceState,
  Registration,
} from '../../device/manager';
import { Catalogue } from '../../device/models/catalogue';
import { describe } from '../../device/models/definition';
import type { OperationOptions, OperationRequest, OperationResult } from '../../device/operation';
import { Events } from '../../events';
import { ObjectLists, readProfiles } from './announced-objects';
import { BootstrapInterface } from './bootstrap-interface';
import { Departures } from './departures';
import type { DeviceKeeper } from './device-keeper';
import { DeviceOperations } from './device-operations';
import { DownloadInterface } from './download-interface';
import { notRegistered } from './failures';
import { Gateways } from './gateways';
import { Models } from './models';
import { Observations } from './observations';
import { placeOf, plainHost, provedIdentity } from './peers';
import { Presence } from './presence';
import { Refusals } from './refusals';
import type { RegistrationRecord } from './registration';
import { RegistrationInterface } from './registration-interface';
import { DEFAULT_RULES } from './registration-query';
import { Registrations } from './registrations';
import { keepAll } from './rekeeping';
import { ReportingInterface } from './reporting-interface';
import { Restoring } from './restoring';
import { Routing } from './routing';
import { admitting, BOOTSTRAP_TIMEOUT_MS, DEFAULT_LIMITS, type Lwm2mServerOptions } from './server-options';
import { OperationStatistics, type Statistics } from './statistics';
import { Strays } from './strays';
import { transportsFor } from './transports';

export type { Lwm2mServerOptions } from './server-options';

const UNPROVED_REMEDY = 'Provision what the device has, or give the device what is provisioned.';

export class Lwm2mServer implements DeviceManager {
  readonly events = new Events<ManagerEvents>();
  private readonly clock: Clock;
  private readonly layer: CoapLayer;
  private readonly models: Models;
  private readonly known: Registrations;
  private readonly presences: Presence;
  private readonly refusals: Refusals;
  private readonly observed: Observations;
  private readonly operations: DeviceOperations;
  private readonly gateways: Gateways;
  private readonly departures: Departures;
  private readonly counters = new OperationStatistics<RegistrationRecord>();
  private readonly bootstrapInterface: BootstrapInterface | undefined;
  private readonly downloads: DownloadInterface;
  private readonly routing: Routing;
  private readonly strays: Strays;
  private readonly restoring: (keeper: DeviceKeeper) => Restoring;
  private keeper: DeviceKeeper | undefined;

  constructor(options: Lwm2mServerOptions = {}) {
    this.clock = options.clock ?? new SystemClock();
    this.layer = this.makeLayer(options);
    this.models = new Models(options.catalogue ?? Catalogue.registry());
    const { clock, layer, models, events, counters: statistics } = this;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const identityOf = options.identityOf ?? provedIdentity;
    const endpointOf = options.endpointOf ?? (({ name }) => name);
    const { graceMs = layer.times.maxTransmitWaitMs, awakeMs = layer.times.maxTransmitWaitMs } = options;
    const random = (): number => (options.random ?? systemRandom).fraction();
    const keeper = (): DeviceKeeper | undefined => this.keeper;
    this.presences = new Presence({
      clock,
      awakeMs,
      recordOf: (slot) => this.known.bySlot(slot),
      onChange: (record, event) => this.tell({ event, device: record.endpoint, registration: record.value, at: clock.wall() }),
    });
    this.known = new Registrations({
      clock,
      graceMs,
      onExpired: (record) => this.departures.expired(record),
      onRemoved: (record) => {
        this.presences.forget(record);
        this.keeper?.remove(record);
      },
      onVacated: (peer) => layer.unpinned(peer),
      ...(options.makeId !== undefined && { makeId: options.makeId }),
    });
    const { known: registrations, presences: presence } = this;
    this.refusals = new Refusals(clock, (event) => this.tell(event));
    this.observed = new Observations({
      clock,
      mostPerDevice: limits.observationsPerDevice,
      heard: (record, response) => {
        this.heard(record);
        statistics.count(record, 'notify', response.code, 0, response.payload.length);
      },
      isHeard: () => events.has('notification') || events.has('problem'),
      notify: (event) => events.emit('notification', event),
      ended: (event) => events.emit('observation-ended', event),
      problem: (event) => events.emit('problem', event),
      behind: (record, prefix) => this.gateways.behind(record, prefix),
      keeper,
    });
    this.operations = new DeviceOperations({ clock, layer, models, presence, observations: this.observed, statistics });
    this.departures = new Departures({
      clock,
      registrations,
      operations: this.operations,
      observations: this.observed,
      gateways: () => this.gateways,
      tell: (event) => this.tell(event),
    });
    const { departures } = this;
    const rules = { ...DEFAULT_RULES, ...options.rules };
    const admit = admitting(options.admission ?? 'secured', endpointOf);
    const objectLists = new ObjectLists();
    this.gateways = new Gateways({
      clock,
      layer,
      models,
      registrations,
      objectLists,
      presence,
      statistics,
      refusals: this.refusals,
      mostRegistrations: limits.registrations,
      mostPerGateway: limits.devicesPerGateway,
      admit,
      identityOf,
      heard: (record) => this.heard(record),
      read: (record, path) => this.operations.perform(record, { operation: 'read', path }),
      drop: (record, why) => departures.drop(record, why),
      tell: (event) => this.tell(event),
      problem: (event) => events.emit('problem', event),
      keeper,
    });
    const registrationInterface = new RegistrationInterface({
      clock,
      rules,
      mostRegistrations: limits.registrations,
      registrations,
      objectLists,
      presence,
      refusals: this.refusals,
      statistics,
      profiles: readProfiles(options.profiles ?? {}),
      admit,
      identityOf,
      endpointOf,
      random,
      carry: (from, to) => layer.move(from, to),
      abandon: (record, why) => departures.abandon(record, why),
      dismiss: (record) => departures.leave(record),
      keeper,
      tell: (event) => this.tell(event),
    });
    const reportingInterface = new ReportingInterface({
      clock,
      registrations,
      models,
      presence,
      statistics,
      identityOf,
      behind: (record, prefix) => this.gateways.behind(record, prefix),
      metStranger: (record) => this.gateways.metStranger(record),
      tell: (event) => events.emit('send', event),
      problem: (event) => events.emit('problem', event),
    });
    if (options.bootstrap !== undefined) {
      this.bootstrapInterface = new BootstrapInterface({
        clock,
        layer,
        rules,
        models,
        source: options.bootstrap,
        admit,
        identityOf,
        endpointOf,
        refusals: new Refusals(clock, (refused) => events.emit('bootstrap', asBootstrapEvent(refused))),
        mostSessions: limits.bootstrapSessions,
        registeredAt: (device) => registrations.byEndpoint(device)?.value.registeredAt,
        timeoutMs: options.bootstrapTimeoutMs ?? BOOTSTRAP_TIMEOUT_MS,
        tell: (event) => events.emit('bootstrap', event),
      });
    }
    this.strays = new Strays({
      registrations,
      bootstrap: () => this.bootstrapInterface,
      identityOf,
      carry: (from, to) => layer.move(from, to),
      keeper,
    });
    this.restoring = (kept) =>
      new Restoring(kept, {
        clock,
        layer,
        models,
        registrations,
        presence,
        observations: this.observed,
        gateways: this.gateways,
        identityOf,
        graceMs,
        awakeMs,
        random,
        expired: (registration) => this.tell({ event: 'expired', device: registration.endpoint, registration, at: clock.wall() }),
      });
    this.downloads = new DownloadInterface({ registrations, identityOf });
    this.routing = new Routing(registrationInterface, reportingInterface, this.downloads, this.bootstrapInterface);
  }

  /**
   * Takes up the devices of an earlier life, and keeps them from now on. Before `start`: what they send meanwhile finds nobody, and comes
   * again. Those whose lifetime has run out are told of as `expired`, the others are simply there.
   * @throws DeviceManagementError `store-failed` when nothing can be read
   */
  async restore(keeper: DeviceKeeper): Promise<void> {
    this.keeper = keeper;
    await this.restoring(keeper).run();
  }

  /** Writes all of it once more, where the store may not have it. @throws DeviceManagementError `store-failed` when it cannot be read */
  async keepAll(): Promise<void> {
    if (this.keeper !== undefined) await keepAll(this.keeper, this.known, this.observed);
  }

  /** @throws DeviceManagementError `port-in-use` or `server-unavailable`, saying what to do */
  start(): Promise<void> {
    return this.layer.open();
  }

  /** Ends everything under way with `cancelled`, and frees the port. Devices are not told; they find out with their next Update. */
  async stop(): Promise<void> {
    this.bootstrapInterface?.stop();
    this.gateways.stop();
    this.departures.stop();
    this.known.stop();
    this.presences.stop();
    await this.layer.close();
  }

  /** Where it listens on its first transport, UDP, once started. */
  get local(): { readonly address: string; readonly port: number } | undefined {
    return this.layer.local;
  }

  /** All it listens on, once started. */
  get listening(): CoapLayer['listening'] {
    return this.layer.listening;
  }

  get size(): number {
    return this.known.size;
  }

  /** Refused Registers since the start, told of or not. */
  get refused(): number {
    return this.refusals.count;
  }

  registration(device: string): Registration | undefined {
    return this.known.byEndpoint(device)?.value;
  }

  *registrations(): IterableIterator<Registration> {
    for (const record of this.known.all()) yield record.value;
  }

  presence(device: string): PresenceState {
    return this.presences.of(this.known.byEndpoint(device));
  }

  describe(device: string | undefined, object: number): ObjectDescription | undefined {
    const registration = device === undefined ? undefined : this.registration(device);
    const definition =
      registration === undefined ? this.models.catalogue.definition(object) : this.models.of(registration).definition(object);
    return definition === undefined ? undefined : describe(definition);
  }

  perform(device: string, request: OperationRequest, options?: OperationOptions): Promise<OperationResult> {
    const record = this.known.byEndpoint(device);
    if (record === undefined) return Promise.reject(notRegistered(device));
    return this.operations.perform(record, request, options);
  }

  observations(device: string): readonly string[] {
    const record = this.known.byEndpoint(device);
    return record === undefined ? [] : this.observed.paths(record);
  }

  /** Ends the registration of a device that is no longer to be served. It is not told, as LwM2M has no words for it. @returns whether it had one */
  dismiss(device: string): boolean {
    const record = this.known.byEndpoint(device);
    if (record !== undefined) this.departures.leave(record);
    return record !== undefined;
  }

  /** What devices may fetch from it; `undefined`: nothing. */
  set downloadSource(source: DownloadSource | undefined) {
    this.downloads.source = source;
  }

  /** Credentials are no longer good: what was proved by them ends at once, on every transport. @param name what they prove (`Identity`) */
  revoke(name: string): void {
    this.layer.revoke(name);
  }

  /** Counters of the server, or of one registered device; those of a device begin with its registration. */
  statistics(): Statistics;
  statistics(device: string): Statistics | undefined;
  statistics(device?: string): Statistics | undefined {
    if (device === undefined) return this.counters.ofServer(trafficOf(this.layer));
    const record = this.known.byEndpoint(device);
    return record === undefined ? undefined : this.counters.ofDevice(record, record.peer);
  }

  private makeLayer(options: Lwm2mServerOptions): CoapLayer {
    return new CoapLayer({
      transports: transportsFor(
        options.listen ?? {},
        this.clock,
        options.tcpLimits ?? {},
        options.transport,
        [options.secure ?? []].flat(),
      ),
      clock: this.clock,
      onRequest: (request) => this.routing.route(request),
      onDisconnected: (peer) => this.disconnected(peer),
      onStrayed: (from, to) => this.strays.follow(from, to),
      // Where something was proved, each block must prove it too.
      isSecret: (path) => {
        const record = path.length > 1 && path.at(-2) === 'rd' ? this.known.byId(path.at(-1) as string) : undefined;
        return record !== undefined && record.identity === undefined;
      },
      onRefused: (peer) => this.unproved(peer),
      ...(options.random !== undefined && { random: options.random }),
      ...(options.parameters !== undefined && { parameters: options.parameters }),
      ...(options.layerLimits !== undefined && { limits: options.layerLimits }),
    });
  }

  /** The registrations stay: a device comes back with its identity, over another connection. Until then it cannot be asked. */
  private disconnected(peer: Endpoint): void {
    for (const record of this.known.at(peer)) this.presences.sleep(record);
  }

  private unproved({ address, port, name = '', reason }: RefusedPeer): void {
    const who = `${printable(name)} from ${plainHost(address)}`;
    this.refusals.refused(name, plainHost(address), placeOf(address, port), `${who} refused: ${reason}`, UNPROVED_REMEDY);
  }

  /** A message that only this registration can send came from its address. */
  private heard(record: RegistrationRecord): void {
    this.known.heardAtHome(record.gateway ?? record);
    this.presences.heard(record);
  }

  private tell(event: LifecycleEvent): void {
    this.events.emit('lifecycle', event);
    this.gateways.follow(event);
  }
}

function asBootstrapEvent({ device, refusal, at }: LifecycleEvent): BootstrapEvent {
  const { reason = '', remedy = '', address = '', count = 0 } = refusal ?? {};
  return { event: 'refused', device, address, steps: [], written: {}, refusal: { reason, remedy, count }, at };
}

function trafficOf(layer: CoapLayer) {
  const { received, sent, bytesReceived, bytesSent } = layer.statistics;
  return { received, sent, bytesReceived, bytesSent, retransmitted: layer.retransmitted };
}

/** One simulated device: a real LwM2M client whose objects are filled with values that move. */
import type { Clock, Timer } from '../../clock';
import type { Random } from '../../coap/layer';
import type { Transport } from '../../coap/transport';
import type { Catalogue } from '../../device/models/catalogue';
import { asDeviceManagementError } from '../../errors';
import { Lwm2mClient } from '../../lwm2m/client/client';
import type { Scheme } from '../../lwm2m/client/client-options';
import type { FirmwareFaults } from '../../lwm2m/client/firmware-faults';
import { ObjectTree } from '../../lwm2m/client/objects';
import { Management } from './management';
import { Measurements } from './measurements';
import { HOMES, MODELS, type Model } from './models';
import type { Fraction, Place } from './movement';
import { Outages } from './outages';
import { SimulatedEndDevices } from './simulated-end-devices';
import type { SimulatedEvent, SimulatedEventName } from './simulated-event';
import { SimulatedFirmware } from './simulated-firmware';
import { addTracker } from './tracker';

export interface SimulatedDeviceOptions {
  readonly name: string;
  readonly index: number;
  /** Of LwM2M. */
  readonly version: string;
  readonly server: { readonly host: string; readonly port?: number };
  /** Whether `server` is its bootstrap server, which tells it where to register. */
  readonly bootstrap: boolean;
  /** Devices behind it, which make it a gateway. */
  readonly endDevices: number;
  /** Whether it sleeps between its exchanges. */
  readonly queueMode: boolean;
  readonly scheme: Scheme;
  /** Pre-shared, where the scheme needs one; its name is the identity. */
  readonly key?: Buffer;
  /** Seconds. */
  readonly lifetime: number;
  readonly intervalMs: number;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly random: Random;
  /** In place of a socket or a connection of its own. */
  readonly transport?: Transport;
  readonly tell: (event: SimulatedEvent) => void;
}

/** LwM2M Gateway 1.1. */
const GATEWAY_VERSIONS = { 25: '2.0' } as const;
const REBOOT_MS = { shortest: 2_000, longest: 6_000 };
/** A person who has just deployed the server is watching. */
const BACKOFF = { firstMs: 2_000, longestMs: 60_000 };

export class SimulatedDevice {
  readonly name: string;
  readonly version: string;
  readonly client: Lwm2mClient;
  /** Behind it, when it is a gateway. */
  readonly endDevices: SimulatedEndDevices | undefined;
  private stopped = false;
  private readonly tree: ObjectTree;
  private readonly management: Management;
  private readonly firmware: SimulatedFirmware;
  private readonly fraction: Fraction;
  private readonly measurements: Measurements;
  private readonly outages: Outages;
  private timer: Timer | undefined;

  constructor(private readonly options: SimulatedDeviceOptions) {
    const { name, version, catalogue, clock, random, index } = options;
    this.name = name;
    this.version = version;
    this.fraction = () => random.fraction();
    const home = HOMES[index % HOMES.length] as Place;
    const isGateway = options.endDevices > 0;
    this.tree = new ObjectTree({ catalogue, version, versions: isGateway ? GATEWAY_VERSIONS : {} });
    this.measurements = new Measurements(this.tree, clock, home, this.fraction);
    this.endDevices = isGateway ? this.makeEndDevices(options.endDevices) : undefined;
    const model = MODELS[index % MODELS.length] as Model;
    this.management = new Management(this.tree, {
      clock,
      model,
      away: (silentMs, arrived) => this.outages.restart({ shortest: silentMs, longest: silentMs }, arrived),
      tell: (event, payload) => this.tell(event, payload),
      fetch: (uri, listener, fetching) => this.client.fetch(uri, listener, fetching),
      announce: () => this.client.update(),
      faults: () => this.firmware.faults,
    });
    const { battery, signal, temperature, track } = this.measurements;
    const reboot = (): void => this.reboot();
    addTracker(this.tree, this.management.lock, { index, model, clock, battery, signal, temperature, track, reboot });
    this.firmware = new SimulatedFirmware({
      tree: this.tree,
      clock,
      model: model.model,
      scheme: options.scheme,
      client: () => this.client,
      outages: () => this.outages,
      moveSocket: () => void options.transport?.reopen?.(),
      tell: (event, payload) => this.tell(event, payload),
    });
    this.client = this.makeClient();
    this.outages = new Outages(this.client, clock, this.fraction, (event) => this.tell(event, {}));
  }

  get isOffline(): boolean {
    return this.outages.isCutOff;
  }

  get isRegistered(): boolean {
    return this.client.state === 'registered';
  }

  /** Begins to register and to move; what becomes of it, events tell. */
  start(): void {
    this.client.start().catch((error: unknown) => {
      const { code, message } = asDeviceManagementError(error);
      if (!this.stopped) this.tell('failed', { code, message });
    });
    this.timer = this.options.clock.after(this.options.intervalMs * this.fraction(), this.tick);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    this.outages.stop();
    this.management.stop();
    await this.client.stop();
  }

  /** Vanishes, as without power. */
  goOffline(): void {
    this.outages.begin();
  }

  goOnline(): void {
    this.outages.end();
  }

  /** Vanishes and appears, again and again, each for `periodMs` or so. */
  flap(periodMs: number): void {
    this.outages.flap(periodMs);
  }

  lowBattery(): void {
    this.measurements.lowBattery();
  }

  /** What goes wrong with its next firmware updates. */
  failFirmware(faults: FirmwareFaults): void {
    this.firmware.faults = faults;
  }

  /** @throws DeviceManagementError `invalid-value`, `invalid-path` */
  setValue(path: string, value: unknown): void {
    this.tree.set(path, value);
  }

  private makeEndDevices(count: number): SimulatedEndDevices {
    const { name: gateway, version, catalogue, clock, tell } = this.options;
    return new SimulatedEndDevices({
      gateway,
      count,
      version,
      catalogue,
      clock,
      fraction: this.fraction,
      tell: (event, device, payload) => tell({ event, device, payload, at: clock.wall() }),
    });
  }

  private makeClient(): Lwm2mClient {
    const { name, server, bootstrap, queueMode, scheme, lifetime, clock, random, transport, key } = this.options;
    const client = new Lwm2mClient({
      endpoint: name,
      ...(bootstrap ? { bootstrap: server } : { server }),
      objects: this.tree,
      queueMode,
      scheme,
      lifetime,
      clock,
      random,
      ...(key !== undefined && { security: { mode: 'psk', identity: name, key } }),
      ...(transport !== undefined && { transport }),
      ...(this.endDevices !== undefined && { endDevices: this.endDevices.devices }),
      muteSend: false,
      backoff: BACKOFF,
    });
    client.events.on('bootstrapped', ({ how, uri }) => this.tell('bootstrapped', { how, uri }));
    this.endDevices?.follow(client);
    client.events.on('registered', ({ location }) => this.tell('registered', { location }));
    client.events.on('failed', ({ error, retryMs }) => {
      this.tell('failed', { code: error.code, message: error.message, retryMs: Math.round(retryMs) });
    });
    client.events.on('written', ({ paths }) => this.tell('written', { paths: [...paths] }));
    client.events.on('executed', ({ path, arguments: given }) => {
      this.tell('executed', { path, arguments: Object.fromEntries(given) });
    });
    return client;
  }

  private readonly tick = (): void => {
    const { clock, intervalMs } = this.options;
    this.timer = clock.after(intervalMs, this.tick);
    this.endDevices?.move();
    this.management.statistics.move(this.fraction);
    this.measurements.move();
  };

  private reboot(): void {
    this.outages.restart(REBOOT_MS, () => {
      this.measurements.newBattery();
      this.tell('rebooted', {});
    });
  }

  private tell(event: SimulatedEventName, payload: Readonly<Record<string, unknown>>): void {
    this.management.log.add(event);
    this.options.tell({ event, device: this.name, payload, at: this.options.clock.wall() });
  }
}

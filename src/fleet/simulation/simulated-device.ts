/** One simulated device: a real LwM2M client whose objects are filled with values that move. */
import type { Clock, Timer } from '../../clock';
import type { Random } from '../../coap/layer';
import type { Transport } from '../../coap/transport';
import type { Catalogue } from '../../device/models/catalogue';
import { asDeviceManagementError } from '../../errors';
import { Lwm2mClient } from '../../lwm2m/client/client';
import type { Scheme } from '../../lwm2m/client/client-options';
import { Firmware, FirmwareResult, type FirmwareVerdict } from '../../lwm2m/client/firmware';
import { ObjectTree } from '../../lwm2m/client/objects';
import { sensorIsOn } from './capabilities';
import { Management } from './management';
import { FIRST_FIRMWARE, HOMES, MODELS, type Model } from './models';
import { Battery, between, type Fraction, type Place, Signal, Temperature, Track } from './movement';
import { SimulatedEndDevices } from './simulated-end-devices';
import { addTracker, ErrorCode } from './tracker';

export type SimulatedEventName =
  | 'bootstrapped'
  | 'registered'
  | 'failed'
  | 'executed'
  | 'written'
  | 'rebooted'
  | 'firmware-updated'
  | 'network-changed'
  | 'wiped'
  | 'offline'
  | 'online';

export interface SimulatedEvent {
  readonly event: SimulatedEventName;
  readonly device: string;
  /** By event: {location}, {code, message, retryMs}, {path, arguments}, {paths}, {version}, {how, uri}, {works}, {targets}. */
  readonly payload: Readonly<Record<string, unknown>>;
  /** Unix milliseconds. */
  readonly at: number;
}

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
  /** Seconds. */
  readonly lifetime: number;
  readonly intervalMs: number;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly tell: (event: SimulatedEvent) => void;
}

/** LwM2M Gateway 1.1. */
const GATEWAY_VERSIONS = { 25: '2.0' } as const;
const REBOOT_MS = { shortest: 2_000, longest: 6_000 };
/** A device writes flash before it starts again. */
const INSTALL_MS = { shortest: 5_000, longest: 10_000 };
const VERIFY_MS = 1_500;
/** A person who has just deployed the server is watching. */
const BACKOFF = { firstMs: 2_000, longestMs: 60_000 };

export class SimulatedDevice {
  readonly name: string;
  readonly version: string;
  readonly client: Lwm2mClient;
  /** Behind it, when it is a gateway. */
  readonly endDevices: SimulatedEndDevices | undefined;
  private isCutOff = false;
  private stopped = false;
  /** What a restart under way has still to do. */
  private whileDown: (() => void) | undefined;
  private readonly tree: ObjectTree;
  private readonly management: Management;
  private readonly firmware: Firmware;
  private readonly fraction: Fraction;
  private readonly temperature: Temperature;
  private readonly battery: Battery;
  private readonly track: Track;
  private readonly signal: Signal;
  private firmwareVersion = FIRST_FIRMWARE;
  private timer: Timer | undefined;
  private flapping: Timer | undefined;
  private movedAt: number;

  constructor(private readonly options: SimulatedDeviceOptions) {
    const { name, version, catalogue, clock, random, index } = options;
    this.name = name;
    this.version = version;
    this.fraction = () => random.fraction();
    this.temperature = new Temperature(this.fraction);
    this.battery = new Battery(this.fraction);
    this.track = new Track(HOMES[index % HOMES.length] as Place, this.fraction);
    this.signal = new Signal(this.fraction);
    this.movedAt = clock.monotonic();
    const isGateway = options.endDevices > 0;
    this.tree = new ObjectTree({ catalogue, version, versions: isGateway ? GATEWAY_VERSIONS : {} });
    this.endDevices = isGateway ? this.makeEndDevices(options.endDevices) : undefined;
    const model = MODELS[index % MODELS.length] as Model;
    this.management = new Management(this.tree, {
      clock,
      model,
      away: (silentMs, arrived) => this.restart({ shortest: silentMs, longest: silentMs }, arrived),
      tell: (event, payload) => this.tell(event, payload),
    });
    const { battery, signal, temperature, track } = this;
    addTracker(this.tree, this.management.lock, {
      index,
      model,
      clock,
      battery,
      signal,
      temperature,
      track,
      reboot: () => this.reboot(),
    });
    this.firmware = new Firmware(this.tree, {
      clock,
      verifyMs: VERIFY_MS,
      verify: nameVersion,
      install: (image) => this.install(image),
    });
    this.client = this.makeClient();
  }

  get isOffline(): boolean {
    return this.isCutOff;
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
    this.endFlapping();
    this.management.stop();
    await this.client.stop();
  }

  /** Vanishes, as without power. */
  goOffline(): void {
    this.endFlapping();
    this.vanish();
  }

  goOnline(): void {
    this.endFlapping();
    this.appear();
  }

  /** Vanishes and appears, again and again, each for `periodMs` or so. */
  flap(periodMs: number): void {
    this.endFlapping();
    const turn = (): void => {
      if (this.isCutOff) this.appear();
      else this.vanish();
      this.flapping = this.options.clock.after(periodMs * between(0.8, 1.2, this.fraction), turn);
    };
    turn();
  }

  lowBattery(): void {
    this.battery.makeLow();
    this.tree.setAll(this.batteryValues());
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
    const { name, server, bootstrap, queueMode, scheme, lifetime, clock, random, transport } = this.options;
    const client = new Lwm2mClient({
      endpoint: name,
      ...(bootstrap ? { bootstrap: server } : { server }),
      objects: this.tree,
      queueMode,
      scheme,
      lifetime,
      clock,
      random,
      transport,
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
    const now = clock.monotonic();
    const elapsedMs = now - this.movedAt;
    this.movedAt = now;
    this.endDevices?.move();
    this.battery.next(elapsedMs);
    const place = this.track.next(elapsedMs);
    this.management.statistics.move(this.fraction);
    this.tree.setAll([
      ...this.batteryValues(),
      ...this.measured(this.temperature.next(clock.wall())),
      ['/3/0/10', Math.round(between(380, 620, this.fraction))],
      ['/4/0/2', this.signal.next()],
      ['/6/0/0', place.latitude],
      ['/6/0/1', place.longitude],
      ['/6/0/5', new Date(clock.wall())],
      ['/6/0/6', this.track.metersPerSecond],
    ]);
  };

  private measured(celsius: number): [string, unknown][] {
    if (!sensorIsOn(this.tree)) return [];
    return [
      ['/3303/0/5700', celsius],
      ['/3303/0/5601', Math.min(celsius, this.tree.get('/3303/0/5601') as number)],
      ['/3303/0/5602', Math.max(celsius, this.tree.get('/3303/0/5602') as number)],
    ];
  }

  private batteryValues(): [string, unknown][] {
    const { percent, millivolts, status, isLow } = this.battery;
    return [
      ['/3/0/7', [millivolts]],
      ['/3/0/9', percent],
      ['/3/0/11', [isLow ? ErrorCode.LowBattery : ErrorCode.None]],
      ['/3/0/20', status],
    ];
  }

  private reboot(): void {
    this.restart(REBOOT_MS, () => {
      this.battery.replace();
      this.tree.setAll(this.batteryValues());
      this.tell('rebooted', {});
    });
  }

  private install(image: Buffer): void {
    this.restart(INSTALL_MS, () => {
      this.firmwareVersion = nameVersion(image).version ?? nextPatch(this.firmwareVersion);
      this.tree.set('/3/0/3', this.firmwareVersion);
      this.firmware.finish(FirmwareResult.Success);
      this.tell('firmware-updated', { version: this.firmwareVersion });
    });
  }

  private restart({ shortest, longest }: typeof REBOOT_MS, whileDown: () => void): void {
    const unfinished = this.whileDown;
    this.whileDown = () => {
      unfinished?.();
      whileDown();
    };
    // Without power nothing restarts: it is done when the power is back.
    if (this.isCutOff) return;
    this.client.restart(between(shortest, longest, this.fraction), () => this.finishRestart());
  }

  private finishRestart(): void {
    const finish = this.whileDown;
    this.whileDown = undefined;
    finish?.();
  }

  private vanish(): void {
    if (this.isCutOff) return;
    this.isCutOff = true;
    this.client.cutOff();
    this.tell('offline', {});
  }

  private appear(): void {
    if (!this.isCutOff) return;
    this.isCutOff = false;
    this.tell('online', {});
    this.finishRestart();
    this.client.comeBack();
  }

  private endFlapping(): void {
    this.flapping?.cancel();
    this.flapping = undefined;
  }

  private tell(event: SimulatedEventName, payload: Readonly<Record<string, unknown>>): void {
    this.management.log.add(event);
    this.options.tell({ event, device: this.name, payload, at: this.options.clock.wall() });
  }
}

/** Any package will do; one that names a version ("… 2.1.0 …" within its first bytes) becomes that version. */
function nameVersion(image: Buffer): FirmwareVerdict {
  const version = /\d{1,5}\.\d{1,5}\.\d{1,5}/.exec(image.toString('latin1', 0, 256))?.[0];
  return version === undefined ? { result: FirmwareResult.Success } : { result: FirmwareResult.Success, version };
}

function nextPatch(version: string): string {
  const [major, minor, patch] = version.split('.').map(Number);
  return `${major}.${minor}.${(patch ?? 0) + 1}`;
}

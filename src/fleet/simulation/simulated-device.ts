/** One simulated device: a real LwM2M client whose objects are filled with values that move. */
import type { Clock, Timer } from '../../clock';
import type { Random } from '../../coap/layer';
import type { Transport } from '../../coap/transport';
import type { Catalogue } from '../../device/models/catalogue';
import { asDeviceManagementError } from '../../errors';
import { Lwm2mClient } from '../../lwm2m/client/client';
import { Firmware, FirmwareResult, type FirmwareVerdict } from '../../lwm2m/client/firmware';
import { ObjectTree } from '../../lwm2m/client/objects';
import { Battery, between, type Fraction, type Place, Signal, Temperature, Track } from './movement';
import { SimulatedEndDevices } from './simulated-end-devices';

export type SimulatedEventName =
  | 'bootstrapped'
  | 'registered'
  | 'failed'
  | 'executed'
  | 'written'
  | 'rebooted'
  | 'firmware-updated'
  | 'offline'
  | 'online';

export interface SimulatedEvent {
  readonly event: SimulatedEventName;
  readonly device: string;
  /** By event: {location}, {code, message, retryMs}, {path, arguments}, {paths}, {version}, {how, uri}. */
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
  /** Seconds. */
  readonly lifetime: number;
  readonly intervalMs: number;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly tell: (event: SimulatedEvent) => void;
}

interface Model {
  readonly manufacturer: string;
  readonly model: string;
  readonly type: string;
  /** Network Bearer (4/0/0): 6 LTE, 7 NB-IoT, 21 WLAN. */
  readonly bearer: number;
}

const MODELS: readonly Model[] = [
  { manufacturer: 'Acme Sensors', model: 'TempTrack 2', type: 'temperature logger', bearer: 7 },
  { manufacturer: 'Acme Sensors', model: 'TempTrack 3', type: 'temperature logger', bearer: 6 },
  { manufacturer: 'Northwind', model: 'ColdChain One', type: 'cold chain tracker', bearer: 6 },
  { manufacturer: 'Northwind', model: 'RoomSense', type: 'room sensor', bearer: 21 },
];

const HOMES: readonly Place[] = [
  { latitude: 52.5208, longitude: 13.4095 },
  { latitude: 48.1372, longitude: 11.5756 },
  { latitude: 50.1109, longitude: 8.6821 },
  { latitude: 53.5511, longitude: 9.9937 },
];

/** LwM2M Gateway 1.1. */
const GATEWAY_VERSIONS = { 25: '2.0' } as const;
const FIRST_FIRMWARE = '1.0.0';
/** Device Error Code (3/0/11). */
const ErrorCode = { None: 0, LowBattery: 1 } as const;
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
    this.fill(MODELS[index % MODELS.length] as Model);
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

  private fill({ manufacturer, model, type, bearer }: Model): void {
    const { tree, options } = this;
    const { clock, index } = options;
    const { latitude, longitude } = this.track.place;
    const celsius = this.temperature.next(clock.wall());
    tree.add(
      3,
      0,
      {
        0: manufacturer,
        1: model,
        2: `SN${String(100_000 + index)}`,
        3: FIRST_FIRMWARE,
        6: [1],
        7: [this.battery.millivolts],
        9: this.battery.percent,
        10: 512,
        11: [ErrorCode.None],
        14: '+00:00',
        15: 'UTC',
        16: 'U',
        17: type,
        18: 'rev B',
        20: this.battery.status,
        21: 2_048,
      },
      {
        4: { execute: () => () => this.reboot() },
        5: { execute: () => () => this.reboot() },
        12: {
          execute: () => {
            tree.set('/3/0/11', [ErrorCode.None]);
            return undefined;
          },
        },
        13: { read: () => new Date(clock.wall()), write: () => undefined },
      },
    );
    tree.add(4, 0, { 0: bearer, 1: [bearer], 2: this.signal.next(), 3: 30, 4: [`10.20.${index >> 8}.${index & 255}`] });
    tree.add(6, 0, { 0: latitude, 1: longitude, 2: 40, 5: new Date(clock.wall()), 6: 0 });
    tree.add(
      3303,
      0,
      { 5601: celsius, 5602: celsius, 5700: celsius, 5701: 'Cel' },
      {
        5605: {
          execute: () => {
            const now = tree.get('/3303/0/5700');
            tree.setAll([
              ['/3303/0/5601', now],
              ['/3303/0/5602', now],
            ]);
            return undefined;
          },
        },
      },
    );
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
    const { name, server, bootstrap, lifetime, clock, random, transport } = this.options;
    const client = new Lwm2mClient({
      endpoint: name,
      ...(bootstrap ? { bootstrap: server } : { server }),
      objects: this.tree,
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
    const celsius = this.temperature.next(clock.wall());
    this.tree.setAll([
      ...this.batteryValues(),
      ['/3/0/10', Math.round(between(380, 620, this.fraction))],
      ['/4/0/2', this.signal.next()],
      ['/6/0/0', place.latitude],
      ['/6/0/1', place.longitude],
      ['/6/0/5', new Date(clock.wall())],
      ['/6/0/6', this.track.metersPerSecond],
      ['/3303/0/5700', celsius],
      ['/3303/0/5601', Math.min(celsius, this.tree.get('/3303/0/5601') as number)],
      ['/3303/0/5602', Math.max(celsius, this.tree.get('/3303/0/5602') as number)],
    ]);
  };

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
    this.whileDown = whileDown;
    this.client.restart(between(shortest, longest, this.fraction), () => this.finishRestart());
  }

  private finishRestart(): void {
    this.whileDown?.();
    this.whileDown = undefined;
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

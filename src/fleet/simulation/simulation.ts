/** A simulated fleet: devices that register at a server over a real network, whose values move, and faults to inject. */
import { isIP } from 'node:net';
import { type Clock, SystemClock, type Timer } from '../../clock';
import { type Random, systemRandom } from '../../coap/layer';
import type { Transport } from '../../coap/transport';
import { seededRandom } from '../../coap/transports/memory';
import { UdpTransport } from '../../coap/transports/udp';
import { Catalogue } from '../../device/models/catalogue';
import { DeviceManagementError } from '../../errors';
import { Events } from '../../events';
import type { Scheme } from '../../lwm2m/client/client-options';
import type { FirmwareFaults } from '../../lwm2m/client/firmware-faults';
import { SimulatedDevice } from './simulated-device';
import type { SimulatedEvent } from './simulated-event';

export type { SimulatedEvent, SimulatedEventName } from './simulated-event';

export type Over = 'udp' | 'dtls' | 'tcp' | 'tls';

export interface SimulationOptions {
  /** Devices (default 20). */
  readonly count?: number;
  /** Gateways beside them (default none), each with three devices behind it: sim-gw-1, sim-gw-1-d01 … */
  readonly gateways?: number;
  /** Their names begin with it (default "sim-"): sim-001, sim-002 … */
  readonly prefix?: string;
  readonly server: { readonly host: string; readonly port?: number };
  /** The devices know no other server than this one, and ask it where to register (default false). */
  readonly bootstrap?: boolean;
  /** LwM2M version of all devices; without it they speak 1.0, 1.1 and 1.2 in turn. */
  readonly version?: string;
  /** How many of them sleep between their exchanges (queue mode), 0 to 1 (default 0). */
  readonly asleepShare?: number;
  /** How they reach the server (default "udp"). */
  readonly over?: Over;
  /** Over DTLS and TLS: the pre-shared key of a device, by its name, which is its identity too. */
  readonly keyOf?: (name: string) => Buffer;
  /** Of the registrations, in seconds (default 60). */
  readonly lifetime?: number;
  /** Between changes of values, in seconds (default 5). */
  readonly interval?: number;
  /** What goes wrong with their firmware updates at first; later `failFirmware`. */
  readonly faultsOf?: (name: string) => FirmwareFaults;
  readonly clock?: Clock;
  /** The same seed makes the same devices (default 1). */
  readonly seed?: number;
  /** A transport for each device, in place of a socket of its own. */
  readonly makeTransport?: (index: number) => Transport;
  readonly catalogue?: Catalogue;
}

export interface SimulationEvents {
  device: SimulatedEvent;
}

export interface SimulationState {
  readonly total: number;
  readonly registered: number;
  readonly offline: number;
}

const SCHEMES: Readonly<Record<Over, Scheme>> = { udp: 'coap', dtls: 'coaps', tcp: 'coap+tcp', tls: 'coaps+tcp' };
/** In turn, so that any few devices speak different versions. */
const VERSIONS: readonly string[] = ['1.1', '1.0', '1.2'];
/** Devices start one after the other: a herd would only meet the server's limits. */
const STAGGER_MS = 25;
const LONGEST_STAGGER_MS = 20_000;
const DEFAULT_FLAP_SECONDS = 30;
/** Objects 25 and 26 came after LwM2M 1.0. */
const GATEWAY_VERSIONS: readonly string[] = ['1.1', '1.2'];
const BEHIND_A_GATEWAY = 3;

export class Simulation {
  readonly events = new Events<SimulationEvents>();
  private readonly clock: Clock;
  private readonly devices = new Map<string, SimulatedDevice>();
  /** Gateways, by the names of devices behind them. */
  private readonly carriers = new Map<string, SimulatedDevice>();
  private readonly starts = new Set<Timer>();

  constructor(private readonly options: SimulationOptions) {
    this.clock = options.clock ?? new SystemClock();
    const count = options.count ?? 20;
    const catalogue = options.catalogue ?? Catalogue.registry();
    const seed = options.seed ?? 1;
    const digits = Math.max(3, String(count).length);
    for (let index = 0; index < count; index++) {
      const name = `${options.prefix ?? 'sim-'}${String(index + 1).padStart(digits, '0')}`;
      const version = options.version ?? (VERSIONS[index % VERSIONS.length] as string);
      this.devices.set(name, this.makeDevice(name, index, version, catalogue, seed));
    }
    for (let gateway = 0; gateway < (options.gateways ?? 0); gateway++) {
      const name = `${options.prefix ?? 'sim-'}gw-${gateway + 1}`;
      const own = GATEWAY_VERSIONS[gateway % GATEWAY_VERSIONS.length] as string;
      const version = GATEWAY_VERSIONS.find((known) => known === options.version) ?? own;
      const device = this.makeDevice(name, count + gateway, version, catalogue, seed, BEHIND_A_GATEWAY);
      this.devices.set(name, device);
      for (const behind of device.endDevices?.names ?? []) this.carriers.set(behind, device);
    }
  }

  /** Of all of them, those behind gateways last. */
  get names(): readonly string[] {
    return [...this.devices.keys(), ...this.carriers.keys()];
  }

  get state(): SimulationState {
    let registered = 0;
    let offline = 0;
    for (const device of this.devices.values()) {
      if (device.isOffline) offline++;
      else if (device.isRegistered) registered++;
    }
    return { total: this.devices.size, registered, offline };
  }

  device(name: string): SimulatedDevice | undefined {
    return this.devices.get(name);
  }

  /** Starts the devices one after the other. */
  start(): void {
    const stepMs = Math.min(STAGGER_MS, LONGEST_STAGGER_MS / this.devices.size);
    let at = 0;
    for (const device of this.devices.values()) {
      const timer = this.clock.after(at, () => {
        this.starts.delete(timer);
        device.start();
      });
      this.starts.add(timer);
      at += stepMs;
    }
  }

  /** De-registers every device that is registered, and frees the sockets. */
  async stop(): Promise<void> {
    for (const timer of this.starts) timer.cancel();
    this.starts.clear();
    await Promise.all([...this.devices.values()].map((device) => device.stop()));
  }

  /**
   * Devices vanish: they answer nothing and do not de-register.
   * @param names all devices without it
   * @throws DeviceManagementError `invalid-request` for a name that is none
   */
  offline(names?: readonly string[]): void {
    for (const device of this.chosen(names)) device.goOffline();
  }

  /** They register again, and those that flap stay. */
  online(names?: readonly string[]): void {
    for (const device of this.chosen(names)) device.goOnline();
  }

  /** They vanish and come back, again and again, until `online` or `offline`. */
  flap(names?: readonly string[], periodSeconds = DEFAULT_FLAP_SECONDS): void {
    if (!(periodSeconds > 0)) {
      throw new DeviceManagementError('invalid-value', `The period must be above 0 seconds, not ${periodSeconds}.`);
    }
    for (const device of this.chosen(names)) device.flap(periodSeconds * 1000);
  }

  /** Their battery is nearly empty, and stays so until they are rebooted. */
  lowBattery(names?: readonly string[]): void {
    for (const device of this.chosen(names)) device.lowBattery();
  }

  /** What goes wrong with their next firmware updates; none: they succeed. */
  failFirmware(names: readonly string[] | undefined, faults: FirmwareFaults): void {
    for (const device of this.chosen(names)) device.failFirmware(faults);
  }

  /** @throws DeviceManagementError `invalid-value`, `invalid-path` */
  setValue(names: readonly string[] | undefined, path: string, value: unknown): void {
    const own = names?.filter((name) => this.carriers.get(name)?.endDevices?.setValue(name, path, value) !== true);
    if (own === undefined || own.length > 0) for (const device of this.chosen(own)) device.setValue(path, value);
  }

  /** Those behind gateways share the fate of their gateway. */
  private chosen(names: readonly string[] | undefined): Iterable<SimulatedDevice> {
    if (names === undefined) return this.devices.values();
    const own = names.filter((name) => !this.carriers.has(name));
    const [behind] = names;
    if (own.length === 0 && behind !== undefined) {
      const gateway = this.carriers.get(behind)?.name;
      throw new DeviceManagementError('invalid-request', `${behind} is behind ${gateway}: do it to the gateway.`, {
        device: behind,
      });
    }
    return own.map((name) => {
      const device = this.devices.get(name);
      if (device !== undefined) return device;
      const [first] = this.devices.keys();
      throw new DeviceManagementError(
        'invalid-request',
        `"${name}" is no simulated device: use a name such as ${first}, or none for all ${this.devices.size}.`,
        { device: name },
      );
    });
  }

  private makeDevice(
    name: string,
    index: number,
    version: string,
    catalogue: Catalogue,
    seed: number,
    endDevices = 0,
  ): SimulatedDevice {
    const { asleepShare = 0, over = 'udp', server, makeTransport, keyOf } = this.options;
    const transport =
      makeTransport?.(index) ?? (SCHEMES[over].endsWith('tcp') ? undefined : new UdpTransport(placeFor(server.host)));
    const device = new SimulatedDevice({
      name,
      index,
      version,
      endDevices,
      queueMode: isOfShare(index, asleepShare),
      scheme: SCHEMES[over],
      ...(keyOf !== undefined && SCHEMES[over].startsWith('coaps') && { key: keyOf(name) }),
      server,
      bootstrap: this.options.bootstrap ?? false,
      lifetime: this.options.lifetime ?? 60,
      intervalMs: (this.options.interval ?? 5) * 1000,
      catalogue,
      clock: this.clock,
      random: randomOf(seed * 100_003 + index),
      ...(transport !== undefined && { transport }),
      tell: (event) => this.events.emit('device', event),
    });
    const faults = this.options.faultsOf?.(name);
    if (faults !== undefined) device.failFirmware(faults);
    return device;
  }
}

/** Spread over the fleet, so that any few devices are a fair sample. */
function isOfShare(index: number, share: number): boolean {
  return Math.floor((index + 1) * share) > Math.floor(index * share);
}

/** Values repeat with the seed; tokens stay unpredictable. */
function randomOf(seed: number): Random {
  return { fraction: seededRandom(seed), bytes: systemRandom.bytes };
}

/** A server on this machine is spoken to on loopback only: simulated devices open nothing to the network. */
function placeFor(host: string): { host?: string; port: number } {
  if (isIP(host) === 4 && host.startsWith('127.')) return { host: '127.0.0.1', port: 0 };
  return host === '::1' ? { host, port: 0 } : { port: 0 };
}

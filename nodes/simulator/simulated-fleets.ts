/**
 * Simulated fleets that outlive deploys, as real ones do: a fleet belongs to its server and to the id of its node, and ends when nobody
 * has taken it up again.
 */
import { randomBytes } from 'node:crypto';
import { DeviceManagementError } from '../../src/errors';
import { Events, type Unsubscribe } from '../../src/events';
import { readFaultPlan } from '../../src/fleet/simulation/fault-plan';
import { type Over, type SimulatedEvent, Simulation, type SimulationState } from '../../src/fleet/simulation/simulation';
import type { ListeningAt, RunningServer } from '../runtime/running-server';

export interface FleetSettings {
  readonly count: number;
  /** Beside them, with devices behind them. */
  readonly gateways: number;
  readonly prefix: string;
  /** Seconds. */
  readonly lifetime: number;
  /** Seconds. */
  readonly interval: number;
  /** LwM2M version of all, or "mixed". */
  readonly lwm2m: string;
  /** `dtls`: where the server has a secure port, else UDP; the others must be there. */
  readonly over: Over;
  /** Of the devices, in queue mode: 0 to 1. */
  readonly asleepShare: number;
  /** Whether the devices ask the server for theirs first. */
  readonly bootstrap: boolean;
  /** Which of them fail firmware updates, and how (`fault-plan`); "" = none. */
  readonly faults: string;
}

const KEY_BYTES = 16;
const fleets = new WeakMap<RunningServer, Map<string, SimulatedFleet>>();

/** The fleet of a node: its own from an earlier life, if it is to be the same. One that is not ends before the new one begins. */
export function fleetOf(server: RunningServer, owner: string, settings: FleetSettings): SimulatedFleet {
  const ofServer = fleets.get(server) ?? new Map<string, SimulatedFleet>();
  fleets.set(server, ofServer);
  const known = ofServer.get(owner);
  if (known !== undefined && !known.hasEnded && isSame(known.settings, settings)) return known;
  const fleet = new SimulatedFleet(server, settings, known?.end());
  ofServer.set(owner, fleet);
  fleet.onEnded = () => {
    if (ofServer.get(owner) === fleet) ofServer.delete(owner);
  };
  return fleet;
}

export class SimulatedFleet {
  readonly events = new Events<{ device: SimulatedEvent }>();
  onEnded: () => void = () => {};
  private simulation: Simulation | undefined;
  private readonly unsubscribe: Unsubscribe;
  private users = 0;
  private ending: Promise<void> | undefined;
  private readonly borrowers: string[] = [];

  /** @param predecessor has devices of the same names until it has settled */
  constructor(
    private readonly server: RunningServer,
    readonly settings: FleetSettings,
    private readonly predecessor: Promise<void> = Promise.resolve(),
  ) {
    this.unsubscribe = server.onState(() => void this.begin());
    void this.begin();
  }

  get hasEnded(): boolean {
    return this.ending !== undefined;
  }

  get state(): SimulationState {
    return this.simulation?.state ?? { total: this.settings.count + this.settings.gateways, registered: 0, offline: 0 };
  }

  /** `undefined` until the server has listened for the first time. */
  get running(): Simulation | undefined {
    return this.simulation;
  }

  /** Hears the fleet's events, and keeps it alive: it ends with its last user, unless another comes in the same turn. */
  use(listener: (event: SimulatedEvent) => void): Unsubscribe {
    this.users++;
    const unsubscribe = this.events.on('device', listener);
    return () => {
      unsubscribe();
      this.users--;
      queueMicrotask(() => {
        if (this.users === 0) void this.end();
      });
    };
  }

  /** Settles when its devices have left the server, or have given up doing so. */
  end(): Promise<void> {
    this.ending ??= this.stop();
    return this.ending;
  }

  /** What stands in the way of its devices, though the server listens. */
  get obstacle(): DeviceManagementError | undefined {
    if (this.server.state.name !== 'listening' || this.place !== undefined) return undefined;
    const name = this.settings.over.toUpperCase();
    return new DeviceManagementError(
      'invalid-request',
      `the simulated devices speak ${name}, and their server has no ${name} port: give it one, or let them speak UDP`,
    );
  }

  /** Whether they were to be secured, and their server has no port for that. */
  get isUnsecured(): boolean {
    return this.settings.over === 'dtls' && this.place?.transport === 'udp';
  }

  private get place(): (ListeningAt & { readonly transport: string }) | undefined {
    const { listening } = this.server.manager;
    const { over } = this.settings;
    const first = listening.find(({ transport }) => transport === over);
    return first ?? (over === 'dtls' ? listening.find(({ transport }) => transport === 'udp') : undefined);
  }

  /** Only then it is known which port to speak to. */
  private async begin(): Promise<void> {
    await this.predecessor;
    const { place: local } = this;
    if (this.server.state.name !== 'listening' || local === undefined || this.hasEnded || this.simulation !== undefined) return;
    const { clock, catalogue } = this.server;
    const { lwm2m, faults, ...settings } = this.settings;
    const simulation = new Simulation({
      ...settings,
      ...(lwm2m !== 'mixed' && { version: lwm2m }),
      over: local.transport as Over,
      keyOf: (name) => this.lend(name),
      faultsOf: readFaultPlan(faults),
      server: { host: reachable(local.address), port: local.port },
      clock,
      ...(catalogue !== undefined && { catalogue }),
    });
    this.simulation = simulation;
    simulation.events.on('device', (event) => this.events.emit('device', event));
    simulation.start();
  }

  /** A key of its own, which nobody sees: it lives as long as the device. */
  private lend(name: string): Buffer {
    const key = randomBytes(KEY_BYTES);
    this.server.provisioning.lend(name, key);
    this.borrowers.push(name);
    return key;
  }

  private async stop(): Promise<void> {
    this.unsubscribe();
    try {
      await this.simulation?.stop();
    } catch {
      // A socket that will not close is nobody's concern any more.
    }
    for (const name of this.borrowers) this.server.provisioning.takeBack(name);
    this.onEnded();
  }
}

/** Of a server that listens on every address, the one that never leaves this machine. */
function reachable(address: string): string {
  return address === '::' || address === '0.0.0.0' ? '127.0.0.1' : address;
}

const SETTINGS: readonly (keyof FleetSettings)[] = [
  'count',
  'gateways',
  'prefix',
  'lifetime',
  'interval',
  'lwm2m',
  'over',
  'asleepShare',
  'bootstrap',
  'faults',
];

function isSame(a: FleetSettings, b: FleetSettings): boolean {
  return SETTINGS.every((name) => a[name] === b[name]);
}

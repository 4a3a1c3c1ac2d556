/** dm-simulator: a fleet of simulated devices at the server it points to. */
import type { NodeAPI, NodeDef } from 'node-red';
import { readFaultPlan } from '../../src/fleet/simulation/fault-plan';
import type { Over } from '../../src/fleet/simulation/simulation';
import { registerNode } from '../runtime/register-node';
import type { FleetSettings } from './simulated-fleets';
import { SimulatorNode } from './simulator-node';

interface SimulatorProperties extends NodeDef {
  readonly server: string;
  readonly count?: number | string;
  readonly gateways?: number | string;
  readonly prefix?: string;
  readonly lifetime?: number | string;
  readonly interval?: number | string;
  /** LwM2M version of all, or "mixed". */
  readonly lwm2m?: string;
  readonly over?: string;
  /** Percent of the devices that are in queue mode. */
  readonly asleep?: number | string;
  readonly bootstrap?: boolean;
  readonly faults?: string;
}

/** Beyond it one process has no sockets left. */
const MOST_DEVICES = 10_000;
const MOST_GATEWAYS = 1_000;
const OVERS: readonly Over[] = ['udp', 'dtls', 'tcp', 'tls'];
const VERSIONS: ReadonlySet<string> = new Set(['1.0', '1.1', '1.2']);

/** An environment variable may have put anything into a setting. */
function settingsOf(properties: SimulatorProperties): FleetSettings {
  const { count, gateways, prefix, lifetime, interval, lwm2m, over, asleep, bootstrap, faults = '' } = properties;
  // Said at once where it is wrong, and not when the devices are made.
  readFaultPlan(faults);
  return {
    count: Math.min(MOST_DEVICES, Math.floor(positive(count, 20))),
    gateways: Math.min(MOST_GATEWAYS, Math.floor(positive(gateways, 0))),
    prefix: prefix ? prefix : 'sim-',
    lifetime: Math.ceil(positive(lifetime, 60)),
    interval: positive(interval, 5),
    lwm2m: VERSIONS.has(lwm2m ?? '') ? (lwm2m as string) : 'mixed',
    over: OVERS.find((known) => known === over) ?? 'udp',
    asleepShare: Math.min(1, positive(asleep, 0) / 100),
    bootstrap: bootstrap === true,
    faults: faults.trim(),
  };
}

function positive(value: number | string | undefined, otherwise: number): number {
  const number = Number(value === '' ? undefined : value);
  return Number.isFinite(number) && number > 0 ? number : otherwise;
}

export = (red: NodeAPI): void =>
  registerNode(
    red,
    'dm-simulator',
    (host, server, properties: SimulatorProperties) => new SimulatorNode(host, server, settingsOf(properties)),
  );

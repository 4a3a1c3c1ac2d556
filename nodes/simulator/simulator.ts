/** dm-simulator: a fleet of simulated devices at the server it points to. */
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { flowError, noServer } from '../runtime/failure';
import { hostOf } from '../runtime/flow-host';
import { serverOf } from '../runtime/server-node';
import { status } from '../runtime/status';
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
}

/** Beyond it one process has no sockets left. */
const MOST_DEVICES = 10_000;
const MOST_GATEWAYS = 1_000;
const VERSIONS: ReadonlySet<string> = new Set(['1.0', '1.1', '1.2']);

/** An environment variable may have put anything into a setting. */
function settingsOf(properties: SimulatorProperties): FleetSettings {
  const { count, gateways, prefix, lifetime, interval, lwm2m, over, asleep, bootstrap } = properties;
  return {
    count: Math.min(MOST_DEVICES, Math.floor(positive(count, 20))),
    gateways: Math.min(MOST_GATEWAYS, Math.floor(positive(gateways, 0))),
    prefix: prefix ? prefix : 'sim-',
    lifetime: Math.ceil(positive(lifetime, 60)),
    interval: positive(interval, 5),
    lwm2m: VERSIONS.has(lwm2m ?? '') ? (lwm2m as string) : 'mixed',
    over: over === 'tcp' ? 'tcp' : 'udp',
    asleepShare: Math.min(1, positive(asleep, 0) / 100),
    bootstrap: bootstrap === true,
  };
}

function positive(value: number | string | undefined, otherwise: number): number {
  const number = Number(value === '' ? undefined : value);
  return Number.isFinite(number) && number > 0 ? number : otherwise;
}

export = (red: NodeAPI): void => {
  function SimulatorNodeConstructor(this: Node, properties: SimulatorProperties): void {
    red.nodes.createNode(this, properties);
    const host = hostOf(red, this);
    const server = serverOf(red, properties.server);
    if (server === undefined) {
      host.show(status(host.texts, 'no-server'));
      this.on('input', (_message, _send, done) => done(flowError(noServer())));
      return;
    }
    const simulator = new SimulatorNode(host, server, settingsOf(properties));
    this.on('input', (message, _send, done) => simulator.input(message, done));
    this.on('close', (removed: boolean, done: () => void) => {
      simulator.close(removed);
      done();
    });
  }
  red.nodes.registerType('dm-simulator', SimulatorNodeConstructor);
};

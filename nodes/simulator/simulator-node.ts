/** Behaviour of dm-simulator: tells what happens to its devices, and injects faults by message. */
import { DeviceManagementError } from '../../src/errors';
import type { Unsubscribe } from '../../src/events';
import { Selector } from '../../src/fleet/selector';
import type { SimulatedEvent, Simulation } from '../../src/fleet/simulation/simulation';
import { readFaults } from '../../src/lwm2m/client/firmware-faults';
import { actionOf } from '../runtime/actions';
import { flowError } from '../runtime/failure';
import type { Done, FlowHost, Message, Send } from '../runtime/flow-host';
import type { RunningServer } from '../runtime/running-server';
import type { SourceRules } from '../runtime/source-buffer';
import { type SourceKind, SourceNode } from '../runtime/source-node';
import { type Status, status } from '../runtime/status';
import { type FleetSettings, fleetOf, type SimulatedFleet } from './simulated-fleets';

const RULES: SourceRules<SimulatedEvent> = {
  keyOf: ({ event, device }) => `${event} ${device}`,
  merge: (_older, newer) => newer,
};

export class SimulatorNode implements SourceKind<SimulatedEvent> {
  readonly rules = RULES;
  private readonly fleet: SimulatedFleet;
  private readonly source: SourceNode<SimulatedEvent>;

  constructor(
    private readonly host: FlowHost,
    private readonly server: RunningServer,
    settings: FleetSettings,
  ) {
    this.fleet = fleetOf(server, host.id, settings);
    this.source = new SourceNode(host, server, this);
  }

  subscribe(push: (event: SimulatedEvent) => void): readonly Unsubscribe[] {
    return [this.fleet.use(push)];
  }

  messages({ event, device, payload, at }: SimulatedEvent): readonly Message[] {
    return [{ topic: device, event, device, payload, dm: { server: this.server.id, operation: 'simulate', at } }];
  }

  status(): Status {
    const { obstacle, isUnsecured, state, settings } = this.fleet;
    if (obstacle !== undefined) return status(this.host.texts, 'no-port', { over: settings.over.toUpperCase() });
    const { registered: n, total: count } = state;
    return status(this.host.texts, isUnsecured ? 'simulated-unsecured' : 'simulated', { n, count });
  }

  input(message: Message, _send: Send, done: Done): void {
    try {
      const act = actionOf(ACTIONS, message);
      const { running } = this.fleet;
      if (running === undefined) throw this.server.obstacle ?? this.fleet.obstacle ?? notYet();
      act(running, chosen(message.device, running, this.server), message);
      this.source.refresh();
      done();
    } catch (caught) {
      done(flowError(caught));
    }
  }

  close(removed: boolean): void {
    this.source.close(removed);
  }
}

type Action = (simulation: Simulation, names: readonly string[] | undefined, message: Message) => void;

const ACTIONS: Readonly<Record<string, Action>> = {
  offline: (simulation, names) => simulation.offline(names),
  online: (simulation, names) => simulation.online(names),
  flap: (simulation, names, { period }) => simulation.flap(names, period === undefined ? undefined : Number(period)),
  'low-battery': (simulation, names) => simulation.lowBattery(names),
  'firmware-faults': (simulation, names, { payload }) => simulation.failFirmware(names, readFaults(payload)),
  'set-value': (simulation, names, { path, payload }) => simulation.setValue(names, pathOf(path), payload),
};

/** @returns undefined for all of them */
function chosen(device: unknown, { names }: Simulation, { fleet }: RunningServer): readonly string[] | undefined {
  if (device === undefined || device === null || device === '') return undefined;
  const selector = Selector.of(device);
  const chosen = fleet.choose(selector, names);
  if (chosen.length > 0) return chosen;
  throw new DeviceManagementError(
    'invalid-request',
    `no simulated device matches "${selector.text}": ${names[0]} is one of ${names.length}`,
  );
}

function pathOf(path: unknown): string {
  if (typeof path === 'string' && path !== '') return path;
  throw new DeviceManagementError('invalid-path', 'which path? send the one to set in msg.path, such as /3303/0/5700');
}

function notYet(): DeviceManagementError {
  return new DeviceManagementError('server-unavailable', 'the simulated devices are just being made: try again in a moment');
}

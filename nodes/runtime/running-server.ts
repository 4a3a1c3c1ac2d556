/** One server as long as it runs, over however many deploys: its state, its devices, and what it keeps for the nodes that use it. */
import type { Clock, Timer } from '../../src/clock';
import { isWithinArea } from '../../src/device/access';
import type { BootstrapEvent } from '../../src/device/bootstrap';
import type { DownloadSource } from '../../src/device/download';
import type { DeviceManager, LifecycleEvent } from '../../src/device/manager';
import type { Catalogue } from '../../src/device/models/catalogue';
import { asDeviceManagementError, DeviceManagementError } from '../../src/errors';
import { Events, type Unsubscribe } from '../../src/events';
import { Admittance } from '../../src/fleet/admittance';
import { ApiTokens } from '../../src/fleet/api-tokens';
import { type Audit, type AuditEntry, auditLine } from '../../src/fleet/audit';
import { BootstrapConfigurations } from '../../src/fleet/bootstrap-configurations';
import type { Places } from '../../src/fleet/firmware/image-urls';
import { Fleet, type FleetOptions } from '../../src/fleet/fleet';
import { endOf } from '../../src/fleet/operation-entry';
import type { Order, Outcome } from '../../src/fleet/outcomes';
import { Positions } from '../../src/fleet/positions';
import { Provisioning } from '../../src/fleet/provisioning';
import type { DeviceKeeper } from '../../src/lwm2m/server/device-keeper';
import type { SecuredState } from '../../src/lwm2m/server/secured-state';
import type { Statistics } from '../../src/lwm2m/server/statistics';
import type { Restorable as Backup } from '../../src/store/backup';
import { type KeepSeal, KeptState, type OpenSeal, type OpenStore } from './kept-state';
import { OwnedSources } from './owned-sources';

export interface ListeningAt {
  readonly address: string;
  readonly port: number;
}

export interface ManagedServer extends DeviceManager {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Takes up the devices of an earlier life, and keeps them from now on; before it starts. */
  restore(keeper: DeviceKeeper): Promise<void>;
  /** Writes all of it once more. */
  keepAll(): Promise<void>;
  /** Where it listens over UDP. */
  readonly local: ListeningAt | undefined;
  /** All it listens on. */
  readonly listening: readonly (ListeningAt & { readonly transport: string })[];
  readonly refused: number;
  /** What devices may fetch. */
  downloadSource?: DownloadSource | undefined;
  /** Ends the registration of a device that is no longer to be served. */
  dismiss(device: string): boolean;
  /** Ends what was proved by this name. */
  revoke(name: string): void;
  statistics(): Statistics;
  statistics(device: string): Statistics | undefined;
}

export type ServerState =
  | { readonly name: 'starting' | 'listening' | 'stopped' }
  | { readonly name: 'failed'; readonly error: DeviceManagementError };

export interface ServerLog {
  warn(text: string): void;
  info(text: string): void;
}

/** A port may be freed by whoever has it: the other Node-RED that is just ending. */
const RETRY_MS = 10_000;

/** What a server was made with besides its manager. */
export interface ServerParts {
  /** What objects mean to its devices. */
  readonly catalogue?: Catalogue;
  /** What devices are given that ask for their servers; the manager was made with it. */
  readonly bootstrap?: BootstrapConfigurations;
  /** What is known of devices before they come, and who of them is let in; the manager was made with both. */
  readonly provisioning?: Provisioning;
  readonly admittance?: Admittance;
  /** Where images of devices are kept, and which are good. */
  readonly images?: NonNullable<FleetOptions['images']>;
  /** Where devices find the server. */
  readonly places?: Places;
  /** Whether devices are asked what they are when they come. */
  readonly asksNewDevices?: () => boolean;
  /** Where its state is kept; absent: in memory alone. */
  readonly openStore?: OpenStore;
  readonly openSeal?: OpenSeal;
  readonly keepSeal?: KeepSeal;
  /** What a server of the same node had, when its settings were changed. */
  readonly inherited?: Promise<Backup | undefined>;
  /** What DTLS has agreed on with devices; of a transport the manager was made with. */
  readonly secured?: SecuredState;
}

export class RunningServer {
  readonly catalogue: Catalogue | undefined;
  readonly bootstrap: BootstrapConfigurations;
  readonly provisioning: Provisioning;
  readonly admittance: Admittance;
  readonly tokens: ApiTokens;
  readonly fleet: Fleet;
  private readonly positions: Positions;
  readonly sources: OwnedSources;
  readonly kept: KeptState;
  name = '';
  state: ServerState = { name: 'stopped' };
  private readonly changes = new Events<{ state: ServerState; refused: number }>();
  private readonly subscriptions: Unsubscribe[];
  private retry: Timer | undefined;
  private ended = false;
  private ending: Promise<Backup | undefined> | undefined;
  private toldError: string | undefined;
  private flowsRun = false;
  private untilFlowsRun: (() => void)[] = [];

  constructor(
    readonly id: string,
    readonly manager: ManagedServer,
    readonly clock: Clock,
    private readonly log: ServerLog,
    parts: ServerParts = {},
  ) {
    this.catalogue = parts.catalogue;
    this.bootstrap = parts.bootstrap ?? new BootstrapConfigurations();
    this.provisioning = parts.provisioning ?? new Provisioning(clock);
    this.admittance = parts.admittance ?? new Admittance({ clock, provisioning: this.provisioning, mode: () => 'secured' });
    this.tokens = new ApiTokens(clock);
    const { images, places, asksNewDevices } = parts;
    this.fleet = new Fleet(manager, clock, {
      audit: this.audit,
      provisioned: this.provisioning,
      ...(asksNewDevices !== undefined && { asksNewDevices }),
      ...(images !== undefined && { images }),
      ...(places !== undefined && { places }),
    });
    manager.downloadSource = this.fleet.imageServing.source;
    this.bootstrap.matches = (selector, device) => this.fleet.matches(selector, device);
    const { devices } = this.provisioning;
    this.positions = new Positions(
      manager,
      clock,
      (device) => devices.get(device)?.access?.area !== undefined,
      (device) => this.moved(device),
    );
    this.admittance.positions = this.positions;
    // Nodes show both in one line.
    this.admittance.pairing.onChange = () => this.changes.emit('refused', manager.refused);
    const warn = (text: string): void => this.log.warn(text);
    this.kept = new KeptState(parts, clock, warn, () => this.changes.emit('state', this.state));
    this.sources = new OwnedSources(clock);
    this.hold();
    this.fleet.requests.outcomes.onAbandoned = (order, outcome) => {
      this.log.info(abandoned(order, outcome));
      const { owner, device, request } = order;
      const [actor, action] = [`node ${owner}`, `${request.operation} ${request.path}`];
      this.fleet.audit.record({
        actor,
        action,
        device,
        ...endOf(outcome),
        detail: 'nobody was told: the node that had asked is gone',
      });
    };
    this.subscriptions = [
      manager.events.on('lifecycle', (event) => this.refused(event)),
      manager.events.on('bootstrap', (event) => this.bootstrapped(event)),
      this.provisioning.events.on('changed', ({ device }) => this.fleet.reconsider(device)),
      this.provisioning.events.on('ended', ({ device, names, dismissed, why }) => {
        for (const name of names) manager.revoke(name);
        if (dismissed && manager.dismiss(device)) this.log.info(`the registration of device '${device}' was ended: ${why}`);
      }),
    ];
  }

  get refusedCount(): number {
    return this.manager.refused;
  }

  /** What changes something or was refused stands in the log of Node-RED too. */
  readonly audit: Audit = (entry) => {
    this.fleet.audit.record(entry);
    if (entry.outcome === 'refused') this.log.warn(auditLine(entry));
    else this.log.info(auditLine(entry));
  };

  onState(listener: (state: ServerState) => void): Unsubscribe {
    return this.changes.on('state', listener);
  }

  onRefused(listener: (count: number) => void): Unsubscribe {
    return this.changes.on('refused', listener);
  }

  /** What stands in the way of asking a device; `undefined` while it listens. */
  get obstacle(): DeviceManagementError | undefined {
    if (this.state.name === 'listening') return undefined;
    if (this.state.name === 'failed') {
      return new DeviceManagementError('server-unavailable', `the LwM2M server is not running: ${this.state.error.message}`);
    }
    return new DeviceManagementError(
      'server-unavailable',
      `the LwM2M server is ${this.state.name}: send the request when it listens`,
    );
  }

  /** @param blame makes a better error of the system's, knowing the other servers */
  async begin(blame: (error: DeviceManagementError) => DeviceManagementError): Promise<void> {
    if (this.ended || this.state.name === 'listening' || this.state.name === 'starting') return;
    this.become({ name: 'starting' });
    try {
      // Before the first device is heard.
      await this.kept.restore(this.fleet, this.manager, this.provisioning, this.tokens);
      if (this.ended) return;
      await this.manager.start();
      // Removed while the socket was being bound.
      if (this.ended) return await this.manager.stop();
      this.become({ name: 'listening' });
      if (this.flowsRun) this.fleet.resume();
    } catch (caught) {
      if (this.ended) return;
      const error = blame(asDeviceManagementError(caught, 'server-unavailable'));
      if (error.message !== this.toldError) this.log.warn(error.message);
      this.toldError = error.message;
      this.become({ name: 'failed', error });
      this.retry = this.clock.after(RETRY_MS, () => void this.begin(blame));
    }
  }

  /** Flows are being stopped or built. */
  hold(): void {
    this.flowsRun = false;
    this.untilFlowsRun = [];
    this.sources.hold();
    this.fleet.policies.hold();
    this.fleet.jobs.hold();
    this.fleet.requests.outcomes.pause();
  }

  release(): void {
    this.flowsRun = true;
    const waiting = this.untilFlowsRun;
    this.untilFlowsRun = [];
    for (const action of waiting) action();
    this.fleet.requests.outcomes.resume();
    // Whatever devices are asked before it listens would be lost.
    if (this.state.name === 'listening') this.fleet.resume();
    this.sources.release();
  }

  /** For a node that is being made: what it raises or sends now would reach nobody, for Catch and other nodes do not exist yet. */
  whenFlowsRun(action: () => void): void {
    if (this.flowsRun) action();
    else this.untilFlowsRun.push(action);
  }

  /** Nodes that have not come back with their flows are gone: disabled, or deleted together with their tab. */
  sweep(): void {
    const gone = this.sources.sweep();
    for (const owner of gone) {
      this.fleet.policies.removeOwner(owner);
      this.bootstrap.removeOwner(owner);
      this.fleet.alarms.removeOwner(owner);
    }
    this.fleet.requests.outcomes.abandonHeld();
  }

  /**
   * @param leaves another server of its node goes on from what it has, elsewhere
   * @returns that
   */
  end(leaves = false): Promise<Backup | undefined> {
    this.ending ??= this.endOnce(leaves);
    return this.ending;
  }

  private async endOnce(leaves: boolean): Promise<Backup | undefined> {
    this.ended = true;
    this.retry?.cancel();
    const wasListening = this.state.name === 'listening';
    this.become({ name: 'stopped' });
    for (const unsubscribe of this.subscriptions) unsubscribe();
    this.positions.close();
    this.admittance.pairing.deny();
    this.fleet.close(leaves || this.kept.isKept);
    this.sources.close();
    if (wasListening) await this.manager.stop();
    const left = leaves ? await this.kept.contents() : undefined;
    await this.kept.close();
    return left;
  }

  private become(state: ServerState): void {
    this.state = state;
    this.changes.emit('state', state);
  }

  /** Its next Update would be refused; it need not be waited for. */
  private moved(device: string): void {
    const area = this.provisioning.devices.get(device)?.access?.area;
    const position = this.positions.of(device);
    if (area === undefined || position === undefined || isWithinArea(area, position)) return;
    if (this.manager.dismiss(device)) this.log.warn(`device '${device}' has left its area: its registration was ended`);
  }

  private bootstrapped(event: BootstrapEvent): void {
    this.bootstrap.heard(event);
    const outcome = BOOTSTRAP_OUTCOMES[event.event];
    if (outcome !== undefined) {
      const detail = event.error?.code ?? event.refusal?.reason;
      this.fleet.audit.record({
        actor: 'server',
        action: 'bootstrap',
        device: event.device,
        outcome,
        ...(detail !== undefined && { detail }),
      });
    }
    if (event.refusal === undefined) return;
    const { reason, remedy, count } = event.refusal;
    this.log.warn(`bootstrap refused: ${reason}. ${remedy}${timesSoFar(count)}`);
  }

  /** The server tells the first refusal of a source at once and repeats now and then, with their number. */
  private refused({ refusal }: LifecycleEvent): void {
    if (refusal === undefined) return;
    const { reason, remedy, count } = refusal;
    this.log.warn(`${reason}. ${remedy}${timesSoFar(count)}`);
    this.changes.emit('refused', this.manager.refused);
  }
}

/** Its beginning says nothing yet. */
const BOOTSTRAP_OUTCOMES: Readonly<Partial<Record<BootstrapEvent['event'], AuditEntry['outcome']>>> = {
  finished: 'done',
  failed: 'failed',
  refused: 'refused',
};

function timesSoFar(count: number): string {
  return count > 1 ? ` (${count} times so far)` : '';
}

function abandoned({ owner, device, request }: Order, outcome: Outcome): string {
  const what =
    'error' in outcome ? `failed (${outcome.error.code}: ${outcome.error.message})` : `was answered ${outcome.result.code}`;
  return `${request.operation} ${request.path} of device '${device}' ${what}, but node ${owner}, which had asked, is gone`;
}

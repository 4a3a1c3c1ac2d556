/** What makes a simulated device manageable beyond its values: the management objects, by the way it is connected. */
import type { Clock } from '../../clock';
import type { ObjectTree } from '../../lwm2m/client/objects';
import { addCapabilities } from './capabilities';
import { addCellular } from './cellular';
import { EventLog } from './event-log';
import { LockAndWipe } from './lock-and-wipe';
import { Bearer, type Model } from './models';
import type { NetworkLink, NetworkLinkOptions } from './network-link';
import { addSoftware, type SimulatedSoftwareOptions } from './software';
import { ConnectivityStatistics } from './statistics';
import { resetExtremes } from './tracker';
import { addWifi } from './wifi';

export interface ManagementOptions
  extends Pick<NetworkLinkOptions, 'away'>,
    Pick<SimulatedSoftwareOptions, 'fetch' | 'announce' | 'faults'> {
  readonly clock: Clock;
  readonly model: Model;
  readonly tell: (event: 'wiped' | 'network-changed', payload: Readonly<Record<string, unknown>>) => void;
}

export class Management {
  readonly lock: LockAndWipe;
  readonly log: EventLog;
  readonly statistics: ConnectivityStatistics;
  private readonly link: NetworkLink;

  constructor(tree: ObjectTree, { clock, model, away, tell, ...software }: ManagementOptions) {
    const items = { measurements: () => resetExtremes(tree), 'event log': () => this.log.clear() };
    this.lock = new LockAndWipe(tree, items, (targets) => tell('wiped', { targets: [...targets] }));
    this.log = new EventLog(tree, this.lock, () => clock.wall());
    this.statistics = new ConnectivityStatistics(tree, this.lock);
    addSoftware(tree, { ...software, clock, lock: this.lock, model: model.model });
    addCapabilities(tree, this.lock);
    const add = model.bearer === Bearer.Wlan ? addWifi : addCellular;
    this.link = add(tree, this.lock, { clock, away, arrived: (works) => tell('network-changed', { works }) });
  }

  stop(): void {
    this.link.stop();
  }
}

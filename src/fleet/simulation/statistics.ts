/** Connectivity Statistics (7) of a simulated device: what it has sent and received while it counts. */
import type { ObjectTree } from '../../lwm2m/client/objects';
import type { LockAndWipe } from './lock-and-wipe';
import { between, type Fraction } from './movement';

export class ConnectivityStatistics {
  private isCounting = false;

  constructor(
    private readonly tree: ObjectTree,
    lock: LockAndWipe,
  ) {
    tree.add(
      7,
      0,
      { 2: 0, 3: 0, 4: 1_152, 5: 64 },
      lock.over('device', {
        6: {
          execute: () => {
            this.isCounting = true;
            this.count(0, 0);
            return undefined;
          },
        },
        7: {
          execute: () => {
            this.isCounting = false;
            return undefined;
          },
        },
      }),
    );
  }

  /** Some traffic, in kilobytes. */
  move(fraction: Fraction): void {
    if (!this.isCounting) return;
    const had = (path: string): number => this.tree.get(path) as number;
    this.count(had('/7/0/2') + Math.ceil(between(0, 4, fraction)), had('/7/0/3') + Math.ceil(between(0, 2, fraction)));
  }

  private count(sent: number, received: number): void {
    this.tree.setAll([
      ['/7/0/2', sent],
      ['/7/0/3', received],
    ]);
  }
}

/** A simulated device that is not to be reached: without power once, or again and again, or because it restarts. */
import type { Clock, Timer } from '../../clock';
import type { Lwm2mClient } from '../../lwm2m/client/client';
import { between, type Fraction } from './movement';

/** How long a restart takes. */
export interface Span {
  readonly shortest: number;
  readonly longest: number;
}

export class Outages {
  isCutOff = false;
  private flapping: Timer | undefined;
  /** What a restart under way has still to do. */
  private whileDown: (() => void) | undefined;

  constructor(
    private readonly client: Lwm2mClient,
    private readonly clock: Clock,
    private readonly fraction: Fraction,
    private readonly tell: (event: 'offline' | 'online') => void,
  ) {}

  /** Until `end`. */
  begin(): void {
    this.stop();
    this.vanish();
  }

  end(): void {
    this.stop();
    this.appear();
  }

  /** Again and again, each for `periodMs` or so. */
  flap(periodMs: number): void {
    this.stop();
    const turn = (): void => {
      if (this.isCutOff) this.appear();
      else this.vanish();
      this.flapping = this.clock.after(periodMs * between(0.8, 1.2, this.fraction), turn);
    };
    turn();
  }

  /** It stays as it is now. */
  stop(): void {
    this.flapping?.cancel();
    this.flapping = undefined;
  }

  /** @param whileDown what it does before it is back */
  restart({ shortest, longest }: Span, whileDown: () => void): void {
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
    this.tell('offline');
  }

  private appear(): void {
    if (!this.isCutOff) return;
    this.isCutOff = false;
    this.tell('online');
    this.finishRestart();
    this.client.comeBack();
  }
}

/**
 * Refused registrations, counted per source. A refused device tries again, perhaps every second and perhaps on purpose: the first
 * refusal is told, repeats are counted and told once a minute.
 */
import type { Clock } from '../../clock';
import type { LifecycleEvent } from '../../device/manager';

/** Sources remembered; beyond it the one that has been quiet longest is forgotten. */
const MOST_SOURCES = 1000;
const TOLD_AGAIN_AFTER_MS = 60_000;
/** A stranger may take a new name with each try: no more refusals than this are told in a minute, the others are only counted. */
const MOST_TOLD_PER_MINUTE = 300;

interface Source {
  count: number;
  toldAt: number;
}

export class Refusals {
  private readonly sources = new Map<string, Source>();
  private total = 0;
  private minuteBegan = Number.NEGATIVE_INFINITY;
  private toldThisMinute = 0;

  constructor(
    private readonly clock: Clock,
    private readonly tell: (event: LifecycleEvent) => void,
  ) {}

  get count(): number {
    return this.total;
  }

  /**
   * @param device endpoint name it gave, "" when it gave none
   * @param address with its port, as in a registration; the port is not part of the source, it changes with each try
   */
  refused(device: string, host: string, address: string, reason: string, remedy: string): void {
    this.total++;
    const key = `${host} ${device}`;
    const source = this.sources.get(key) ?? { count: 0, toldAt: Number.NEGATIVE_INFINITY };
    this.sources.delete(key);
    this.sources.set(key, source);
    if (this.sources.size > MOST_SOURCES) this.sources.delete(this.sources.keys().next().value as string);
    source.count++;
    const now = this.clock.monotonic();
    if (now - source.toldAt < TOLD_AGAIN_AFTER_MS || !this.mayTell(now)) return;
    source.toldAt = now;
    this.tell({
      event: 'refused',
      device,
      refusal: { reason, remedy, address, count: source.count },
      at: this.clock.wall(),
    });
  }

  private mayTell(now: number): boolean {
    if (now - this.minuteBegan >= 60_000) {
      this.minuteBegan = now;
      this.toldThisMinute = 0;
    }
    return ++this.toldThisMinute <= MOST_TOLD_PER_MINUTE;
  }
}

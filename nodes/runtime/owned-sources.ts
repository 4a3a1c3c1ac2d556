/**
 * What source nodes have not yet passed on, kept for them over deploys: a value that arrives while the flows are being built anew
 * waits for the node that follows, known by the same id.
 */
import type { Clock } from '../../src/clock';
import type { Unsubscribe } from '../../src/events';
import { SourceBuffer, type SourceRules } from './source-buffer';

/** A buffer, whatever it holds. */
type AnyBuffer = Pick<SourceBuffer<never>, 'detach' | 'hold' | 'release'>;

interface Owned {
  readonly buffer: AnyBuffer;
  subscriptions: readonly Unsubscribe[];
  attached: boolean;
}

export class OwnedSources {
  private readonly owned = new Map<string, Owned>();
  private held = true;

  constructor(private readonly clock: Clock) {}

  /**
   * The buffer of a node, its own from an earlier life if it had one.
   * @param subscribe begins to fill it; what an earlier life had subscribed to is ended, so the newest dialog decides
   */
  attach<Item>(
    owner: string,
    rules: SourceRules<Item>,
    emit: (item: Item, dropped: number) => void,
    subscribe: (push: (item: Item) => void) => readonly Unsubscribe[],
  ): SourceBuffer<Item> {
    const known = this.owned.get(owner);
    const buffer = (known?.buffer as SourceBuffer<Item> | undefined) ?? new SourceBuffer<Item>(rules, this.clock);
    for (const unsubscribe of known?.subscriptions ?? []) unsubscribe();
    const subscriptions = subscribe((item) => buffer.push(item));
    this.owned.set(owner, { buffer, subscriptions, attached: true });
    buffer.attach(emit);
    if (this.held) buffer.hold();
    else buffer.release();
    return buffer;
  }

  /** The node ends, perhaps to come back. */
  detach(owner: string): void {
    const known = this.owned.get(owner);
    if (known === undefined) return;
    known.attached = false;
    known.buffer.detach();
  }

  /** The node is gone for good. */
  remove(owner: string): void {
    for (const unsubscribe of this.owned.get(owner)?.subscriptions ?? []) unsubscribe();
    this.owned.get(owner)?.buffer.detach();
    this.owned.delete(owner);
  }

  /** @returns owners that were removed because they have not come back */
  sweep(): readonly string[] {
    const gone = [...this.owned].filter(([, { attached }]) => !attached).map(([owner]) => owner);
    for (const owner of gone) this.remove(owner);
    return gone;
  }

  /** Flows are being stopped or built: nobody would hear. */
  hold(): void {
    this.held = true;
    for (const { buffer } of this.owned.values()) buffer.hold();
  }

  release(): void {
    this.held = false;
    for (const { buffer } of this.owned.values()) buffer.release();
  }

  close(): void {
    for (const owner of [...this.owned.keys()]) this.remove(owner);
  }
}

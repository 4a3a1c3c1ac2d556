/** A node that speaks of its own accord: from what the server tells, through a bounded buffer, to messages. */
import type { Unsubscribe } from '../../src/events';
import { flowError } from './failure';
import type { FlowHost, Message } from './flow-host';
import type { RunningServer } from './running-server';
import type { SourceBuffer, SourceRules } from './source-buffer';
import { type Status, StatusLine, serverStatus, status, withRefused } from './status';

export interface SourceKind<Item> {
  readonly rules: SourceRules<Item>;
  /** Begins to push what is for this node. */
  subscribe(push: (item: Item) => void): readonly Unsubscribe[];
  messages(item: Item): readonly Message[];
  /** While the server listens. */
  status(): Status;
  /** Does `status` tell of refused registrations itself? Otherwise they are added to it. */
  readonly tellsRefused?: boolean;
}

/** Counting a large fleet costs; nobody reads a number that changes ten times a second. */
const STATUS_MS = 500;
/** How long the status speaks of values that were dropped. */
const DROPPED_SHOWN_MS = 10_000;

export class SourceNode<Item> {
  private readonly buffer: SourceBuffer<Item>;
  private readonly line: StatusLine;
  private readonly subscriptions: readonly Unsubscribe[];
  private droppedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly host: FlowHost,
    private readonly server: RunningServer,
    private readonly kind: SourceKind<Item>,
  ) {
    this.line = new StatusLine(server.clock, (shown) => host.show(shown), STATUS_MS);
    this.buffer = server.sources.attach(
      host.id,
      kind.rules,
      (item, dropped) => this.emit(item, dropped),
      (push) => kind.subscribe(push),
    );
    this.subscriptions = [
      server.onState(() => this.refresh()),
      server.onRefused(() => this.refresh()),
      server.manager.events.on('lifecycle', () => this.refresh()),
    ];
    this.refresh();
  }

  refresh(): void {
    this.line.tell(() => this.status());
  }

  close(removed: boolean): void {
    for (const unsubscribe of this.subscriptions) unsubscribe();
    this.line.close();
    if (removed) this.server.sources.remove(this.host.id);
    else this.server.sources.detach(this.host.id);
  }

  private emit(item: Item, dropped: number): void {
    if (dropped > 0) this.droppedAt = this.server.clock.monotonic();
    let left = dropped;
    try {
      for (const message of this.kind.messages(item)) {
        if (left > 0) message.dm = { ...(message.dm as object), dropped: left };
        left = 0;
        this.host.send(message);
      }
    } catch (caught) {
      this.host.raise(flowError(caught), {});
    }
    this.refresh();
  }

  private status(): Status {
    const { texts } = this.host;
    const trouble = serverStatus(texts, this.server);
    if (trouble !== undefined) return trouble;
    const hasDropped = this.server.clock.monotonic() - this.droppedAt < DROPPED_SHOWN_MS;
    if (hasDropped) return status(texts, 'dropped', { n: this.buffer.dropped });
    const { kind, server } = this;
    const own = kind.status();
    return kind.tellsRefused ? own : withRefused(texts, own, server.refusedCount, 'and-registrations-refused');
  }
}

/** The status of an operation node: what is under way, what waits, else how the last one ended and who was refused; or what is wrong with the server. */

import type { Unsubscribe } from '../../src/events';
import type { Outcome } from '../../src/fleet/outcomes';
import type { FlowHost } from './flow-host';
import type { RunningServer } from './running-server';
import { type Status, StatusLine, serverStatus, status, withRefused } from './status';

export class OperationCounts {
  private inFlight = 0;
  private last: 'none' | 'ok' | { readonly code: string } = 'none';
  private readonly line: StatusLine | undefined;
  private readonly subscriptions: readonly Unsubscribe[];

  constructor(
    private readonly host: FlowHost,
    private readonly server: RunningServer | undefined,
  ) {
    if (server === undefined) {
      host.show(status(host.texts, 'no-server'));
      this.subscriptions = [];
      return;
    }
    this.line = new StatusLine(server.clock, (shown) => host.show(shown));
    this.subscriptions = [
      server.onState(({ name }) => {
        // What failed because the server did not run says nothing about a server that runs.
        if (name === 'listening' && typeof this.last === 'object' && this.last.code === 'server-unavailable') this.last = 'none';
        this.refresh();
      }),
      server.onRefused(() => this.refresh()),
    ];
    this.refresh();
  }

  began(): void {
    this.inFlight++;
    this.refresh();
  }

  /** No longer under way: answered, failed, or waiting. */
  landed(): void {
    this.inFlight--;
    this.refresh();
  }

  settled(outcome: Outcome): void {
    this.last = 'error' in outcome ? { code: outcome.error.code } : 'ok';
    this.refresh();
  }

  failed(code: string): void {
    this.last = { code };
    this.refresh();
  }

  close(): void {
    for (const unsubscribe of this.subscriptions) unsubscribe();
    this.line?.close();
  }

  private refresh(): void {
    const { server } = this;
    if (server !== undefined) this.line?.tell(() => this.status(server));
  }

  private status(server: RunningServer): Status {
    const { texts } = this.host;
    const trouble = serverStatus(texts, server);
    if (trouble !== undefined) return trouble;
    const n = this.inFlight;
    const queued = server.fleet.requests.waiting(this.host.id);
    if (n > 0 && queued > 0) return status(texts, 'in-flight-and-queued', { n, queued });
    if (n > 0) return status(texts, 'in-flight', { n });
    if (queued > 0) return status(texts, 'queued', { n: queued });
    return withRefused(texts, this.idle(server), server.refusedCount);
  }

  private idle({ manager }: RunningServer): Status {
    const { texts } = this.host;
    if (this.last === 'ok') return status(texts, 'ok');
    if (this.last !== 'none') return status(texts, 'failed', { code: this.last.code });
    return status(texts, 'listening', { port: manager.local?.port ?? '' });
  }
}

/** What becomes of bootstraps, as messages. */
import type { BootstrapEvent } from '../../src/device/bootstrap';
import type { Message } from '../runtime/flow-host';
import type { SourceRules } from '../runtime/source-buffer';
import { type Status, status, type Texts } from '../runtime/status';

/** A flow that is slower than its devices sees how the last bootstrap of each stands. */
export const BOOTSTRAP_RULES: SourceRules<BootstrapEvent> = {
  keyOf: ({ event, device }) => (event === 'refused' ? `refused ${device}` : `device ${device}`),
  merge: (_older, newer) => newer,
};

export function bootstrapMessage({ event, device, at, ...payload }: BootstrapEvent, server: string): Message {
  return { topic: device, event, device, payload: structuredClone(payload), dm: { server, operation: 'bootstrap', at } };
}

/** Devices being bootstrapped now, and how it ended for the others. */
export class BootstrapCounts {
  private readonly running = new Set<string>();
  private succeeded = 0;
  private failed = 0;

  count({ event, device }: BootstrapEvent): void {
    if (event === 'started') this.running.add(device);
    else this.running.delete(device);
    if (event === 'finished') this.succeeded++;
    if (event === 'failed') this.failed++;
  }

  status(texts: Texts): Status {
    const { running, succeeded: n, failed } = this;
    if (running.size > 0) return status(texts, 'bootstrapping', { n: running.size });
    if (failed > 0) return status(texts, 'bootstraps-failed', { n, failed });
    return n === 0 ? status(texts, 'bootstrap-idle') : status(texts, 'bootstrapped', { n });
  }
}

/**
 * Counters per server and per device: messages, codes, bytes per operation. The registration interface is counted for the server only:
 * every device uses it, and an idle one is not to cost a table of its own.
 */
import { codeText } from '../../coap/codes';
import type { OperationName } from '../../device/operation';

/** What is counted apart: what devices are asked, and what they say by themselves. */
export type CountedOperation = OperationName | 'register' | 'update' | 'deregister' | 'send' | 'notify';

export interface OperationCount {
  count: number;
  /** Answered with an error, or not at all. */
  failed: number;
  /** Payload bytes. */
  bytesSent: number;
  bytesReceived: number;
}

export interface Traffic {
  readonly received: number;
  readonly sent: number;
  readonly retransmitted: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

export interface Statistics extends Traffic {
  /** Response codes by "2.05", in both directions. */
  readonly codes: Readonly<Record<string, number>>;
  readonly operations: Readonly<Partial<Record<CountedOperation, OperationCount>>>;
}

/** One set of counters. */
export class OperationCounters {
  private readonly byCode = new Map<number, number>();
  private readonly byOperation = new Map<CountedOperation, OperationCount>();

  /** @param code of the response; undefined when none came */
  count(operation: CountedOperation, code: number | undefined, bytesSent: number, bytesReceived: number): void {
    let counter = this.byOperation.get(operation);
    if (counter === undefined) {
      counter = { count: 0, failed: 0, bytesSent: 0, bytesReceived: 0 };
      this.byOperation.set(operation, counter);
    }
    counter.count++;
    counter.bytesSent += bytesSent;
    counter.bytesReceived += bytesReceived;
    if (code === undefined || code >= FIRST_ERROR) counter.failed++;
    if (code !== undefined) this.byCode.set(code, (this.byCode.get(code) ?? 0) + 1);
  }

  snapshot(traffic: Traffic): Statistics {
    const { received, sent, retransmitted, bytesReceived, bytesSent } = traffic;
    return {
      received,
      sent,
      retransmitted,
      bytesReceived,
      bytesSent,
      codes: Object.fromEntries([...this.byCode].sort(([a], [b]) => a - b).map(([code, times]) => [codeText(code), times])),
      operations: Object.fromEntries([...this.byOperation].map(([operation, counter]) => [operation, { ...counter }])),
    };
  }
}

const FIRST_ERROR = 0x80;
/** Counted for the server alone; who has left has no counters any more. */
const SERVERS_ONLY: ReadonlySet<CountedOperation> = new Set(['register', 'update', 'deregister']);

/** The server's counters, and those of each device that did more than register. `Device` is whatever stands for one. */
export class OperationStatistics<Device extends object> {
  private readonly server = new OperationCounters();
  private readonly devices = new WeakMap<Device, OperationCounters>();

  count(
    device: Device | undefined,
    operation: CountedOperation,
    code: number | undefined,
    bytesSent: number,
    bytesReceived: number,
  ): void {
    this.server.count(operation, code, bytesSent, bytesReceived);
    if (device === undefined || SERVERS_ONLY.has(operation)) return;
    let counters = this.devices.get(device);
    if (counters === undefined) {
      counters = new OperationCounters();
      this.devices.set(device, counters);
    }
    counters.count(operation, code, bytesSent, bytesReceived);
  }

  ofServer(traffic: Traffic): Statistics {
    return this.server.snapshot(traffic);
  }

  ofDevice(device: Device, traffic: Traffic): Statistics {
    return (this.devices.get(device) ?? new OperationCounters()).snapshot(traffic);
  }
}

/** Requests that wait, one line for each device, bounded for one device and in total. */
import { type HasDeadline, NO_DEADLINE } from '../deadlines';
import type { Order } from './outcomes';

export class WaitingRequest implements HasDeadline {
  deadline = NO_DEADLINE;
  inFlight = false;
  /** Out of its line: answered, expired or cancelled. */
  gone = false;

  constructor(
    readonly order: Order,
    readonly expiresAt: number,
  ) {}
}

export class WaitingLine {
  readonly requests: WaitingRequest[] = [];
  /** Somebody is asking the device on behalf of this line. */
  moving = false;

  constructor(readonly device: string) {}

  get first(): WaitingRequest | undefined {
    return this.requests[0];
  }

  get length(): number {
    return this.requests.length;
  }
}

export class WaitingLines {
  private readonly lines = new Map<string, WaitingLine>();
  private readonly byOwner = new Map<string, Set<WaitingRequest>>();
  private total = 0;

  constructor(
    private readonly mostPerDevice: number,
    private readonly mostInTotal: number,
  ) {}

  of(device: string): WaitingLine | undefined {
    return this.lines.get(device);
  }

  ofOwner(owner: string): readonly WaitingRequest[] {
    return [...(this.byOwner.get(owner) ?? [])];
  }

  count(owner?: string): number {
    return owner === undefined ? this.total : (this.byOwner.get(owner)?.size ?? 0);
  }

  /** Why no further request may wait, and what to do. */
  fullFor(device: string): string | undefined {
    if ((this.lines.get(device)?.length ?? 0) >= this.mostPerDevice) {
      return `${this.mostPerDevice} requests wait for device '${device}' already; ask it less often, or let requests expire sooner`;
    }
    if (this.total < this.mostInTotal) return undefined;
    return `${this.mostInTotal} requests wait for devices already; ask less often, or let requests expire sooner`;
  }

  append(order: Order, expiresAt: number): WaitingRequest {
    const request = new WaitingRequest(order, expiresAt);
    const line = this.lines.get(order.device) ?? new WaitingLine(order.device);
    this.lines.set(order.device, line);
    line.requests.push(request);
    const own = this.byOwner.get(order.owner) ?? new Set<WaitingRequest>();
    this.byOwner.set(order.owner, own);
    own.add(request);
    this.total++;
    return request;
  }

  remove(request: WaitingRequest): void {
    const { device, owner } = request.order;
    const line = this.lines.get(device);
    const at = line?.requests.indexOf(request) ?? -1;
    if (line === undefined || at < 0) return;
    line.requests.splice(at, 1);
    request.gone = true;
    this.total--;
    const own = this.byOwner.get(owner);
    own?.delete(request);
    if (own?.size === 0) this.byOwner.delete(owner);
    this.release(line);
  }

  /** Forgets a line nobody stands in. One that moves stays: a request that comes now joins it. */
  release(line: WaitingLine): void {
    if (line.length === 0 && !line.moving && this.lines.get(line.device) === line) this.lines.delete(line.device);
  }

  clear(): readonly WaitingRequest[] {
    const all = [...this.lines.values()].flatMap((line) => line.requests);
    for (const request of all) request.gone = true;
    this.lines.clear();
    this.byOwner.clear();
    this.total = 0;
    return all;
  }
}

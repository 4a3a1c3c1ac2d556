/** Requests in line, one line for each device, by priority and then by order of asking; bounded for one device and in total. */
import { type HasDeadline, NO_DEADLINE } from '../deadlines';
import { asksTheSame, mayOvertake, separates, supersedes } from './coalescing';
import type { Order, Priority } from './outcomes';

export class WaitingRequest implements HasDeadline {
  deadline = NO_DEADLINE;
  inFlight = false;
  /** It was asked this often, and met a device that had just fallen asleep. */
  attempts = 0;
  /** Waits for the device, not just for those before it. */
  waits = false;
  /** Out of its line: answered, expired, superseded or cancelled. */
  gone = false;

  constructor(
    readonly id: number,
    readonly order: Order,
    /** By the monotonic clock. */
    readonly expiresAt: number,
    /** Unix milliseconds, for a person. */
    readonly since: number,
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

  /** Those that `order` makes needless: waiting at the end of the line, with nothing between that must see what they do. */
  supersededBy(order: Order): readonly WaitingRequest[] {
    const superseded: WaitingRequest[] = [];
    for (let at = this.requests.length - 1; at >= 0; at--) {
      const request = this.requests[at] as WaitingRequest;
      if (request.inFlight) break;
      if (supersedes(order.request, request.order.request)) superseded.push(request);
      else if (separates(request.order.request, order.request)) break;
    }
    return superseded;
  }

  /** The first, and those behind it that its answer answers too. */
  sharingWithFirst(): readonly WaitingRequest[] {
    const [first, ...others] = this.requests;
    if (first === undefined) return [];
    const sharing = [first];
    for (const request of others) {
      if (asksTheSame(first.order.request, request.order.request)) sharing.push(request);
      else if (separates(request.order.request, first.order.request)) break;
    }
    return sharing;
  }

  /** Where `order` stands: behind its equals, before what is less urgent, unless that would change what either means. */
  placeFor(order: Order): number {
    let place = this.requests.length;
    for (; place > 0; place--) {
      const { inFlight, order: other } = this.requests[place - 1] as WaitingRequest;
      if (inFlight || rank(other) >= rank(order) || !mayOvertake(order.request, other.request)) break;
    }
    return place;
  }
}

interface Owned {
  readonly requests: Set<WaitingRequest>;
  waiting: number;
}

export class WaitingLines {
  private readonly lines = new Map<string, WaitingLine>();
  private readonly byOwner = new Map<string, Owned>();
  private total = 0;
  private waiting = 0;
  private lastId = 0;

  constructor(
    private readonly mostPerDevice: number,
    private readonly mostInTotal: number,
  ) {}

  of(device: string): WaitingLine | undefined {
    return this.lines.get(device);
  }

  all(): readonly WaitingRequest[] {
    return [...this.lines.values()].flatMap((line) => line.requests);
  }

  /** Devices that something waits for. */
  devices(): readonly string[] {
    return [...this.lines.keys()];
  }

  ofOwner(owner: string): readonly WaitingRequest[] {
    return [...(this.byOwner.get(owner)?.requests ?? [])];
  }

  /** How many wait for their device. */
  count(owner?: string): number {
    return owner === undefined ? this.waiting : (this.byOwner.get(owner)?.waiting ?? 0);
  }

  /** Why no further request may wait, and what to do. */
  fullFor(device: string): string | undefined {
    if ((this.lines.get(device)?.length ?? 0) >= this.mostPerDevice) {
      return `${this.mostPerDevice} requests wait for device '${device}' already; ask it less often, or let requests expire sooner`;
    }
    if (this.total < this.mostInTotal) return undefined;
    return `${this.mostInTotal} requests wait for devices already; ask less often, or let requests expire sooner`;
  }

  /**
   * @param known its `place` in the line, where that is not by priority and order of asking, because it has had its turn already; its `id`,
   * where it waited in an earlier life
   */
  add(order: Order, expiresAt: number, since: number, known: { place?: number; id?: number } = {}): WaitingRequest {
    const { place, id = this.lastId + 1 } = known;
    this.lastId = Math.max(this.lastId, id);
    const request = new WaitingRequest(id, order, expiresAt, since);
    const line = this.lines.get(order.device) ?? new WaitingLine(order.device);
    this.lines.set(order.device, line);
    line.requests.splice(place ?? line.placeFor(order), 0, request);
    const own = this.byOwner.get(order.owner) ?? { requests: new Set(), waiting: 0 };
    this.byOwner.set(order.owner, own);
    own.requests.add(request);
    this.total++;
    return request;
  }

  /** @returns false when it was known to wait */
  markWaiting(request: WaitingRequest): boolean {
    if (request.waits) return false;
    request.waits = true;
    this.countWaiting(request, 1);
    return true;
  }

  remove(request: WaitingRequest): void {
    const { device, owner } = request.order;
    const line = this.lines.get(device);
    const at = line?.requests.indexOf(request) ?? -1;
    if (line === undefined || at < 0) return;
    line.requests.splice(at, 1);
    request.gone = true;
    this.total--;
    if (request.waits) this.countWaiting(request, -1);
    const own = this.byOwner.get(owner);
    own?.requests.delete(request);
    if (own?.requests.size === 0) this.byOwner.delete(owner);
    this.release(line);
  }

  /** Forgets a line nobody stands in. One that moves stays: a request that comes now joins it. */
  release(line: WaitingLine): void {
    if (line.length === 0 && !line.moving && this.lines.get(line.device) === line) this.lines.delete(line.device);
  }

  clear(): readonly WaitingRequest[] {
    // Out of their lines, too: one that moves goes on until it is empty.
    const all = [...this.lines.values()].flatMap((line) => line.requests.splice(0));
    for (const request of all) request.gone = true;
    this.lines.clear();
    this.byOwner.clear();
    this.total = 0;
    this.waiting = 0;
    return all;
  }

  private countWaiting({ order }: WaitingRequest, by: 1 | -1): void {
    this.waiting += by;
    const own = this.byOwner.get(order.owner);
    if (own !== undefined) own.waiting += by;
  }
}

const RANKS: Readonly<Record<Priority, number>> = { high: 2, normal: 1, low: 0 };

function rank({ priority }: Order): number {
  return RANKS[priority ?? 'normal'];
}

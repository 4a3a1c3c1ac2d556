/** What a node says about itself under its box: Node-RED's colours, short texts, and not more often than an eye can follow. */
import type { Clock, Timer } from '../../src/clock';
import type { RunningServer } from './running-server';

export interface Status {
  readonly fill?: 'red' | 'green' | 'yellow' | 'blue' | 'grey';
  readonly shape?: 'dot' | 'ring';
  readonly text?: string;
}

/** Looks a text up in the catalogue that all nodes share. */
export type Texts = (key: string, variables?: Readonly<Record<string, string | number>>) => string;

const LOOKS = {
  listening: { fill: 'green', shape: 'dot' },
  starting: { fill: 'yellow', shape: 'ring' },
  stopped: { fill: 'grey', shape: 'ring' },
  'port-in-use': { fill: 'red', shape: 'ring' },
  'not-running': { fill: 'red', shape: 'ring' },
  'not-kept': { fill: 'yellow', shape: 'ring' },
  'no-server': { fill: 'red', shape: 'ring' },
  ok: { fill: 'green', shape: 'dot' },
  failed: { fill: 'red', shape: 'ring' },
  'in-flight': { fill: 'blue', shape: 'dot' },
  queued: { fill: 'yellow', shape: 'ring' },
  'in-flight-and-queued': { fill: 'blue', shape: 'dot' },
  registered: { fill: 'green', shape: 'dot' },
  refused: { fill: 'yellow', shape: 'dot' },
  pairing: { fill: 'blue', shape: 'ring' },
  observed: { fill: 'green', shape: 'dot' },
  pending: { fill: 'yellow', shape: 'ring' },
  'observations-refused': { fill: 'yellow', shape: 'dot' },
  dropped: { fill: 'yellow', shape: 'dot' },
  'job-running': { fill: 'blue', shape: 'dot' },
  'job-done': { fill: 'green', shape: 'dot' },
  'job-ended': { fill: 'yellow', shape: 'dot' },
  idle: { fill: 'grey', shape: 'ring' },
  bootstrapping: { fill: 'blue', shape: 'dot' },
  bootstrapped: { fill: 'green', shape: 'dot' },
  'bootstraps-failed': { fill: 'yellow', shape: 'dot' },
  'bootstrap-idle': { fill: 'grey', shape: 'ring' },
  alarms: { fill: 'yellow', shape: 'dot' },
  'alarms-critical': { fill: 'red', shape: 'dot' },
  'no-alarms': { fill: 'green', shape: 'dot' },
  'wrong-rules': { fill: 'red', shape: 'ring' },
  'no-port': { fill: 'red', shape: 'ring' },
  simulated: { fill: 'green', shape: 'dot' },
  'simulated-unsecured': { fill: 'green', shape: 'dot' },
} as const satisfies Record<string, Status>;

export type StatusKey = keyof typeof LOOKS;

export function status(texts: Texts, key: StatusKey, variables?: Readonly<Record<string, string | number>>): Status {
  return { ...LOOKS[key], text: texts(`runtime.${key}`, variables) };
}

/** `undefined` while it listens: then the node has better things to tell. */
export function serverStatus(texts: Texts, { state, kept }: Pick<RunningServer, 'state' | 'kept'>): Status | undefined {
  // It does all it should, until the process ends.
  if (state.name === 'listening') return kept.isFailing ? status(texts, 'not-kept') : undefined;
  if (state.name !== 'failed') return status(texts, state.name);
  return status(texts, state.error.code === 'port-in-use' ? 'port-in-use' : 'not-running');
}

/**
 * What a node has to say, and that devices were turned away: whoever waits for one looks at the nodes that use the server. The colour stays
 * that of the node's own work.
 * @param key `and-refused`, or where that could be taken for something of the node's own, `and-registrations-refused`
 */
export function withRefused(
  texts: Texts,
  shown: Status,
  refused: number,
  key: 'and-refused' | 'and-registrations-refused' = 'and-refused',
): Status {
  return refused === 0 ? shown : { ...shown, text: texts(`runtime.${key}`, { text: shown.text ?? '', refused }) };
}

const SHORTEST_MS = 100;

/** Shows the newest of what it is told, by default at most ten times a second: each change is a message to every open editor. */
export class StatusLine {
  private shown = '';
  private shownAt = Number.NEGATIVE_INFINITY;
  private timer: Timer | undefined;
  private next: (() => Status) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly show: (status: Status) => void,
    private readonly shortestMs = SHORTEST_MS,
  ) {}

  /** @param status evaluated when shown */
  tell(status: () => Status): void {
    this.next = status;
    if (this.timer !== undefined) return;
    const wait = this.shownAt + this.shortestMs - this.clock.monotonic();
    if (wait <= 0) this.flush();
    else this.timer = this.clock.after(wait, () => this.flush());
  }

  close(): void {
    this.timer?.cancel();
    this.next = undefined;
  }

  private flush(): void {
    this.timer = undefined;
    const status = this.next?.();
    if (status === undefined) return;
    const text = JSON.stringify(status);
    if (text === this.shown) return;
    this.shown = text;
    this.shownAt = this.clock.monotonic();
    this.show(status);
  }
}

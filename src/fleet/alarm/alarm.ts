/** An alarm as people and stores see it: plain data, with the fields of X.733. */
import type { AlarmState, Hiding } from './lifecycle';
import type { EventType, Severity } from './rule';

export interface Alarm {
  /** One alarm has one as long as it is open: the deduplication key of tickets. */
  readonly id: string;
  readonly device: string;
  readonly type: string;
  /** "/3303/1" where a rule means every instance. */
  readonly instance?: string;
  readonly severity: Severity;
  readonly eventType: EventType;
  readonly cause: string;
  readonly repair?: string;
  readonly state: AlarmState;
  readonly hiding: Hiding;
  /** Unix milliseconds. */
  readonly shelvedUntil?: number;
  /** How often it was raised while it was open. */
  readonly count: number;
  readonly firstAt: number;
  readonly lastAt: number;
  /** What raised it. */
  readonly value?: string | number | boolean;
  readonly assignee?: string;
  readonly comments: readonly { readonly at: number; readonly actor: string; readonly text: string }[];
  /** Whose alarm of the same event type hides it. */
  readonly parent?: string;
  /** It comes and goes so often that it is held until it has been quiet for a while. */
  readonly flapping: boolean;
}

export type AlarmChangeName =
  | 'raised'
  | 'returned'
  | 'cleared'
  | 'latched'
  | 'flapping'
  | 'upgraded'
  | 'acknowledged'
  | 'shelved'
  | 'suppressed'
  | 'out-of-service'
  | 'shown'
  | 'commented'
  | 'assigned';

export interface AlarmChange {
  readonly change: AlarmChangeName;
  readonly alarm: Alarm;
}

export function isActive({ state }: Pick<Alarm, 'state'>): boolean {
  return state === 'unacknowledged' || state === 'acknowledged';
}

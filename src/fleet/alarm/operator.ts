/** What a person, or a flow in their place, does with an alarm. */
import { DeviceManagementError } from '../../errors';
import type { Alarm, AlarmChangeName } from './alarm';
import { type AlarmEvent, type HidingEvent, next, nextHiding, type Refused } from './lifecycle';

export interface OperatorRequest {
  readonly actor: string;
  /** Unix milliseconds. */
  readonly now: number;
  /** Of a comment; whom it is assigned to. */
  readonly text?: string;
  /** How long it is shelved. */
  readonly minutes?: number;
}

export interface OperatorChange {
  readonly change: AlarmChangeName;
  readonly alarm: Alarm;
}

/** ISA-18.2 asks for a limit: a shift. */
const LONGEST_SHELVED_MINUTES = 8 * 60;
const MOST_COMMENTS = 20;
const LONGEST_TEXT = 500;

type Act = (alarm: Alarm, request: OperatorRequest) => OperatorChange;

/** By `msg.action`. Each throws DeviceManagementError `invalid-request` when it cannot be done, and says why. */
export const OPERATOR_ACTS: Readonly<Record<string, Act>> = {
  acknowledge: (alarm) => stepped(alarm, 'acknowledge', 'acknowledged'),
  clear: (alarm) => stepped(alarm, 'clear', 'cleared'),
  reset: (alarm) => stepped(alarm, 'reset', 'cleared'),
  shelve: (alarm, { now, minutes = 60 }) => {
    if (!(minutes > 0 && minutes <= LONGEST_SHELVED_MINUTES))
      throw invalid(`msg.minutes must be a number up to ${LONGEST_SHELVED_MINUTES}: so long may an alarm be shelved`);
    return { change: 'shelved', alarm: { ...hidden(alarm, 'shelve'), shelvedUntil: now + minutes * 60_000 } };
  },
  unshelve: (alarm) => ({ change: 'shown', alarm: hidden(alarm, 'unshelve') }),
  suppress: (alarm) => ({ change: 'suppressed', alarm: hidden(alarm, 'suppress') }),
  unsuppress: (alarm) => ({ change: 'shown', alarm: hidden(alarm, 'unsuppress') }),
  'out-of-service': (alarm) => ({ change: 'out-of-service', alarm: hidden(alarm, 'out-of-service') }),
  'in-service': (alarm) => ({ change: 'shown', alarm: hidden(alarm, 'in-service') }),
  comment: (alarm, { actor, now, text }) => {
    const comments = [...alarm.comments, { at: now, actor, text: checked(text) }].slice(-MOST_COMMENTS);
    return { change: 'commented', alarm: { ...alarm, comments } };
  },
  assign: (alarm, { text }) => ({ change: 'assigned', alarm: { ...alarm, assignee: checked(text) } }),
};

function stepped(alarm: Alarm, event: AlarmEvent, change: AlarmChangeName): OperatorChange {
  const state = allowed(next(alarm.state, event), event);
  return { change: state === 'normal' ? 'cleared' : change, alarm: { ...alarm, state } };
}

function hidden({ shelvedUntil, parent, ...alarm }: Alarm, event: HidingEvent): Alarm {
  return { ...alarm, hiding: allowed(nextHiding(alarm.hiding, event), event) };
}

function allowed<State extends string>(state: State | Refused, event: string): State {
  if (typeof state === 'string') return state;
  throw invalid(`the alarm cannot be changed by "${event}": ${state.refused}`);
}

function checked(text: string | undefined): string {
  if (typeof text !== 'string' || text === '' || text.length > LONGEST_TEXT)
    throw invalid(`msg.payload must be a text of at most ${LONGEST_TEXT} characters`);
  return text;
}

function invalid(sentence: string): DeviceManagementError {
  return new DeviceManagementError('invalid-request', sentence);
}

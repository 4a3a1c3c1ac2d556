/**
 * The states of an alarm (ISA-18.2, IEC 62682): what the condition and an operator do to it, and, beside that, why it may be hidden. Two tables;
 * whatever they do not name changes nothing, and whatever they refuse says why.
 */

export type AlarmState = 'normal' | 'unacknowledged' | 'acknowledged' | 'returned' | 'latched';
export type AlarmEvent = 'raise' | 'return' | 'acknowledge' | 'clear' | 'reset';
export type Hiding = 'shown' | 'shelved' | 'suppressed' | 'out-of-service';
export type HidingEvent = 'shelve' | 'unshelve' | 'suppress' | 'unsuppress' | 'out-of-service' | 'in-service';

/** For a person. */
export interface Refused {
  readonly refused: string;
}

const NO_ALARM: Refused = { refused: 'there is no such alarm' };
const NOT_LATCHED: Refused = { refused: 'it is not latched: clear it instead' };

const STATES: Readonly<Record<AlarmState, Readonly<Record<AlarmEvent, AlarmState | Refused>>>> = {
  normal: { raise: 'unacknowledged', return: 'normal', acknowledge: NO_ALARM, clear: NO_ALARM, reset: NO_ALARM },
  unacknowledged: {
    raise: 'unacknowledged',
    return: 'returned',
    acknowledge: 'acknowledged',
    clear: 'normal',
    reset: NOT_LATCHED,
  },
  acknowledged: {
    raise: 'acknowledged',
    return: 'normal',
    acknowledge: 'acknowledged',
    clear: 'normal',
    reset: NOT_LATCHED,
  },
  returned: { raise: 'unacknowledged', return: 'returned', acknowledge: 'normal', clear: 'normal', reset: NOT_LATCHED },
  latched: {
    raise: 'unacknowledged',
    return: 'latched',
    acknowledge: 'latched',
    clear: { refused: 'it is latched: reset it' },
    reset: 'normal',
  },
};

/** @param latches the alarm stays after its condition has gone, until it is reset */
export function next(state: AlarmState, event: AlarmEvent, latches = false): AlarmState | Refused {
  const isOpen = state === 'unacknowledged' || state === 'acknowledged';
  return latches && event === 'return' && isOpen ? 'latched' : STATES[state][event];
}

const IS_OUT: Refused = { refused: 'it is out of service: put it in service first' };
const NOT_SHELVED: Refused = { refused: 'it is not shelved' };
const NOT_SUPPRESSED: Refused = { refused: 'it is not suppressed' };
const NOT_OUT: Refused = { refused: 'it is not out of service' };

const HIDINGS: Readonly<Record<Hiding, Readonly<Record<HidingEvent, Hiding | Refused>>>> = {
  shown: {
    shelve: 'shelved',
    unshelve: NOT_SHELVED,
    suppress: 'suppressed',
    unsuppress: NOT_SUPPRESSED,
    'out-of-service': 'out-of-service',
    'in-service': NOT_OUT,
  },
  shelved: {
    shelve: 'shelved',
    unshelve: 'shown',
    suppress: 'suppressed',
    unsuppress: NOT_SUPPRESSED,
    'out-of-service': 'out-of-service',
    'in-service': NOT_OUT,
  },
  suppressed: {
    shelve: 'shelved',
    unshelve: NOT_SHELVED,
    suppress: 'suppressed',
    unsuppress: 'shown',
    'out-of-service': 'out-of-service',
    'in-service': NOT_OUT,
  },
  'out-of-service': {
    shelve: IS_OUT,
    unshelve: IS_OUT,
    suppress: IS_OUT,
    unsuppress: IS_OUT,
    'out-of-service': 'out-of-service',
    'in-service': 'shown',
  },
};

export function nextHiding(hiding: Hiding, event: HidingEvent): Hiding | Refused {
  return HIDINGS[hiding][event];
}

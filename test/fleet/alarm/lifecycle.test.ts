/** Every state × every event of ISA-18.2, written down. */
import assert from 'node:assert/strict';
import {
  type AlarmEvent,
  type AlarmState,
  type Hiding,
  type HidingEvent,
  next,
  nextHiding,
} from '../../../src/fleet/alarm/lifecycle';

const EVENTS: readonly AlarmEvent[] = ['raise', 'return', 'acknowledge', 'clear', 'reset'];
/** In that order; "-": refused, and said why. */
const EXPECTED: Readonly<Record<AlarmState, string>> = {
  normal: 'unacknowledged normal - - -',
  unacknowledged: 'unacknowledged returned acknowledged normal -',
  acknowledged: 'acknowledged normal acknowledged normal -',
  returned: 'unacknowledged returned normal normal -',
  latched: 'unacknowledged latched latched - normal',
};
const HIDING_EVENTS: readonly HidingEvent[] = ['shelve', 'unshelve', 'suppress', 'unsuppress', 'out-of-service', 'in-service'];
const EXPECTED_HIDING: Readonly<Record<Hiding, string>> = {
  shown: 'shelved - suppressed - out-of-service -',
  shelved: 'shelved shown suppressed - out-of-service -',
  suppressed: 'shelved - suppressed shown out-of-service -',
  'out-of-service': '- - - - out-of-service shown',
};

const named = (state: unknown): string => {
  if (typeof state === 'string') return state;
  assert.ok((state as { refused: string }).refused.length > 10);
  return '-';
};

describe('The states of an alarm', () => {
  for (const [state, expected] of Object.entries(EXPECTED)) {
    it(`from ${state}`, () => {
      assert.equal(EVENTS.map((event) => named(next(state as AlarmState, event))).join(' '), expected);
    });
  }

  for (const [hiding, expected] of Object.entries(EXPECTED_HIDING)) {
    it(`hidden as ${hiding}`, () => {
      assert.equal(HIDING_EVENTS.map((event) => named(nextHiding(hiding as Hiding, event))).join(' '), expected);
    });
  }

  it('one that latches stays when its condition goes, acknowledged or not', () => {
    assert.equal(next('unacknowledged', 'return', true), 'latched');
    assert.equal(next('acknowledged', 'return', true), 'latched');
    assert.equal(next('returned', 'return', true), 'returned');
  });
});

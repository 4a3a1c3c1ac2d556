import assert from 'node:assert/strict';
import { PRESETS } from '../../../src/fleet/alarm/presets';
import { judge, readRule } from '../../../src/fleet/alarm/rule';

const HOT = { type: 'hot', path: '/3303/*/5700', raise: { above: 30 }, clear: { below: 28 } };

describe('An alarm rule', () => {
  const wrong: readonly (readonly [string, object, RegExp])[] = [
    ['no type', { ...HOT, type: '' }, /^"type" of a rule/],
    ['an unknown severity', { ...HOT, severity: 'bad' }, /^"severity" of the rule "hot" must be one of critical, .*, not "bad"/],
    ['a threshold that is no number', { ...HOT, raise: { above: '30' } }, /^"raise" .* number/],
    ['an unknown comparison', { ...HOT, raise: { over: 30 } }, /^"raise" .* one of below, above/],
    ['thresholds that contradict each other', { ...HOT, clear: { below: 35 } }, /^"clear" .* cleared below 30 or less/],
    ['one that never clears', { ...HOT, clear: { above: 20 } }, /^"clear" .* contradicts/],
    ['a path of no resource', { ...HOT, path: '/3303/0' }, /^"path"/],
    ['two conditions', { ...HOT, silence: 60 }, /^"path" .* only one/],
    ['no condition', { type: 'x' }, /^"path"/],
    ['an unknown event', { type: 'x', raiseOn: ['exploded'] }, /^"raiseOn" .* expired/],
    ['a negative delay', { ...HOT, onDelay: -1 }, /^"onDelay"/],
    ['a number of times without a span', { ...HOT, times: 3 }, /^"within"/],
  ];
  for (const [what, rule, message] of wrong) {
    it(`with ${what} is refused, naming the field`, () => {
      assert.throws(() => readRule(rule), { code: 'invalid-request', message });
    });
  }

  it('says nothing between its thresholds', () => {
    const rule = readRule(HOT);
    assert.deepEqual(
      [31, 30, 29, 28, 27].map((value) => judge(rule, value)),
      [true, undefined, undefined, undefined, false],
    );
    assert.equal(judge(rule, 'hot'), 'wrong-type');
  });

  it('ready to be switched on has a type of its own', () => {
    assert.equal(new Set(PRESETS.map(({ type }) => type)).size, PRESETS.length);
  });
});

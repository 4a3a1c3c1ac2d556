import assert from 'node:assert/strict';
import { placed } from '../../../src/fleet/presets/instance-choice';
import { REGISTRATION } from '../fake-manager';

const announcing = (...objects: string[]) => ({ ...REGISTRATION, endpoint: 'sim-001', objects });

describe('the instance a preset means', () => {
  const cases: readonly [string, string, unknown, readonly string[], string][] = [
    ['is the one the device announced', '/9/*/4', undefined, ['/3/0', '/9/2', '/90/1'], '/9/2/4'],
    ['is the one that was said', '/9/*/4', 0, ['/9/2'], '/9/0/4'],
    ['may be said as text', '/15/*/6', ' 1 ', ['/15/0', '/15/1'], '/15/1/6'],
    ['of the Server object is the one it announced', '/1/*/8', '', ['/1/1', '/3/0'], '/1/1/8'],
    ['of the Server object is /1/0 where that is among several', '/1/*/8', '', ['/1/1', '/1/0'], '/1/0/8'],
    ['of the Server object is taken for /1/0 where it announced none', '/1/*/8', '', ['/1', '/3/0', '/10/1'], '/1/0/8'],
    ['is not looked for where the path has one', '/3/0/4', 7, ['/1/1'], '/3/0/4'],
  ];
  for (const [name, path, given, objects, expected] of cases) {
    it(name, () => assert.equal(placed(path, given, announcing(...objects)), expected));
  }

  it('of a device that is not here is its first', () => assert.equal(placed('/12/*', undefined, undefined), '/12/0'));

  const mistakes: readonly [string, unknown, readonly string[], RegExp][] = [
    ['several', undefined, ['/9/0', '/9/3'], /which instance of object 9\? device 'sim-001' has 0, 3: set Instance/],
    ['none', undefined, ['/9', '/3/0'], /device 'sim-001' announced no instance of object 9/],
    ['no number', 'first', ['/9/0'], /which instance\? it is a number from 0 on, but "first" came/],
    ['a number out of range', 70_000, ['/9/0'], /but 70000 came/],
    ['nothing but blanks', ' ', ['/9/0'], /but " " came/],
  ];
  for (const [name, given, objects, text] of mistakes) {
    it(`is asked for when there is ${name}`, () => assert.throws(() => placed('/9/*/4', given, announcing(...objects)), text));
  }
});

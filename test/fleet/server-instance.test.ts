import assert from 'node:assert/strict';
import { atServerInstance } from '../../src/fleet/server-instance';
import { REGISTRATION } from './fake-manager';

describe('the Server instance of a device', () => {
  const trigger = { operation: 'execute', path: '/1/0/8' } as const;
  const cases: readonly [string, readonly string[], string][] = [
    ['is the one it announced', ['/1/1', '/3/0'], '/1/1/8'],
    ['is /1/0 where that is among several', ['/1/1', '/1/0'], '/1/0/8'],
    ['is taken for /1/0 where it announced none', ['/1', '/3/0', '/10/1'], '/1/0/8'],
  ];
  for (const [name, objects, path] of cases) {
    it(name, () => assert.equal(atServerInstance(trigger, { ...REGISTRATION, objects }).path, path));
  }

  it('is not looked for in other objects, nor without a registration', () => {
    const reboot = { operation: 'execute', path: '/3/0/4' } as const;
    assert.equal(atServerInstance(reboot, { ...REGISTRATION, objects: ['/1/1'] }), reboot);
    assert.equal(atServerInstance(trigger, undefined), trigger);
  });
});

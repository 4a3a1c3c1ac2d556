/** Server, Device, Connectivity Monitoring, Location, Connectivity Statistics, and the further objects. */
import assert from 'node:assert/strict';
import { conformance } from './conformance';
import { OBJECTS } from './scenarios/objects';
import { runAll } from './scenarios/run';
import { Self } from './self';

describe('conformance: objects', () => {
  runAll(OBJECTS, 'self', () => Self.start());

  conformance('int-555', 'self', async () => {
    const self = await Self.start();
    await self.perform({ operation: 'write', path: '/1/0/5', value: 30 });
    await self.perform({ operation: 'execute', path: '/1/0/4' });
    await self.until('it leaves', () => (self.server.registration('dev') === undefined ? true : undefined));
    await self.pass(25);
    assert.equal(self.server.registration('dev'), undefined);
    await self.until('it comes back', () => self.server.registration('dev'));
  });
});

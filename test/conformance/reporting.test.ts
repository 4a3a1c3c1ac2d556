/** Information reporting: observations, their attributes and ends, and what devices send by themselves. */
import assert from 'node:assert/strict';
import { conformance } from './conformance';
import { byPath, notified } from './peer';
import { REPORTING } from './scenarios/reporting';
import { runAll } from './scenarios/run';
import { Self } from './self';

describe('conformance: information reporting', () => {
  runAll(REPORTING, 'self', () => Self.start());

  conformance('int-302', 'self', async () => {
    const self = await Self.start();
    const paths = ['/3/0/7', '/3/0/8'];
    for (const path of paths) await self.perform({ operation: 'observe', path });
    assert.deepEqual([...self.client.observations], paths);
    // The server has lost its memory: what comes under a token it does not know is reset.
    await self.restartServer();
    for (const path of paths) self.change(`${path}/0`, 4_000);
    await self.until('both ended', () => (self.client.observations.length === 0 ? true : undefined));
    assert.deepEqual(self.notifications, []);
  });

  for (const id of ['int-307', 'x-mute']) {
    conformance(id, 'self', async () => {
      const self = await Self.start();
      await self.perform({ operation: 'write', path: '/1/0/23', value: true });
      await assert.rejects(self.client.send(['/3/0/9']), { code: 'unsupported' });
      assert.deepEqual(self.sends, []);
      await self.perform({ operation: 'write', path: '/1/0/23', value: false });
      await self.settled(self.client.send(['/3/0/9']));
      assert.equal(self.sends.length, 1);
    });
  }

  conformance('int-560', 'self', async () => {
    const self = await Self.start();
    await self.perform({ operation: 'write', path: '/1/0/6', value: true });
    await self.perform({ operation: 'observe', path: '/3303/0/5700' });
    self.network.faults = { ...self.network.faults, loss: 1 };
    self.change('/3303/0/5700', 40);
    await self.pass(20);
    self.network.faults = { ...self.network.faults, loss: 0 };
    const [notification] = await notified(self, '/3303/0/5700', 1);
    assert.equal(notification?.values[0]?.value, 40);
  });

  conformance('1.2-int-312', 'self', async () => {
    const self = await Self.start({ version: '1.2' });
    const observed = await self.perform({ operation: 'observe', path: '/3/0/7', attributes: { pmin: 5, pmax: 15 } });
    assert.equal(observed.observed, true);
    await self.pass(50);
    assert.ok(self.notifications.length >= 3, `${self.notifications.length}`);
    for (const event of self.notifications) assert.deepEqual(Object.keys(byPath(event)), ['/3/0/7/0', '/3/0/7/1']);
  });

  conformance('1.2-int-313', 'self', async () => {
    const self = await Self.start({ version: '1.2' });
    await self.perform({ operation: 'write-attributes', path: '/3/0/7', attributes: { pmin: 5, pmax: 60 } });
    await self.perform({ operation: 'observe', path: '/3/0/7', attributes: { pmin: 5, pmax: 10 } });
    await self.pass(35);
    assert.ok(self.notifications.length >= 3, `${self.notifications.length}`);
  });

  conformance('x-attr12', 'self', async () => {
    const self = await Self.start({ version: '1.2' });
    const attributes = { con: 1, hqmax: 3 };
    await self.perform({ operation: 'write-attributes', path: '/3303/0/5700', attributes });
    const { links } = await self.perform({ operation: 'discover', path: '/3303/0/5700' });
    assert.deepEqual(
      ['con', 'hqmax'].map((name) => Number(links?.[0]?.attributes[name])),
      [1, 3],
    );
    await self.perform({ operation: 'write-attributes', path: '/3442/0/140', attributes: { edge: 1 } });
    const wrong = { operation: 'write-attributes', path: '/3303/0/5700', attributes: { pmin: 20, pmax: 10 } } as const;
    await assert.rejects(self.perform(wrong), { code: 'invalid-value' });
  });
});

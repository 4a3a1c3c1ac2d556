/** Information reporting by clients that are not ours, as they were recorded. */
import assert from 'node:assert/strict';
import { Code } from '../../src/coap/codes';
import { MessageType } from '../../src/coap/message';
import { type Client, conformance } from './conformance';
import { RecordedDevice } from './recorded';

const ANJAY: Client = 'Anjay (recorded)';
const WAKAAMA: Client = 'Wakaama (recorded)';
const anjay = (name = 'anjay'): Promise<RecordedDevice> => RecordedDevice.registered(name);
const wakaama = (): Promise<RecordedDevice> => RecordedDevice.registered('wakaama');
const BOTH: readonly (readonly [Client, () => Promise<RecordedDevice>])[] = [
  [ANJAY, () => anjay()],
  [WAKAAMA, wakaama],
];

describe('conformance: recorded clients, reporting', () => {
  conformance('int-301', ANJAY, async () => {
    const device = await anjay();
    const observed = await device.perform({ operation: 'observe', path: '/3/0/13', contentFormat: 'none' });
    assert.equal(observed.observed, true);
    for (let count = 0; count < 3; count++) await device.notifies('Observe /3/0/13 accept=undefined');
    const seen = device.world.notifications.map(({ values: [entry] }) => Number(entry?.value));
    assert.equal(seen.length, 3);
    assert.deepEqual(seen, [...seen].sort());
  });
  conformance('int-301', WAKAAMA, async () => {
    const device = await wakaama();
    await device.perform({ operation: 'observe', path: '/31024/10/1', contentFormat: 'none' });
    for (let count = 0; count < 2; count++) await device.notifies('Observe /31024/10/1');
    assert.equal(device.world.notifications.length, 2);
  });
  conformance('int-302', ANJAY, async () => {
    // The observation is none of this server's, as after a passive cancellation.
    const device = await anjay();
    const answer = await device.repeats(0x0bf1);
    assert.equal(answer?.bytes.toString('hex'), '70000bf1', 'the very Reset that ended it in the recording');
  });
  conformance('int-303', ANJAY, async () => {
    const device = await anjay();
    await device.perform({ operation: 'observe', path: '/3/0/13', contentFormat: 'none' });
    device.from('Cancel Observe /3/0/13');
    await device.perform({ operation: 'cancel-observation', path: '/3/0/13' });
    assert.deepEqual(device.server.observations(device.endpoint), []);
  });
  for (const id of ['int-304', 'int-305']) {
    conformance(id, ANJAY, async () => {
      const device = await anjay('anjay-ops');
      const path = '/3/0/13,/3303/0/5700';
      const observed = await device.perform({ operation: 'observe-composite', path, contentFormat: 112 });
      assert.equal(observed.observed, true);
      await device.notifies('Observe-Composite cbor');
      const [notification] = device.world.notifications;
      assert.deepEqual(notification?.values.map((entry) => entry.path).sort(), ['/3/0/13', '/3303/0/5700']);
      device.from('Cancel Observe-Composite');
      await device.perform({ operation: 'cancel-observation', path });
      assert.deepEqual(device.server.observations(device.endpoint), []);
    });
  }
  for (const id of ['int-306', 'int-311']) {
    for (const [client, given] of BOTH) {
      conformance(id, client, async () => {
        const device = await given();
        device.from('Send');
        const before = device.world.sends.length;
        assert.equal(await device.says('Send'), Code.Changed);
        assert.ok((device.world.sends[before]?.values.length ?? 0) > 0);
      });
    }
  }
  for (const id of ['int-307', 'x-mute']) {
    conformance(id, ANJAY, async () => {
      const device = (await anjay('anjay-ops')).from('Write /1/1/23 mute send=1');
      const mute = { operation: 'write', path: '/1/1/23', contentFormat: 0 } as const;
      await device.perform({ ...mute, value: true });
      await device.perform({ ...mute, value: false });
      assert.equal(await device.says('Send'), Code.Changed);
    });
  }
  conformance('1.2-int-312', ANJAY, async () => {
    const device = await anjay();
    const attributes = { pmin: 2, pmax: 4 };
    const observed = await device.perform({ operation: 'observe', path: '/3/0/13', attributes, contentFormat: 'none' });
    assert.equal(observed.observed, true);
    await device.notifies('Observe /3/0/13 with query attributes pmin=2 pmax=4 (LwM2M 1.2)');
    assert.equal(device.world.notifications.length, 1);
  });
  conformance(
    'x-attr12',
    ANJAY,
    async () => {
      const device = (await anjay('anjay-ops')).from('Write-Attributes /3303/0/5700 con=1');
      await device.perform({ operation: 'write-attributes', path: '/3303/0/5700', attributes: { con: 1 } });
      await device.perform({ operation: 'observe', path: '/3303/0/5700', contentFormat: 'none' });
      const answer = await device.notifies('Observe /3303/0/5700 (con)');
      assert.equal(answer?.type, MessageType.Acknowledgement);
    },
    { part: 'con' },
  );
});

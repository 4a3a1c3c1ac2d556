/** What is counted of the server and of each device, and what is kept for an idle one. */
import assert from 'node:assert/strict';
import { Code } from '../../../src/coap/codes';
import type { Message } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { givenServer, ScriptedDevice } from './world';

describe('statistics', () => {
  it('count messages, codes, and bytes per operation, for the server and the device', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    const id = await device.register('dev-1');
    await device.update(id);
    device.answers = (message: Message) => ({
      code: message.strings(Option.UriPath)[0] === '3' ? Code.Content : Code.NotFound,
      contentFormat: 0,
      payload: '100',
      observe: 1,
    });
    for (const path of ['/3/0/9', '/5/0/3']) {
      const reading = world.server.perform('dev-1', { operation: 'read', path }).catch(() => undefined);
      await world.settle();
      await reading;
    }
    const writing = world.server
      .perform('dev-1', { operation: 'write', path: '/5/0/1', value: 'coap://x' })
      .catch(() => undefined);
    await world.settle();
    await writing;
    const observing = world.server.perform('dev-1', { operation: 'observe', path: '/3/0/9', contentFormat: 0 });
    await world.settle();
    await observing;
    const token = Buffer.from((device.asked[device.asked.length - 1] as Message).token);
    device.notify(token, { code: Code.Content, contentFormat: 0, payload: '42', observe: 2 });
    await device.request({ code: Code.Post, path: ['dp'], contentFormat: 110, payload: '[{"n":"/3/0/9","v":5}]' });

    const ofServer = world.server.statistics();
    assert.deepEqual(ofServer.operations, {
      register: { count: 1, failed: 0, bytesSent: 0, bytesReceived: 13 },
      update: { count: 1, failed: 0, bytesSent: 0, bytesReceived: 0 },
      read: { count: 2, failed: 1, bytesSent: 0, bytesReceived: 6 },
      write: { count: 1, failed: 1, bytesSent: 8, bytesReceived: 3 },
      observe: { count: 1, failed: 0, bytesSent: 0, bytesReceived: 3 },
      notify: { count: 1, failed: 0, bytesSent: 0, bytesReceived: 2 },
      send: { count: 1, failed: 0, bytesSent: 0, bytesReceived: 22 },
    });
    assert.deepEqual(ofServer.codes, { '2.01': 1, '2.04': 2, '2.05': 3, '4.04': 2 });
    assert.equal(ofServer.received, 8);
    assert.equal(ofServer.sent, 7);
    assert.equal(ofServer.retransmitted, 0);
    assert.ok(ofServer.bytesReceived > 100 && ofServer.bytesSent > 50);

    const { register: _register, update: _update, ...others } = ofServer.operations;
    const ofDevice = world.server.statistics('dev-1');
    assert.deepEqual(ofDevice?.operations, others);
    assert.equal(ofDevice?.received, 8);
    assert.equal(world.server.statistics('dev-2'), undefined);
    structuredClone(ofServer);
  });

  it('count retransmissions and requests without an answer', async () => {
    const world = await givenServer();
    await new ScriptedDevice(world).register('dev-1');
    const reading = world.server.perform('dev-1', { operation: 'read', path: '/3' }).catch(() => undefined);
    await world.settle(100_000);
    await reading;
    assert.equal(world.server.statistics('dev-1')?.retransmitted, 4);
    assert.deepEqual(world.server.statistics().operations.read, { count: 1, failed: 1, bytesSent: 0, bytesReceived: 0 });
  });
});

describe('the registry', () => {
  it('lists devices in order of registration', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    for (const name of ['c', 'a', 'b', 'c']) await device.register(name);
    assert.deepEqual(
      [...world.server.registrations()].map(({ endpoint }) => endpoint),
      ['a', 'b', 'c'],
    );
    assert.equal(world.server.size, 3);
  });

  it('holds nothing of devices that have gone', async () => {
    const world = await givenServer();
    const device = new ScriptedDevice(world);
    device.answers = () => ({ code: Code.Content, contentFormat: 0, payload: '1', observe: 1 });
    for (let index = 0; index < 50; index++) {
      const id = await device.register('dev-1', { query: ['lwm2m=1.1', 'lt=60', 'Q'] });
      const observing = world.server.perform('dev-1', { operation: 'observe', path: '/3/0/9' });
      await world.settle();
      await observing;
      if (index % 2 === 0) await device.deregister(id);
    }
    await world.settle(1_000_000);
    assert.equal(world.server.size, 0);
    assert.deepEqual(world.server.observations('dev-1'), []);
    // What is left of timers is the housekeeping of the message layer.
    assert.ok(world.clock.pending <= 3, `${world.clock.pending} timers`);
  });
});

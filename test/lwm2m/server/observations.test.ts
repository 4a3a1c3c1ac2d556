/** Observe, notifications, cancel and Send. */
import assert from 'node:assert/strict';
import { Code, codeText } from '../../../src/coap/codes';
import type { Message } from '../../../src/coap/message';
import { MessageType } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import type { OperationRequest, OperationResult } from '../../../src/device/operation';
import { type Answer, givenServer, ScriptedDevice, type World } from './world';

async function perform(world: World, request: OperationRequest): Promise<OperationResult> {
  const promise = world.server.perform('dev-1', request);
  promise.catch(() => undefined);
  await world.settle();
  return promise;
}

const text = (payload: string, observe?: number): Answer => ({
  code: Code.Content,
  contentFormat: 0,
  payload,
  ...(observe !== undefined && { observe }),
});

async function givenObserved(query: readonly string[] = ['lwm2m=1.1', 'lt=3000']) {
  const world = await givenServer({ limits: { observationsPerDevice: 3 } });
  const device = new ScriptedDevice(world);
  const id = await device.register('dev-1', { query: [...query] });
  device.answers = (message) => text('75', message.uint(Option.Observe) === 0 ? 0 : undefined);
  const result = await perform(world, { operation: 'observe', path: '/3/0/9' });
  return { world, device, id, result, token: Buffer.from((device.asked[0] as Message).token) };
}

describe('an observation', () => {
  it('begins with the value as its result, and is listed', async () => {
    const { world, device, result } = await givenObserved();
    assert.equal(result.observed, true);
    assert.deepEqual(result.values, [{ path: '/3/0/9', value: 75 }]);
    assert.deepEqual(world.server.observations('dev-1'), ['/3/0/9']);
    assert.equal(device.asked[0]?.uint(Option.Observe), 0);
    assert.equal(device.asked[0]?.tokenLength, 8);
    assert.deepEqual(world.notifications, []);
  });

  it('gives its result before its first notifications and its end, though a connection brings them all in one read', async () => {
    const { world, device } = await givenObserved();
    const order: unknown[] = [];
    world.server.events.on('notification', ({ values }) => order.push(values[0]?.value));
    world.server.events.on('observation-ended', ({ code }) => order.push(code));
    device.answers = (message) => {
      const token = Buffer.from(message.token);
      world.clock.after(1, () => device.notify(token, text('76', 1)));
      world.clock.after(2, () => device.notify(token, text('77', 2)));
      world.clock.after(3, () => device.notify(token, { code: Code.NotFound }));
      return text('75', 0);
    };
    const asked = world.server
      .perform('dev-1', { operation: 'observe', path: '/3/0/10' })
      .then(({ values }) => order.push(values[0]?.value));
    // All in one turn.
    world.clock.advance(1000);
    await asked;
    await world.settle();
    assert.deepEqual(order, [75, 76, 77, '4.04']);
  });

  it('is only a Read when the device answers without Observe', async () => {
    const { world, device } = await givenObserved();
    device.answers = () => text('1');
    const result = await perform(world, { operation: 'observe', path: '/3/0/10' });
    assert.equal(result.observed, false);
    assert.deepEqual(result.values, [{ path: '/3/0/10', value: 1 }]);
    assert.deepEqual(world.server.observations('dev-1'), ['/3/0/9']);
  });

  it('asks for SenML where the device speaks it: stored values carry their times only there', async () => {
    const { device } = await givenObserved();
    assert.equal(device.asked[0]?.uint(Option.Accept), 112);
  });

  it('tells each notification, decoded, oldest value first', async () => {
    const { world, device, token } = await givenObserved();
    device.notify(token, text('76', 1));
    device.notify(
      token,
      { code: Code.Content, observe: 2, contentFormat: 110, payload: '[{"bn":"/3/0/9","bt":1700000000,"v":70},{"t":60,"v":71}]' },
      MessageType.Confirmable,
    );
    await world.settle();
    assert.deepEqual(
      world.notifications.map(({ values }) => values),
      [
        [{ path: '/3/0/9', value: 76 }],
        [
          { path: '/3/0/9', value: 70, at: 1_700_000_000_000 },
          { path: '/3/0/9', value: 71, at: 1_700_000_060_000 },
        ],
      ],
    );
    const {
      device: name,
      path,
      contentFormat,
    } = world.notifications[1] as { device: string; path: string; contentFormat: number };
    assert.deepEqual([name, path, contentFormat], ['dev-1', '/3/0/9', 110]);
    assert.equal(device.inbox[device.inbox.length - 1]?.type, MessageType.Acknowledgement);
  });

  it('passes a partial notification on as what it is', async () => {
    const { world, device } = await givenObserved();
    device.answers = () => ({
      code: Code.Content,
      observe: 0,
      contentFormat: 11542,
      payload: Buffer.from('c10964c10d01', 'hex'),
    });
    await perform(world, { operation: 'observe', path: '/3/0' });
    const token = Buffer.from((device.asked[1] as Message).token);
    device.notify(token, { code: Code.Content, observe: 2, contentFormat: 11542, payload: Buffer.from('c1092a', 'hex') });
    await world.settle();
    assert.deepEqual(world.notifications[0]?.values, [{ path: '/3/0/9', value: 42 }]);
  });

  it('does not end with a notification that cannot be understood: that is told as a problem', async () => {
    const { world, device, token } = await givenObserved();
    device.notify(token, { code: Code.Content, observe: 1, contentFormat: 11542, payload: Buffer.from('c1', 'hex') });
    device.notify(token, text('74', 2));
    await world.settle();
    assert.equal(world.problems.length, 1);
    assert.match(world.problems[0]?.reason ?? '', /cannot be understood.*11542/);
    assert.equal(world.problems[0]?.path, '/3/0/9');
    assert.equal(world.notifications.length, 1);
    assert.deepEqual(world.ended, []);
  });

  it('ends with an error notification, and that is told', async () => {
    const { world, device, token } = await givenObserved();
    device.notify(token, { code: Code.NotFound });
    await world.settle();
    assert.deepEqual(world.server.observations('dev-1'), []);
    assert.equal(world.ended.length, 1);
    assert.match(world.ended[0]?.reason ?? '', /4\.04/);
    assert.equal(world.ended[0]?.code, '4.04');
  });

  it('of the same path replaces the older one, whose token is answered with Reset', async () => {
    const { world, device, token } = await givenObserved();
    await perform(world, { operation: 'observe', path: '/3/0/9' });
    assert.deepEqual(world.server.observations('dev-1'), ['/3/0/9']);
    device.notify(token, text('1', 5), MessageType.Confirmable);
    await world.settle();
    assert.equal(device.inbox[device.inbox.length - 1]?.type, MessageType.Reset);
    device.notify(Buffer.from((device.asked[1] as Message).token), text('2', 6));
    await world.settle();
    assert.deepEqual(
      world.notifications.map(({ values }) => values[0]?.value),
      [2],
    );
  });

  it('survives an Update', async () => {
    const { world, device, id, token } = await givenObserved();
    await device.update(id, [], '</1/0>,</3/0>,</4/0>');
    device.notify(token, text('76', 1));
    await world.settle();
    assert.equal(world.notifications.length, 1);
  });

  it('ends with expiry and with De-register, told with the reason', async () => {
    const first = await givenObserved();
    await first.device.deregister(first.id);
    assert.deepEqual(first.world.ended, [{ device: 'dev-1', path: '/3/0/9', reason: 'the device has left' }]);
    const second = await givenObserved(['lwm2m=1.1', 'lt=60']);
    await second.world.settle(200_000);
    assert.deepEqual(second.world.ended, [{ device: 'dev-1', path: '/3/0/9', reason: 'the registration expired' }]);
  });

  it('is refused beyond the number of paths a device may be observed at', async () => {
    const { world, device } = await givenObserved();
    await perform(world, { operation: 'observe', path: '/3/0/10' });
    await perform(world, { operation: 'observe', path: '/3/0/11' });
    await assert.rejects(perform(world, { operation: 'observe', path: '/3/0/13' }), {
      code: 'too-large',
      message: /observed at 3 paths.*observe whole instances/,
    });
    assert.equal(device.asked.length, 3);
    await perform(world, { operation: 'observe', path: '/3/0/9' });
  });

  it('leaves nothing behind when its first value cannot be understood', async () => {
    const { world, device } = await givenObserved();
    device.answers = (message) =>
      message.uint(Option.Observe) === 0
        ? { code: Code.Content, observe: 1, contentFormat: 11542, payload: Buffer.from('c1', 'hex') }
        : text('1');
    await assert.rejects(perform(world, { operation: 'observe', path: '/3/0/10' }), { code: 'decode-error' });
    await world.settle();
    assert.deepEqual(world.server.observations('dev-1'), ['/3/0/9']);
    assert.equal(device.asked[device.asked.length - 1]?.uint(Option.Observe), 1);
  });

  it('tries the next format on 4.06 like a Read', async () => {
    const { world, device } = await givenObserved();
    device.answers = (message) =>
      message.uint(Option.Accept) === 112 ? { code: Code.NotAcceptable } : { ...text('1', 1), contentFormat: 0 };
    const result = await perform(world, { operation: 'observe', path: '/3/0/10' });
    assert.equal(result.observed, true);
  });
});

describe('cancelling an observation', () => {
  it('is active: Observe 1 with the same token, path and Accept', async () => {
    const { world, device, token } = await givenObserved();
    const result = await perform(world, { operation: 'cancel-observation', path: '/3/0/9' });
    assert.equal(result.code, '2.05');
    const cancel = device.asked[1] as Message;
    assert.equal(cancel.uint(Option.Observe), 1);
    assert.ok(cancel.token.equals(token));
    assert.equal(cancel.uint(Option.Accept), 112);
    assert.deepEqual(world.server.observations('dev-1'), []);
    assert.deepEqual(world.ended, []);
  });

  it('is passive while the device sleeps: no message, and Reset for the next notification', async () => {
    const { world, device, token } = await givenObserved(['lwm2m=1.1', 'lt=3000', 'Q']);
    await world.settle(200_000);
    const asked = device.asked.length;
    const result = await perform(world, { operation: 'cancel-observation', path: '/3/0/9' });
    assert.equal(result.code, '0.00');
    assert.equal(device.asked.length, asked);
    device.notify(token, text('1', 9), MessageType.Confirmable);
    await world.settle();
    assert.equal(device.inbox[device.inbox.length - 1]?.type, MessageType.Reset);
  });

  it('is over even when the device does not answer', async () => {
    const { world, device } = await givenObserved();
    device.answers = () => undefined;
    const promise = world.server.perform('dev-1', { operation: 'cancel-observation', path: '/3/0/9' });
    assert.deepEqual(world.server.observations('dev-1'), []);
    await world.settle(100_000);
    assert.equal((await promise).code, '0.00');
  });

  it('of what is not observed changes nothing', async () => {
    const { world, device } = await givenObserved();
    const result = await perform(world, { operation: 'cancel-observation', path: '/3/0/1' });
    assert.equal(result.code, '0.00');
    assert.equal(device.asked.length, 1);
  });
});

describe('Send', () => {
  const send = (payload: string | Uint8Array, contentFormat?: number) => ({
    code: Code.Post,
    path: ['dp'],
    payload,
    ...(contentFormat !== undefined && { contentFormat }),
  });

  it('is answered 2.04 and told with its values, without any observation', async () => {
    const { world, device } = await givenObserved();
    const answer = await device.request(send('[{"bn":"/3/0/","n":"9","v":55},{"n":"13","v":1700000000}]', 110));
    assert.equal(codeText(answer.code), '2.04');
    assert.deepEqual(
      world.sends.map(({ device: name, values, contentFormat }) => ({ name, values, contentFormat })),
      [
        {
          name: 'dev-1',
          values: [
            { path: '/3/0/9', value: 55 },
            { path: '/3/0/13', value: new Date(1_700_000_000_000) },
          ],
          contentFormat: 110,
        },
      ],
    );
  });

  it('may come in LwM2M CBOR', async () => {
    const { world, device } = await givenObserved();
    assert.equal(codeText((await device.request(send(Buffer.from('a1830300091837', 'hex'), 11544))).code), '2.04');
    assert.deepEqual(world.sends[0]?.values, [{ path: '/3/0/9', value: 55 }]);
  });

  it('of a history is told in the order of its times, relative or absolute', async () => {
    const { world, device } = await givenObserved();
    const now = world.clock.wall();
    await device.request(send('[{"bn":"/3/0/9","t":-5,"v":3},{"t":-60,"v":2},{"bt":1000000000,"v":1},{"bt":0,"v":4}]', 110));
    assert.deepEqual(
      world.sends[0]?.values.map(({ value, at }) => [value, Math.round(((at ?? 0) - now) / 100) / 10]),
      [
        [1, Math.round((1_000_000_000_000 - now) / 100) / 10],
        [2, -60],
        [3, -5],
        [4, 0],
      ],
    );
  });

  it('may come non-confirmable, and below a prefix', async () => {
    const { world, device } = await givenObserved();
    const sent = send('[{"n":"/3/0/9","v":55}]', 110);
    await device.request({ ...sent, type: MessageType.NonConfirmable, path: ['prefix', 'dp'] });
    assert.equal(world.sends.length, 1);
  });

  for (const [code, title, payload, contentFormat] of [
    ['4.00', 'what cannot be decoded', '[{"n":', 110],
    ['4.15', 'another format', 'c10964', 11542],
    ['4.15', 'no format', '[]', undefined],
    ['4.04', 'an object that was not registered', '[{"n":"/6/0/0","v":1}]', 110],
    ['4.04', 'a device behind it that nobody knows', '[{"n":"/d01/3/0/9","v":1}]', 110],
  ] as const) {
    it(`of ${title} gets ${code}`, async () => {
      const { world, device } = await givenObserved();
      assert.equal(codeText((await device.request(send(payload, contentFormat))).code), code);
      assert.deepEqual(world.sends, []);
      assert.equal(world.problems.length, code === '4.00' ? 1 : 0);
    });
  }

  it('of a stranger gets 4.04', async () => {
    const { world } = await givenObserved();
    const stranger = new ScriptedDevice(world, '10.0.0.9');
    assert.equal(codeText((await stranger.request(send('[{"n":"/3/0/9","v":55}]', 110))).code), '4.04');
  });
});

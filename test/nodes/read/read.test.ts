import assert from 'node:assert/strict';
import type { Lwm2mClient } from '../../../src/lwm2m/client/client';
import {
  around,
  deploy,
  device,
  endFlow,
  failureOf,
  inbox,
  lifecycle,
  running,
  saying,
  send,
  serverNode,
  thermometer,
} from '../flow';

const READ = {
  type: 'dm-read',
  device: 'device',
  deviceType: 'msg',
  path: 'path',
  pathType: 'msg',
  timeout: '',
  whenAsleep: 'queue',
  ttl: '',
  concurrency: 50,
  collect: false,
  failures: 'catch',
  operation: 'read',
  format: 'auto',
  keys: 'path',
};

/** A device sleeps soon after it was last heard, and a silent one is given up soon. */
const HASTY = { ackTimeout: 0.02 };
const HASTY_MS = { ackTimeoutMs: 20 };

async function given(
  properties: Readonly<Record<string, unknown>> = {},
  server: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await deploy([serverNode(server), ...around({ ...READ, ...properties })]);
}

/** A device that sleeps until it says otherwise. */
async function sleeping(name: string): Promise<Lwm2mClient> {
  const asleep = lifecycle('asleep', name);
  const client = await device(name, { queueMode: true, awakeMs: 300, parameters: HASTY_MS });
  await asleep;
  return client;
}

describe('read', () => {
  afterEach(endFlow);

  it('reads an object by its name, whatever path the message has', async () => {
    await given({ preset: 'device', keys: 'name', operation: 'discover' });
    await device('t-1');
    send({ device: 't-1', path: '3303/0/5700' });
    const { path, payload } = await inbox('out').next();
    assert.equal(path, '/3/0');
    assert.equal((payload as Record<string, unknown>).Manufacturer, 'Acme');
  });

  it('answers on the message that asked, and done is told once', async () => {
    await given();
    await device('t-1');
    send({ _msgid: 'a', topic: 'mine', other: { kept: true }, device: 't-1', path: '3303/0/5700' });
    const { dm, ...message } = await inbox('out').next();
    assert.deepEqual(message, {
      _msgid: 'a',
      topic: 'mine',
      other: { kept: true },
      device: 't-1',
      path: '/3303/0/5700',
      payload: 21.5,
    });
    const { rtt, at, ...rest } = dm as { rtt: number; at: number };
    assert.deepEqual(rest, { server: 'server', operation: 'read', code: '2.05', contentFormat: 112 });
    assert.ok(rtt >= 0 && Math.abs(Date.now() - at) < 60_000);
    await inbox('completed').next();
    await saying('ok');
    assert.equal(inbox('completed').all.length, 1);
    assert.deepEqual([inbox('caught').all, inbox('failed').all], [[], []]);
  });

  const payloads: readonly [string, Record<string, unknown>, string, unknown][] = [
    ['a float', {}, '/3303/0/5700', 21.5],
    ['text', {}, '/3/0/0', 'Acme'],
    ['a Boolean', {}, '/3311/0/5850', true],
    ['a time as a Date', {}, '/3/0/13', new Date(1_700_000_000_000)],
    ['an integer beyond 2^53 as a decimal string', {}, '/3/0/21', '9007199254740993'],
    ['an instance of a resource', {}, '/3/0/7/1', 5000],
    ['a multiple resource keyed by full path', {}, '/3/0/7', { '/3/0/7/0': 3800, '/3/0/7/1': 5000 }],
    ['an instance keyed by full path', {}, '/3303/0', { '/3303/0/5700': 21.5, '/3303/0/5701': 'Cel' }],
    ['an object keyed by full path', {}, '/3303', { '/3303/0/5700': 21.5, '/3303/0/5701': 'Cel' }],
    ['an instance by names', { keys: 'name' }, '/3303/0', { 'Sensor Value': 21.5, 'Sensor Units': 'Cel' }],
    ['in a format that was chosen', { format: '11542' }, '/3303/0/5700', 21.5],
    ['without a wish for a format', { format: 'none' }, '/3/0/9', 85],
  ];
  for (const [what, properties, path, payload] of payloads) {
    it(`gives ${what}`, async () => {
      await given(properties);
      await device('t-1');
      send({ device: 't-1', path });
      assert.deepEqual((await inbox('out').next()).payload, payload);
    });
  }

  it('discovers: links with what is attached to them', async () => {
    await given({ operation: 'discover' });
    await device('t-1');
    send({ device: 't-1', path: '/3303/0' });
    const { payload, dm } = await inbox('out').next();
    assert.deepEqual(
      (payload as { path: string }[]).map(({ path }) => path),
      ['/3303/0', '/3303/0/5605', '/3303/0/5700', '/3303/0/5701'],
    );
    assert.equal((dm as { contentFormat: number }).contentFormat, 40);
  });

  it('reads several paths at once, and says what was not there', async () => {
    await given();
    await device('t-1');
    for (const path of [['/3/0/9', '/3303/0', '/4/0/2'], '/3/0/9, /3303/0, /4/0/2']) {
      send({ device: 't-1', path });
      const message = await inbox('out').next();
      assert.deepEqual(message.path, ['/3/0/9', '/3303/0', '/4/0/2']);
      assert.deepEqual(message.payload, { '/3/0/9': 85, '/3303/0/5700': 21.5, '/3303/0/5701': 'Cel' });
      const { operation, absent, fallback } = message.dm as Record<string, unknown>;
      assert.deepEqual([operation, absent, fallback], ['read-composite', ['/4/0/2'], undefined]);
    }
  });

  it('a list of one is a list all the same, and "/" is everything', async () => {
    await given();
    await device('t-1');
    send({ device: 't-1', path: ['/3/0/9'] });
    const one = await inbox('out').next();
    assert.deepEqual([one.path, one.payload], [['/3/0/9'], { '/3/0/9': 85 }]);
    send({ device: 't-1', path: '/' });
    const all = await inbox('out').next();
    assert.equal(all.path, '/');
    assert.equal((all.payload as Record<string, unknown>)['/3308/0/5900'], 20);
  });

  it('reads them one by one from a device of 1.0, and says so', async () => {
    await given();
    await device('t-1', { objects: thermometer('1.0') });
    send({ device: 't-1', path: ['/3/0/9', '/9/1'] });
    const { payload, dm } = await inbox('out').next();
    const { fallback, absent, refused } = dm as { fallback: string; absent: string[]; refused: Record<string, { code: string }> };
    assert.deepEqual([payload, fallback, absent], [{ '/3/0/9': 85 }, 'one-by-one', ['/9/1']]);
    assert.equal(refused['/9/1']?.code, '4.04');
  });

  it('an empty list, and a list for Discover, are refused', async () => {
    await given({ operation: 'discover' });
    await device('t-1');
    send({ device: 't-1', path: ['/3', '/3303'] });
    assert.match(failureOf(await inbox('caught').next()).message, /msg\.path is a list, and this operation takes one path/);
    await given();
    await device('t-1');
    send({ device: 't-1', path: [] });
    assert.match(failureOf(await inbox('caught').next()).message, /msg\.path is an empty list/);
  });

  it('discovers as deep as it is told, as a tree', async () => {
    await given({ operation: 'discover', depth: '1', links: 'tree' });
    await device('t-1', { objects: thermometer('1.2') });
    send({ device: 't-1', path: '/3303' });
    assert.deepEqual((await inbox('out').next()).payload, {
      path: '/3303',
      name: 'Temperature',
      attributes: {},
      children: [{ path: '/3303/0', attributes: {}, children: [] }],
    });
    await device('t-2');
    send({ device: 't-2', path: '/3303' });
    assert.match(failureOf(await inbox('caught').next()).message, /LwM2M 1\.1 has no depth in Discover: leave it to the device/);
  });

  it('device and path of the dialog win over those of the message', async () => {
    await given({ device: 't-1', deviceType: 'str', path: '/3/0/0', pathType: 'str' });
    await device('t-1');
    send({ device: 't-2', path: '/3303/0/5700' });
    const { device: asked, path, payload } = await inbox('out').next();
    assert.deepEqual([asked, path, payload], ['t-1', '/3/0/0', 'Acme']);
  });

  it('an expression and the context of the flow may say what to read', async () => {
    await given({ device: '"t-" & n', deviceType: 'jsonata', path: '/3/0/0', pathType: 'str' });
    await device('t-1');
    send({ n: 1 });
    assert.equal((await inbox('out').next()).payload, 'Acme');
  });

  describe('what goes wrong says what to do', () => {
    const mistakes: readonly [string, Record<string, unknown>, string, RegExp][] = [
      [
        'a device name misspelt',
        { device: 't-l', path: '/3/0/0' },
        'not-registered',
        /^no device 't-l' is registered; did you mean t-1\?$/,
      ],
      ['a device nobody knows', { device: 'boiler', path: '/3/0/0' }, 'not-registered', /1 other is: check the name, or wait/],
      ['a path that does not exist', { device: 't-1', path: '/3303/9/5700' }, '4.04', /t-1 .*\/3303\/9\/5700/],
      ['a path that is none', { device: 't-1', path: '/3/battery' }, 'invalid-path', /"battery" is not a number/],
      ['a path beyond a resource instance', { device: 't-1', path: '/3/0/7/0/1' }, 'invalid-path', /\/3\/0\/7\/0\/1/],
      ['no path', { device: 't-1' }, 'invalid-path', /^which path\? msg\.path is empty/],
      ['no device', { path: '/3/0/0' }, 'invalid-request', /^which device\? msg\.device is empty/],
      ['a device that is a number', { device: 7, path: '/3/0/0' }, 'invalid-request', /a number came/],
      ['a resource that is executed, not read', { device: 't-1', path: '/3/0/4' }, '4.05', /\/3\/0\/4/],
    ];
    for (const failures of ['catch', 'output']) {
      it(`to ${failures === 'catch' ? 'a Catch node' : 'the second output, as a Catch node would get it'}`, async () => {
        await given({ failures });
        await device('t-1');
        for (const [what, message, code, text] of mistakes) {
          send({ ...message, topic: 'mine' });
          const failed = await inbox(failures === 'catch' ? 'caught' : 'failed').next();
          const { code: actual, message: told, source } = failureOf(failed);
          assert.equal(actual, code, what);
          assert.match(told, text, what);
          assert.deepEqual({ ...source }, { id: 'node', type: 'dm-read', name: undefined, count: 1 }, what);
          assert.equal(failed.topic, 'mine');
          if (code === '4.04') assert.deepEqual([failed.device, failed.path], ['t-1', '/3303/9/5700']);
          await saying(code);
        }
        const other = failures === 'catch' ? inbox('failed') : inbox('caught');
        if (failures === 'output') for (const _ of mistakes) await inbox('completed').next();
        assert.deepEqual(other.all, []);
        assert.equal(inbox('completed').all.length, failures === 'output' ? mistakes.length : 0);
        assert.deepEqual(inbox('out').all, []);
      });
    }

    it('a device that fell silent', async () => {
      await given({ timeout: '0.2' });
      const client = await device('t-1');
      client.cutOff();
      send({ device: 't-1', path: '/3/0/0' });
      const failure = failureOf(await inbox('caught').next());
      assert.equal(failure.code, 'timeout');
      assert.match(failure.message, /t-1 .*did not answer Read \/3\/0\/0 within 0\.2 s/);
    });

    it('a device that has left: the request waits for it, or fails at once when told to', async () => {
      await given({ whenAsleep: 'fail' });
      const client = await device('t-1');
      await Promise.all([lifecycle('deregistered'), client.stop()]);
      send({ device: 't-1', path: '/3/0/0' });
      const failure = failureOf(await inbox('caught').next());
      assert.equal(failure.code, 'not-registered');
      assert.match(failure.message, /not registered any more; let the request wait \(queue\), or try again when it is back/);
    });

    for (const [what, server] of [
      ['none is chosen', ''],
      ['the chosen one is gone', 'elsewhere'],
    ]) {
      it(`no server: ${what}`, async () => {
        await deploy(around({ ...READ, server }));
        await saying('no server');
        send({ device: 't-1', path: '/3/0/0' });
        const failure = failureOf(await inbox('caught').next());
        assert.equal(failure.code, 'invalid-request');
        assert.match(failure.message, /open it, choose or add one, and deploy/);
      });
    }

    it('no server: the chosen one is disabled', async () => {
      await deploy([serverNode({ d: true }), ...around(READ)]);
      await saying('no server');
      send({ device: 't-1', path: '/3/0/0' });
      assert.match(failureOf(await inbox('caught').next()).message, /a disabled server does not count/);
    });
  });

  describe('many devices', () => {
    it('a message for each, in parts as Split makes them, and done once', async () => {
      await given();
      for (const name of ['t-1', 't-2', 't-3']) await device(name);
      const outer = { id: 'outer', index: 0, count: 1 };
      send({ device: 't-*', path: '/3/0/0', parts: outer });
      const messages = [await inbox('out').next(), await inbox('out').next(), await inbox('out').next()];
      const ids = new Set(messages.map(({ parts }) => (parts as { id: string }).id));
      assert.equal(ids.size, 1);
      for (const { device: name, parts, payload } of messages) {
        const index = Number(String(name).slice(2)) - 1;
        assert.equal(payload, 'Acme');
        assert.deepEqual(parts, { parts: outer, id: [...ids][0], type: 'object', key: name, index, count: 3 });
      }
      await inbox('completed').next();
      await saying('ok');
      assert.equal(inbox('completed').all.length, 1);
    });

    it('each failure on the message of its own device', async () => {
      await given();
      await device('t-1');
      send({ device: ['t-1', 'boiler'], path: '/3/0/0', topic: 'mine' });
      const failed = await inbox('caught').next();
      assert.equal(failureOf(failed).code, 'not-registered');
      assert.equal(failed.device, 'boiler');
      assert.equal(failed.path, '/3/0/0');
      assert.equal((failed.parts as { key: string }).key, 'boiler');
      assert.equal((await inbox('out').next()).device, 't-1');
      await inbox('completed').next();
      assert.equal(inbox('completed').all.length, 1);
    });

    it('collected into one message', async () => {
      await given({ collect: true });
      await device('t-1');
      send({ device: ['t-1', 'boiler'], path: '/3/0/0' });
      const { payload } = await inbox('out').next();
      const { boiler, ...others } = payload as Record<string, { error?: { code: string } }>;
      assert.deepEqual(others, { 't-1': { value: 'Acme' } });
      assert.equal(boiler?.error?.code, 'not-registered');
      assert.deepEqual(inbox('caught').all, []);
    });

    it('a pattern without a match fails', async () => {
      await given();
      await device('t-1');
      send({ device: 'pump-*', path: '/3/0/0' });
      assert.match(failureOf(await inbox('caught').next()).message, /no registered device matches "pump-\*"; 1 are registered/);
    });
  });

  describe('a device that sleeps', () => {
    it('done at once, the status counts what waits, and the answer continues the message', async () => {
      await given({}, HASTY);
      const client = await sleeping('t-1');
      send({ device: 't-1', path: '/3/0/0', other: 'kept' });
      await inbox('completed').next();
      await saying('1 queued');
      assert.deepEqual(inbox('out').all, []);
      client.update();
      const { payload, other, dm } = await inbox('out').next();
      assert.deepEqual([payload, other], ['Acme', 'kept']);
      assert.equal((dm as { resumed?: true }).resumed, undefined);
      await saying('ok');
      assert.equal(inbox('completed').all.length, 1);
    });

    it('after a deploy the same node gets the answer, with what was kept', async () => {
      await given({}, HASTY);
      const client = await sleeping('t-1');
      send({ _msgid: 'a', topic: 'mine', device: 't-1', path: '/3/0/0', other: 'lost' });
      await inbox('completed').next();
      await given({}, HASTY);
      client.update();
      const { dm, ...message } = await inbox('out').next();
      assert.deepEqual(message, { _msgid: 'a', topic: 'mine', device: 't-1', path: '/3/0/0', payload: 'Acme' });
      assert.equal((dm as { resumed: true }).resumed, true);
    });

    it('fails at once when told to', async () => {
      await given({ whenAsleep: 'fail' }, HASTY);
      await sleeping('t-1');
      send({ device: 't-1', path: '/3/0/0' });
      const failure = failureOf(await inbox('caught').next());
      assert.equal(failure.code, 'asleep');
      assert.match(failure.message, /let the request wait for it \(queue\), or send it when the device is awake/);
    });

    it('fails a message that answers an HTTP request', async () => {
      await given({}, HASTY);
      await sleeping('t-1');
      send({ device: 't-1', path: '/3/0/0', res: {} });
      assert.equal(failureOf(await inbox('caught').next()).code, 'asleep');
      assert.equal(running().fleet.requests.waiting(), 0);
    });

    it('gives up when it does not come within ttl, on the message that asked', async () => {
      await given({ ttl: '0.5' }, HASTY);
      await sleeping('t-1');
      send({ device: 't-1', path: '/3/0/0', topic: 'mine' });
      await inbox('completed').next();
      const failed = await inbox('caught').next();
      assert.equal(failureOf(failed).code, 'queue-expired');
      assert.equal(failed.topic, 'mine');
      await saying('queue-expired');
    });
  });
});

import assert from 'node:assert/strict';
import type { Lwm2mClient } from '../../../src/lwm2m/client/client';
import { around, deploy, device, endFlow, failureOf, inbox, running, saying, send, serverNode } from '../flow';

const WRITE = {
  type: 'dm-write',
  device: 't-1',
  deviceType: 'str',
  path: 'path',
  pathType: 'msg',
  failures: 'catch',
  operation: 'write',
  mode: 'auto',
  value: 'payload',
  valueType: 'msg',
  format: 'auto',
  attributes: {},
};

async function given(properties: Readonly<Record<string, unknown>> = {}): Promise<Lwm2mClient> {
  await deploy([serverNode(), ...around({ ...WRITE, ...properties })]);
  return device('t-1');
}

describe('write', () => {
  afterEach(endFlow);

  it('writes the payload, and the message goes on with it', async () => {
    const client = await given();
    send({ _msgid: 'a', topic: 'mine', path: '3/0/14', payload: '+01:00' });
    const { dm, ...message } = await inbox('out').next();
    assert.deepEqual(message, { _msgid: 'a', topic: 'mine', device: 't-1', path: '/3/0/14', payload: '+01:00' });
    const { rtt, at, ...rest } = dm as { rtt: number; at: number };
    assert.deepEqual(rest, { server: 'server', operation: 'write', code: '2.04' });
    assert.ok(rtt >= 0 && at > 0);
    assert.equal(client.objects.get('/3/0/14'), '+01:00');
    await inbox('completed').next();
    await saying('ok');
    assert.equal(inbox('completed').all.length, 1);
  });

  const coerced: readonly [string, string, unknown, unknown][] = [
    ['a number as text', '/3/0/15', 7, '7'],
    ['numeric text as an integer', '/3311/0/5851', '55', 55],
    ['numeric text as a float', '/3308/0/5900', '21.50', 21.5],
    ['an integer beyond 2^53 as a decimal string', '/3340/0/5534', '9007199254740995', '9007199254740995'],
    ['"true" as a Boolean', '/3311/0/5850', 'true', true],
    ['0 as a Boolean', '/3311/0/5850', 0, false],
    ['a Date', '/3/0/13', new Date('2026-01-31T12:00:00Z'), new Date('2026-01-31T12:00:00Z')],
    ['an ISO string as a time', '/3/0/13', '2026-01-31T12:00:00Z', new Date('2026-01-31T12:00:00Z')],
    ['milliseconds as Inject gives them', '/3/0/13', 1_769_860_800_000, new Date(1_769_860_800_000)],
    ['a Buffer', '/9/0/2', Buffer.from([1, 2]), Buffer.from([1, 2])],
    ['a Buffer that went through JSON', '/9/0/2', { type: 'Buffer', data: [1, 2] }, Buffer.from([1, 2])],
    ['an object link', '/9/0/13', '3:0', '3:0'],
  ];
  for (const [what, path, payload, stored] of coerced) {
    it(`takes ${what}`, async () => {
      const client = await given({ path, pathType: 'str' });
      send({ payload });
      await inbox('out').next();
      assert.deepEqual(client.objects.get(path), stored);
    });
  }

  it('writes some resources of an instance, by id or by name', async () => {
    const client = await given({ path: '/3311/0', pathType: 'str' });
    send({ payload: { 5850: false, Dimmer: '10' } });
    await inbox('out').next();
    assert.deepEqual([client.objects.get('/3311/0/5850'), client.objects.get('/3311/0/5851')], [false, 10]);
  });

  it('replaces an instance when told to', async () => {
    const client = await given({ path: '/3311/0', pathType: 'str', mode: 'replace' });
    send({ payload: { 5850: false } });
    await inbox('out').next();
    assert.deepEqual([client.objects.get('/3311/0/5850'), client.objects.get('/3311/0/5851')], [false, undefined]);
  });

  it('a value of the dialog wins over the payload, and is what the message goes on with', async () => {
    const client = await given({ path: '/3311/0/5851', pathType: 'str', value: '12', valueType: 'num' });
    send({ payload: 99 });
    assert.equal((await inbox('out').next()).payload, 12);
    assert.equal(client.objects.get('/3311/0/5851'), 12);
  });

  it('an empty text of the dialog is a value', async () => {
    const client = await given({ path: '/3/0/15', pathType: 'str', value: '', valueType: 'str' });
    send({ payload: 'Europe/Paris' });
    await inbox('out').next();
    assert.equal(client.objects.get('/3/0/15'), '');
  });

  it('writes several values at once, keyed by full path', async () => {
    const client = await given();
    const payload = { '/3/0/14': '+09:00', '/3311/0/5851': '12' };
    send({ path: ['/3/0/14', '/3311/0'], payload });
    const message = await inbox('out').next();
    assert.deepEqual([message.path, message.payload], [['/3/0/14', '/3311/0'], payload]);
    assert.equal((message.dm as { operation: string }).operation, 'write-composite');
    assert.deepEqual([client.objects.get('/3/0/14'), client.objects.get('/3311/0/5851')], ['+09:00', 12]);
    send({ path: '/', payload: { '/3/0/14': '+08:00' } });
    assert.deepEqual((await inbox('out').next()).path, ['/3/0/14']);
    assert.equal(client.objects.get('/3/0/14'), '+08:00');
  });

  it('of several values all are written or none', async () => {
    const client = await given();
    send({ path: '/', payload: { '/3/0/14': '+09:00', '/3/0/0': 'x' } });
    const failed = await inbox('caught').next();
    assert.equal(failureOf(failed).code, '4.05');
    assert.deepEqual(failed.path, ['/3/0/14', '/3/0/0']);
    assert.equal(client.objects.get('/3/0/14'), '+02:00');
  });

  it('creates an instance and says which', async () => {
    const client = await given({ operation: 'create', path: '/3303', pathType: 'str' });
    send({ payload: { 5700: 30 } });
    const { payload, dm } = await inbox('out').next();
    const { code, created, operation } = dm as Record<string, string>;
    assert.deepEqual([payload, code, created, operation], ['/3303/1', '2.01', '/3303/1', 'create']);
    assert.equal(client.objects.get('/3303/1/5700'), 30);
  });

  it('deletes an instance, and leaves the payload alone', async () => {
    const client = await given({ operation: 'delete', path: '/3303/0', pathType: 'str' });
    send({ payload: 'mine' });
    const { payload, dm } = await inbox('out').next();
    assert.deepEqual([payload, (dm as { code: string }).code], ['mine', '2.02']);
    assert.deepEqual(client.objects.instances(3303), []);
  });

  it('attaches attributes', async () => {
    const attributes = { pmin: '5', gt: '30', st: '' };
    await given({ operation: 'write-attributes', path: '/3303/0/5700', pathType: 'str', attributes });
    send({ payload: 'mine' });
    const { payload, dm } = await inbox('out').next();
    assert.deepEqual([payload, (dm as { code: string }).code], ['mine', '2.04']);
    const { links } = await running().manager.perform('t-1', { operation: 'discover', path: '/3303/0/5700' });
    assert.deepEqual(links?.[0]?.attributes, { pmin: 5, gt: 30 });
  });

  const mistakes: readonly [string, string, Record<string, unknown>, string, RegExp][] = [
    [
      'text for a number',
      '/3308/0/5900',
      { payload: 'warm' },
      'invalid-value',
      /Set Point Value.*takes a number, but the string "warm" came/,
    ],
    ['a number that lost digits', '/3340/0/5534', { payload: 2 ** 53 + 2 }, 'invalid-value', /decimal string beyond 2\^53/],
    ['a value out of range', '/3311/0/5851', { payload: 101 }, 'invalid-value', /Dimmer.*0.*100/],
    ['a time without its zone', '/3/0/13', { payload: '2026-01-31T12:00:00' }, 'invalid-value', /with its zone/],
    ['text for bytes', '/9/0/2', { payload: 'abc' }, 'invalid-value', /says how to read it: "hex:0102"/],
    ['an object for one value', '/3/0/14', { payload: { a: 1 } }, 'invalid-value', /\/3\/0\/14/],
    [
      'text for an instance',
      '/3311/0',
      { payload: '{"5850":false}' },
      'invalid-value',
      /Parse the text first, for example with a JSON/,
    ],
    [
      'a name misspelt',
      '/3311/0',
      { payload: { Dimer: 1 } },
      'invalid-value',
      /has no resource "Dimer"\. Use its id, or one of: /,
    ],
    ['nothing', '/3/0/14', {}, 'invalid-value', /there is nothing to write: msg\.payload is missing; set it before this node/],
    ['null', '/3/0/14', { payload: null }, 'invalid-value', /no value came/],
    ['a read-only resource', '/3/0/0', { payload: 'x' }, '4.05', /does not allow Write \/3\/0\/0: it is read-only/],
    ['an object', '/3311', { payload: { 5850: true } }, 'invalid-path', /\/3311/],
    ['a bare value for several paths', '/', { payload: 5 }, 'invalid-value', /as an object keyed by full path/],
  ];
  it('refuses what cannot be written, and says what to pass instead', async () => {
    await given();
    for (const [what, path, message, code, text] of mistakes) {
      send({ path, ...message });
      const { code: actual, message: told } = failureOf(await inbox('caught').next());
      assert.equal(actual, code, `${what}: ${told}`);
      assert.match(told, text, what);
    }
    assert.deepEqual(inbox('out').all, []);
    assert.deepEqual(inbox('completed').all, []);
  });

  it('an attribute that is no number is refused', async () => {
    await given({ operation: 'write-attributes', path: '/3303/0/5700', pathType: 'str', attributes: { pmin: 'often' } });
    send({});
    assert.match(failureOf(await inbox('caught').next()).message, /the attribute pmin must be a number, but it is "often"/);
  });
});

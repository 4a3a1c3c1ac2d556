/** LwM2M Core 1.1.1 §6.1: what a device gets that asks for its servers. */
import assert from 'node:assert/strict';
import { Code, codeText } from '../../../src/coap/codes';
import { MessageType } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import type { BootstrapEvent } from '../../../src/device/bootstrap';
import { Path } from '../../../src/device/path';
import { decode } from '../../../src/lwm2m/formats/formats';
import { configured, formatIn, givenBootstrap, KEY, nameOf, obedient, PLAIN, SECURED } from './bootstrap-world';
import { givenServer, ScriptedDevice } from './world';

const names = (events: readonly BootstrapEvent[]): string[] => events.map(({ event }) => event);

describe('a Bootstrap-Request', () => {
  it('is answered 2.04, and nothing is sent before that', async () => {
    const { begin, device } = await givenBootstrap(configured());
    await begin();
    const codes = device.inbox.map(({ code }) => code);
    assert.equal(codes[0], Code.Changed);
    assert.equal(codes[1], Code.Get);
  });

  it('leads through Discover, Delete, Security, Server and Finish, one at a time (int-0)', async () => {
    const { begin, asked, events } = await givenBootstrap(configured());
    await begin();
    assert.deepEqual(asked(), ['GET /', 'DELETE /0', 'DELETE /1', 'PUT /0/1', 'PUT /1/0', 'POST /bs']);
    assert.deepEqual(names(events), ['started', 'finished']);
    assert.deepEqual(
      events[1]?.steps.map(({ operation, path, code }) => `${operation} ${path} ${code}`),
      ['discover / 2.05', 'delete /0 2.02', 'delete /1 2.02', 'write /0/1 2.04', 'write /1/0 2.04', 'finish / 2.04'],
    );
    assert.equal(events[1]?.version, '1.1');
  });

  it('waits for each answer before the next request', async () => {
    const { begin, asked, device, world } = await givenBootstrap(configured());
    device.answers = obedient({ 'DELETE /0': undefined });
    await begin(['ep=dev-1'], 60_000);
    assert.deepEqual([...new Set(asked())], ['GET /', 'DELETE /0']);
    await world.server.stop();
  });

  it('does not need a registration', async () => {
    const { begin, events, world } = await givenBootstrap(configured());
    await begin();
    assert.equal(world.server.size, 0);
    assert.equal(events[1]?.event, 'finished');
  });

  it('is found at the end of any path, beside the registration at the same port', async () => {
    const { device, world, events } = await givenBootstrap(configured());
    assert.equal((await device.request({ code: Code.Post, path: ['prefix', 'bs'], query: ['ep=a'] })).code, Code.Changed);
    await device.register('dev-1');
    await world.settle(200);
    assert.equal(world.server.size, 1);
    assert.equal(events.at(-1)?.event, 'finished');
  });

  it('of a server that is no bootstrap server is not found', async () => {
    const device = new ScriptedDevice(await givenServer());
    assert.equal(codeText((await device.request({ code: Code.Post, path: ['bs'], query: ['ep=a'] })).code), '4.04');
    assert.equal(codeText((await device.request({ code: Code.Get, path: ['bspack'], query: ['ep=a'] })).code), '4.04');
  });

  const refused: readonly (readonly [string, string, readonly string[]])[] = [
    ['without an endpoint name', '4.00', []],
    ['with an empty one', '4.00', ['ep=']],
    ['with a name that is not printable', '4.00', ['ep=a\u0007b']],
    ['with two names', '4.00', ['ep=a', 'ep=b']],
    ['that prefers what is no number', '4.00', ['ep=dev-1', 'pct=senml']],
    ['that prefers a format unknown here', '4.15', ['ep=dev-1', 'pct=50']],
    ['that prefers text', '4.15', ['ep=dev-1', 'pct=0']],
  ];
  for (const [title, code, query] of refused) {
    it(`${title} is answered ${code}, and nothing follows`, async () => {
      const { begin, asked, events } = await givenBootstrap(configured());
      assert.equal(codeText((await begin(query)).code), code);
      assert.deepEqual(asked(), []);
      assert.deepEqual(names(events), ['refused']);
      assert.ok(events[0]?.refusal?.remedy);
    });
  }

  it('of a device that no configuration is for is answered 4.00, and told with what to do', async () => {
    const { begin, events } = await givenBootstrap((endpoint) => (endpoint === 'other' ? configured() : undefined));
    assert.equal(codeText((await begin()).code), '4.00');
    assert.match(events[0]?.refusal?.reason ?? '', /no bootstrap configuration is for device dev-1/);
  });

  it('from another machine without security is refused unless the server is open', async () => {
    const { begin, asked } = await givenBootstrap(configured(), { admission: 'secured' });
    assert.equal(codeText((await begin()).code), '4.00');
    assert.deepEqual(asked(), []);
  });

  it('of a secured device needs no name: it is the identity', async () => {
    const seen: string[] = [];
    const { begin } = await givenBootstrap(
      (endpoint) => {
        seen.push(endpoint);
        return configured();
      },
      { identityOf: ({ address, port }) => ({ security: 'psk', name: 'factory-7', address, port }) },
    );
    assert.equal((await begin([])).code, Code.Changed);
    assert.deepEqual(seen, ['factory-7']);
  });

  it('that is not confirmable is refused when the rules are strict', async () => {
    const { device } = await givenBootstrap(configured(), { rules: { strict: true } });
    const request = { type: MessageType.NonConfirmable, code: Code.Post, path: ['bs'], query: ['ep=dev-1'] };
    assert.equal(codeText((await device.request(request)).code), '4.00');
  });

  it('whose configuration cannot be made is answered 5.00, and why is told here only', async () => {
    const { begin, events } = await givenBootstrap(() => {
      throw new Error('the vault is closed');
    });
    const answer = await begin();
    assert.equal(codeText(answer.code), '5.00');
    assert.equal(answer.payload.length, 0);
    assert.match(events[0]?.refusal?.reason ?? '', /vault/);
  });

  it('by any other method is not allowed', async () => {
    const { device } = await givenBootstrap(configured());
    for (const code of [Code.Get, Code.Put, Code.Delete]) {
      assert.equal(codeText((await device.request({ code, path: ['bs'] })).code), '4.05');
    }
  });
});

describe('what is written', () => {
  it('leaves the bootstrap account alone, wherever the device has it', async () => {
    const { begin, asked, device } = await givenBootstrap(configured({ servers: [PLAIN, SECURED] }));
    device.answers = obedient({}, '</>;lwm2m=1.2,</0>,</0/1>;uri="coap://10.0.0.1",</0/2>;ssid=5,</1>,</3/0>');
    await begin();
    assert.deepEqual(
      asked().filter((name) => name.startsWith('PUT')),
      ['PUT /0/0', 'PUT /0/2', 'PUT /1/0', 'PUT /1/1'],
    );
  });

  it('goes beside what is not deleted', async () => {
    const { begin, asked, device } = await givenBootstrap(configured({ deletes: [] }));
    device.answers = obedient({}, '</>;lwm2m=1.1,</0/0>,</0/1>;ssid=1,</1/0>;ssid=1');
    await begin();
    assert.deepEqual(asked(), ['GET /', 'PUT /0/2', 'PUT /1/1', 'POST /bs']);
  });

  it('goes beyond the first instances of a device that knows no Discover', async () => {
    const { begin, asked, device } = await givenBootstrap(configured());
    device.answers = obedient({ 'GET /': { code: Code.NotFound } });
    await begin();
    assert.deepEqual(asked().slice(3), ['PUT /0/10', 'PUT /1/0', 'POST /bs']);
  });

  it('comes in the order Security, Server, Access Control, others', async () => {
    const objects = { '/11/0': { 0: 'profile' }, '/2/0': { 0: 3, 1: 0, 2: { 101: 31 }, 3: 101 }, '/3/0/15': 'Europe/Berlin' };
    const { begin, asked, events } = await givenBootstrap(configured({ objects }));
    await begin();
    assert.deepEqual(asked().slice(3), ['PUT /0/1', 'PUT /1/0', 'PUT /2/0', 'PUT /3/0/15', 'PUT /11/0', 'POST /bs']);
    assert.equal(events[1]?.written['/3/0/15'], 'Europe/Berlin');
  });

  for (const [title, pct, format] of [
    ['TLV where the device prefers nothing', undefined, 11542],
    ['the format it prefers', '112', 112],
    ['SenML JSON where it prefers that', '110', 110],
  ] as const) {
    it(`comes in ${title}`, async () => {
      const { begin, device } = await givenBootstrap(configured({ servers: [SECURED] }));
      await begin(pct === undefined ? ['ep=dev-1'] : ['ep=dev-1', `pct=${pct}`]);
      const written = device.asked.find((request) => nameOf(request) === 'PUT /0/1');
      assert.equal(formatIn(written), format);
      const values = decode(format, written?.payload ?? Buffer.alloc(0), {
        base: Path.parse('/0/1'),
        typeOf: (object, resource) => (object === 0 && resource >= 3 && resource <= 5 ? 'opaque' : undefined),
        now: 0,
      });
      const byPath = Object.fromEntries(values.map(({ path, value }) => [path, value]));
      assert.deepEqual(byPath['/0/1/3'], Buffer.from('dev-1'));
      assert.deepEqual(byPath['/0/1/5'], KEY);
    });
  }

  it('is the datagram known to be right for Anjay and Wakaama', async () => {
    const { begin, device } = await givenBootstrap(configured());
    await begin();
    // As recorded with Wakaama: c8 00 16 "coap://127.0.0.1:15685" c10100 c10203 c003 c004 c005 c10a65; here with another URI.
    const security = device.asked.find((request) => nameOf(request) === 'PUT /0/1');
    assert.equal(
      security?.payload.toString('hex'),
      `c80014${Buffer.from(PLAIN.uri).toString('hex')}c10100c10203c003c004c005c10a65`,
    );
    const server = device.asked.find((request) => nameOf(request) === 'PUT /1/0');
    assert.equal(server?.payload.toString('hex'), 'c10065c1013cc10600c10755');
  });

  it('is offered in another format when the device does not know the first', async () => {
    const { begin, device, events } = await givenBootstrap(configured());
    const obey = obedient();
    device.answers = (request) => (formatIn(request) === 11542 ? { code: Code.UnsupportedContentFormat } : obey(request));
    await begin();
    assert.equal(events[1]?.event, 'finished');
    const puts = device.asked.filter((request) => request.code === Code.Put);
    assert.deepEqual(puts.map(formatIn), [11542, 112, 112]);
  });

  it('has no Mute Send for a device of LwM2M 1.0', async () => {
    const { begin, device, events } = await givenBootstrap(configured({ servers: [SECURED] }));
    device.answers = obedient({}, 'lwm2m="1.0",</0>,</0/0>,</1>');
    await begin();
    assert.equal(events[1]?.version, '1.0');
    assert.equal('/1/0/23' in (events[1]?.written ?? {}), false);
    assert.equal(events[1]?.written['/1/0/1'], 300);
  });

  it('has it for a device that tells of 1.0 and prefers a format, as only 1.1 does (Leshan)', async () => {
    const { begin, device, events } = await givenBootstrap(configured({ servers: [SECURED] }));
    device.answers = obedient({}, '</>;lwm2m=1.0,</0/0>');
    await begin(['ep=dev-1', 'pct=112']);
    assert.equal(events[1]?.version, '1.1');
    assert.equal(events[1]?.written['/1/0/23'], false);
  });

  it('can be read back: Discover again, and objects 1 and 2 (int-8)', async () => {
    const { begin, asked, device, events } = await givenBootstrap(configured({ verify: true }));
    device.answers = obedient({
      'GET /1': { code: Code.Content, contentFormat: 11542, payload: Buffer.from('080009c10065c1013cc10755', 'hex') },
    });
    await begin();
    assert.deepEqual(asked().slice(5), ['GET /', 'GET /1', 'POST /bs']);
    assert.deepEqual(events[1]?.read, { '/1/0/0': 101, '/1/0/1': 60, '/1/0/7': 'U' });
  });

  it('shows no key in any event', async () => {
    const objects = { '/11/0': { 0: 'profile', 6: 'apn-password' } };
    const { begin, events } = await givenBootstrap(configured({ servers: [SECURED], objects }));
    await begin();
    const { written } = events[1] as BootstrapEvent;
    assert.deepEqual([written['/0/1/0'], written['/0/1/2'], written['/0/1/10']], [SECURED.uri, 0, 102]);
    assert.deepEqual([written['/0/1/3'], written['/0/1/5'], written['/11/0/6']], [null, null, null]);
    const told = JSON.stringify(events);
    for (const secret of ['apn-password', KEY.toString('hex'), KEY.toString('base64'), [...KEY].join()]) {
      assert.equal(told.includes(secret), false, secret);
    }
  });
});

describe('a bootstrap that fails', () => {
  it('ends without Finish when the device refuses a Write, and says which and why', async () => {
    const { begin, asked, device, events } = await givenBootstrap(configured());
    device.answers = obedient({ 'PUT /1/0': { code: Code.BadRequest } });
    await begin();
    assert.equal(asked().includes('POST /bs'), false);
    const failed = events[1];
    assert.equal(failed?.event, 'failed');
    assert.equal(failed?.error?.code, '4.00');
    assert.match(failed?.error?.message ?? '', /refused Write \/1\/0 with 4\.00/);
    assert.deepEqual(failed?.steps.at(-1)?.path, '/1/0');
    assert.deepEqual(Object.keys(failed?.written ?? {})[0], '/0/1/0');
  });

  it('ends without a Write when the device refuses a Delete; what is not there counts as deleted', async () => {
    const { begin, asked, device, events } = await givenBootstrap(configured());
    device.answers = obedient({ 'DELETE /0': { code: Code.NotFound }, 'DELETE /1': { code: Code.MethodNotAllowed } });
    await begin();
    assert.deepEqual(asked(), ['GET /', 'DELETE /0', 'DELETE /1']);
    assert.equal(events[1]?.error?.code, '4.05');
  });

  it('with 4.06 to Finish tells the whole written set (int-9)', async () => {
    const { begin, device, events } = await givenBootstrap(configured({ deletes: [], servers: [], objects: { '/1/0/5': 3600 } }));
    device.answers = obedient({ 'POST /bs': { code: Code.NotAcceptable } });
    await begin();
    assert.equal(events[1]?.event, 'failed');
    assert.equal(events[1]?.error?.code, '4.06');
    assert.match(events[1]?.error?.message ?? '', /inconsistent.*\/1\/0/);
    assert.deepEqual(events[1]?.written, { '/1/0/5': 3600 });
  });

  it('when no acknowledgement comes', async () => {
    const { begin, asked, device, events, world } = await givenBootstrap(configured());
    device.answers = obedient({ 'PUT /0/1': undefined });
    await begin();
    await world.settle(100_000);
    assert.deepEqual(names(events), ['started', 'failed']);
    assert.equal(events[1]?.error?.code, 'timeout');
    assert.match(events[1]?.error?.message ?? '', /did not answer Write \/0\/1/);
    assert.equal(events[1]?.steps.at(-1)?.code, undefined);
    assert.equal(asked().includes('POST /bs'), false);
  });

  it('when two minutes after the acknowledgement there is no answer', async () => {
    const { begin, device, events, world } = await givenBootstrap(configured());
    device.answers = obedient({ 'PUT /0/1': undefined });
    await begin();
    device.acknowledge(device.asked.at(-1)?.messageId as number);
    await world.settle(119_000);
    assert.deepEqual(names(events), ['started']);
    await world.settle(2_000);
    assert.equal(events[1]?.error?.code, 'timeout');
  });

  it('only seemingly, when the answer to Finish is lost and the device registers all the same', async () => {
    const { begin, device, events, world } = await givenBootstrap(configured());
    device.answers = obedient({ 'POST /bs': undefined });
    await begin();
    await device.register('dev-1');
    await world.settle(100_000);
    assert.deepEqual(names(events), ['started', 'finished']);
  });

  it('when Finish is not answered and no registration follows', async () => {
    const { begin, device, events, world } = await givenBootstrap(configured());
    device.answers = obedient({ 'POST /bs': undefined });
    await device.register('dev-1');
    await world.settle(1_000);
    await begin();
    await world.settle(100_000);
    assert.deepEqual(names(events), ['started', 'failed']);
  });

  it('before anything is written when the configuration does not fit together', async () => {
    const { begin, asked, events } = await givenBootstrap(configured({ servers: [PLAIN, { ...SECURED, shortServerId: 101 }] }));
    await begin();
    assert.deepEqual(asked(), ['GET /']);
    assert.match(events[1]?.error?.message ?? '', /short server id 101 is used twice/);
  });

  it('when what it tells of itself is not to be understood', async () => {
    const { begin, device, events } = await givenBootstrap(configured());
    device.answers = obedient({}, 'no links at all');
    await begin();
    assert.equal(events[1]?.event, 'failed');
    assert.equal(events[1]?.error?.code, 'decode-error');
  });
});

describe('one session for an endpoint', () => {
  it('begins again with a new request, and the old one ends as cancelled', async () => {
    const { begin, device, events, asked } = await givenBootstrap(configured());
    device.answers = obedient({ 'PUT /0/1': undefined });
    await begin();
    device.answers = obedient();
    await begin();
    assert.deepEqual(names(events), ['started', 'failed', 'started', 'finished']);
    assert.equal(events[1]?.error?.code, 'cancelled');
    assert.equal(asked().filter((name) => name === 'POST /bs').length, 1);
  });

  it('goes on from another address when the device comes from there', async () => {
    const { begin, device, events, world } = await givenBootstrap(configured());
    device.answers = obedient({ 'PUT /0/1': undefined });
    await begin();
    const moved = new ScriptedDevice(world, '10.0.0.2', 61_000);
    moved.answers = obedient();
    await moved.request({ code: Code.Post, path: ['bs'], query: ['ep=dev-1'] });
    await world.settle(200);
    assert.deepEqual(names(events), ['started', 'failed', 'started', 'finished']);
    assert.equal(events[3]?.address, '10.0.0.2:61000');
  });

  it('of a secured device is not ended by a stranger who gives its name', async () => {
    const { begin, device, events, world } = await givenBootstrap(configured(), {
      identityOf: ({ address, port }) =>
        port === 56830 ? { security: 'psk', name: 'dev-1', address, port } : { security: 'none', address, port },
    });
    device.answers = obedient({ 'PUT /0/1': undefined });
    await begin();
    const stranger = new ScriptedDevice(world, '10.0.0.9', 5000);
    assert.equal(codeText((await stranger.request({ code: Code.Post, path: ['bs'], query: ['ep=dev-1'] })).code), '4.00');
    assert.deepEqual(names(events), ['started', 'refused']);
  });

  it('is one of a limited number: then 5.03 with a time to come again', async () => {
    const { device, world } = await givenBootstrap(configured(), { limits: { bootstrapSessions: 2 } });
    device.answers = () => undefined;
    const codes: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      const answer = await device.request({ code: Code.Post, path: ['bs'], query: [`ep=${name}`] });
      codes.push(codeText(answer.code));
      if (name === 'c') assert.equal(answer.uint(Option.MaxAge), 30);
    }
    assert.deepEqual(codes, ['2.04', '2.04', '5.03']);
    await world.server.stop();
  });

  it('ends with the server', async () => {
    const { begin, device, events, world } = await givenBootstrap(configured());
    device.answers = () => undefined;
    await begin();
    await world.server.stop();
    assert.equal(events[1]?.error?.code, 'cancelled');
  });
});

describe('a Bootstrap-Pack-Request (LwM2M Core 1.2 §6.1.7.9)', () => {
  const ask = { code: Code.Get, path: ['bspack'], query: ['ep=dev-1'] };

  it('is answered with everything at once, and nothing follows (int-12)', async () => {
    const { device, world, events } = await givenBootstrap(configured({ servers: [SECURED], objects: { '/3/0/15': 'UTC' } }));
    const answer = await device.request(ask);
    await world.settle(1_000);
    assert.equal(answer.code, Code.Content);
    const values = decode(formatIn(answer), answer.payload, { base: Path.root, typeOf: () => undefined, now: 0 });
    assert.deepEqual([...new Set(values.map(({ path }) => path.split('/')[1]))], ['0', '1', '3']);
    assert.equal(values.find(({ path }) => path === '/0/10/0')?.value, SECURED.uri);
    assert.deepEqual(device.asked, []);
    assert.deepEqual(names(events), ['finished']);
    assert.equal(events[0]?.how, 'pack');
    assert.equal(events[0]?.written['/0/10/5'], null);
  });

  it('of 100 kB comes in blocks', async () => {
    const objects = Object.fromEntries(
      Array.from({ length: 25 }, (_, index) => [`/19/${index}/0`, { 0: Buffer.alloc(4_000, index) }]),
    );
    const { device } = await givenBootstrap(configured({ objects }));
    const answer = await device.request(ask);
    assert.equal(answer.code, Code.Content);
    assert.equal(answer.payload.length, 1024);
    const block = answer.uint(Option.Block2) as number;
    assert.equal(block & 8, 8);
  });

  it('of a device without configuration is refused, so that it asks at /bs instead', async () => {
    const { device } = await givenBootstrap(() => undefined);
    assert.equal(codeText((await device.request(ask)).code), '4.00');
  });

  it('with a parameter it does not know is answered all the same', async () => {
    const { device } = await givenBootstrap(configured());
    assert.equal((await device.request({ ...ask, query: ['ep=dev-1', 'acc=0'] })).code, Code.Content);
  });
});

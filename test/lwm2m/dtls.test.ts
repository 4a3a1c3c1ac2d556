/** LwM2M over DTLS with a connection id, while a network gives the device another address every few seconds. */
import assert from 'node:assert/strict';
import { Code, codeText } from '../../src/coap/codes';
import { CoapLayer, type RequestSpec } from '../../src/coap/layer';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { readDeviceChange } from '../../src/device/provisioned-device';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { testRandom } from '../coap/world';
import { testBytes } from '../dtls/world';
import { givenServer, keyOf, locationOf, PORT, SERVER } from './dtls-world';

describe('LwM2M over DTLS', () => {
  it('a device registers with the identity its key proves, and is shown where it is', async () => {
    const { server, makeDevice, start, clock } = await givenServer();
    const device = await start(makeDevice('dev'));
    assert.equal(server.registration('dev')?.security, 'psk');
    assert.equal(server.registration('dev')?.address, '10.1.0.1:40000');
    device.carrier.move();
    await clock.advanceAsync(290_000);
    assert.equal(server.registration('dev')?.address, '10.1.0.2:40001', 'after its Update');
  });

  it('the whole job while the address changes every three seconds: nothing lost, one handshake', async () => {
    const { server, secure, makeDevice, start, clock, notifications, lifecycle } = await givenServer();
    const { client, carrier } = await start(makeDevice('dev'));
    await Promise.all([server.perform('dev', { operation: 'observe', path: '/3303/0/5700' }), clock.advanceAsync(1_000)]);
    const reads: Promise<unknown>[] = [];
    for (let second = 1; second <= 120; second++) {
      if (second % 3 === 0) carrier.move();
      client.setValue('/3303/0/5700', second);
      if (second % 10 === 0)
        reads.push(server.perform('dev', { operation: 'read', path: '/3/0/0' }).then(({ values }) => values[0]?.value));
      await clock.advanceAsync(1_000);
    }
    await clock.advanceAsync(60_000);
    assert.deepEqual(
      await Promise.all(reads),
      reads.map(() => 'Acme'),
    );
    const seen = notifications.map(({ values }) => values[0]?.value);
    assert.deepEqual(
      seen,
      Array.from({ length: 120 }, (_, index) => index + 1),
    );
    assert.equal(secure.endpoint.counters.handshakes, 1);
    assert.ok(secure.endpoint.counters.rebinds >= 39);
    assert.ok(lifecycle.slice(1).every(({ event }) => event === 'updated'));
  });

  it('also when a tenth of all datagrams is lost', async () => {
    const { server, secure, makeDevice, start, clock, notifications } = await givenServer({ loss: 0.1, seed: 11 });
    const { client, carrier } = await start(makeDevice('dev'));
    const observing = server.perform('dev', { operation: 'observe', path: '/3303/0/5700' });
    await clock.advanceAsync(60_000);
    await observing;
    for (let second = 1; second <= 60; second++) {
      if (second % 3 === 0) carrier.move();
      client.setValue('/3303/0/5700', second);
      await clock.advanceAsync(1_000);
    }
    await clock.advanceAsync(100_000);
    assert.equal(notifications.at(-1)?.values[0]?.value, 60);
    assert.equal(secure.endpoint.counters.handshakes, 1);
  });

  it('a device that makes a new handshake goes on with its registration and its observations', async () => {
    const { server, secure, makeDevice, start, clock, notifications, lifecycle } = await givenServer();
    const { client, transport } = await start(makeDevice('dev'));
    await Promise.all([server.perform('dev', { operation: 'observe', path: '/3303/0/5700' }), clock.advanceAsync(1_000)]);
    transport.disconnect(SERVER, PORT);
    await clock.advanceAsync(290_000);
    assert.equal(secure.endpoint.counters.resumptions, 1);
    client.setValue('/3303/0/5700', 42);
    await clock.advanceAsync(5_000);
    assert.equal(notifications.at(-1)?.values[0]?.value, 42);
    const read = server.perform('dev', { operation: 'read', path: '/3/0/0' });
    await clock.advanceAsync(1_000);
    assert.equal((await read).values[0]?.value, 'Acme');
    assert.ok(lifecycle.every(({ event }) => event === 'registered' || event === 'updated'));
  });

  it('identity-binding: an Update and a De-register with another’s keys are refused', async () => {
    const { server, makeDevice, start, network, clock, lifecycle } = await givenServer();
    await start(makeDevice('dev'));
    const before = lifecycle.length;
    const transport = new DtlsTransport({
      carrier: network.transport('10.66.0.1', 1),
      clock,
      random: testBytes(66),
      credentials: {},
      serve: false,
      connectWith: () => ({ psk: { identity: 'key-thief', key: keyOf('key-thief') } }),
    });
    const layer = new CoapLayer({ transports: [transport], clock, random: testRandom(66), onRequest: () => undefined });
    await layer.open();
    const codes: (number | undefined)[] = [];
    // The thief has come to know the location of the other.
    const id = locationOf(server, 'dev');
    for (const code of [Code.Post, Code.Delete]) {
      layer.request(layer.endpoint(SERVER, PORT), { code, path: ['rd', id] }, {}, (_error, response) =>
        codes.push(response?.code),
      );
      await clock.advanceAsync(5_000);
    }
    assert.deepEqual(codes, [Code.BadRequest, Code.BadRequest]);
    assert.equal(lifecycle.length, before);
    assert.ok(server.registration('dev') !== undefined);
  });

  it('identity-binding: a Send, a Register and each block of one are those of who proved to be there', async () => {
    const { server, makeDevice, start, network, clock, lifecycle } = await givenServer();
    const device = await start(makeDevice('dev'));
    const sends: string[] = [];
    server.events.on('send', ({ device: sender }) => sends.push(sender));
    const transport = new DtlsTransport({
      carrier: network.transport('10.66.0.1', 1),
      clock,
      random: testBytes(66),
      credentials: {},
      serve: false,
      connectWith: () => ({ psk: { identity: 'key-thief', key: keyOf('key-thief') } }),
    });
    const layer = new CoapLayer({ transports: [transport], clock, random: testRandom(66), onRequest: () => undefined });
    await layer.open();
    const ask = async (spec: Omit<RequestSpec, 'code'>): Promise<string> => {
      let text = '';
      layer.request(layer.endpoint(SERVER, PORT), { code: Code.Post, ...spec }, {}, (error, response) => {
        text = response === undefined ? (error?.code ?? '') : codeText(response.code);
      });
      await clock.advanceAsync(5_000);
      return text;
    };
    const send = { path: ['dp'], contentFormat: 110, payload: Buffer.from('[{"n":"/3303/0/5700","v":1}]') };
    assert.equal(await ask(send), '4.04', 'it is not registered');
    const query = ['ep=dev', 'lwm2m=1.1', 'lt=300'];
    assert.equal(await ask({ path: ['rd'], query, contentFormat: 40, payload: Buffer.from('</3/0>') }), '4.03');
    const links = Array.from({ length: 300 }, (_, index) => `</3303/${index}>`).join(',');
    assert.equal(await ask({ path: ['rd'], query, contentFormat: 40, payload: Buffer.from(links) }), '4.03', 'in blocks');
    assert.equal(
      await ask({ path: ['rd'], query: ['lwm2m=1.1', 'lt=300'], contentFormat: 40, payload: Buffer.from(links) }),
      '2.01',
    );
    assert.equal(server.registration('thief')?.objects.length, 300, 'without a name it is who it proved to be');
    assert.equal(await ask(send), '2.04');
    assert.deepEqual(sends, ['thief']);
    assert.equal(server.registration('dev')?.address, '10.1.0.1:40000');
    assert.deepEqual(
      lifecycle
        .filter(({ event }) => event === 'refused')
        .map(({ device: name, refusal }) => [name, refusal?.reason, refusal?.count]),
      [['dev', 'dev from 10.66.0.1 refused: PSK identity key-thief is that of thief', 1]],
    );
    assert.equal(device.client.state, 'registered');
  });

  it('a wrong key and an unknown identity are told of as refusals, with what to do; repeats are counted', async () => {
    const { server, makeDevice, clock, lifecycle } = await givenServer();
    const wrong = makeDevice('dev', 'key-dev', Buffer.from('not its key'));
    const unknown = makeDevice('stranger');
    void wrong.client.start();
    void unknown.client.start();
    await clock.advanceAsync(200_000);
    const refused = lifecycle.filter(({ event }) => event === 'refused');
    const first = (name: string) => refused.find(({ device }) => device === name)?.refusal;
    assert.match(first('key-dev')?.reason ?? '', /^key-dev from 10\.1\.0\.1 refused: wrong key for identity key-dev/);
    assert.match(first('key-stranger')?.reason ?? '', /^key-stranger from 10\.2\.0\.1 refused: unknown identity key-stranger/);
    assert.ok(refused.length < 12 && server.refused >= refused.length);
    assert.equal(server.size, 0);
    assert.ok(!JSON.stringify(refused).includes('not its key'));
  });

  it('a device that was provisioned with a key is refused where nothing is proved', async () => {
    const { server, network, clock, lifecycle } = await givenServer();
    const objects = new ObjectTree({ version: '1.1' });
    objects.add(3, 0, { 0: 'Acme' });
    const transport = network.transport('127.0.0.1', 6000);
    const client = new Lwm2mClient({
      endpoint: 'dev',
      server: { host: SERVER, port: 5683 },
      objects,
      lifetime: 300,
      transport,
      clock,
    });
    void client.start();
    await clock.advanceAsync(5_000);
    assert.equal(server.size, 0);
    assert.match(lifecycle[0]?.refusal?.reason ?? '', /dev from 127\.0\.0\.1 refused: unsecured, although it has credentials/);
    await client.stop();
  });

  it('retired, a device is cut off at once: no answer, no session to resume, no new handshake; provisioned anew it comes back', async () => {
    const { server, secure, provisioning, makeDevice, start, clock, lifecycle } = await givenServer();
    await start(makeDevice('dev'));
    const read = server.perform('dev', { operation: 'read', path: '/3/0/0' }).catch((error: unknown) => error);
    await provisioning.retire('dev');
    assert.equal(((await read) as { code?: string }).code, 'cancelled');
    assert.equal(secure.endpoint.associationsOf('key-dev').length, 0);
    assert.equal(server.size, 0);
    assert.equal(lifecycle.at(-1)?.event, 'deregistered');
    await clock.advanceAsync(400_000);
    assert.equal(server.size, 0);
    assert.equal(secure.endpoint.counters.resumptions, 0);
    assert.match(lifecycle.find(({ event }) => event === 'refused')?.refusal?.reason ?? '', /unknown identity key-dev/);
    await provisioning.provision(
      readDeviceChange({
        endpoint: 'dev',
        security: { mode: 'psk', identity: 'key-dev', key: keyOf('key-dev').toString('hex') },
      }),
    );
    for (let second = 0; second < 900 && server.size === 0; second++) await clock.advanceAsync(1_000);
    assert.equal(server.size, 1);
  });
});

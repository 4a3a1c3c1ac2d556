/** What devices fetch by themselves: any block at any time, whoever asks from wherever (RFC 7959 §2.4, firmware by Package URI). */
import assert from 'node:assert/strict';
import { decodeBlock, encodeBlock } from '../../../src/coap/block/option';
import { Code } from '../../../src/coap/codes';
import type { CoapLayer } from '../../../src/coap/layer';
import type { Message } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import type { Download } from '../../../src/device/download';
import { DeviceManagementError } from '../../../src/errors';
import { datagram } from '../../coap/datagram';
import { PORT, SERVER as SECURED, givenServer as securedServer } from '../dtls-world';
import { givenServer, ScriptedDevice, SERVER, type World } from './world';

const BODY = Buffer.from(Array.from({ length: 10_000 }, (_, at) => (at * 7) & 255));
const ETAG = Buffer.from('0123456789abcdef', 'hex');
const TOKEN = 'Zm9vYmFyYmF6cXV4Zm9vYmFy';
const PATH = ['fw', TOKEN];

interface Served {
  readonly world: World;
  readonly device: ScriptedDevice;
  readonly parts: (readonly [offset: number, length: number])[];
}

async function given(changes: Partial<Download> = {}, options = {}): Promise<Served> {
  const world = await givenServer(options);
  const parts: [number, number][] = [];
  const download: Download = {
    size: BODY.length,
    etag: ETAG,
    peek: (offset, length) => BODY.subarray(offset, offset + length),
    read: async (offset, length) => BODY.subarray(offset, offset + length),
    served: (offset, length) => parts.push([offset, length]),
    ...changes,
  };
  world.server.downloadSource = (token) => (token === TOKEN ? download : undefined);
  return { world, device: new ScriptedDevice(world), parts };
}

const get = (device: ScriptedDevice, number?: number, szx = 6, more: object = {}): Promise<Message> =>
  device.request({
    code: Code.Get,
    path: PATH,
    ...(number !== undefined && { block2: encodeBlock(number, false, szx) }),
    ...more,
  });

function place(message: Message) {
  const raw = message.uint(Option.Block2);
  return raw === undefined ? undefined : decodeBlock(raw);
}

describe('downloads of devices', () => {
  it('the first block comes with the size of the whole, a constant ETag, and as bytes', async () => {
    const { device } = await given();
    const first = await get(device);
    assert.equal(first.code, Code.Content);
    assert.deepEqual(place(first), { number: 0, more: true, szx: 6 });
    assert.equal(first.uint(Option.Size2), BODY.length);
    assert.equal(first.uint(Option.ContentFormat), 42);
    assert.deepEqual([first.opaque(Option.ETag), first.payload], [ETAG, BODY.subarray(0, 1024)]);
  });

  for (const szx of [0, 1, 2, 3, 4, 5, 6]) {
    it(`in blocks of ${2 ** (szx + 4)} bytes, from the last to the first`, async () => {
      const { device } = await given();
      const size = 2 ** (szx + 4);
      const last = Math.ceil(BODY.length / size) - 1;
      const found: Buffer[] = [];
      for (let number = last; number >= 0; number -= szx < 3 ? 37 : 1) {
        const answer = await get(device, number, szx);
        assert.deepEqual(place(answer), { number, more: number < last, szx });
        assert.deepEqual(answer.opaque(Option.ETag), ETAG);
        assert.deepEqual(answer.payload, BODY.subarray(number * size, (number + 1) * size));
        found.push(answer.payload);
      }
      assert.ok(found.length > 1);
    });
  }

  it('any block needs none before it, from any address, after any time', async () => {
    const { world, device } = await given();
    await get(device, 0);
    await world.clock.advanceAsync(7 * 24 * 3_600_000);
    const elsewhere = new ScriptedDevice(world, '10.9.9.9', 4000);
    assert.deepEqual((await get(elsewhere, 5)).payload, BODY.subarray(5 * 1024, 6 * 1024));
  });

  it('who shows the ETag is told that nothing has changed', async () => {
    const { device, parts } = await given();
    const answer = await get(device, undefined, 6, { etag: ETAG });
    assert.deepEqual([answer.code, answer.payloadLength, answer.opaque(Option.ETag)], [Code.Valid, 0, ETAG]);
    assert.equal((await get(device, undefined, 6, { etag: Buffer.from('00', 'hex') })).code, Code.Content);
    assert.equal(parts.length, 1);
  });

  it('the size comes with any block where it is asked for', async () => {
    const { device } = await given();
    assert.equal((await get(device, 3)).uint(Option.Size2), undefined);
    assert.equal((await get(device, 3, 6, { size2: 0 })).uint(Option.Size2), BODY.length);
  });

  it('one that fits a message is told without blocks, unless asked in blocks', async () => {
    const { device } = await given({ size: 500, peek: () => BODY.subarray(0, 500) });
    assert.equal(place(await get(device)), undefined);
    assert.deepEqual(place(await get(device, 0)), { number: 0, more: false, szx: 6 });
  });

  it('nothing is behind another name, another method, beyond the end, or in the reserved size', async () => {
    const { device } = await given();
    assert.equal((await device.request({ code: Code.Get, path: ['fw', 'guessed'] })).code, Code.NotFound);
    assert.equal((await device.request({ code: Code.Get, path: ['fw'] })).code, Code.NotFound);
    assert.equal((await device.request({ code: Code.Put, path: PATH, payload: 'x' })).code, Code.MethodNotAllowed);
    assert.equal((await get(device, 10)).code, Code.BadRequest);
    assert.equal((await get(device, 1_048_575, 6)).code, Code.BadRequest);
    assert.equal((await get(device, 0, 7)).code, Code.BadRequest);
  });

  it('a repeated request is answered again, though its answer was not kept', async () => {
    const { world, device, parts } = await given();
    const request = datagram({
      code: Code.Get,
      messageId: 7,
      options: [
        [Option.UriPath, 'fw'],
        [Option.UriPath, TOKEN],
        [Option.Block2, encodeBlock(2, false, 6)],
      ],
    });
    for (let time = 0; time < 3; time++) {
      device.peer.send(request, SERVER.address, SERVER.port);
      await world.settle();
    }
    assert.equal(parts.length, 3);
    assert.deepEqual(
      device.inbox.map(({ messageId, payload }) => [messageId, payload.equals(BODY.subarray(2048, 3072))]),
      [[7, true], [7, true], [7, true]], // biome-ignore format: a table
    );
  });

  it('images pushed through it do not push out what other devices were answered', async () => {
    const { world, device } = await given({}, { layerLimits: { deduplicationBytes: 64 * 1024 } });
    const other = new ScriptedDevice(world, '10.0.0.3');
    const register = datagram({
      code: Code.Post,
      messageId: 9,
      options: [
        [Option.UriPath, 'rd'],
        [Option.ContentFormat, 40],
        [Option.UriQuery, 'ep=other'],
        [Option.UriQuery, 'lt=300'],
        [Option.UriQuery, 'lwm2m=1.1'],
        [Option.UriQuery, 'b=U'],
      ],
      payload: '</1/0>,</3/0>',
    });
    other.peer.send(register, SERVER.address, SERVER.port);
    await world.settle();
    for (let at = 0; at < 200; at++) await get(device, at % 9);
    other.peer.send(register, SERVER.address, SERVER.port);
    await world.settle();
    assert.equal(world.lifecycle.length, 1, 'registered once');
    assert.equal(other.inbox.length, 2);
    assert.deepEqual(other.inbox[1]?.bytes, other.inbox[0]?.bytes);
  });

  it('what has to be read first comes when it is read; a slow disk is bridged by an empty ACK', async () => {
    const { world, device, parts } = await given({
      peek: () => undefined,
      read: (offset, length) =>
        new Promise((resolve) => world.clock.after(5000, () => resolve(BODY.subarray(offset, offset + length)))),
    });
    const asked = get(device, 1).catch(() => undefined);
    await world.clock.advanceAsync(10_000);
    await asked;
    const [acknowledgement, answer] = device.inbox;
    assert.deepEqual([acknowledgement?.code, answer?.code], [0, Code.Content]);
    assert.deepEqual([answer?.payload, parts], [BODY.subarray(1024, 2048), [[1024, 1024]]]);
  });

  it('what cannot be read is 5.03: the device may come again', async () => {
    const { device, parts } = await given({
      peek: () => undefined,
      read: () => Promise.reject(new DeviceManagementError('store-failed', 'bad sector')),
    });
    assert.equal((await get(device, 1)).code, Code.ServiceUnavailable);
    assert.deepEqual(parts, []);
  });

  it('without a source nothing is found', async () => {
    const { world, device } = await given();
    world.server.downloadSource = undefined;
    assert.equal((await get(device)).code, Code.NotFound);
  });

  it('over DTLS it is known which device asks', async () => {
    const { server, clock, makeDevice, start } = await securedServer();
    const askers: (string | undefined)[] = [];
    server.downloadSource = (_token, device) => {
      askers.push(device);
      return undefined;
    };
    const { client } = await start(makeDevice('dev'));
    const { layer } = client as unknown as { layer: CoapLayer };
    layer.request(layer.endpoint(SECURED, PORT), { code: Code.Get, path: PATH }, {}, () => undefined);
    await clock.advanceAsync(1000);
    assert.deepEqual(askers, ['dev']);
  });
});

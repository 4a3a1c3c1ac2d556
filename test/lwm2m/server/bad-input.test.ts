/**
 * What a device can get wrong, one mistake at a time: each gets an answer or an error that names it, and what it can make the server hold has a
 * limit (docs/limits.md).
 */
import assert from 'node:assert/strict';
import { Code, codeText } from '../../../src/coap/codes';
import { type Message, MessageType, MessageWriter } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import { DEFAULT_LIMITS } from '../../../src/coap/parameters';
import type { OperationRequest } from '../../../src/device/operation';
import { DeviceManagementError } from '../../../src/errors';
import { type Answer, givenServer, ScriptedDevice, SERVER, type World } from './world';

const MIB = 1024 * 1024;

async function register(
  query: readonly string[],
  links = '</1/0>,</3/0>',
): Promise<{ code: string; world: World; text: string }> {
  const world = await givenServer();
  const device = new ScriptedDevice(world);
  const answer = await device.request({
    code: Code.Post,
    path: ['rd'],
    query: ['ep=dev', ...query],
    contentFormat: 40,
    payload: links,
  });
  return { code: codeText(answer.code), world, text: answer.payload.toString() };
}

const WELL = ['lwm2m=1.1', 'lt=300', 'b=U'];

async function givenDevice(answers: (request: Message) => Answer | undefined): Promise<{ world: World; device: ScriptedDevice }> {
  const world = await givenServer();
  const device = new ScriptedDevice(world);
  await device.register('dev', { query: ['lt=300', 'lwm2m=1.2'], links: '</1/0>,</3/0>,</32000/0>' });
  device.answers = answers;
  return { world, device };
}

async function failureOf(world: World, request: OperationRequest): Promise<DeviceManagementError> {
  let failure: unknown;
  world.server.perform('dev', request).then(
    () => {
      failure = new Error('it was understood');
    },
    (error: unknown) => {
      failure = error;
    },
  );
  for (let second = 0; second < 400 && failure === undefined; second++) await world.settle(1_000);
  assert.ok(failure instanceof DeviceManagementError, String(failure));
  return failure;
}

describe('a Register with a mistake', () => {
  for (const links of [
    '<',
    '</3/0',
    '</3/0>;',
    '</3/0>;x="',
    '</3/0>,,</4/0>',
    '<3/0>',
    '</3/x>',
    '</65536/0>',
    '</3/0/9/9/9>',
    '\u0000',
  ])
    it(`in its links is refused with a reason, or the link is passed over: ${JSON.stringify(links)}`, async () => {
      const { code, world, text } = await register(WELL, links);
      if (code === '4.00') assert.ok(text.length > 0, 'a reason');
      else
        assert.deepEqual(
          [code, world.server.registration('dev')?.objects.every((path) => /^\/\d+(\/\d+)?$/.test(path))],
          ['2.01', true],
        );
    });

  for (const lifetime of ['-1', '4294967296', '1e9', '3.5', '0x10', 'forever', '', '9'.repeat(300)])
    it(`of an absurd lifetime is refused: ${lifetime.slice(0, 20)}`, async () => {
      const { code, world } = await register(['lwm2m=1.1', `lt=${lifetime}`, 'b=U']).catch(() => ({
        code: 'no answer',
        world: undefined,
      }));
      assert.match(code, /^4\.0[02]$/);
      assert.equal(world?.server.size, 0);
    });

  it('of the longest lifetime is kept without its timer running out at once', async () => {
    const { code, world } = await register(['lwm2m=1.1', `lt=${2 ** 32 - 1}`, 'b=U']);
    assert.equal(code, '2.01');
    await world.settle(3_600_000);
    assert.equal(world.server.size, 1);
  });

  for (const [version, code] of [
    ['0.9', '4.00'],
    ['1.3', '4.12'],
    ['2.0', '4.12'],
    ['1.x', '4.00'],
    ['', '4.00'],
    ['999999.1', '4.00'],
  ] as const)
    it(`of version ${JSON.stringify(version)} is answered ${code}`, async () => {
      const answer = await register([`lwm2m=${version}`, 'lt=300']);
      assert.ok(answer.code === code || (code === '4.00' && answer.code === '4.12'), answer.code);
      assert.equal(answer.world.server.size, 0);
    });

  it('whose parameters contradict each other is refused', async () => {
    for (const query of [
      ['lwm2m=1.1', 'lt=300', 'lt=600'],
      ['lwm2m=1.1', 'lwm2m=1.0', 'lt=300'],
      ['lwm2m=1.1', 'lt=300', 'ep=other'],
    ])
      assert.equal((await register(query)).code, '4.00', query.join('&'));
  });
});

describe('an answer with a mistake', () => {
  const READ = { operation: 'read', path: '/3/0' } as const;

  for (const [what, contentFormat, payload] of [
    ['TLV that is called SenML CBOR', 112, Buffer.from('c10955c00541', 'hex')],
    ['SenML CBOR that is called TLV', 11542, Buffer.from('81a2216x', 'latin1')],
    ['JSON that is called LwM2M CBOR', 11544, Buffer.from('[{"bn":"/3/0/","n":"9","v":1}]')],
    ['text for an instance', 0, Buffer.from('85')],
    ['a format nobody has', 65_000, Buffer.from('x')],
    ['links', 40, Buffer.from('</3/0>')],
  ] as const)
    it(`is a typed error: ${what}`, async () => {
      const { world } = await givenDevice(() => ({ code: Code.Content, contentFormat, payload }));
      const error = await failureOf(world, READ);
      assert.ok(['decode-error', 'protocol-error', 'unsupported'].includes(error.code), error.code);
      assert.match(error.message, /dev/);
    });

  it('whose format changes between two blocks ends in an error', async () => {
    const { world, device } = await givenDevice(() => undefined);
    serveBlocks(world, device, (number) => ({ contentFormat: number % 2 === 0 ? 110 : 112, more: true }));
    assert.equal((await failureOf(world, READ)).code, 'protocol-error');
  });

  for (const [what, request] of [
    ['a composite answer of 10 MB', { operation: 'read-composite', path: '/3/0,/1/0' }],
    ['an answer of 10 MB', READ],
    ['a Discover of 10 MB', { operation: 'discover', path: '/3' }],
  ] as const)
    it(`is held to the limit: ${what}`, async () => {
      const { world, device } = await givenDevice(() => undefined);
      const total = 10 * MIB;
      let served = 0;
      serveBlocks(world, device, (number) => {
        served = Math.max(served, (number + 1) * 1024);
        return { contentFormat: request.operation === 'discover' ? 40 : 112, more: served < total };
      });
      const error = await failureOf(world, request);
      assert.equal(error.code, 'too-large');
      assert.match(error.message, new RegExp(String(DEFAULT_LIMITS.responseBodyBytes)));
      assert.ok(served <= DEFAULT_LIMITS.responseBodyBytes + 1024, `${served} bytes were fetched`);
    });

  it('of more values than fit is refused before they are made', async () => {
    // Two instances of 40,000 empty resources, three bytes of TLV each.
    const resources = Buffer.concat(Array.from({ length: 40_000 }, (_, id) => Buffer.from([0xe0, id >> 8, id & 0xff])));
    const head = (id: number): Buffer =>
      Buffer.from([0x18, id, resources.length >> 16, (resources.length >> 8) & 0xff, resources.length & 0xff]);
    const payload = Buffer.concat([head(0), resources, head(1), resources]);
    const { world, device } = await givenDevice(() => undefined);
    serveBlocks(world, device, (number) => {
      const at = number * 1024;
      return { contentFormat: 11542, more: at + 1024 < payload.length, payload: payload.subarray(at, at + 1024) };
    });
    assert.equal((await failureOf(world, { operation: 'read', path: '/32000' })).code, 'too-large');
  });
});

/** Answers every request with the block it asks for. */
function serveBlocks(
  world: World,
  device: ScriptedDevice,
  blockOf: (number: number) => { contentFormat: number; more: boolean; payload?: Uint8Array },
): void {
  const writer = new MessageWriter();
  const zeros = Buffer.alloc(1024, 0x20);
  device.answers = (request) => {
    const number = (request.uint(Option.Block2) ?? 6) >>> 4;
    const { contentFormat, more, payload = zeros } = blockOf(number);
    writer.begin(MessageType.Acknowledgement, Code.Content, request.messageId, request.token);
    writer.uint(Option.ContentFormat, contentFormat);
    writer.uint(Option.Block2, (number << 4) | (more ? 8 : 0) | 6);
    device.peer.send(writer.payload(payload).finish(), SERVER.address, SERVER.port);
    return undefined;
  };
  world.network.record = false;
}

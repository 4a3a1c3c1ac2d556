/** The Firmware Update object: its state table, row by row (LwM2M Core 1.1.1 Appendix E.6). */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../../src/clock';
import { Code, codeText } from '../../../src/coap/codes';
import { Firmware, FirmwareResult, FirmwareState } from '../../../src/lwm2m/client/firmware';
import { ObjectTree } from '../../../src/lwm2m/client/objects';
import { givenClient, type World } from './world';

const { Put, Post } = Code;
const { Idle, Downloading, Downloaded, Updating } = FirmwareState;

interface Bench {
  readonly world: World;
  readonly firmware: Firmware;
  readonly installed: Buffer[];
  /** [state, result] */
  readonly state: () => readonly unknown[];
  push(image: string): Promise<string>;
  uri(text: string): Promise<string>;
  execute(resource: number): Promise<string>;
}

async function givenFirmware(verifyMs?: number, version = '1.2'): Promise<Bench> {
  const tree = new ObjectTree({ version });
  const installed: Buffer[] = [];
  const clock: { current: VirtualClock | undefined } = { current: undefined };
  const firmware = new Firmware(tree, {
    // The world's clock exists only once the client does.
    clock: {
      monotonic: () => clock.current?.monotonic() ?? 0,
      wall: () => clock.current?.wall() ?? 0,
      after: (delayMs, callback) => (clock.current as VirtualClock).after(delayMs, callback),
    },
    mostBytes: 4_000,
    ...(verifyMs !== undefined && { verifyMs }),
    verify: (image) =>
      image.toString().startsWith('bad')
        ? { result: FirmwareResult.IntegrityFailure }
        : { result: FirmwareResult.Success, version: '2.0' },
    install: (image) => installed.push(image),
  });
  const world = await givenClient({ objects: tree });
  clock.current = world.clock;
  const code = async (path: string, request: Parameters<World['server']['ask']>[1]): Promise<string> =>
    codeText((await world.server.ask(path, request)).code);
  return {
    world,
    firmware,
    installed,
    state: () => [tree.get('/5/0/3'), tree.get('/5/0/5')],
    push: (image) => code('/5/0/0', { code: Put, contentFormat: 42, payload: image }),
    uri: (text) => code('/5/0/1', { code: Put, contentFormat: 0, payload: text }),
    execute: (resource) => code(`/5/0/${resource}`, { code: Post }),
  };
}

describe('the Firmware Update object', () => {
  it('goes from a package over Execute to the new version', async () => {
    const { state, push, execute, installed, firmware, world } = await givenFirmware(2_000);
    assert.deepEqual(state(), [Idle, FirmwareResult.Initial]);
    assert.equal(await push('image'), '2.04');
    assert.deepEqual(state(), [Downloading, FirmwareResult.Initial]);
    await world.seconds(2);
    assert.deepEqual(state(), [Downloaded, FirmwareResult.Initial]);
    assert.equal(world.tree.get('/5/0/7'), '2.0');
    assert.equal(await execute(2), '2.04');
    assert.deepEqual(state(), [Updating, FirmwareResult.Initial]);
    assert.deepEqual(installed.map(String), ['image']);
    firmware.finish(FirmwareResult.Success);
    assert.deepEqual(state(), [Idle, FirmwareResult.Success]);
  });

  it('a server that observes the state sees every one of them', async () => {
    const { push, execute, firmware, world } = await givenFirmware(2_000);
    await world.server.ask('/5/0/3', { observe: 0 });
    await push('image');
    await world.seconds(3);
    await execute(2);
    firmware.finish(FirmwareResult.Success);
    await world.seconds(1);
    assert.deepEqual(
      world.server.notified.map((message) => message.payload.toString()),
      ['1', '2', '3', '0'],
    );
  });

  it('refuses a package that is no good with its result', async () => {
    const { state, push } = await givenFirmware();
    assert.equal(await push('bad image'), '2.04');
    assert.deepEqual(state(), [Idle, FirmwareResult.IntegrityFailure]);
  });

  it('refuses a package that is too large with 4.13 and result 2', async () => {
    const { world, state } = await givenFirmware();
    // The network in memory takes it in one datagram.
    assert.equal(
      codeText((await world.server.ask('/5/0/0', { code: Put, contentFormat: 42, payload: 'x'.repeat(4_001) })).code),
      '4.13',
    );
    assert.deepEqual(state(), [Idle, FirmwareResult.NotEnoughFlash]);
  });

  it('Execute outside state 2 is 4.05 and changes nothing', async () => {
    const { execute, state, push } = await givenFirmware(2_000);
    assert.equal(await execute(2), '4.05');
    await push('image');
    assert.equal(await execute(2), '4.05');
    assert.deepEqual(state(), [Downloading, FirmwareResult.Initial]);
  });

  it('resets by one NUL byte, by an empty package and by an empty URI', async () => {
    for (const reset of ['\0', '']) {
      const { push, state } = await givenFirmware();
      await push('image');
      assert.equal(await push(reset), '2.04');
      assert.deepEqual(state(), [Idle, FirmwareResult.Initial]);
    }
    const { push, uri, state } = await givenFirmware();
    await push('image');
    assert.equal(await uri(''), '2.04');
    assert.deepEqual(state(), [Idle, FirmwareResult.Initial]);
  });

  it('takes a second package only after a reset', async () => {
    const { push, state } = await givenFirmware();
    await push('image');
    assert.equal(await push('another'), '4.00');
    assert.deepEqual(state(), [Downloaded, FirmwareResult.Initial]);
  });

  it('fetches nothing: a URI is refused with result 9', async () => {
    const { uri, state } = await givenFirmware();
    assert.equal(await uri('coap://10.0.0.1/image'), '4.00');
    assert.deepEqual(state(), [Idle, FirmwareResult.UnsupportedProtocol]);
  });

  it('is cancelled before the installation begins, not after (5/1.1)', async () => {
    const { push, execute, state } = await givenFirmware();
    assert.equal(await execute(10), '4.05');
    await push('image');
    assert.equal(await execute(10), '2.04');
    assert.deepEqual(state(), [Idle, FirmwareResult.Cancelled]);
    await push('image');
    await execute(2);
    assert.equal(await execute(10), '4.05');
    assert.equal(await push('\0'), '4.05');
    assert.deepEqual(state(), [Updating, FirmwareResult.Initial]);
  });

  it('a package reset while it is being verified does not come back', async () => {
    const { push, state, world } = await givenFirmware(2_000);
    await push('image');
    await push('\0');
    await world.seconds(5);
    assert.deepEqual(state(), [Idle, FirmwareResult.Initial]);
  });

  it('5/1.0 has no Cancel', async () => {
    const { execute } = await givenFirmware(undefined, '1.1');
    assert.equal(await execute(10), '4.04');
  });

  it('the package cannot be read', async () => {
    const { world } = await givenFirmware();
    assert.equal(codeText((await world.server.ask('/5/0/0')).code), '4.05');
  });

  describe('in its versions', () => {
    const given = (object: string | undefined) => {
      const tree = new ObjectTree({ version: '1.1', ...(object !== undefined && { versions: { 5: object } }) });
      const installed: Buffer[] = [];
      const clock = new VirtualClock();
      const firmware = new Firmware(tree, { clock, install: (image) => installed.push(image) });
      return { tree, clock, firmware, installed };
    };

    it('has severity, times and deferral from 1.1 on, and automatic upgrade in 1.2', () => {
      const resources = (object: string | undefined) => given(object).tree.instance(5, 0)?.present();
      assert.deepEqual(resources(undefined), [0, 1, 2, 3, 5, 6, 7, 9]);
      assert.deepEqual(resources('1.1'), [0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 12, 13]);
      assert.deepEqual(resources('1.2'), [0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 12, 13, 14]);
    });

    it('tells when its state last changed (5/0/12)', () => {
      const { tree, clock } = given('1.1');
      clock.advance(5_000);
      tree.instance(5, 0)?.behaviour(0).write?.(Buffer.from('image'));
      assert.deepEqual(tree.get('/5/0/12'), new Date(clock.wall()));
    });

    it('installs without Execute where that is said before the download (5/0/14)', () => {
      const { tree, installed, firmware } = given('1.2');
      tree.set('/5/0/14', true);
      tree.instance(5, 0)?.behaviour(0).write?.(Buffer.from('image'));
      assert.deepEqual([installed.map(String), firmware.state], [['image'], Updating]);
    });
  });
});

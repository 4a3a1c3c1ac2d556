import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readSnapshot } from '../../src/dtls/snapshot';
import { givenConnected, PORT, SERVER, type World } from './world';

const snapshots = ({ server }: World, exact: boolean): Buffer[] => [...server.endpoint.exportState(exact)];

/** The server's process ends and another takes its place, with what was stored. */
async function restarted(world: World, stored: readonly Buffer[]): Promise<World> {
  world.server.endpoint.stop(false);
  world.server.move('10.99.99.99', 1);
  const server = world.another(SERVER, { serve: true, credentials: {} }, PORT);
  for (const part of stored) assert.ok(server.endpoint.importState(part));
  return { ...world, server };
}

describe('a restart without handshakes', () => {
  it('after a clean stop both sides go on where they were', async () => {
    const before = await givenConnected();
    const { device, later } = before;
    device.send('before');
    before.server.send('before');
    await later();
    const id = before.server.last.id;
    const { server } = await restarted(before, snapshots(before, true));
    device.send('after');
    await later();
    assert.deepEqual(server.texts(), ['after']);
    const association = server.endpoint.association(id);
    assert.deepEqual(association?.identity, before.server.last.identity);
    assert.equal(server.endpoint.send(id, Buffer.from('after')), true);
    await later();
    assert.deepEqual(device.texts(), ['before', 'after']);
    assert.equal(device.closed.length, 0, 'the device noticed nothing');
  });

  it('after a crash no number is used twice: writing goes on above the reserve', async () => {
    const before = await givenConnected();
    const stored = snapshots(before, false);
    for (let index = 0; index < 1_000; index++) before.server.send(String(index));
    await before.later();
    const { server, device, later } = await restarted(before, stored);
    const numbers = new Set(before.server.sent.filter((record) => record[0] === 23).map((record) => record.readUIntBE(5, 6)));
    server.endpoint.send(before.server.last.id, Buffer.from('after'));
    await later();
    const next = (server.sent[0] as Buffer).readUIntBE(5, 6);
    assert.ok(!numbers.has(next) && next > 4_000);
    assert.equal(device.texts().pop(), 'after');
  });

  it('after a crash what was received before is not received again, at the price of a few new records', async () => {
    const before = await givenConnected();
    const stored = snapshots(before, false);
    before.device.send('one');
    const record = before.device.sent[before.device.sent.length - 1] as Buffer;
    await before.later();
    const { server, device, later } = await restarted(before, stored);
    server.endpoint.receive(record, '10.0.0.2', 50_000);
    assert.deepEqual(server.texts(), []);
    for (let index = 0; index < 40; index++) device.send(String(index));
    await later();
    assert.ok(server.texts().length >= 8, `${server.texts().length} of 40 arrive`);
  });

  it('state-due tells when half of a reserve is used, once', async () => {
    const world = await givenConnected();
    const { server, device, later } = world;
    snapshots(world, false);
    for (let index = 0; index < 2_100; index++) server.send('x');
    assert.equal(server.due.length, 1);
    server.endpoint.exportAssociation(server.last.id);
    for (let index = 0; index < 20; index++) device.send('x');
    await later();
    assert.equal(server.due.length, 2);
  });

  it('an association that moved is taken up at its last address, and without a CID too', async () => {
    const before = await givenConnected({ server: { cidLength: false } });
    const { server, device, later } = await restarted(before, snapshots(before, true));
    device.send('after');
    await later();
    assert.deepEqual(server.texts(), ['after']);
  });

  it('what is no snapshot, or is there already, is not taken', async () => {
    const world = await givenConnected();
    const [part] = snapshots(world, true) as [Buffer];
    assert.equal(world.server.endpoint.importState(part), undefined);
    assert.equal(world.device.endpoint.importState(Buffer.from('nonsense')), undefined);
    for (let length = 0; length < part.length; length++) assert.equal(readSnapshot(part.subarray(0, length), 64), undefined);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readSnapshot(Buffer.concat([Buffer.from([1]), bytes]), 64)),
    );
  });
});

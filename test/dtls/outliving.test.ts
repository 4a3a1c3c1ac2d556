import assert from 'node:assert/strict';
import fc from 'fast-check';
import { firstNumberIn, lifeAfter, NUMBERS_PER_LIFE } from '../../src/dtls/lives';
import { parseRecord, RecordHeader } from '../../src/dtls/record';
import type { DtlsOptions } from '../../src/dtls/settings';
import { readSnapshot } from '../../src/dtls/snapshot';
import { Shelf } from './shelf';
import { DEVICE, givenWorld, type Peer, PORT, SERVER, type World } from './world';

interface Outliving extends World {
  readonly shelf: Shelf;
  readonly options: Partial<DtlsOptions>;
  life: number;
}

/** A server whose associations are stored, and a device connected to it. */
async function givenStored(options: Partial<DtlsOptions> = {}): Promise<Outliving> {
  const world = givenWorld({ server: options });
  const shelf = new Shelf();
  shelf.begin(world.server.endpoint, 1);
  world.device.connect();
  await world.later();
  return { ...world, shelf, options, life: 1 };
}

/** The server's process ends at once, and another takes its place. */
function restarted(before: Outliving): Outliving {
  const { server, shelf, options } = before;
  const address = `10.99.99.${before.life}`;
  server.move(address, 1);
  const next = before.another(SERVER, { serve: true, credentials: server.credentials, ...options }, PORT);
  shelf.begin(next.endpoint, before.life + 1);
  return { ...before, server: next, life: before.life + 1 };
}

/** Numbers of protected records among what was sent. */
function numbersOf({ sent }: Peer): number[] {
  const numbers: number[] = [];
  const header = new RecordHeader();
  for (const datagram of sent) {
    for (let at = 0; parseRecord(datagram, at, 0, header); at = header.end) if (header.epoch === 1) numbers.push(header.sequence);
  }
  return numbers;
}

describe('an association whose server is restarted', () => {
  it('goes on in both directions without a handshake, and the device notices nothing', async () => {
    const before = await givenStored();
    before.device.send('before');
    await before.later();
    before.shelf.write(before.server.endpoint);
    const { id, identity } = before.server.last;
    const { server, device, later } = restarted(before);
    device.send('after');
    await later();
    assert.deepEqual(server.texts(), ['after']);
    assert.deepEqual(server.endpoint.association(id)?.identity, identity);
    assert.equal(server.endpoint.send(id, Buffer.from('answer')), true);
    await later();
    assert.deepEqual(device.texts(), ['answer']);
    assert.equal(device.closed.length, 0);
    assert.equal(server.endpoint.counters.handshakes, 0);
  });

  it('never gives out a record number twice, over however many lives', async () => {
    let world = await givenStored();
    const numbers: number[] = [];
    const { id } = world.server.last;
    for (let life = 0; life < 5; life++) {
      for (let count = 0; count < 100; count++) world.server.endpoint.send(id, Buffer.from('x'));
      numbers.push(...numbersOf(world.server));
      world = restarted(world);
    }
    assert.equal(numbers.length, 501, 'the Finished and the data');
    assert.equal(new Set(numbers).size, numbers.length);
  });

  it('does not take a record for new that its stored place says was heard', async () => {
    const before = await givenStored();
    before.device.send('one');
    const record = before.device.sent.at(-1) as Buffer;
    await before.later();
    before.shelf.write(before.server.endpoint);
    const { server } = restarted(before);
    server.endpoint.receive(record, DEVICE, 50_000);
    assert.deepEqual(server.texts(), []);
    assert.equal(server.endpoint.counters.replayed, 1);
  });

  it('takes a record that came after its place was stored once more, and once only', async () => {
    const before = await givenStored();
    before.device.send('one');
    const record = before.device.sent.at(-1) as Buffer;
    await before.later();
    const { server } = restarted(before);
    server.endpoint.receive(record, DEVICE, 50_000);
    server.endpoint.receive(record, DEVICE, 50_000);
    assert.deepEqual(server.texts(), ['one']);
  });

  it('is told to be stored anew with the first new record, once', async () => {
    const { device, server, later, shelf } = await givenStored();
    device.send('one');
    device.send('two');
    await later();
    assert.equal(server.due.length, 1);
    shelf.write(server.endpoint);
    device.send('three');
    await later();
    assert.equal(server.due.length, 2);
  });

  it('goes on without a connection id too, at the address where it was', async () => {
    const before = await givenStored({ cidLength: false });
    const { server, device, later } = restarted(before);
    device.send('after');
    await later();
    assert.deepEqual(server.texts(), ['after']);
  });

  it('is met at the address to which it had moved', async () => {
    const before = await givenStored();
    before.device.move('10.0.0.77', 7);
    before.device.send('moved');
    await before.later();
    before.shelf.write(before.server.endpoint);
    const { server, device, later } = restarted(before);
    server.endpoint.send(before.server.last.id, Buffer.from('found'));
    await later();
    assert.deepEqual(device.texts(), ['found']);
  });

  it('ends when its numbers of one life are used up', async () => {
    const { server } = await givenStored();
    const { id } = server.last;
    const association = server.endpoint.association(id) as unknown as { records: { sequence: number } };
    association.records.sequence = NUMBERS_PER_LIFE - 1;
    assert.equal(server.endpoint.send(id, Buffer.from('last')), true);
    assert.equal(server.endpoint.send(id, Buffer.from('one more')), false);
    assert.equal(server.closed[0]?.reason, 'exhausted');
  });

  it('that was ended or revoked is not there', async () => {
    const before = await givenStored();
    before.server.endpoint.revoke(before.server.last.identity?.name ?? '');
    const { server } = restarted(before);
    assert.equal(server.endpoint.held().associations, 0);
  });

  it('is not stopped by the end of its server in peace either', async () => {
    const { server, device, later } = await givenStored();
    server.endpoint.stop(true);
    await later();
    assert.equal(device.closed.length, 0);
  });
});

describe('a handshake with a server that stores associations', () => {
  it('is finished when the association is stored, and not before', async () => {
    const world = givenWorld();
    const shelf = new Shelf();
    let open = (): void => undefined;
    shelf.gate = new Promise((resolve) => {
      open = resolve;
    });
    shelf.begin(world.server.endpoint, 1);
    world.device.connect();
    await world.later(1_500);
    assert.equal(world.device.connected.length, 0);
    open();
    await world.later(2_000);
    assert.equal(world.device.connected.length, 1);
    assert.ok(shelf.stored.has(world.server.last.id));
  });

  it('that resumes a session keeps what the device says until the association is stored', async () => {
    const { device, server, shelf, later } = await givenStored();
    device.endpoint.close(device.last.id);
    await later();
    let open = (): void => undefined;
    shelf.gate = new Promise((resolve) => {
      open = resolve;
    });
    device.connect();
    await later();
    assert.equal(device.last.resumed, true);
    device.send('early');
    await later();
    assert.deepEqual(server.texts(), []);
    open();
    await later();
    assert.deepEqual(server.texts(), ['early']);
    assert.ok(shelf.stored.has(server.last.id));
  });

  it('that is given up before it is stored leaves nothing connected', async () => {
    const world = givenWorld();
    const shelf = new Shelf();
    let open = (): void => undefined;
    shelf.gate = new Promise((resolve) => {
      open = resolve;
    });
    shelf.begin(world.server.endpoint, 1);
    world.device.connect();
    await world.later();
    world.server.endpoint.revoke('dev1');
    open();
    await world.later(500);
    assert.equal(world.server.connected.length, 0);
    assert.equal(world.server.failures[0]?.reason, 'revoked');
  });
});

describe('what is no snapshot, or is there already', () => {
  it('is not taken', async () => {
    const { server, shelf } = await givenStored();
    const [{ id, secret, place }] = [...shelf.stored.values()] as [Parameters<typeof shelf.stored.set>[1]];
    assert.equal(server.endpoint.outliving.takeUp(id, secret, place), undefined);
    assert.equal(server.endpoint.outliving.takeUp(id + 1, secret, place), undefined, 'its life is this one');
    assert.equal(server.endpoint.outliving.takeUp(9, Buffer.from('nonsense'), place), undefined);
    for (let length = 0; length < secret.length; length++)
      assert.equal(readSnapshot(1, secret.subarray(0, length), place, 64), undefined);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        (bytes) => void readSnapshot(1, Buffer.concat([Buffer.from([2]), bytes]), place, 64),
      ),
    );
  });
});

describe('the number of a life', () => {
  it('is more than the one before, and follows the clock', () => {
    assert.equal(lifeAfter(undefined, 600_000), 10);
    assert.equal(lifeAfter(10, 600_000), 11);
    assert.equal(lifeAfter(10, 86_400_000), 1_440);
    assert.equal(lifeAfter(1_440, 600_000), 1_441, 'the clock was put back');
  });

  it('parts the record numbers of an association, of which there are 48 bits', () => {
    assert.equal(firstNumberIn(8, 7), NUMBERS_PER_LIFE);
    assert.equal(firstNumberIn(7, 7), undefined);
    assert.equal(firstNumberIn(7, 8), undefined);
    assert.equal(firstNumberIn(2 ** 24, 0), undefined);
    assert.ok((firstNumberIn(2 ** 24 - 1, 0) as number) + NUMBERS_PER_LIFE <= 2 ** 48);
  });
});

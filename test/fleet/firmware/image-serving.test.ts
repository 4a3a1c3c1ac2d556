import assert from 'node:assert/strict';
import { VirtualClock } from '../../../src/clock';
import type { DeviceManager } from '../../../src/device/manager';
import { ImageServing, type ServedEvent } from '../../../src/fleet/firmware/image-serving';
import type { Places } from '../../../src/fleet/firmware/image-urls';
import { ImageInventory } from '../../../src/fleet/firmware/inventory';
import { MemoryStore } from '../../../src/store/memory';
import { rejection } from './refusal';

const WEEK_MS = 7 * 24 * 3_600_000;
const BODY = Buffer.alloc(5000, 'firmware');

const PLACES: Places = {
  listening: () => [{ transport: 'udp', port: 5683 }],
  hostFor: async () => '10.0.0.1',
  httpBase: () => 'http://10.0.0.1:1880/images',
};

/** Everybody is registered without security; "end" is behind "gateway". */
const MANAGER = {
  registration: (endpoint: string) => ({
    endpoint,
    address: '10.0.0.2:5683',
    security: 'none',
    ...(endpoint === 'end' && { gateway: { endpoint: 'gateway', prefix: 'd01' } }),
  }),
} as unknown as DeviceManager;

async function given(places: Places | undefined = PLACES) {
  const clock = new VirtualClock();
  const images = new ImageInventory({ clock });
  const { id } = await images.add(BODY, { name: 'tracker', version: '1.0.0' });
  const serving = new ImageServing({ clock, manager: MANAGER, images, places });
  const served: ServedEvent[] = [];
  serving.events.on('served', (event) => served.push(event));
  const end = async (): Promise<void> => {
    serving.close();
    await images.close();
  };
  return { clock, images, serving, served, id, end };
}

describe('images for devices that fetch', () => {
  it('are under a name of 128 random bits, in a URL short enough for a Package URI', async () => {
    const { serving, id, end } = await given();
    const { token, urls } = await serving.offer(id, { devices: ['dev'] });
    assert.match(token, /^[\w-]{22}$/);
    assert.deepEqual(urls, { coap: `coap://10.0.0.1/fw/${token}`, http: `http://10.0.0.1:1880/images/${token}` });
    await end();
  });

  it('are given in parts, with one ETag for all', async () => {
    const { serving, served, id, end } = await given();
    const { token } = await serving.offer(id, { devices: ['dev'] });
    const download = serving.source(token, undefined);
    assert.equal(download?.size, 5000);
    assert.equal(download.etag.length, 8);
    assert.deepEqual(serving.source(token, undefined)?.etag, download.etag);
    assert.deepEqual(await download.read(4096, 1024), BODY.subarray(4096));
    download.served(4096, 904);
    assert.deepEqual(served, [{ token, image: id, devices: ['dev'], offset: 4096, length: 904, size: 5000 }]);
    await end();
  });

  it('are for whom they are offered to, where that is proved; for a gateway also those behind it', async () => {
    const { serving, id, end } = await given();
    const { token } = await serving.offer(id, { devices: ['dev', 'end'] });
    for (const [device, isGiven] of [['dev', true], [undefined, true], ['other', false], ['gateway', true]] as const) // biome-ignore format: a table
      assert.equal(serving.source(token, device) !== undefined, isGiven, device);
    const open = await serving.offer(id);
    assert.ok(serving.source(open.token, 'other'));
    assert.equal(serving.source('guessed', undefined), undefined);
    await end();
  });

  it('keep their URL when they are offered once more, so that a download goes on', async () => {
    const { serving, id, clock, end } = await given();
    const first = await serving.offer(id, { devices: ['dev'] });
    clock.advance(1000);
    const second = await serving.offer(id, { devices: ['dev'] });
    assert.deepEqual([second.token, second.expiresAt - first.expiresAt], [first.token, 1000]);
    assert.notEqual((await serving.offer(id, { devices: ['other'] })).token, first.token);
    await end();
  });

  it('are there for a week, or as long as is said', async () => {
    const { serving, id, clock, end } = await given();
    const week = await serving.offer(id, { devices: ['dev'] });
    const hour = await serving.offer(id, { devices: ['other'], expiresAt: clock.wall() + 3_600_000 });
    clock.advance(3_600_000);
    assert.deepEqual(
      [serving.source(hour.token, undefined), serving.source(week.token, undefined) !== undefined],
      [undefined, true],
    );
    clock.advance(WEEK_MS);
    assert.equal(serving.source(week.token, undefined), undefined);
    assert.equal(clock.pending, 0, 'nothing is left to sweep');
    await end();
  });

  it('are gone when they are withdrawn, removed or damaged', async () => {
    const { serving, images, id, end } = await given();
    const one = await serving.offer(id, { devices: ['one'] });
    const other = await serving.offer(id, { devices: ['other'] });
    await serving.withdraw(one.token);
    assert.equal(serving.source(one.token, undefined), undefined);
    await images.remove(id);
    assert.equal(serving.source(other.token, undefined), undefined);
    assert.equal((await rejection(serving.offer(id))).code, 'invalid-request');
    await end();
  });

  it('are not given over HTTP unless that is switched on', async () => {
    const { serving, id, end } = await given({ ...PLACES, httpBase: () => undefined });
    const { token, urls } = await serving.offer(id);
    assert.deepEqual([Object.keys(urls), serving.overHttp(token)], [['coap'], undefined]);
    await end();
    const other = await given();
    assert.ok(other.serving.overHttp((await other.serving.offer(other.id)).token));
    await other.end();
  });

  it('are there after a restart, but for those that expired meanwhile', async () => {
    const store = new MemoryStore();
    const { serving, images, id, clock, end } = await given();
    await serving.restore(store, assert.fail);
    const finished = async <T>(work: Promise<T>): Promise<T> => {
      await new Promise((resolve) => setImmediate(resolve));
      await serving.flush();
      return work;
    };
    const stays = await finished(serving.offer(id, { devices: ['dev'] }));
    await finished(serving.offer(id, { devices: ['other'], expiresAt: clock.wall() + 1000 }));
    const gone = await finished(serving.offer(id, { devices: ['third'] }));
    await finished(serving.withdraw(gone.token));
    await store.put('image-offer/x', Buffer.from('nonsense'));
    clock.advance(2000);
    const troubles: string[] = [];
    const next = new ImageServing({ clock, manager: MANAGER, images, places: PLACES });
    await next.restore(store, (reason) => troubles.push(reason));
    assert.ok(next.source(stays.token, undefined));
    assert.equal(next.source(gone.token, undefined), undefined);
    assert.match(troubles.join(), /an offer of an image cannot be read/);
    assert.ok(!troubles.join().includes(stays.token));
    next.close();
    await end();
  });
});

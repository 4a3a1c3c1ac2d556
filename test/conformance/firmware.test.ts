/** The Firmware Update object as a server sees it: state and result through every course an update can take. */
import assert from 'node:assert/strict';
import type { VirtualClock } from '../../src/clock';
import { Firmware, type FirmwareOptions, FirmwareResult } from '../../src/lwm2m/client/firmware';
import type { ObjectTree } from '../../src/lwm2m/client/objects';
import { conformance } from './conformance';
import { notified, type Peer, read, refusal } from './peer';
import { Self } from './self';

const IMAGE = Buffer.alloc(10_000, 0x42);

/** A device that is pushed its packages. */
function pushed(options: Partial<FirmwareOptions> = {}, outcome: FirmwareResult = FirmwareResult.Success) {
  return (tree: ObjectTree, clock: VirtualClock): void => {
    const firmware: Firmware = new Firmware(tree, {
      clock,
      verifyMs: 500,
      install: () =>
        clock.after(5_000, () => {
          if (outcome === FirmwareResult.Success) tree.set('/3/0/3', '2.0');
          firmware.finish(outcome);
        }),
      ...options,
    });
  };
}

/** A device that fetches them; what comes of it is settled beforehand. */
function fetching(outcome: number) {
  return (tree: ObjectTree, clock: VirtualClock): void => {
    const enter = (state: number, result: number): void =>
      tree.setAll([
        ['/5/0/3', state],
        ['/5/0/5', result],
      ]);
    tree.add(
      5,
      0,
      { 1: '', 3: 0, 5: 0, 8: [0, 2], 9: 2 },
      {
        1: {
          write: (uri) => {
            enter(uri === '' ? 0 : 1, 0);
            if (uri !== '') clock.after(3_000, () => (outcome === 1 ? enter(2, 0) : enter(0, outcome)));
          },
        },
        2: {
          execute: () => {
            enter(3, 0);
            clock.after(3_000, () => {
              tree.set('/3/0/3', '2.0');
              enter(0, 1);
            });
            return undefined;
          },
        },
      },
    );
  };
}

async function state(peer: Peer): Promise<[state: unknown, result: unknown]> {
  const values = await read(peer, '/5/0');
  return [values['/5/0/3'], values['/5/0/5']];
}

async function reaches(peer: Peer, wanted: readonly [number, number]): Promise<void> {
  for (let attempt = 0; attempt < 60; attempt++) {
    const now = await state(peer);
    if (now[0] === wanted[0] && now[1] === wanted[1]) return;
    await peer.pass(1);
  }
  assert.deepEqual(await state(peer), wanted);
}

const write = (peer: Peer, path: string, value: unknown, contentFormat: number): Promise<unknown> =>
  peer.perform({ operation: 'write', path, value, contentFormat });
const push = (peer: Peer, image = IMAGE): Promise<unknown> => write(peer, '/5/0/0', image, 42);
const point = (peer: Peer, uri = 'coap://10.0.0.9/image'): Promise<unknown> => write(peer, '/5/0/1', uri, 0);

describe('conformance: firmware update', () => {
  conformance('int-751', 'self', async () => {
    const self = await Self.start({ firmware: fetching(1) });
    const values = await read(self, '/5/0', 11542);
    assert.deepEqual([values['/5/0/3'], values['/5/0/5'], values['/5/0/8/1'], values['/5/0/9']], [0, 0, 2, 2]);
  });

  conformance('int-755', 'self', async () => {
    const self = await Self.start({ firmware: pushed() });
    await push(self, Buffer.from([0]));
    assert.deepEqual(await state(self), [0, 0]);
    await push(self);
    await reaches(self, [2, 0]);
    await push(self, Buffer.from([0]));
    assert.deepEqual(await state(self), [0, 0]);
  });

  conformance('int-756', 'self', async () => {
    const self = await Self.start({ firmware: fetching(1) });
    await point(self, '');
    assert.deepEqual(await state(self), [0, 0]);
    await point(self);
    await reaches(self, [2, 0]);
  });

  conformance('int-760', 'self', async () => {
    const self = await Self.start({ firmware: pushed() });
    await self.perform({ operation: 'write-attributes', path: '/5/0', attributes: { pmin: 2, pmax: 10 } });
    for (const path of ['/5/0/3', '/5/0/5']) await self.perform({ operation: 'observe', path });
    await push(self);
    await self.until('Downloaded', () =>
      self.notifications.find(({ path, values }) => path === '/5/0/3' && values[0]?.value === 2),
    );
    await notified(self, '/5/0/5', 1);
  });

  conformance('int-770', 'self', async () => {
    const self = await Self.start({ firmware: pushed() });
    await push(self);
    await reaches(self, [2, 0]);
    assert.equal((await self.perform({ operation: 'execute', path: '/5/0/2' })).code, '2.04');
    await reaches(self, [0, 1]);
    assert.equal((await read(self, '/3/0/3'))['/3/0/3'], '2.0');
  });

  conformance('int-771', 'self', async () => {
    const self = await Self.start({ firmware: fetching(1) });
    await point(self, '');
    await point(self);
    await reaches(self, [2, 0]);
    await self.perform({ operation: 'execute', path: '/5/0/2' });
    await reaches(self, [0, 1]);
    assert.equal((await read(self, '/3/0/3'))['/3/0/3'], '2.0');
  });

  conformance('int-772', 'self', async () => {
    const self = await Self.start({ firmware: pushed() });
    assert.equal(await refusal(self, { operation: 'execute', path: '/5/0/2' }), '4.05');
    assert.deepEqual(await state(self), [0, 0]);
  });

  conformance('int-773', 'self', async () => {
    const self = await Self.start({ firmware: pushed({ mostBytes: 5_000 }) });
    assert.equal(await refusal(self, { operation: 'write', path: '/5/0/0', value: IMAGE, contentFormat: 42 }), '4.13');
    assert.deepEqual(await state(self), [0, 2]);
  });

  for (const [id, result] of [
    ['int-776', FirmwareResult.IntegrityFailure],
    ['int-777', FirmwareResult.UnsupportedPackage],
  ] as const) {
    conformance(id, 'self', async () => {
      const self = await Self.start({ firmware: pushed({ verify: () => ({ result }) }) });
      await push(self);
      await reaches(self, [0, result]);
    });
  }

  for (const [id, result] of [
    ['int-774', 3],
    ['int-775', 4],
    ['int-778', 7],
  ] as const) {
    conformance(id, 'self', async () => {
      const self = await Self.start({ firmware: fetching(result) });
      await point(self);
      await reaches(self, [0, result]);
    });
  }

  conformance('int-779', 'self', async () => {
    const self = await Self.start({ firmware: pushed({}, FirmwareResult.UpdateFailed) });
    const before = await read(self, '/3/0/3');
    await push(self);
    await reaches(self, [2, 0]);
    await self.perform({ operation: 'execute', path: '/5/0/2' });
    await reaches(self, [0, 8]);
    assert.deepEqual(await read(self, '/3/0/3'), before);
  });

  conformance('int-780', 'self', async () => {
    const self = await Self.start({ firmware: pushed() });
    assert.equal(
      await refusal(self, { operation: 'write', path: '/5/0/1', value: 'foo://10.0.0.9/image', contentFormat: 0 }),
      '4.00',
    );
    assert.deepEqual(await state(self), [0, 9]);
  });

  conformance('x-fw11', 'self', async () => {
    const self = await Self.start({ versions: { 5: '1.1' }, firmware: pushed() });
    assert.equal(await refusal(self, { operation: 'execute', path: '/5/0/10' }), '4.05');
    await push(self);
    await reaches(self, [2, 0]);
    await self.perform({ operation: 'execute', path: '/5/0/10' });
    assert.deepEqual(await state(self), [0, FirmwareResult.Cancelled]);
  });
});

/** Clients that are not ours, as they were recorded: what each said and answered, said and answered again to our server. */
import assert from 'node:assert/strict';
import { Code } from '../../src/coap/codes';
import type { OperationRequest } from '../../src/device/operation';
import { Fleet } from '../../src/fleet/fleet';
import type { Outcome } from '../../src/fleet/outcomes';
import { type Client, conformance } from './conformance';
import { byPath } from './peer';
import { RecordedDevice } from './recorded';

const anjay = (name = 'anjay'): Promise<RecordedDevice> => RecordedDevice.registered(name);
const wakaama = (): Promise<RecordedDevice> => RecordedDevice.registered('wakaama');
const ANJAY: Client = 'Anjay (recorded)';
const WAKAAMA: Client = 'Wakaama (recorded)';

async function values(device: RecordedDevice, request: OperationRequest): Promise<Record<string, unknown>> {
  return byPath(await device.perform(request));
}

async function read(device: RecordedDevice, path: string, contentFormat?: number | 'none'): Promise<Record<string, unknown>> {
  return values(device, { operation: 'read', path, ...(contentFormat !== undefined && { contentFormat }) });
}

async function refused(device: RecordedDevice, request: OperationRequest): Promise<string> {
  return device.perform(request).then(
    ({ code }) => `none: ${code}`,
    ({ code }: { code: string }) => code,
  );
}

const BOTH: readonly (readonly [Client, () => Promise<RecordedDevice>])[] = [
  [ANJAY, () => anjay()],
  [WAKAAMA, wakaama],
];

describe('conformance: recorded clients', () => {
  for (const [client, name, version] of [
    [ANJAY, 'anjay', '1.2'],
    [ANJAY, 'anjay-v10', '1.0'],
    [WAKAAMA, 'wakaama', '1.1'],
    ['wakatiwaiclient (recorded)', 'wakatiwai', '1.0'],
    ['coap-node (recorded)', 'coapnode', '1.0'],
  ] as const) {
    conformance(
      'int-101',
      client,
      async () => {
        const { server, endpoint } = await RecordedDevice.registered(name);
        const registration = server.registration(endpoint);
        assert.equal(registration?.version, version);
        assert.equal(registration?.lifetime, 60);
        assert.ok(registration?.objects.includes('/3/0'));
      },
      { what: `LwM2M ${version}` },
    );

    if (name === 'anjay') continue;
    conformance('int-103', client, async () => {
      const device = await RecordedDevice.registered(name);
      assert.equal(await device.says('De-register'), Code.Deleted);
      assert.equal(device.server.registration(device.endpoint), undefined);
    });
  }

  for (const [id, title] of [
    ['int-102', 'Write /1/1/1 lifetime=120 text'],
    ['int-107', 'Write /1/1/1 lifetime=120 text'],
    ['int-227', 'Write /1/1/1 lifetime=120 text'],
  ] as const) {
    conformance(id, ANJAY, async () => {
      const device = (await anjay('anjay-ops')).from(title);
      await device.perform({ operation: 'write', path: '/1/1/1', value: 120, contentFormat: 0 });
      assert.equal(await device.says('Update'), Code.Changed);
      assert.equal(device.server.registration(device.endpoint)?.lifetime, 120);
    });
  }

  for (const id of ['int-104', 'int-556']) {
    conformance(id, ANJAY, async () => {
      const device = (await anjay('anjay-ops')).from('Execute /1/1/8');
      await device.perform({ operation: 'execute', path: '/1/1/8' });
      assert.equal(await device.says('Update'), Code.Changed);
    });
    conformance(id, WAKAAMA, async () => {
      const device = (await wakaama()).from('Execute /1/0/8');
      await device.perform({ operation: 'execute', path: '/1/0/8' });
      assert.equal(await device.says('Update'), Code.Changed);
    });
  }

  conformance('int-108', ANJAY, async () => {
    const { server, endpoint } = await anjay('anjay-queue');
    assert.equal(server.registration(endpoint)?.queueMode, true);
  });

  conformance('int-109', ANJAY, async () => {
    const device = await anjay('anjay-queue');
    const { world, server, endpoint } = device;
    const fleet = new Fleet(server, world.clock);
    // It registers anew when it wakes.
    await device.says('Register');
    await world.settle(100_000);
    assert.equal(server.presence(endpoint), 'asleep');
    let seen: unknown;
    const request = { operation: 'read', path: '/3/0/13', contentFormat: 'none' } as const;
    const settled = (outcome: Outcome): void => {
      if ('result' in outcome) seen = outcome.result.values[0]?.value;
    };
    fleet.requests.submit(
      { owner: 'test', device: endpoint, request, whenAsleep: 'queue' },
      { queued: () => undefined, settled },
    );
    await world.settle(10_000);
    assert.equal(seen, undefined);
    device.from('Read /3/0/13 while asleep');
    assert.equal(await device.says('Register'), Code.Created);
    await world.settle(1_000);
    assert.deepEqual(seen, new Date(1_795_180_815_000));
    fleet.close();
  });

  for (const [client, given] of BOTH) {
    const accepts: Readonly<Record<string, number>> = { 'int-203': 11542, 'int-204': 11543, 'int-231': 110, 'int-232': 112 };
    for (const [id, contentFormat] of Object.entries(accepts)) {
      conformance(id, client, async () => {
        const result = await (await given()).perform({ operation: 'read', path: '/3/0', contentFormat });
        assert.equal(result.contentFormat, contentFormat);
        const read = byPath(result);
        for (const resource of ['0', '1', '2', '3', '16']) assert.equal(typeof read[`/3/0/${resource}`], 'string');
        assert.equal(read['/3/0/11/0'], 0);
      });
    }

    conformance(
      'int-221',
      client,
      async () => {
        assert.equal(await refused(await given(), { operation: 'read', path: '/0', contentFormat: 11542 }), '4.01');
      },
      { part: 'Read' },
    );

    conformance('int-222', client, async () => {
      assert.ok('/3/0/0' in (await read(await given(), '/3', 11542)));
      const server = await read(await given(), '/1', 11542);
      assert.ok(Object.keys(server).some((path) => /^\/1\/\d+\/1$/.test(path)));
    });
    conformance('int-223', client, async () => assert.ok('/3/0/0' in (await read(await given(), '/3/0', 11542))));
    for (const id of ['int-237']) {
      conformance(id, client, async () => assert.ok('/3/0/0' in (await read(await given(), '/3', 'none'))));
    }
    conformance('int-256', client, async () => {
      const device = await given();
      assert.equal(await refused(device, { operation: 'write', path: '/3/0/0', value: 'x', contentFormat: 0 }), '4.05');
    });
    conformance('int-685', client, async () => {
      assert.equal(await refused(await given(), { operation: 'delete', path: '/3/0' }), '4.05');
    });
    conformance('x-block-response', client, async () => {
      const device = (await given()).from(client === ANJAY ? 'Read large /19/1/0/0 accept=octet' : 'Read /3 accept=tlv');
      const path = client === ANJAY ? '/19/1/0/0' : '/3';
      const result = await read(device, path, client === ANJAY ? 42 : 11542);
      assert.ok(Object.keys(result).length > 0);
    });
  }

  conformance(
    'int-201',
    ANJAY,
    async () => {
      const device = await anjay();
      assert.deepEqual(await read(device, '/3/0/0', 0), { '/3/0/0': 'anjay' });
      assert.deepEqual(await read(device, '/3/0/16', 0), { '/3/0/16': 'UQ' });
    },
    { part: 'two resources' },
  );
  conformance('int-211', ANJAY, async () => {
    const device = await anjay();
    assert.deepEqual(await read(device, '/3/0/0', 60), { '/3/0/0': 'anjay' });
    assert.ok((await read(device, '/3/0/13', 60))['/3/0/13'] instanceof Date);
  });
  conformance(
    'int-224',
    ANJAY,
    async () => {
      assert.deepEqual(await read(await anjay(), '/3/0/16', 'none'), { '/3/0/16': 'UQ' });
    },
    { part: 'one resource' },
  );
  conformance('int-225', ANJAY, async () => {
    const device = await anjay();
    for (const format of [0, 110, 112, 11542, 11544])
      assert.deepEqual(Object.keys(await read(device, '/3/0/7/0', format)), ['/3/0/7/0'], `format ${format}`);
  });
  conformance(
    'int-226',
    ANJAY,
    async () => {
      const device = (await anjay('anjay-ops')).from('Write partial /1/1 tlv');
      const value = Object.fromEntries(device.next('Write partial /1/1 tlv').map((entry) => [entry.path, entry.value]));
      assert.ok(Object.keys(value).length > 1);
      const request = { operation: 'write', path: '/1/1', mode: 'update', value, contentFormat: 11542 } as const;
      assert.equal((await device.perform(request)).code, '2.04');
    },
    { part: 'the write alone' },
  );
  for (const id of ['int-229', 'int-280'] as const) {
    conformance(id, ANJAY, async () => {
      const device = await anjay();
      for (const contentFormat of [110, 112]) {
        const path = '/3/0/0,/3/0/7,/1/0/1,/3303/0';
        const read = await values(device, { operation: 'read-composite', path, contentFormat });
        assert.equal(read['/3/0/0'], 'anjay');
        assert.equal(typeof read['/3/0/7/0'], 'number');
        assert.equal(typeof read['/3303/0/5700'], 'number');
        assert.ok(
          Object.keys(read).every((one) => /^\/(3\/0\/(0|7\/0)|3303\/0\/\d+)$/.test(one)),
          'and nothing else',
        );
      }
    });
  }
  conformance('int-235', ANJAY, async () => {
    const device = (await anjay()).from('Read-Composite root /');
    const read = await values(device, { operation: 'read-composite', path: '/', contentFormat: 110 });
    assert.equal(read['/3/0/0'], 'anjay');
    assert.equal(read['/1/1/0'], 1);
    assert.ok(Object.keys(read).length > 100);
    assert.ok(!Object.keys(read).some((path) => /^\/(0|21|23)\//.test(path)));
  });
  conformance('int-236', ANJAY, async () => {
    const device = (await anjay()).from('Read-Composite senml json incl. absent path');
    const path = '/3/0/0,/99/0/0,/3/0/99';
    const result = await device.perform({ operation: 'read-composite', path, contentFormat: 110 });
    assert.deepEqual(byPath(result), { '/3/0/0': 'anjay' });
    assert.deepEqual(result.absent, ['/99/0/0', '/3/0/99']);
  });
  conformance('int-241', ANJAY, async () => {
    const device = (await anjay('anjay-ops')).from('Execute /3/0/4');
    await device.perform({ operation: 'execute', path: '/3/0/4' });
    assert.equal(await device.says('Register'), Code.Created);
  });
  conformance(
    'int-655',
    WAKAAMA,
    async () => {
      const device = (await wakaama()).from('Execute /3/0/4');
      assert.equal((await device.perform({ operation: 'execute', path: '/3/0/4' })).code, '2.04');
    },
    { part: 'the answer to Execute' },
  );
  conformance(
    'int-656',
    ANJAY,
    async () => {
      const device = (await anjay()).from('Execute /3/0/5');
      assert.equal((await device.perform({ operation: 'execute', path: '/3/0/5' })).code, '2.04');
    },
    { part: 'the answer to Execute' },
  );
  conformance('int-555', ANJAY, async () => {
    const device = (await anjay('anjay-ops')).from('Write /1/1/5 disable timeout');
    await device.perform({ operation: 'write', path: '/1/1/5', value: 3, contentFormat: 0 });
    await device.perform({ operation: 'execute', path: '/1/1/4' });
    assert.equal(await device.says('De-register'), Code.Deleted);
    assert.equal(await device.says('Register'), Code.Created);
  });

  conformance(
    'int-260',
    ANJAY,
    async () => {
      const device = (await anjay()).from('Write-Attributes /3303/0/5700 gt,lt,st');
      await device.perform({ operation: 'write-attributes', path: '/3303/0/5700', attributes: { gt: 50.5, lt: -5, st: 0.5 } });
      device.from('Discover /3303/0 after attributes');
      const { links } = await device.perform({ operation: 'discover', path: '/3303/0' });
      const attributes = links?.find(({ path }) => path === '/3303/0/5700')?.attributes;
      assert.deepEqual([attributes?.gt, attributes?.lt, attributes?.st].map(Number), [50.5, -5, 0.5]);
      assert.ok(
        (await device.perform({ operation: 'discover', path: '/3' })).links?.some(({ attributes: { dim } }) => Number(dim) === 1),
      );
    },
    { part: 'thresholds of a resource' },
  );
  for (const [id, depth, last] of [
    ['1.2-int-266', 3, '/3/0/7/0'],
    ['x-depth', 0, '/3'],
  ] as const) {
    conformance(
      id,
      ANJAY,
      async () => {
        const { links } = await (await anjay()).perform({ operation: 'discover', path: '/3', depth });
        const paths = links?.map(({ path }) => path) ?? [];
        assert.ok(paths.includes(last));
        if (depth === 0) assert.deepEqual(paths, ['/3']);
      },
      { part: `depth ${depth}` },
    );
  }

  conformance(
    'int-230',
    ANJAY,
    async () => {
      const device = (await anjay('anjay-ops')).from('Write-Composite senml cbor');
      const asked = device.next('Write-Composite senml cbor');
      const value = Object.fromEntries(asked.map(({ path, value: one }) => [path, one]));
      const path = Object.keys(value).join(',');
      assert.equal((await device.perform({ operation: 'write-composite', path, value, contentFormat: 112 })).code, '2.04');
      assert.equal(await device.says('Update'), Code.Changed);
    },
    { part: 'two values, SenML CBOR' },
  );
  for (const [id, note, contentFormat] of [
    ['int-234', 'Write /3/0/14 senml json', 110],
    ['int-233', 'Write /3/0/14 senml cbor', 112],
    ['int-205', 'Write /3/0/14 text', 0],
    ['int-212', 'Write /3/0/14 cbor 60', 60],
    ['int-215', 'Write /3/0/14 tlv', 11542],
    ['x-cbor', 'Write /3/0/14 lwm2m cbor 11544', 11544],
  ] as const) {
    conformance(
      id,
      ANJAY,
      async () => {
        const device = (await anjay()).from(note);
        const [entry] = device.next(note);
        const request = { operation: 'write', path: '/3/0/14', value: entry?.value, contentFormat } as const;
        assert.equal((await device.perform(request)).code, '2.04');
      },
      { part: 'a resource' },
    );
  }
  conformance(
    'int-220',
    WAKAAMA,
    async () => {
      const note = 'Write /3/0/14 lwm2m json 11543';
      const device = (await wakaama()).from(note);
      const [entry] = device.next(note);
      const request = { operation: 'write', path: '/3/0/14', value: entry?.value, contentFormat: 11543 } as const;
      assert.equal((await device.perform(request)).code, '2.04');
    },
    { part: 'a resource' },
  );
  conformance('x-block-write', WAKAAMA, async () => {
    const note = 'Write /5/0/0 tlv-wrapped 2000B block1 szx=6';
    const device = (await wakaama()).from(note);
    const value = Buffer.from(Array.from({ length: 2_000 }, (_, index) => (7 * index + (index >> 8)) & 0xff));
    const request = { operation: 'write', path: '/5/0/0', value, contentFormat: 11542 } as const;
    assert.equal((await device.perform(request)).code, '2.04');
  });

  for (const [id, object] of Object.entries({
    'int-701': 4,
    'int-751': 5,
    'int-801': 6,
    'int-1200': 10,
    'int-1201': 10,
    'int-1600': 16,
    '1.2-int-2001': 20,
  })) {
    conformance(
      id,
      ANJAY,
      async () => {
        const device = await anjay();
        const found = await read(device, `/${object}`, 11542);
        assert.ok(object === 16 || Object.keys(found).length > 0);
        if (id === 'int-1201') assert.equal(device.server.registration(device.endpoint)?.versions['10'], '1.1');
        if (id === 'int-751') assert.deepEqual([found['/5/0/3'], found['/5/0/5'], found['/5/0/9']], [0, 0, 2]);
      },
      id === 'int-1600' ? { part: 'an object without instances' } : {},
    );
  }
  conformance('int-780', ANJAY, async () => {
    const device = await anjay();
    await device.from('Observe /5/0/5').perform({ operation: 'observe', path: '/5/0/5', contentFormat: 'none' });
    device.from('Write /5/0/1 package URI (unsupported scheme)');
    const request = { operation: 'write', path: '/5/0/1', value: 'foo://127.0.0.1/fw', contentFormat: 0 } as const;
    assert.equal(await refused(device, request), '4.00');
    await device.notifies('Observe /5/0/5');
    assert.equal(device.world.notifications[0]?.values[0]?.value, 9);
  });

  conformance(
    'int-401',
    ANJAY,
    async () => {
      const device = await anjay('anjay-dtls-inside');
      assert.equal((await read(device, '/3/0', 11542))['/3/0/0'], 'anjay');
      await device.perform({ operation: 'observe', path: '/3/0/13', contentFormat: 'none' });
      await device.notifies('Observe /3/0/13');
      assert.equal(device.world.notifications.length, 1);
      assert.equal(await device.says('Send'), Code.Changed);
    },
    { part: 'what was inside the records' },
  );
});

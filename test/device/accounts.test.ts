/** LwM2M Core 1.1.1 §6.1.7.5 and Appendix E: what makes a configuration consistent. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { accountComplaint, usableAccounts } from '../../src/device/accounts';
import type { ResourceValue, Value } from '../../src/device/value';

type Instances = Readonly<Record<string, Readonly<Record<string, Value>>>>;

function values(instances: Instances): ResourceValue[] {
  return Object.entries(instances).flatMap(([path, resources]) =>
    Object.entries(resources).map(([id, value]) => ({ path: `${path}/${id}`, value })),
  );
}

const NO_SECURITY = { 0: 'coap://host:5683', 1: false, 2: 3, 10: 101 };
const PSK = { 0: 'coaps://host', 1: false, 2: 0, 3: Buffer.from('me'), 5: Buffer.alloc(16), 10: 101 };
const SERVER = { 0: 101, 1: 60, 6: false, 7: 'U' };

describe('server accounts', () => {
  const fine: readonly (readonly [string, Instances])[] = [
    ['one server without security', { '/0/1': NO_SECURITY, '/1/0': SERVER }],
    ['one server with a pre-shared key', { '/0/1': PSK, '/1/0': SERVER }],
    ['a server over TCP', { '/0/1': { ...NO_SECURITY, 0: 'coap+tcp://h' }, '/1/0': { ...SERVER, 7: 'UT' } }],
    [
      'two servers and an account of the bootstrap server',
      {
        '/0/0': { 0: 'coap://bs', 1: true, 2: 3 },
        '/0/1': NO_SECURITY,
        '/0/2': { ...PSK, 10: 102 },
        '/1/0': SERVER,
        '/1/1': { ...SERVER, 0: 102 },
      },
    ],
    [
      'access control by a server of the device',
      { '/0/1': NO_SECURITY, '/1/0': SERVER, '/2/0': { 0: 3, 1: 0, '2/101': 31, 3: 101 } },
    ],
    ['what nobody may change', { '/0/1': NO_SECURITY, '/1/0': SERVER, '/2/0': { 0: 3, 1: 0, '2/0': 1, 3: 65_535 } }],
    ['nothing', {}],
    ['other objects alone', { '/3/0': { 15: 'UTC' } }],
  ];
  for (const [title, instances] of fine) {
    it(`fit together: ${title}`, () => assert.equal(accountComplaint(values(instances)), undefined));
  }

  const wrong: readonly (readonly [string, Instances, RegExp])[] = [
    ['a server without Security', { '/1/0': SERVER }, /\/1\/0.*exactly one Security.*there are 0/],
    ['a Security without server', { '/0/1': NO_SECURITY }, /\/0\/1.*no Server instance/],
    ['two Securities for a server', { '/0/1': NO_SECURITY, '/0/2': PSK, '/1/0': SERVER }, /there are 2/],
    [
      'two servers with one id',
      { '/0/1': NO_SECURITY, '/1/0': SERVER, '/1/1': SERVER },
      /\/1\/1\/0: short server id 101 is used twice/,
    ],
    ['the id 0', { '/0/1': { ...NO_SECURITY, 10: 0 }, '/1/0': { ...SERVER, 0: 0 } }, /from 1 to 65534/],
    ['the id 65535', { '/0/1': { ...NO_SECURITY, 10: 65_535 }, '/1/0': { ...SERVER, 0: 65_535 } }, /from 1 to 65534/],
    ['no lifetime', { '/0/1': NO_SECURITY, '/1/0': { 0: 101, 7: 'U' } }, /Lifetime/],
    ['no binding', { '/0/1': NO_SECURITY, '/1/0': { 0: 101, 1: 60 } }, /Binding/],
    ['no URI', { '/0/1': { 1: false, 2: 3, 10: 101 }, '/1/0': SERVER }, /\/0\/1\/0 must be a URI/],
    ['a URI of the web', { '/0/1': { ...NO_SECURITY, 0: 'https://host' }, '/1/0': SERVER }, /must be a URI/],
    [
      'a secure URI without a key',
      { '/0/1': { ...NO_SECURITY, 0: 'coaps://host' }, '/1/0': SERVER },
      /does not fit security mode 3/,
    ],
    ['a key for a plain URI', { '/0/1': { ...PSK, 0: 'coap://host' }, '/1/0': SERVER }, /does not fit security mode 0/],
    ['a binding over another transport', { '/0/1': NO_SECURITY, '/1/0': { ...SERVER, 7: 'T' } }, /binding T does not go with/],
    ['an empty key', { '/0/1': { ...PSK, 5: Buffer.alloc(0) }, '/1/0': SERVER }, /\/0\/1\/5 must be a key of 1 to 64 bytes/],
    ['a key of 65 bytes', { '/0/1': { ...PSK, 5: Buffer.alloc(65) }, '/1/0': SERVER }, /1 to 64 bytes/],
    ['an identity of 129 bytes', { '/0/1': { ...PSK, 3: Buffer.alloc(129) }, '/1/0': SERVER }, /1 to 128 bytes/],
    ['a bootstrap account with an id', { '/0/0': { ...NO_SECURITY, 1: true } }, /must have no short server id/],
    [
      'two bootstrap accounts',
      { '/0/0': { 0: 'coap://a', 1: true, 2: 3 }, '/0/1': { 0: 'coap://b', 1: true, 2: 3 } },
      /more than one/,
    ],
    ['an unknown owner', { '/0/1': NO_SECURITY, '/1/0': SERVER, '/2/0': { 0: 3, 1: 0, 3: 7 } }, /owner 7 is no server/],
    [
      'a right for an unknown server',
      { '/0/1': NO_SECURITY, '/1/0': SERVER, '/2/0': { 0: 3, 1: 0, '2/7': 1, 3: 101 } },
      /\/2\/0\/2\/7/,
    ],
  ];
  for (const [title, instances, complaint] of wrong) {
    it(`do not: ${title}`, () => assert.match(accountComplaint(values(instances)) ?? 'nothing', complaint));
  }

  it('never show a key in a complaint', () => {
    const key = Buffer.from('very secret key!'.repeat(5));
    const complaint = accountComplaint(values({ '/0/1': { ...PSK, 5: key }, '/1/0': SERVER })) ?? '';
    assert.equal(complaint.includes('very secret'), false);
  });

  it('are told of whatever the values are', () => {
    const value = fc.oneof(
      fc.integer(),
      fc.string(),
      fc.boolean(),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    );
    const path = fc
      .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 13 }))
      .map((ids) => `/${ids.join('/')}`);
    fc.assert(
      fc.property(fc.array(fc.record({ path, value })), (some) => {
        const complaint = accountComplaint(some);
        assert.ok(complaint === undefined || complaint.length > 0);
        assert.ok(Array.isArray(usableAccounts(some)));
      }),
    );
  });

  it('are used by priority, then by instance', () => {
    const three = values({
      '/0/1': { ...NO_SECURITY, 0: 'coap://a', 10: 1 },
      '/0/2': { ...NO_SECURITY, 0: 'coap://b', 10: 2 },
      '/0/3': { ...PSK, 0: 'coaps://c', 10: 3 },
      '/1/0': { ...SERVER, 0: 1 },
      '/1/1': { ...SERVER, 0: 2 },
      '/1/2': { ...SERVER, 0: 3, 13: 0 },
    });
    assert.deepEqual(
      usableAccounts(three).map(({ uri, securityInstance, serverInstance, mode }) => [
        uri,
        securityInstance,
        serverInstance,
        mode,
      ]),
      [
        ['coaps://c', 3, 2, 0],
        ['coap://a', 1, 0, 3],
        ['coap://b', 2, 1, 3],
      ],
    );
  });
});

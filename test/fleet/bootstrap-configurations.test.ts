import assert from 'node:assert/strict';
import type { BootstrapEvent } from '../../src/device/bootstrap';
import type { Identity } from '../../src/device/identity';
import type { Registration } from '../../src/device/manager';
import { Catalogue } from '../../src/device/models/catalogue';
import { BootstrapConfigurations, bootstrapTrigger } from '../../src/fleet/bootstrap-configurations';
import { MemoryCredentials } from '../../src/fleet/bootstrap-credentials';
import { readDeclaration, shownDeclaration } from '../../src/fleet/bootstrap-declaration';
import { Selector } from '../../src/fleet/selector';
import { checkBootstrap } from '../../src/lwm2m/server/bootstrap-plan';

const SOMEWHERE: Identity = { security: 'none', address: '10.0.0.2', port: 56830 };
const KEY = '000102030405060708090a0b0c0d0e0f';

function setup(credentials = new MemoryCredentials()) {
  const catalogue = Catalogue.registry();
  const configurations = new BootstrapConfigurations((configuration) => checkBootstrap(configuration, catalogue), credentials);
  let count = 0;
  const set = (devices: string | string[], declaration: unknown, owner = 'node-1'): string => {
    const id = `${owner} ${++count}`;
    configurations.set({ id, owner, devices: Selector.of(devices), declaration: readDeclaration(declaration) });
    return id;
  };
  const uriFor = (endpoint: string): string | undefined => configurations.source(endpoint, SOMEWHERE)?.servers[0]?.uri;
  return { configurations, credentials, set, uriFor };
}

const server = (uri: string, more = {}) => ({ servers: [{ uri, ...more }] });

describe('bootstrap configurations', () => {
  it('are for the devices a selector chooses, and for no others', () => {
    const { set, uriFor } = setup();
    set(['kitchen-*', 'hall'], server('coap://a'));
    assert.deepEqual(['kitchen-1', 'hall', 'cellar'].map(uriFor), ['coap://a', 'coap://a', undefined]);
  });

  it('that name a device come before those that fit by a pattern, then the newest counts', () => {
    const { set, uriFor } = setup();
    set('kitchen-1', server('coap://named'));
    set('*', server('coap://all'));
    set('kitchen-*', server('coap://newer'));
    assert.deepEqual(['kitchen-1', 'kitchen-2', 'hall'].map(uriFor), ['coap://named', 'coap://newer', 'coap://all']);
  });

  it('are gone when they are removed, and with their node', () => {
    const { configurations, set, uriFor } = setup();
    const id = set('a', server('coap://a'));
    set('b', server('coap://b'), 'node-2');
    assert.equal(configurations.remove(id), true);
    configurations.removeOwner('node-2');
    assert.deepEqual(['a', 'b'].map(uriFor), [undefined, undefined]);
  });

  it('give each device a key of its own, the same each time', () => {
    const { configurations, set } = setup();
    set('*', server('coaps://host'));
    const [a, b, again] = ['a', 'b', 'a'].map((endpoint) => configurations.source(endpoint, SOMEWHERE)?.servers[0]?.security);
    assert.ok(a?.mode === 'psk' && b?.mode === 'psk');
    assert.equal(a.key.length, 16);
    assert.notDeepEqual(a.key, b.key);
    assert.notEqual(a.identity, b.identity);
    assert.deepEqual(again, a);
  });

  it('have another key for each server of a device', () => {
    const { configurations, set } = setup();
    set('*', { servers: [{ uri: 'coaps://one' }, { uri: 'coaps://two' }] });
    const [one, two] = configurations.source('a', SOMEWHERE)?.servers ?? [];
    assert.deepEqual([one?.shortServerId, two?.shortServerId], [1, 2]);
    assert.ok(one?.security.mode === 'psk' && two?.security.mode === 'psk');
    assert.notDeepEqual(one.security.key, two.security.key);
  });

  const wrong: readonly (readonly [string, string | string[], unknown, RegExp])[] = [
    ['nothing', '*', undefined, /must be an object/],
    ['no server although the old ones are removed', '*', {}, /removes the servers of the device and gives it none/],
    ['a server without URI', '*', { servers: [{}] }, /servers\[0\]\.uri must be a URI/],
    ['a URI of the web', '*', server('http://host'), /must be a URI such as coap/],
    ['a misspelt part', '*', server('coap://a', { lifeTime: 3 }), /servers\[0\]\.lifeTime is unknown: use/],
    ['a lifetime that is none', '*', server('coap://a', { lifetime: 'long' }), /servers\[0\]\.lifetime must be a whole number/],
    ['a short id beyond the range', '*', server('coap://a', { shortServerId: 65_535 }), /from 1 to 65534/],
    ['security where the URI has none', '*', server('coap://a', { security: 'generated' }), /does not fit security mode 0/],
    ['no security where the URI has some', '*', server('coaps://a', { security: 'none' }), /does not fit security mode 3/],
    ['a key that is no hex', 'a', server('coaps://a', { security: { identity: 'a', key: 'secret!' } }), /hexadecimal digits/],
    ['one key for many devices', 'a-*', server('coaps://a', { security: { identity: 'a', key: KEY } }), /same key for several/],
    [
      'one key for two devices',
      ['a', 'b'],
      server('coaps://a', { security: { identity: 'a', key: KEY } }),
      /same key for several/,
    ],
    ['an object that is none', '*', { ...server('coap://a'), objects: { 'device/x': 1 } }, /is not a path/],
    ['a whole object', '*', { ...server('coap://a'), objects: { '/3': {} } }, /\/3 cannot be written: give an instance/],
    ['a value of the wrong type', '*', { ...server('coap://a'), objects: { '/3/0/13': 'tomorrow' } }, /Current Time/],
    ['a resource to delete', '*', { ...server('coap://a'), deletes: ['/3/0/1'] }, /\/3\/0\/1 cannot be deleted/],
    ['access control by a stranger', '*', { ...server('coap://a'), objects: { '/2/0': { 0: 3, 1: 0, 3: 9 } } }, /owner 9/],
  ];
  for (const [title, devices, declaration, complaint] of wrong) {
    it(`are refused before any device asks: ${title}`, () => {
      const { set } = setup();
      assert.throws(() => set(devices, declaration), complaint);
    });
  }

  it('never show a key, neither in a list nor in a complaint', () => {
    const declaration = readDeclaration({
      ...server('coaps://a', { security: { identity: 'me', key: KEY } }),
      objects: { '/11/0': { 6: 'apn-password' } },
    });
    const shown = JSON.stringify(shownDeclaration(declaration));
    assert.match(shown, /"security":"psk"/);
    for (const secret of [KEY, 'apn-password']) assert.equal(shown.includes(secret), false);
    assert.throws(
      () => readDeclaration(server('coaps://a', { security: { identity: 'me', key: 'not-hex-but-secret' } })),
      (error: Error) => !error.message.includes('not-hex-but-secret'),
    );
    assert.throws(
      () => readDeclaration(server('coaps://a', { security: 'not-a-mode-but-secret' })),
      (error: Error) => !error.message.includes('not-a-mode-but-secret'),
    );
  });

  it('are limited in number', () => {
    const { configurations } = setup();
    const declaration = readDeclaration(server('coap://a'));
    const set = (index: number): void =>
      configurations.set({ id: `${index}`, owner: 'n', devices: Selector.of(`d${index}`), declaration });
    for (let index = 0; index < 10_000; index++) set(index);
    assert.throws(() => set(10_000), /10000 are declared already/);
    set(9_999);
  });
});

describe('generated credentials', () => {
  it('are found by the identity a handshake brings, until they are revoked', () => {
    const credentials = new MemoryCredentials();
    const made = credentials.issue('a', 1);
    assert.equal(credentials.find(made.identity), made);
    assert.deepEqual(credentials.revoke('a'), [made.identity]);
    assert.deepEqual(credentials.revoke('a'), []);
    assert.equal(credentials.find(made.identity), undefined);
    assert.notDeepEqual(credentials.issue('a', 1).key, made.key);
  });

  it('that a device has taken are not pushed out by strangers who ask under ever new names', () => {
    const credentials = new MemoryCredentials(undefined, 3);
    const { configurations } = setup(credentials);
    const taken = credentials.issue('mine', 1);
    const finished: BootstrapEvent = { event: 'finished', device: 'mine', address: '', steps: [], written: {}, at: 0 };
    configurations.heard(finished);
    for (let index = 0; index < 50; index++) credentials.issue(`stranger-${index}`, 1);
    assert.equal(credentials.size, 3);
    assert.equal(credentials.find(taken.identity), taken);
  });

  it('of as many devices as may be are kept, and more are refused', () => {
    const credentials = new MemoryCredentials(undefined, 2);
    for (const device of ['a', 'b']) {
      credentials.issue(device, 1);
      credentials.confirm(device);
    }
    assert.throws(() => credentials.issue('c', 1), /2 devices, which is all/);
  });
});

describe('the bootstrap trigger', () => {
  const registration = { endpoint: 'a', version: '1.1', objects: ['/1', '/1/5', '/3/0'] } as unknown as Registration;

  it('is executed where the device has its Server object', () => {
    assert.deepEqual(bootstrapTrigger(registration), { operation: 'execute', path: '/1/5/9' });
  });

  it('came with LwM2M 1.1, and needs a Server object', () => {
    assert.throws(() => bootstrapTrigger({ ...registration, version: '1.0' }), { code: 'unsupported' });
    assert.throws(() => bootstrapTrigger({ ...registration, objects: ['/1', '/3/0'] }), { code: 'unsupported' });
  });
});

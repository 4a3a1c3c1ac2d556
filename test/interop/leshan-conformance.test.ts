/** The conformance scenarios with Eclipse Leshan's client (Maven Central; needs a JDK). */
import assert from 'node:assert/strict';
import type { BootstrapConfiguration } from '../../src/device/bootstrap';
import { conformance } from '../conformance/conformance';
import { notified, registrationOf } from '../conformance/peer';
import { DISCOVERING } from '../conformance/scenarios/discovering';
import { OBJECTS } from '../conformance/scenarios/objects';
import { READING } from '../conformance/scenarios/reading';
import { LEAVING, REGISTRATION } from '../conformance/scenarios/registration';
import { REPORTING } from '../conformance/scenarios/reporting';
import { runAll } from '../conformance/scenarios/run';
import { REBOOTING, WRITING } from '../conformance/scenarios/writing';
import { leshanClassPath } from './leshan';
import { LeshanPeer } from './leshan-peer';
import { skipWithout } from './program';

const PREPARE_MS = 240_000;
const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
/** What Leshan's client (2.0.0-M15, LwM2M 1.1) does not do, so that it cannot show whether we do. */
const LACKS: Readonly<Record<string, string>> = {
  'int-221': 'it accepts attributes on the Security object',
  'int-565': 'it lets a server create a Server instance',
  'int-566': 'it lets a server delete its own Server instance',
  'int-680': 'it answers 4.00 to the Create of a second Device instance',
  'int-308': 'it does not notify of an instance that comes',
  'int-309': 'it does not notify of an instance that goes',
  'int-310': 'it does not notify by itself when pmax has passed',
  'int-260': 'its Discover shows no inherited attributes',
  'int-261': 'its Discover shows no inherited attributes',
  ...Object.fromEntries(
    ['int-301', 'int-660', 'int-710', 'int-810', 'int-910', 'int-1230', '1.2-int-1204', 'int-1610', '1.2-int-1900'].map((id) => [
      id,
      'it does not notify by itself when pmax has passed',
    ]),
  ),
  ...Object.fromEntries(['int-730', 'int-830', 'int-930'].map((id) => [id, 'it answers 4.00 to a Create without an id'])),
  ...Object.fromEntries(
    ['int-735', 'int-835', 'int-935'].map((id) => [id, 'it lets a server delete instances of any object but 3']),
  ),
};

const configuration = (port: number): BootstrapConfiguration => ({
  deletes: ['/0', '/1'],
  servers: [{ shortServerId: 101, uri: `coap://127.0.0.1:${port}`, security: { mode: 'none' }, lifetime: 600, binding: 'U' }],
  objects: {},
  verify: true,
});

describe('conformance: Leshan', function () {
  this.timeout(60_000);
  let classPath: string;
  let leshan: LeshanPeer;

  before(async function () {
    this.timeout(PREPARE_MS);
    classPath = await leshanClassPath().catch((error: Error) => skipWithout(this, 'Leshan', error.message));
    leshan = await LeshanPeer.start(classPath, 'leshan-conformance');
    await leshan.until('the registration', () => leshan.server.registration(leshan.endpoint));
  });
  after(() => leshan?.stop());

  const given = async (): Promise<LeshanPeer> => leshan;
  for (const scenarios of [READING, WRITING, DISCOVERING, OBJECTS, REPORTING, REGISTRATION]) {
    runAll(scenarios, 'Leshan', given, LACKS);
  }

  for (const [id, path, changing, value] of [
    ['int-301', '/3303/0/5700', '/3303/0/5700', 26.5],
    ['int-660', '/3/0/9', '/3/0/9', 42],
    ['int-710', '/4/0', '/4/0/2', -70],
    ['int-810', '/6/0', '/6/0/0', 48.5],
    ['int-910', '/7/0', '/7/0/2', 4_711],
    ['int-1230', '/10/0', '/10/0/13', 2],
  ] as const) {
    conformance(
      id,
      'Leshan',
      async () => {
        await leshan.perform({ operation: 'write-attributes', path, attributes: { pmin: 0, pmax: 600 } });
        const from = leshan.notifications.length;
        assert.equal((await leshan.perform({ operation: 'observe', path })).observed, true);
        leshan.change(changing, value);
        const [notification] = await notified(leshan, path, 1, from);
        assert.equal(notification?.values.find((one) => one.path === changing)?.value, value);
        await leshan.perform({ operation: 'cancel-observation', path });
        await leshan.perform({ operation: 'write-attributes', path, attributes: { pmin: null, pmax: null } });
      },
      { part: 'when a value changes' },
    );
  }

  for (const [id, attachments, path] of [
    ['int-260', [['/3', { pmin: 10, pmax: 200 }]], '/3'],
    [
      'int-261',
      [
        ['/3/0/11', { pmin: 10, pmax: 320 }],
        ['/3/0/11/0', { pmax: 100, epmin: 1, epmax: 20 }],
      ],
      '/3/0/11',
    ],
  ] as const) {
    conformance(
      id,
      'Leshan',
      async () => {
        for (const [place, attributes] of attachments)
          await leshan.perform({ operation: 'write-attributes', path: place, attributes });
        const { links } = await leshan.perform({ operation: 'discover', path });
        for (const [place, attributes] of attachments) {
          const shown = links?.find((link) => link.path === place)?.attributes;
          for (const [name, value] of Object.entries(attributes)) assert.equal(Number(shown?.[name]), value, `${place} ${name}`);
          const none = Object.fromEntries(Object.keys(attributes).map((name) => [name, null]));
          await leshan.perform({ operation: 'write-attributes', path: place, attributes: none });
        }
      },
      { part: 'where they are attached' },
    );
  }

  for (const scenarios of [REBOOTING, LEAVING]) runAll(scenarios, 'Leshan', given, LACKS);

  describe('that is bootstrapped', () => {
    let fresh: LeshanPeer;
    before(async () => {
      fresh = await LeshanPeer.start(classPath, 'leshan-bootstrapped', {
        mode: ['bootstrap'],
        bootstrap: (ports) => () => configuration(ports.plain),
      });
    });
    after(() => fresh?.stop());

    // No int-8: it calls itself LwM2M 1.0 in its Discover, which knows no Bootstrap-Read.
    for (const id of ['int-0', 'int-4']) {
      conformance(id, 'Leshan', async () => {
        const finished = await fresh.until('the end', () => fresh.bootstraps.find(({ event }) => event === 'finished'));
        const steps = finished.steps.map(({ operation, path, code }) => `${operation} ${path} ${code}`);
        for (const path of ['/0', '/1']) assert.ok(steps.includes(`delete ${path} 2.02`), steps.join());
        assert.ok(steps.some((step) => step.startsWith('discover / 2.05')));
        assert.match(steps.at(-1) ?? '', /^finish .*2\.04$/);
        await fresh.until('the registration', () => fresh.server.registration(fresh.endpoint));
        assert.equal(registrationOf(fresh).lifetime, 600);
      });
    }

    conformance('int-5', 'Leshan', async () => {
      await fresh.until('the registration', () => fresh.server.registration(fresh.endpoint));
      const before = fresh.bootstraps.length;
      const [server] = registrationOf(fresh).objects.filter((path) => /^\/1\/\d+$/.test(path));
      assert.equal((await fresh.perform({ operation: 'execute', path: `${server}/9` })).code, '2.04');
      await fresh.until('another one', () => fresh.bootstraps.slice(before).find(({ event }) => event === 'finished'));
    });
  });

  describe('over DTLS', () => {
    conformance('int-401', 'Leshan', async () => {
      const secured = await LeshanPeer.start(classPath, 'leshan-secured', {
        mode: ['psk', 'leshan-secured', KEY.toString('hex')],
        psk: { 'leshan-secured': KEY },
      });
      try {
        await secured.until('the registration', () => secured.server.registration(secured.endpoint));
        assert.equal(registrationOf(secured).security, 'psk');
        assert.equal((await secured.perform({ operation: 'read', path: '/3/0' })).code, '2.05');
      } finally {
        await secured.stop();
      }
    });

    conformance('int-1', 'Leshan', async () => {
      const secured = await LeshanPeer.start(classPath, 'leshan-secured-bootstrap', {
        mode: ['bootstrap-psk', 'leshan-secured-bootstrap', KEY.toString('hex')],
        psk: { 'leshan-secured-bootstrap': KEY },
        bootstrap: (ports) => () => ({
          ...configuration(ports.plain),
          servers: [
            {
              shortServerId: 101,
              uri: `coaps://127.0.0.1:${ports.secure}`,
              security: { mode: 'psk', identity: 'leshan-secured-bootstrap', key: KEY },
              lifetime: 600,
              binding: 'U',
            },
          ],
        }),
      });
      try {
        await secured.until('the registration', () => secured.server.registration(secured.endpoint));
        assert.equal(registrationOf(secured).security, 'psk');
        assert.ok(secured.bootstraps.some(({ event }) => event === 'finished'));
      } finally {
        await secured.stop();
      }
    });
  });
});

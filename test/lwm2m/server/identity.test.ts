/** What was proved is asked for with every message, not only with the first. */
import assert from 'node:assert/strict';
import { Code, codeText } from '../../../src/coap/codes';
import { Option } from '../../../src/coap/options';
import type { AdmissionDecision, Occasion } from '../../../src/device/admission';
import type { Identity } from '../../../src/device/identity';
import type { Lwm2mServerOptions } from '../../../src/lwm2m/server/server';
import { givenServer, ScriptedDevice, told } from './world';

/** a and b have credentials of their own; whoever comes from elsewhere has none. */
const NAMES: Readonly<Record<string, string>> = { '10.0.0.2': 'a', '10.0.0.3': 'b' };
const identityOf = ({ address, port }: Pick<Identity, 'address' | 'port'>): Identity => {
  const name = NAMES[address];
  return name === undefined ? { security: 'none', address, port } : { security: 'psk', name, address, port };
};

async function given(options: Lwm2mServerOptions = {}) {
  const world = await givenServer({ identityOf, ...options });
  const a = new ScriptedDevice(world, '10.0.0.2');
  const b = new ScriptedDevice(world, '10.0.0.3');
  const stranger = new ScriptedDevice(world, '10.0.0.4');
  return { world, a, b, stranger };
}

const REGISTER = { code: Code.Post, path: ['rd'], contentFormat: 40, payload: '</1/0>,</3/0>' };
const SEND = { code: Code.Post, path: ['dp'], contentFormat: 110, payload: '[{"n":"/3/0/9","v":1}]' };
/** 16 bytes a block; more of them follow. */
const FIRST_BLOCK = 0b1000;
const SECOND_BLOCK = 0b10000;

describe('a proved identity', () => {
  it('registers under its own name only', async () => {
    const { world, a, b, stranger } = await given();
    await a.register('a');
    for (const other of [b, stranger]) {
      const answer = await other.request({ ...REGISTER, query: ['ep=a', 'lwm2m=1.1', 'lt=300'] });
      assert.equal(codeText(answer.code), '4.03');
    }
    assert.equal(world.server.registration('a')?.address, '10.0.0.2:56830');
    assert.deepEqual(told(world), ['registered', 'refused', 'refused']);
    assert.match(world.lifecycle[1]?.refusal?.reason ?? '', /^a from 10\.0\.0\.3 refused: PSK identity b is that of b$/);
  });

  it('is asked for at Update and De-register, also of who knows the location', async () => {
    const { world, a, b, stranger } = await given();
    const id = await a.register('a');
    for (const other of [b, stranger]) {
      assert.equal(codeText((await other.update(id)).code), '4.00');
      assert.equal(codeText((await other.deregister(id)).code), '4.00');
    }
    assert.deepEqual(told(world), ['registered']);
    assert.equal(codeText((await a.update(id)).code), '2.04');
  });

  it('decides whose a Send is', async () => {
    const { world, a, b, stranger } = await given();
    await a.register('a');
    assert.equal(codeText((await b.request(SEND)).code), '4.04');
    assert.equal(codeText((await stranger.request(SEND)).code), '4.04');
    assert.equal(codeText((await a.request(SEND)).code), '2.04');
    assert.deepEqual(
      world.sends.map(({ device }) => device),
      ['a'],
    );
  });

  it('is asked for with each block: nobody adds to a body that another has begun', async () => {
    const { world, a, b, stranger } = await given();
    const id = await a.register('a');
    for (const other of [b, stranger]) {
      const path = ['rd', id];
      const first = { code: Code.Post, path, contentFormat: 40, block1: FIRST_BLOCK, payload: '</1/0>,</3/0>,</' };
      const second = { code: Code.Post, path, contentFormat: 40, block1: SECOND_BLOCK, payload: '9/0>' };
      assert.equal(codeText((await a.request(first)).code), '2.31');
      assert.equal(codeText((await other.request(second)).code), '4.08', 'its first block never came');
      assert.equal(codeText((await other.request(first)).code), '2.31');
      assert.equal(codeText((await other.request(second)).code), '4.00', 'a body of its own is not a’s');
    }
    assert.deepEqual(world.server.registration('a')?.objects, ['/1/0', '/3/0']);
  });
});

describe('admission after the Register', () => {
  const refusing =
    (refused: Set<string>, occasions: Occasion[]) => (endpoint: string, _identity: Identity, occasion: Occasion) => {
      occasions.push(occasion);
      const decision: AdmissionDecision = refused.has(occasion)
        ? { admitted: false, reason: `${endpoint} refused: blocked`, remedy: 'Wait.' }
        : { admitted: true };
      return decision;
    };

  it('a device that may not be served any more loses its registration with its next Update', async () => {
    const refused = new Set<string>();
    const occasions: Occasion[] = [];
    const { world, stranger } = await given({ admission: refusing(refused, occasions) });
    const id = await stranger.register('dev');
    assert.equal(codeText((await stranger.update(id)).code), '2.04');
    refused.add('update');
    assert.equal(codeText((await stranger.update(id)).code), '4.04', 'after which every client registers anew');
    assert.deepEqual(told(world), ['registered', 'updated', 'deregistered', 'refused']);
    assert.deepEqual(occasions, ['register', 'update', 'update']);
    assert.equal(world.server.size, 0);
  });

  it('one that is sent away for now is told when to come again, each at another moment', async () => {
    const { world, stranger } = await given({
      admission: () => ({ admitted: false, reason: 'busy', remedy: 'Wait.', retryAfter: 100 }),
    });
    const ages = new Set<number>();
    for (let index = 0; index < 5; index++) {
      const answer = await stranger.request({ ...REGISTER, query: [`ep=dev-${index}`, 'lwm2m=1.1', 'lt=300'] });
      assert.equal(codeText(answer.code), '5.03');
      const age = answer.uint(Option.MaxAge) ?? 0;
      assert.ok(age >= 50 && age <= 150);
      ages.add(age);
    }
    assert.ok(ages.size > 1);
    assert.equal(world.server.refused, 5);
  });

  it('a dismissed device is gone at once, with what was under way; one that is not here is nobody', async () => {
    const { world, stranger } = await given();
    await stranger.register('dev');
    const read = world.server.perform('dev', { operation: 'read', path: '/3/0/0' });
    assert.equal(world.server.dismiss('dev'), true);
    await assert.rejects(read, { code: 'cancelled' });
    assert.equal(world.server.dismiss('dev'), false);
    assert.deepEqual(told(world), ['registered', 'deregistered']);
  });
});

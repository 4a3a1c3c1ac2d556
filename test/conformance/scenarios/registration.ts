import assert from 'node:assert/strict';
import { leadsTo, registrationOf, type Scenarios, times } from '../peer';

export const REGISTRATION: Scenarios = {
  'int-101': async (peer) => {
    const registration = registrationOf(peer);
    assert.equal(registration.version, '1.1');
    assert.equal(registration.binding, 'U');
    assert.ok(registration.lifetime >= 60);
    for (const path of ['/1/0', '/3/0', '/3303/0']) assert.ok(registration.objects.includes(path), path);
    assert.ok(!registration.objects.some((path) => /^\/(0|21)(\/|$)/.test(path)), 'neither keys nor OSCORE are listed');
  },
  'int-102': async (peer) => {
    await leadsTo(peer, 'updated', () => peer.perform({ operation: 'write', path: '/1/0/1', value: 900 }));
    assert.equal(registrationOf(peer).lifetime, 900);
    const { updatedAt } = registrationOf(peer);
    await peer.pass(1);
    await leadsTo(peer, 'updated', () => peer.update());
    assert.ok(registrationOf(peer).updatedAt > updatedAt);
    assert.equal(registrationOf(peer).lifetime, 900, 'an Update without parameters leaves it');
  },
  'int-104': async (peer) => {
    await leadsTo(peer, 'updated', async () => {
      assert.equal((await peer.perform({ operation: 'execute', path: '/1/0/8' })).code, '2.04');
    });
    registrationOf(peer);
  },
  'int-105': async (peer) => {
    await peer.restartServer();
    assert.equal(peer.server.registration(peer.endpoint), undefined);
    await leadsTo(peer, 'registered', () => peer.update());
    registrationOf(peer);
  },
  'int-107': async (peer) => {
    await leadsTo(peer, 'updated', () => peer.perform({ operation: 'write', path: '/1/0/1', value: 60 }));
    assert.equal(registrationOf(peer).lifetime, 60);
    await leadsTo(peer, 'updated', () => peer.perform({ operation: 'write', path: '/1/0/1', value: 120 }));
    assert.equal(registrationOf(peer).lifetime, 120);
    assert.equal(times(peer, 'expired'), 0);
  },
  'int-556': async (peer) => {
    await leadsTo(peer, 'updated', () => peer.perform({ operation: 'execute', path: '/1/0/8' }));
  },
};

/** Ends the registration: the last of all. */
export const LEAVING: Scenarios = {
  'int-103': async (peer) => {
    // It may have registered a moment ago, and not know it yet.
    await peer.pass(2);
    await leadsTo(peer, 'deregistered', () => peer.leave());
    assert.equal(peer.server.registration(peer.endpoint), undefined);
  },
};

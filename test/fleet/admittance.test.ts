import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import type { Admission, Occasion } from '../../src/device/admission';
import type { Identity } from '../../src/device/identity';
import { readDeviceChange } from '../../src/device/provisioned-device';
import { Admittance } from '../../src/fleet/admittance';
import type { LoadLimits } from '../../src/fleet/load';
import { Provisioning } from '../../src/fleet/provisioning';

const unsecured = (address = '192.168.1.20'): Identity => ({ security: 'none', address, port: 5000 });
const secured = (name: string): Identity => ({ security: 'psk', name, address: '198.51.100.7', port: 5000 });

function setup({ mode = 'secured', loadLimits }: { mode?: Admission; loadLimits?: LoadLimits } = {}) {
  const clock = new VirtualClock();
  const provisioning = new Provisioning(clock);
  const admittance = new Admittance({ clock, provisioning, mode: () => mode, ...(loadLimits !== undefined && { loadLimits }) });
  const provision = (fields: Readonly<Record<string, unknown>>) => provisioning.provision(readDeviceChange(fields));
  const comes = (endpoint: string, identity = unsecured(), occasion: Occasion = 'register'): boolean =>
    admittance.admit(endpoint, identity, occasion).admitted;
  return { clock, provisioning, admittance, provision, comes };
}

const KEY = { mode: 'psk', identity: 'k', key: '00112233445566778899aabbccddeeff' };

describe('admittance', () => {
  it('A’s key with B’s name is refused, for every occasion and in every mode', async () => {
    for (const mode of ['secured', 'listed', 'open'] as const) {
      const { provision, comes } = setup({ mode });
      await provision({ endpoint: 'a', security: KEY });
      await provision({ endpoint: 'b', security: { ...KEY, identity: 'k2' } });
      for (const occasion of ['register', 'update', 'bootstrap'] as const) {
        assert.equal(comes('a', secured('k'), occasion), true);
        assert.equal(comes('b', secured('k'), occasion), false);
        assert.equal(comes('k', secured('k'), occasion), false, 'nor is the identity a name');
        assert.equal(comes('a', unsecured('127.0.0.1'), occasion), false);
      }
    }
  });

  it('an open server whose list could not be read admits unsecured devices of its own machine only', () => {
    const { provisioning, comes } = setup({ mode: 'open' });
    assert.equal(comes('x'), true);
    provisioning.isWhole = false;
    assert.equal(comes('x'), false);
    assert.equal(comes('x', unsecured('127.0.0.1')), true);
  });
});

describe('pairing', () => {
  it('while it is permitted unsecured devices of the private network come in, and are listed from then on', () => {
    const { clock, admittance, provisioning, comes } = setup();
    assert.equal(comes('esp'), false);
    const until = admittance.pairing.permit(5);
    assert.equal(until, clock.wall() + 300_000);
    assert.equal(comes('esp'), true);
    assert.equal(comes('far', unsecured('198.51.100.7')), false, 'not of the private network');
    clock.advance(300_000);
    assert.equal(admittance.pairing.openUntil, undefined);
    assert.equal(comes('late'), false);
    assert.equal(comes('esp'), true, 'it stays');
    assert.equal(comes('esp', unsecured('198.51.100.7')), false, 'and only from there');
    assert.deepEqual([provisioning.devices.get('esp')?.origin, provisioning.devices.size], ['paired', 1]);
  });

  it('does so for a server that admits its list only', () => {
    const { admittance, comes } = setup({ mode: 'listed' });
    admittance.pairing.permit();
    assert.equal(comes('esp'), true);
    admittance.pairing.deny();
    assert.equal(comes('other'), false);
    assert.equal(comes('esp'), true);
  });

  it('never lets in one with credentials, one that was retired, or one that is blocked', async () => {
    const { admittance, provisioning, provision, comes } = setup();
    await provision({ endpoint: 'a', security: KEY });
    await provision({ endpoint: 'blocked', blockedUntil: true });
    await provisioning.retire('old');
    admittance.pairing.permit(60);
    for (const endpoint of ['a', 'blocked', 'old']) assert.equal(comes(endpoint), false, endpoint);
    assert.equal(provisioning.devices.get('old'), undefined);
  });

  it('is bounded: a guest of the network cannot fill the list with invented names', () => {
    const { admittance, provisioning, comes } = setup();
    admittance.pairing.permit(60);
    for (let index = 0; index < 1_000; index++) comes(`invented-${index}`);
    assert.equal(provisioning.devices.size, 500);
  });

  for (const minutes of [0, -1, 61, Number.NaN, 'soon', '', {}, null]) {
    it(`is not permitted for ${JSON.stringify(minutes)} minutes`, () => {
      assert.throws(() => setup().admittance.pairing.permit(minutes), { code: 'invalid-value', message: /up to 60/ });
    });
  }
});

describe('levels of service', () => {
  const loadLimits = { low: 10, normal: 100, high: Number.POSITIVE_INFINITY };

  it('under load the low ones are sent away with a time to come again, the others not, and later they come in', async () => {
    const { clock, admittance, provision, comes } = setup({ mode: 'open', loadLimits });
    await provision({ endpoint: 'minor', level: 'low' });
    await provision({ endpoint: 'major', level: 'high' });
    assert.equal(comes('minor'), true);
    for (let index = 0; index < 50; index++) comes(`d-${index}`);
    const decision = admittance.admit('minor', unsecured(), 'register');
    assert.ok(!decision.admitted && decision.retryAfter === 60);
    assert.match(decision.reason, /minor from 192\.168\.1\.20 sent away: .* \(low\)/);
    assert.equal(comes('plain'), true);
    for (let index = 0; index < 100; index++) comes(`d-${index}`);
    assert.equal(comes('plain'), false);
    assert.equal(comes('major'), true);
    assert.equal(comes('minor', unsecured(), 'update'), true, 'who is here stays');
    clock.advance(10_000);
    assert.equal(comes('minor'), true);
  });
});

import assert from 'node:assert/strict';
import { readAccess } from '../../src/device/access';
import { type Applicant, admit, type Circumstances, decide } from '../../src/device/admission';
import { type Identity, isPrivate, type SecurityMode } from '../../src/device/identity';
import type { ProvisionedDevice } from '../../src/device/provisioned-device';

function from(address: string, security: SecurityMode = 'none'): Identity {
  return { security, address, port: 56830, ...(security !== 'none' && { name: 'esp-kitchen' }) };
}

describe('admit', () => {
  const cases: readonly ['secured' | 'open', Identity, boolean][] = [
    ['secured', from('192.168.1.20'), false],
    ['secured', from('2001:db8::1'), false],
    ['secured', from('::ffff:192.168.1.20'), false],
    ['secured', from('127.0.0.1'), true],
    ['secured', from('127.8.9.10'), true],
    ['secured', from('::1'), true],
    ['secured', from('::ffff:127.0.0.1'), true],
    ['secured', from('192.168.1.20', 'psk'), true],
    ['secured', from('192.168.1.20', 'x509'), true],
    ['open', from('192.168.1.20'), true],
  ];
  for (const [mode, identity, admitted] of cases) {
    it(`${mode}: ${admitted ? 'admits' : 'refuses'} ${identity.security} from ${identity.address}`, () => {
      assert.equal(admit(mode, 'esp-kitchen', identity).admitted, admitted);
    });
  }

  it('tells who was refused, why, and what would let it in', () => {
    assert.deepEqual(admit('secured', 'esp-kitchen', from('192.168.1.20')), {
      admitted: false,
      reason:
        'esp-kitchen from 192.168.1.20 refused: unsecured, and this server admits unsecured devices from its own machine only',
      remedy:
        'Provision a key for it; or permit pairing for some minutes and let it try again; or set "Admit" of the LwM2M server to "every device that reaches this port", if you trust everyone who can reach it.',
    });
  });

  it('shows an endpoint name without what could forge a log line, and not at length', () => {
    const decision = admit('secured', `a\r\nb\u001b[2J\u202e${'x'.repeat(5000)}`, from('10.0.0.1'));
    assert.ok(!decision.admitted);
    assert.match(decision.reason, /^a\ufffd\ufffdb\ufffd\[2J\ufffdx+… from 10\.0\.0\.1 refused/);
    assert.ok(decision.reason.length < 250);
    const nameless = admit('secured', '', from('10.0.0.1'));
    assert.ok(!nameless.admitted && nameless.reason.startsWith('(no name) from'));
  });
});

describe('decide', () => {
  const NOW = Date.UTC(2026, 0, 5, 12);
  const listed = (rest: Partial<ProvisionedDevice> = {}): ProvisionedDevice => ({
    endpoint: 'dev',
    tags: [],
    security: { mode: 'none' },
    level: 'normal',
    origin: 'provisioned',
    since: 0,
    ...rest,
  });
  const decision = (applicant: Partial<Applicant>, circumstances: Partial<Circumstances> = {}) =>
    decide(
      { endpoint: 'dev', identity: from('192.168.1.20'), occasion: 'register', isSecured: false, ...applicant },
      { mode: 'secured', now: NOW, ...circumstances },
    );
  const why = (applicant: Partial<Applicant>, circumstances: Partial<Circumstances> = {}): string => {
    const decided = decision(applicant, circumstances);
    return decided.admitted ? '' : decided.reason;
  };
  const secured = from('198.51.100.7', 'psk');

  const cases: readonly (readonly [string, Partial<Applicant>, Partial<Circumstances>, RegExp | undefined])[] = [
    ['A’s key with A’s name', { identity: secured, owner: 'dev', isSecured: true }, {}, undefined],
    [
      'B’s key with A’s name',
      { identity: secured, owner: 'other', isSecured: true },
      {},
      /PSK identity esp-kitchen is that of other/,
    ],
    ['B’s key with A’s name on an open server', { identity: secured, owner: 'other' }, { mode: 'open' }, /is that of other/],
    ['a proof that is nobody’s', { identity: secured }, { mode: 'open' }, /PSK identity esp-kitchen is not its own/],
    ['an Update with B’s key', { identity: secured, owner: 'other', occasion: 'update' }, {}, /is that of other/],
    ['one with credentials that comes without', { isSecured: true }, { mode: 'open' }, /unsecured, although it has credentials/],
    ['the same from this machine', { identity: from('127.0.0.1'), isSecured: true }, {}, /unsecured, although/],
    [
      'the same behind a gateway',
      { identity: secured, owner: 'gw', occasion: 'behind', isSecured: true },
      {},
      /unsecured, although/,
    ],
    ['one behind a gateway', { identity: secured, owner: 'gw', occasion: 'behind' }, {}, undefined],
    [
      'one behind a gateway, not listed',
      { identity: secured, owner: 'gw', occasion: 'behind' },
      { mode: 'listed' },
      /its list only/,
    ],
    ['one that was retired', { retiredAt: NOW }, { mode: 'open' }, /retired on 2026-01-05T12:00:00.000Z/],
    ['one that was retired, with a certificate', { identity: secured, owner: 'dev', retiredAt: NOW }, {}, /retired/],
    ['a listed one from the private network', { device: listed() }, {}, undefined],
    ['a listed one from the private network, of a list-only server', { device: listed() }, { mode: 'listed' }, undefined],
    ['a listed one from far away', { device: listed(), identity: from('198.51.100.7') }, {}, /not in a private network/],
    [
      'a listed one from far away to an open server',
      { device: listed(), identity: from('198.51.100.7') },
      { mode: 'open' },
      undefined,
    ],
    [
      'an unlisted one of this machine, of a list-only server',
      { identity: from('127.0.0.1') },
      { mode: 'listed' },
      /its list only/,
    ],
    ['a secured one that is not listed', { identity: secured, owner: 'dev' }, { mode: 'listed' }, /its list only/],
    ['a secured one that was bootstrapped', { identity: secured, owner: 'dev', isHolder: true }, { mode: 'listed' }, undefined],
    ['an Update of one that came before the mode changed', { occasion: 'update' }, { mode: 'listed' }, undefined],
    [
      'one that is blocked',
      { device: listed({ blockedUntil: NOW + 1 }) },
      { mode: 'open' },
      /blocked until 2026-01-05T12:00:00.001Z/,
    ],
    [
      'one that is blocked for good',
      { device: listed({ blockedUntil: Number.POSITIVE_INFINITY }) },
      { mode: 'open' },
      /refused: blocked$/,
    ],
    ['one whose block is over', { device: listed({ blockedUntil: NOW }) }, { mode: 'open' }, undefined],
    ['an Update of one that is blocked', { device: listed({ blockedUntil: NOW + 1 }), occasion: 'update' }, {}, /blocked/],
    [
      'one outside its hours',
      { device: listed({ access: readAccess({ times: [{ from: '13:00', to: '14:00' }] }) }) },
      {},
      /outside its hours/,
    ],
    [
      'one outside its area',
      {
        device: listed({ access: readAccess({ area: { latitude: 0, longitude: 0, radius: 1000 } }) }),
        position: { latitude: 1, longitude: 0 },
      },
      {},
      /outside its area/,
    ],
    [
      'one of whom it is not known where it is',
      { device: listed({ access: readAccess({ area: { latitude: 0, longitude: 0, radius: 1000 } }) }) },
      {},
      undefined,
    ],
  ];
  for (const [what, applicant, circumstances, expected] of cases) {
    it(`${expected === undefined ? 'admits' : 'refuses'} ${what}`, () => {
      const reason = why(applicant, circumstances);
      if (expected === undefined) assert.equal(reason, '');
      else assert.match(reason, expected);
    });
  }
});

describe('isPrivate', () => {
  const near = [
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.9',
    '169.254.1.1',
    '::ffff:192.168.0.9',
    'fd12::1',
    'fe80::1',
    '::1',
  ];
  const far = [
    '11.1.2.3',
    '172.32.0.1',
    '192.169.0.1',
    '8.8.8.8',
    '::ffff:8.8.8.8',
    '2001:db8::1',
    '10.example',
    'association',
    '',
  ];
  for (const address of near) it(address, () => assert.equal(isPrivate(address), true));
  for (const address of far) it(`not ${address || 'nothing'}`, () => assert.equal(isPrivate(address), false));
});

import assert from 'node:assert/strict';
import { admit } from '../../src/device/admission';
import type { Identity, SecurityMode } from '../../src/device/identity';

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
        'To open the door, set "Admit" of the LwM2M server to "every device that reaches this port", if you trust everyone who can reach it.',
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

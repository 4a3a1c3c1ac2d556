/** npm coap-node (LwM2M 1.0): old and odd. */
import assert from 'node:assert/strict';
import { DeviceManagementError } from '../../src/errors';
import { readCapture } from './capture';
import { answerTo, byPath, linksOf, observed, valuesOf } from './decode';

const capture = readCapture('coapnode');

describe('coap-node', () => {
  it('registers with a three-digit version, its MAC address and no binding', () => {
    const register = capture.requests[0];
    assert.deepEqual(register?.query, ['ep=coap-node-ep', 'lt=60', 'lwm2m=1.0.0', 'mac=02:fc:00:00:00:01']);
    assert.deepEqual(linksOf(register.payload), ['/;ct=11543;hb', '/3/0', '/4/0', '/3303/0']);
  });

  it('names JSON entries without the slash after the base name', () => {
    const answer = answerTo(capture, 'Read /3/0 accept=json');
    assert.match(answer.payload.toString(), /^\{"bn":"\/3\/0","e":\[\{"n":"0"/);
    assert.deepEqual(byPath(valuesOf(answer)), byPath(valuesOf(answerTo(capture, 'Read /3/0 accept=tlv'))));
  });

  it('prints an instance as text that says nothing: a decode error that tells so', () => {
    const answer = answerTo(capture, 'Read /3/0 accept=text');
    assert.throws(
      () => valuesOf(answer),
      (error) => error instanceof DeviceManagementError && error.code === 'decode-error' && /one resource/.test(error.message),
    );
  });

  it('notifies in TLV, the same value twice', () => {
    assert.deepEqual(observed(capture, 'Observe /3303/0/5700'), [
      [1, { '/3303/0/5700': 21.5 }],
      [2, { '/3303/0/5700': 33.25 }],
      [3, { '/3303/0/5700': 33.25 }],
    ]);
  });
});

/** Methods and response codes as the registry has them (RFC 7252 §12.1, RFC 7959 §2.9, RFC 8132 §4). */
import assert from 'node:assert/strict';
import { Code, codeClass, codeText, isKnownMethod, isRequest, isSuccess } from '../../src/coap/codes';

const REGISTRY: Readonly<Record<string, keyof typeof Code>> = {
  '0.00': 'Empty',
  '0.01': 'Get',
  '0.02': 'Post',
  '0.03': 'Put',
  '0.04': 'Delete',
  '0.05': 'Fetch',
  '0.06': 'Patch',
  '0.07': 'IPatch',
  '2.01': 'Created',
  '2.02': 'Deleted',
  '2.03': 'Valid',
  '2.04': 'Changed',
  '2.05': 'Content',
  '2.31': 'Continue',
  '4.00': 'BadRequest',
  '4.01': 'Unauthorized',
  '4.02': 'BadOption',
  '4.03': 'Forbidden',
  '4.04': 'NotFound',
  '4.05': 'MethodNotAllowed',
  '4.06': 'NotAcceptable',
  '4.08': 'RequestEntityIncomplete',
  '4.09': 'Conflict',
  '4.12': 'PreconditionFailed',
  '4.13': 'RequestEntityTooLarge',
  '4.15': 'UnsupportedContentFormat',
  '4.22': 'UnprocessableEntity',
  '4.29': 'TooManyRequests',
  '5.00': 'InternalServerError',
  '5.01': 'NotImplemented',
  '5.02': 'BadGateway',
  '5.03': 'ServiceUnavailable',
  '5.04': 'GatewayTimeout',
  '5.05': 'ProxyingNotSupported',
};

describe('a code', () => {
  for (const [text, name] of Object.entries(REGISTRY)) {
    it(`${text} is ${name}`, () => {
      assert.equal(codeText(Code[name]), text);
      assert.equal(codeClass(Code[name]), Number(text[0]));
    });
  }

  it('has a text though nobody has registered it', () => {
    assert.equal(codeText(0xbf), '5.31');
  });

  it('is a request in class 0 unless it is empty, and known up to iPATCH', () => {
    const all = Array.from({ length: 256 }, (_, code) => code);
    assert.deepEqual(
      all.filter(isRequest),
      Array.from({ length: 31 }, (_, index) => index + 1),
    );
    assert.deepEqual(all.filter(isKnownMethod), [1, 2, 3, 4, 5, 6, 7]);
  });

  it('is a success in class 2', () => {
    assert.deepEqual([Code.Created, Code.Continue, 0x5e].map(isSuccess), [true, true, true]);
    assert.deepEqual([Code.Get, Code.BadRequest, Code.InternalServerError].map(isSuccess), [false, false, false]);
  });
});

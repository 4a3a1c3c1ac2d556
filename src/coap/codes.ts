/** Methods and response codes (RFC 7252 §12.1, RFC 7959 §2.9, RFC 8132 §4): class in the upper three bits, detail in the lower five. */

export const Code = {
  Empty: 0x00,
  Get: 0x01,
  Post: 0x02,
  Put: 0x03,
  Delete: 0x04,
  Fetch: 0x05,
  Patch: 0x06,
  IPatch: 0x07,
  Created: 0x41,
  Deleted: 0x42,
  Valid: 0x43,
  Changed: 0x44,
  Content: 0x45,
  Continue: 0x5f,
  BadRequest: 0x80,
  Unauthorized: 0x81,
  BadOption: 0x82,
  Forbidden: 0x83,
  NotFound: 0x84,
  MethodNotAllowed: 0x85,
  NotAcceptable: 0x86,
  RequestEntityIncomplete: 0x88,
  Conflict: 0x89,
  PreconditionFailed: 0x8c,
  RequestEntityTooLarge: 0x8d,
  UnsupportedContentFormat: 0x8f,
  UnprocessableEntity: 0x96,
  TooManyRequests: 0x9d,
  InternalServerError: 0xa0,
  NotImplemented: 0xa1,
  BadGateway: 0xa2,
  ServiceUnavailable: 0xa3,
  GatewayTimeout: 0xa4,
  ProxyingNotSupported: 0xa5,
} as const;

export function codeClass(code: number): number {
  return code >> 5;
}

export function isRequest(code: number): boolean {
  return code >= Code.Get && code < 0x20;
}

/** Methods this layer knows; any other request is answered 4.05 (RFC 7252 §5.8). */
export function isKnownMethod(code: number): boolean {
  return code >= Code.Get && code <= Code.IPatch;
}

export function isSuccess(code: number): boolean {
  return codeClass(code) === 2;
}

export type CodeText = `${number}.${number}`;

/** "2.05" for 0x45. */
export function codeText(code: number): CodeText {
  return `${code >> 5}.${String(code & 0x1f).padStart(2, '0')}` as CodeText;
}

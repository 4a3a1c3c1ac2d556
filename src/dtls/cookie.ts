/**
 * The stateless cookie (RFC 6347 §4.2.1): proves that a client receives at the address it claims, before anything is kept of it. Its
 * first half covers what stands in the first fragment of a hello, so that one in fragments can be checked before the rest is
 * collected; its second half covers the suites and extensions as well.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { HelloHead } from './hello';

const SECRET_BYTES = 32;
const HALF_BYTES = 16;
/** Not longer: tinydtls clients refuse more. */
export const COOKIE_BYTES = 2 * HALF_BYTES;
/** A cookie is good for one to two of these. */
const SECRET_LIFE_MS = 5 * 60_000;
const NUL = Buffer.alloc(1);

export class Cookies {
  private current: Buffer;
  private previous: Buffer;
  private changedAt: number;

  /** @param now milliseconds, monotonic */
  constructor(
    private readonly random: (length: number) => Buffer,
    now: number,
  ) {
    this.current = random(SECRET_BYTES);
    this.previous = random(SECRET_BYTES);
    this.changedAt = now;
  }

  /** @param rest what follows the cookie in the hello; undefined while only a first fragment is known */
  make(head: HelloHead, rest: Buffer | undefined, address: string, port: number, now: number): Buffer {
    this.rotate(now);
    return cookie(this.current, head, rest, address, port);
  }

  /** Whether this hello answers a cookie of ours; with `rest` undefined, whether its beginning does. */
  isValid(head: HelloHead, rest: Buffer | undefined, address: string, port: number, now: number): boolean {
    this.rotate(now);
    if (head.cookie.length !== COOKIE_BYTES) return false;
    return isFrom(this.current, head, rest, address, port) || isFrom(this.previous, head, rest, address, port);
  }

  private rotate(now: number): void {
    const passed = now - this.changedAt;
    if (passed < SECRET_LIFE_MS) return;
    this.previous = passed < 2 * SECRET_LIFE_MS ? this.current : this.random(SECRET_BYTES);
    this.current = this.random(SECRET_BYTES);
    this.changedAt = now;
  }
}

function cookie(secret: Buffer, head: HelloHead, rest: Buffer | undefined, address: string, port: number): Buffer {
  const first = firstHalf(secret, head, address, port);
  return Buffer.concat([first, secondHalf(secret, first, rest)]);
}

function isFrom(secret: Buffer, head: HelloHead, rest: Buffer | undefined, address: string, port: number): boolean {
  const given = head.cookie;
  const first = firstHalf(secret, head, address, port);
  if (!timingSafeEqual(first, given.subarray(0, HALF_BYTES))) return false;
  return rest === undefined || timingSafeEqual(secondHalf(secret, first, rest), given.subarray(HALF_BYTES));
}

function firstHalf(secret: Buffer, head: HelloHead, address: string, port: number): Buffer {
  const numbers = Buffer.allocUnsafe(4);
  numbers.writeUInt16BE(port, 0);
  numbers.writeUInt16BE(head.version, 2);
  return createHmac('sha256', secret)
    .update(address)
    .update(NUL)
    .update(numbers)
    .update(head.random)
    .update(head.sessionId)
    .digest()
    .subarray(0, HALF_BYTES);
}

function secondHalf(secret: Buffer, first: Buffer, rest: Buffer | undefined): Buffer {
  const hmac = createHmac('sha256', secret).update(first);
  if (rest !== undefined) hmac.update(rest);
  return hmac.digest().subarray(0, HALF_BYTES);
}

/**
 * The tokens we hand out: eight unpredictable bytes (RFC 7252 §5.3.1), the first six as a number for a fast table. Tokens whose request
 * failed stay known for a while, so that a late answer is acknowledged instead of reset.
 */
import type { Endpoint } from './endpoint';
import { NumberTable } from './number-table';

export const TOKEN_BYTES = 8;
const KEY_BYTES = 6;
/** Cap on failed tokens remembered per half life. */
const MOST_TOMBSTONES = 10_000;

/** Whoever waits for messages with a token. */
export interface TokenOwner {
  readonly endpoint: Endpoint;
  readonly token: Buffer;
  /** Chain of its endpoint's owners: what one peer left behind is found without a look at all others. */
  nextOwner: TokenOwner | undefined;
}

export class Tokens<Owner extends TokenOwner> {
  private readonly owners = new NumberTable<Owner>();
  private tombstones = new Map<number, number>();
  private olderTombstones = new Map<number, number>();

  /** @param randomBytes unpredictable bytes; seeded in tests */
  constructor(private readonly randomBytes: (length: number) => Buffer) {}

  get size(): number {
    return this.owners.size;
  }

  /** A token not in use. */
  make(): Buffer {
    for (;;) {
      const token = this.randomBytes(TOKEN_BYTES);
      if (!this.owners.has(keyOf(token))) return token;
    }
  }

  take(owner: Owner): void {
    this.owners.set(keyOf(owner.token), owner);
    owner.nextOwner = owner.endpoint.owners;
    owner.endpoint.owners = owner;
  }

  /** Who waits for this token from this peer; a token never matches for another peer (RFC 7252 §5.3.2). */
  find(token: Buffer, endpoint: Endpoint): Owner | undefined {
    if (token.length !== TOKEN_BYTES) return undefined;
    const owner = this.owners.get(keyOf(token));
    if (owner === undefined || owner.endpoint !== endpoint) return undefined;
    return owner.token.equals(token) ? owner : undefined;
  }

  /** Who waits for this token, from whatever peer: all eight bytes of it, which nobody guesses. */
  findAnywhere(token: Buffer): Owner | undefined {
    if (token.length !== TOKEN_BYTES) return undefined;
    const owner = this.owners.get(keyOf(token));
    return owner?.token.equals(token) === true ? owner : undefined;
  }

  /** Only its present owner can free a token: it may have passed from a request to its observation. */
  free(owner: Owner): void {
    const key = keyOf(owner.token);
    if (this.owners.get(key) === owner) this.owners.delete(key);
    unchain(owner);
  }

  /** Frees the token of a request that failed. */
  bury(owner: Owner): void {
    this.free(owner);
    if (this.tombstones.size < MOST_TOMBSTONES) this.tombstones.set(keyOf(owner.token), owner.endpoint.id);
  }

  isBuried(token: Buffer, endpoint: Endpoint): boolean {
    if (token.length !== TOKEN_BYTES) return false;
    const key = keyOf(token);
    return this.tombstones.get(key) === endpoint.id || this.olderTombstones.get(key) === endpoint.id;
  }

  /** Called once per EXCHANGE_LIFETIME. */
  age(): void {
    this.olderTombstones = this.tombstones;
    this.tombstones = new Map();
  }

  /** A copy: they may be freed while they are worked through. */
  all(): Owner[] {
    return this.owners.values();
  }

  /** Those of one peer, copied likewise. */
  of(endpoint: Endpoint): TokenOwner[] {
    const found: TokenOwner[] = [];
    for (let owner = endpoint.owners; owner !== undefined; owner = owner.nextOwner) found.push(owner);
    return found;
  }
}

function unchain(owner: TokenOwner): void {
  const { endpoint } = owner;
  if (endpoint.owners === owner) endpoint.owners = owner.nextOwner;
  else {
    let before = endpoint.owners;
    while (before !== undefined && before.nextOwner !== owner) before = before.nextOwner;
    if (before !== undefined) before.nextOwner = owner.nextOwner;
  }
  owner.nextOwner = undefined;
}

function keyOf(token: Buffer): number {
  return token.readUIntBE(0, KEY_BYTES);
}

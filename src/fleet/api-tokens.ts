/**
 * Tokens by which applications reach their own devices and no others, for what they were given and nothing else (Y.4702 requirement 54). A
 * token is shown once, when it is made; what is kept is its digest, which tells nothing of it.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../clock';
import { asDeviceManagementError, DeviceManagementError } from '../errors';
import { type DamagedRecord, type RecordKind, Records } from '../store/records';
import { below, type Store } from '../store/store';
import { Selector } from './selector';

/** What a token may be good for: the operations, and to look. */
export const TOKEN_OPERATIONS = [
  'view',
  'read',
  'discover',
  'write',
  'write-attributes',
  'execute',
  'create',
  'delete',
  'read-composite',
  'write-composite',
] as const;
export type TokenOperation = (typeof TOKEN_OPERATIONS)[number];

export interface ApiToken {
  readonly id: string;
  /** For people: which application has it. */
  readonly name: string;
  readonly devices: Selector;
  /** As it was given. */
  readonly select: readonly unknown[];
  readonly operations: readonly TokenOperation[];
  /** Unix milliseconds. */
  readonly since: number;
}

/** Tells ours from those of Node-RED. */
export const TOKEN_PREFIX = 'dm_';

/** 256 random bits cannot be guessed, so that a plain digest is enough to hide them. */
const TOKEN_BYTES = 32;
const ID_BYTES = 6;
const LONGEST_NAME = 100;
const MOST_TOKENS = 1_000;

interface KeptToken {
  readonly name: string;
  readonly select: readonly unknown[];
  readonly operations: readonly TokenOperation[];
  readonly digest: string;
  readonly since: number;
}

const KIND: RecordKind<KeptToken> = { prefix: 'api-token/', version: 1, read };

export class ApiTokens {
  private readonly tokens = new Map<string, ApiToken>();
  private readonly byDigest = new Map<string, ApiToken>();
  private readonly kept = new Map<string, KeptToken>();
  private store: Store | undefined;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  all(): readonly ApiToken[] {
    return [...this.tokens.values()];
  }

  /** Whose token this is. */
  find(secret: string): ApiToken | undefined {
    return this.byDigest.get(digestOf(secret));
  }

  /**
   * @param given `{name, select: ["kitchen-*"], operations: ["view", "read"]}`
   * @returns the token, and the text that proves to have it, which nobody can tell again
   * @throws DeviceManagementError `invalid-value`, `too-large`, `store-failed`
   */
  async create(given: unknown): Promise<{ readonly token: ApiToken; readonly secret: string }> {
    const { name, select, operations } = readToken(given);
    if (this.tokens.size >= MOST_TOKENS) {
      throw new DeviceManagementError('too-large', `there are ${MOST_TOKENS} tokens, which is all that can be: remove some`);
    }
    const id = randomBytes(ID_BYTES).toString('hex');
    const secret = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
    const kept: KeptToken = { name, select, operations, digest: digestOf(secret), since: this.clock.wall() };
    await this.keep(id, kept);
    return { token: this.enter(id, kept), secret };
  }

  /** @returns whether it was there @throws DeviceManagementError `store-failed`: it is good for nothing now, but would be after a restart */
  async remove(id: string): Promise<boolean> {
    const token = this.tokens.get(id);
    if (token === undefined) return false;
    this.tokens.delete(id);
    this.kept.delete(id);
    for (const [digest, other] of this.byDigest) if (other === token) this.byDigest.delete(digest);
    await this.keep(id, undefined);
    return true;
  }

  /** Takes up what an earlier life has left, and keeps there what changes from now on. @throws DeviceManagementError `store-failed` */
  async restore(store: Store, trouble: (reason: string) => void): Promise<void> {
    const onDamaged = ({ key, reason }: DamagedRecord): void =>
      trouble(`a token (${key}) cannot be read: ${reason}; make another`);
    for await (const { id, value } of new Records(store, KIND).all(onDamaged)) this.enter(id, value);
    this.store = store;
  }

  /** Writes all of them once more, where the store may not have them. @throws DeviceManagementError `store-failed` */
  async keepAll(): Promise<void> {
    for (const [id, kept] of this.kept) await this.keep(id, kept);
    const { store } = this;
    if (store === undefined) return;
    // One that was removed meanwhile must not be good again after a restart.
    for await (const { key } of store.range(below(KIND.prefix))) {
      const id = key.slice(KIND.prefix.length);
      if (!this.tokens.has(id)) await this.keep(id, undefined);
    }
  }

  private async keep(id: string, kept: KeptToken | undefined): Promise<void> {
    if (this.store === undefined) return;
    await this.store.batch([new Records(this.store, KIND).change(id, kept)]);
  }

  private enter(id: string, kept: KeptToken): ApiToken {
    const { name, select, operations, digest, since } = kept;
    this.kept.set(id, kept);
    const token: ApiToken = { id, name, devices: Selector.of(select), select, operations, since };
    this.tokens.set(id, token);
    this.byDigest.set(digest, token);
    return token;
  }
}

function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function readToken(given: unknown): Pick<KeptToken, 'name' | 'select' | 'operations'> {
  const { name, select, operations } = (given ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof name !== 'string' || name.trim() === '' || name.length > LONGEST_NAME || /\p{C}/u.test(name)) {
    throw invalid(`name must say which application this token is for, in 1 to ${LONGEST_NAME} characters`);
  }
  const isSubset =
    Array.isArray(operations) && operations.length > 0 && operations.every((one) => TOKEN_OPERATIONS.includes(one));
  if (!isSubset) throw invalid(`operations must be a list of ${TOKEN_OPERATIONS.join(', ')}`);
  try {
    const parts = Array.isArray(select) ? select : [select];
    if (parts.length === 0) throw new Error('it is empty');
    Selector.of(parts);
    return { name: name.trim(), select: parts, operations: [...new Set(operations)] };
  } catch (caught) {
    throw invalid(`select: ${asDeviceManagementError(caught).message}`);
  }
}

/** @throws Error when it is none */
function read(value: unknown): KeptToken {
  const { name, select, operations, digest, since } = (value ?? {}) as Partial<KeptToken>;
  const isToken =
    typeof name === 'string' &&
    Array.isArray(select) &&
    Array.isArray(operations) &&
    typeof digest === 'string' &&
    typeof since === 'number';
  if (!isToken) throw new Error('it is not a token');
  return value as KeptToken;
}

function invalid(text: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', text);
}

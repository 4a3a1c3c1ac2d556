/** Sessions to be resumed (RFC 5246 §7.3): a server's by session id, a client's by the address of the server. */
import type { KeyObject } from 'node:crypto';
import type { PeerIdentity } from './association-view';

export interface Session {
  readonly id: Buffer;
  readonly master: KeyObject;
  readonly suite: number;
  readonly encryptThenMac: boolean;
  readonly identity: PeerIdentity;
  /** Milliseconds, monotonic. */
  readonly since: number;
}

/** Told of what is to be resumed, and what no more. */
export interface SessionWatcher {
  added(session: Session): void;
  forgotten(session: Session): void;
}

export class Sessions {
  watcher: SessionWatcher | undefined;
  /** Oldest first. */
  private readonly byKey = new Map<string, Session>();
  private readonly byName = new Map<string, Set<string>>();

  constructor(
    private readonly most: number,
    private readonly lifeMs: number,
  ) {}

  get size(): number {
    return this.byKey.size;
  }

  get enabled(): boolean {
    return this.most > 0;
  }

  all(): Iterable<Session> {
    return this.byKey.values();
  }

  find(key: string, now: number): Session | undefined {
    const session = this.byKey.get(key);
    if (session === undefined || now - session.since < this.lifeMs) return session;
    this.forget(key);
    return undefined;
  }

  add(key: string, session: Session): void {
    if (!this.enabled) return;
    this.forget(key);
    if (this.byKey.size >= this.most) this.forget(this.byKey.keys().next().value as string);
    this.byKey.set(key, session);
    this.watcher?.added(session);
    const { name } = session.identity;
    const keys = this.byName.get(name);
    if (keys === undefined) this.byName.set(name, new Set([key]));
    else keys.add(key);
  }

  forget(key: string): void {
    const session = this.byKey.get(key);
    if (session === undefined) return;
    this.byKey.delete(key);
    this.watcher?.forgotten(session);
    const keys = this.byName.get(session.identity.name);
    keys?.delete(key);
    if (keys?.size === 0) this.byName.delete(session.identity.name);
  }

  /** All of an identity: its key is no longer to be trusted. */
  revoke(name: string): void {
    for (const key of [...(this.byName.get(name) ?? [])]) this.forget(key);
  }
}

/** A session id as the key of a table. */
export function sessionKey(id: Buffer): string {
  return id.toString('latin1');
}

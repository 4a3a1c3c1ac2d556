/** The sessions of a DTLS endpoint in a store, so that a device that has lost its association need not prove itself from the beginning. */
import { createSecretKey } from 'node:crypto';
import type { Clock } from '../../clock';
import { type Session, type Sessions, sessionKey } from '../../dtls/sessions';
import { type DamagedRecord, Records } from '../../store/records';
import type { Store } from '../../store/store';
import { Turns } from '../../turns';
import type { Commits } from './association-keeper';
import { type KeptSession, SESSIONS } from './association-kinds';
import type { ProofSeal } from './proof-seal';

export class SessionKeeper {
  private readonly records: Records<KeptSession>;

  constructor(
    private readonly sessions: Sessions,
    private readonly clock: Clock,
    store: Store,
    private readonly seal: ProofSeal,
    private readonly commits: Commits,
    private readonly damaged: (what: string, record: DamagedRecord) => void,
  ) {
    this.records = new Records(store, SESSIONS);
  }

  /** From now on. */
  begin(): void {
    this.sessions.watcher = {
      added: (session) => this.keep(session),
      forgotten: ({ id }) => this.say(id.toString('hex'), undefined),
    };
  }

  /** What an earlier life has left. */
  async restore(): Promise<void> {
    const turns = new Turns();
    const found: Session[] = [];
    for await (const { id, value } of this.records.all((record) => this.damaged('DTLS session', record))) {
      const session = this.opened(id, value);
      if (session === undefined) this.say(id, undefined);
      else found.push(session);
      await turns.next();
    }
    // In the order in which they give way.
    for (const session of found.sort((a, b) => a.since - b.since)) {
      this.sessions.add(sessionKey(session.id), session);
      await turns.next();
    }
  }

  /** Writes all of it once more, where the store may not have it. */
  async keepAll(): Promise<void> {
    const turns = new Turns();
    for (const session of [...this.sessions.all()]) {
      this.keep(session);
      await turns.next();
    }
    const now = this.clock.monotonic();
    for await (const { id } of this.records.all((record) => this.damaged('DTLS session', record))) {
      if (this.sessions.find(sessionKey(Buffer.from(id, 'hex')), now) === undefined) this.say(id, undefined);
      await turns.next();
    }
  }

  private keep({ id, master, suite, encryptThenMac, identity, since }: Session): void {
    const text = id.toString('hex');
    const sealed = this.seal.sealed(master.export(), identity, purposeOf(text));
    if (sealed === undefined) return;
    const { security, name } = identity;
    const age = this.clock.monotonic() - since;
    this.say(text, { sealed, suite, encryptThenMac, security, name, since: Math.floor(this.clock.wall() - age) });
  }

  private opened(text: string, { sealed, suite, encryptThenMac, security, name, since }: KeptSession): Session | undefined {
    const identity = { security, name };
    try {
      const { secret, isGood } = this.seal.open(sealed, purposeOf(text));
      if (!isGood(identity)) return undefined;
      // A clock that was set back must not make it younger than it is.
      const age = Math.max(0, this.clock.wall() - since);
      const master = createSecretKey(secret);
      const session = { id: Buffer.from(text, 'hex'), master, suite, encryptThenMac, identity };
      return { ...session, since: this.clock.monotonic() - age };
    } catch {
      // Another key of the store: told of where the keys of devices are read.
      return undefined;
    }
  }

  private say(id: string, value: KeptSession | undefined): void {
    this.commits.commits.commit([this.records.change(id, value)]).then(
      () => this.commits.committed(),
      (caught) => this.commits.failed(caught),
    );
  }
}

function purposeOf(id: string): string {
  return `session/${id}`;
}

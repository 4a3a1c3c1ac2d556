/**
 * What of DTLS outlives the process: associations, so that a restart needs no handshake, and sessions. The numbers of this life's records
 * are reserved on disk before an association of an earlier life is taken up (`dtls/lives.ts`).
 */
import type { Clock } from '../../clock';
import type { DtlsEndpoint } from '../../dtls/dtls';
import { lifeAfter } from '../../dtls/lives';
import { GroupCommit } from '../../store/group-commit';
import { type DamagedRecord, Records } from '../../store/records';
import type { Seal } from '../../store/seal';
import type { Store } from '../../store/store';
import { AssociationKeeper, type Commits } from './association-keeper';
import { type KeptLife, LIVES } from './association-kinds';
import type { KeeperTrouble } from './device-keeper';
import { type CredentialDigest, ProofSeal } from './proof-seal';
import { SessionKeeper } from './session-keeper';

const LAST = 'last';

export interface SecuredStateOptions {
  readonly endpoint: DtlsEndpoint;
  readonly clock: Clock;
  /** Rejects when what the server trusts cannot be read. */
  readonly digests: () => Promise<CredentialDigest>;
}

interface Keepers {
  readonly lives: Records<KeptLife>;
  readonly associations: AssociationKeeper;
  readonly sessions: SessionKeeper;
  readonly store: Store;
  readonly commits: GroupCommit;
}

export class SecuredState {
  private keepers: Keepers | undefined;
  /** Of this process; undefined until its numbers are reserved. */
  private life: number | undefined;
  private troubled = false;

  constructor(private readonly options: SecuredStateOptions) {}

  /**
   * Takes up what an earlier life has left, and keeps it there from now on. Once the devices that were provisioned are known, and before the
   * first is heard.
   * @throws DeviceManagementError `store-failed`, or why it is not known what is trusted
   */
  async restore(store: Store, seal: Seal, trouble: KeeperTrouble): Promise<void> {
    const { endpoint, clock, digests } = this.options;
    const proofs = new ProofSeal(seal, await digests());
    const commits = new GroupCommit(store, clock);
    const writing: Commits = {
      commits,
      committed: () => {
        this.troubled = false;
      },
      failed: (caught) => this.failed(caught, trouble),
    };
    const damaged = (what: string, record: DamagedRecord): void => trouble(textOf(what, record));
    this.keepers = {
      lives: new Records(store, LIVES),
      associations: new AssociationKeeper(endpoint, clock, store, proofs, writing, damaged),
      sessions: new SessionKeeper(endpoint.sessions, clock, store, proofs, writing, damaged),
      store,
      commits,
    };
    const last = await this.keepers.lives.get(LAST, (record) => damaged('count of lives', record));
    await this.begin(this.keepers, last);
    await this.keepers.associations.restore(last !== undefined);
    await this.keepers.sessions.restore();
    this.keepers.sessions.begin();
  }

  /** Everything that was said is in the store. */
  async flush(): Promise<void> {
    this.keepers?.associations.writeLate();
    await this.keepers?.commits.flush();
  }

  /** Writes all of it once more, where the store may not have it. @throws DeviceManagementError `store-failed` */
  async keepAll(): Promise<void> {
    const { keepers } = this;
    if (keepers === undefined) return;
    const last = await keepers.lives.get(LAST, () => undefined);
    if (this.life === undefined) {
      await this.begin(keepers, last);
      keepers.sessions.begin();
    } else await this.reserve(keepers, Math.max(this.life, last?.life ?? 0));
    await keepers.associations.keepAll();
    await keepers.sessions.keepAll();
  }

  private async begin(keepers: Keepers, last: KeptLife | undefined): Promise<void> {
    const life = lifeAfter(last?.life, this.options.clock.wall());
    await this.reserve(keepers, life);
    this.life = life;
    keepers.associations.begin(life);
  }

  private reserve({ store, lives }: Keepers, life: number): Promise<void> {
    // Not even a power cut may take it back: what it reserves is used at once.
    return store.batch([lives.change(LAST, { life })], { synced: true });
  }

  private failed(caught: unknown, trouble: KeeperTrouble): void {
    if (this.troubled) return;
    this.troubled = true;
    const reason = caught instanceof Error ? caught.message : String(caught);
    trouble(`what DTLS has agreed on with devices is kept in memory only, and a restart would need new handshakes: ${reason}`);
  }
}

function textOf(what: string, { key, reason, movedTo }: DamagedRecord): string {
  const where = movedTo === undefined ? 'it was left where it is' : `it was set aside as ${movedTo}`;
  return `a ${what} (${key}) cannot be read: ${reason}; ${where}`;
}

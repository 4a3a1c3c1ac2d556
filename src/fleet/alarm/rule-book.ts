/** The rules of all nodes, found by what they are about. One type means the same in every node that has it. */
import { DeviceManagementError } from '../../errors';
import type { AlarmRule, SourceEvent } from './rule';

export type Matches = (device: string) => boolean;

/** Of all nodes together: each is looked at for every value of its resource. */
const MOST_RULES = 500;

interface Entry {
  readonly rule: AlarmRule;
  readonly owners: Map<string, Matches>;
}

export class RuleBook {
  private readonly entries = new Map<string, Entry>();
  /** By object and resource. */
  private byResource = new Map<string, readonly AlarmRule[]>();

  /**
   * The rules of an owner, instead of those it had.
   * @returns types nobody has any more
   * @throws DeviceManagementError `invalid-request`, and nothing has changed
   */
  declare(owner: string, rules: readonly AlarmRule[], matches: Matches): readonly string[] {
    const types = new Set(rules.map(({ type }) => type));
    if (types.size < rules.length) throw new DeviceManagementError('invalid-request', '"type" must be another in every rule');
    for (const rule of rules) this.checkAgainstOthers(owner, rule);
    const added = rules.filter(({ type }) => !this.entries.has(type)).length;
    if (this.entries.size + added > MOST_RULES)
      throw new DeviceManagementError('too-large', `there may be ${MOST_RULES} alarm rules at most`);
    const gone = this.remove(owner, types);
    for (const rule of rules) {
      const owners = this.entries.get(rule.type)?.owners ?? new Map<string, Matches>();
      this.entries.set(rule.type, { rule, owners: owners.set(owner, matches) });
    }
    this.index();
    return gone;
  }

  /** @returns types nobody has any more */
  remove(owner: string, except: ReadonlySet<string> = new Set()): readonly string[] {
    const gone: string[] = [];
    for (const [type, { owners }] of this.entries) {
      if (except.has(type) || !owners.delete(owner) || owners.size > 0) continue;
      this.entries.delete(type);
      gone.push(type);
    }
    this.index();
    return gone;
  }

  get(type: string): AlarmRule | undefined {
    return this.entries.get(type)?.rule;
  }

  /** Rules about a resource of this device; `path` may be that of a resource instance. */
  about(device: string, path: string): readonly AlarmRule[] {
    const [, object, instance, resource] = path.split('/');
    const rules = this.byResource.get(`${object}/${resource}`) ?? [];
    return rules.filter((rule) => {
      const wanted = rule.path?.split('/')[2];
      return (wanted === '*' || wanted === instance) && this.isFor(rule, device);
    });
  }

  get hasSilence(): boolean {
    return [...this.entries.values()].some(({ rule }) => rule.silence !== undefined);
  }

  on(device: string, event: SourceEvent): readonly AlarmRule[] {
    return this.all(device, ({ raiseOn, clearOn }) => raiseOn?.includes(event) || clearOn?.includes(event) || false);
  }

  silent(device: string): readonly AlarmRule[] {
    return this.all(device, ({ silence }) => silence !== undefined);
  }

  private all(device: string, fits: (rule: AlarmRule) => boolean): readonly AlarmRule[] {
    return [...this.entries.values()].map(({ rule }) => rule).filter((rule) => fits(rule) && this.isFor(rule, device));
  }

  private isFor({ type }: AlarmRule, device: string): boolean {
    for (const matches of this.entries.get(type)?.owners.values() ?? []) if (matches(device)) return true;
    return false;
  }

  private checkAgainstOthers(owner: string, rule: AlarmRule): void {
    const known = this.entries.get(rule.type);
    if (known === undefined || JSON.stringify(known.rule) === JSON.stringify(rule)) return;
    if ([...known.owners.keys()].every((other) => other === owner)) return;
    throw new DeviceManagementError(
      'invalid-request',
      `"type" "${rule.type}" is a different rule in another alarm node: name it otherwise`,
    );
  }

  private index(): void {
    const index = new Map<string, AlarmRule[]>();
    for (const { rule } of this.entries.values()) {
      if (rule.path === undefined) continue;
      const [, object, , resource] = rule.path.split('/');
      const key = `${object}/${resource}`;
      index.set(key, [...(index.get(key) ?? []), rule]);
    }
    this.byResource = index;
  }
}

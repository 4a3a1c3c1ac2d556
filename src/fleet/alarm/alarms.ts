/**
 * The alarms of a fleet: one for each device, type and instance. Conditions come in as values and events; what goes out is a change of an alarm,
 * and nothing where nothing changed. All of it is in the store, so that a restart changes nothing either.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../clock';
import { DeviceManagementError } from '../../errors';
import { Events } from '../../events';
import type { Store } from '../../store/store';
import { Turns } from '../../turns';
import type { Audit } from '../audit';
import type { Durable, Trouble } from '../durable';
import type { Locks } from '../lock';
import { type Alarm, type AlarmChange, type AlarmChangeName, isActive } from './alarm';
import { type Case, CaseJournal, caseKey } from './case';
import { CaseTable } from './case-table';
import { CaseTimers } from './case-timers';
import { next } from './lifecycle';
import { OPERATOR_ACTS, type OperatorRequest } from './operator';
import {
  countedAlarm,
  countsUntil,
  FLAP_MS,
  FLAPS,
  instanceOf,
  isRaised,
  isWanted,
  raisedAlarm,
  recent,
  shortened,
} from './raising';
import { type AlarmRule, judge, SEVERITIES, type SourceEvent } from './rule';
import { type Matches, RuleBook } from './rule-book';

export interface AlarmsOptions {
  readonly clock: Clock;
  readonly locks: Locks;
  readonly audit: Audit;
  /** Whose trouble explains that of this device: its gateway. */
  readonly parentOf: (device: string) => string | undefined;
  readonly newId?: () => string;
}

/** A condition or alarm each: a fleet of 10,000 with five each. */
const MOST_CASES = 50_000;
/** A flapping alarm is held until it has been quiet for this long. */
const QUIET_MS = 300_000;
/** What is behind a gateway has this long to come back after it. */
const REVEAL_MS = 60_000;

export class Alarms implements Durable {
  readonly events = new Events<{ changed: AlarmChange; declared: { readonly watchesSilence: boolean } }>();
  private readonly rules = new RuleBook();
  private readonly cases = new CaseTable();
  private readonly timers: CaseTimers;
  private journal: CaseJournal | undefined;
  private readonly newId: () => string;
  private readonly unsubscribe: () => void;

  constructor(private readonly options: AlarmsOptions) {
    this.newId = options.newId ?? (() => randomBytes(8).toString('hex'));
    this.timers = new CaseTimers(options.clock, (key) => this.due(key));
    this.unsubscribe = options.locks.events.on('released', ({ device }) => this.reevaluate(device));
  }

  get size(): number {
    return this.cases.size;
  }

  /** The rules of an owner, instead of those it had; alarms of those it has no more end. @throws DeviceManagementError naming the field */
  declare(owner: string, rules: readonly AlarmRule[], matches: Matches): void {
    this.drop(this.rules.declare(owner, rules, matches));
    this.events.emit('declared', { watchesSilence: this.rules.hasSilence });
  }

  removeOwner(owner: string): void {
    this.drop(this.rules.remove(owner));
    this.events.emit('declared', { watchesSilence: this.rules.hasSilence });
  }

  /** All that is open, also what is hidden; of one device or of all. */
  open(device?: string): readonly Alarm[] {
    return this.cases.of(device).flatMap(({ alarm }) => (alarm === undefined ? [] : [alarm]));
  }

  /** Those whose condition is there and that nothing hides. */
  active(device?: string): readonly Alarm[] {
    return this.open(device).filter((alarm) => isActive(alarm) && alarm.hiding === 'shown');
  }

  /** @returns types of the rules the value is of the wrong type for */
  value(device: string, path: string, value: unknown): readonly string[] {
    const wrong: string[] = [];
    for (const rule of this.rules.about(device, path)) {
      const verdict = judge(rule, value);
      if (verdict === 'wrong-type') wrong.push(rule.type);
      else if (verdict !== undefined) this.said(rule, device, verdict, instanceOf(rule, path), value);
    }
    return wrong;
  }

  /** @param parent as the event knows it, where the device itself is not known any more */
  event(device: string, event: SourceEvent, parent?: string): void {
    for (const rule of this.rules.on(device, event)) {
      this.said(rule, device, rule.raiseOn?.includes(event) ?? false, undefined, event, parent);
    }
  }

  /** @param quietMs since the last word @param leastMs what it may be silent for in any case */
  silence(device: string, quietMs: number, leastMs = 0): void {
    for (const rule of this.rules.silent(device)) {
      const limit = Math.max((rule.silence as number) * 1000, leastMs);
      this.said(rule, device, quietMs > limit, undefined, Math.round(quietMs / 1000));
    }
  }

  /** What an operator does with an alarm. @throws DeviceManagementError `invalid-request` when it cannot be done, saying why */
  operate(name: string, of: Pick<Alarm, 'device' | 'type' | 'instance'>, request: Omit<OperatorRequest, 'now'>): Alarm {
    const { device, type, instance } = of;
    const known = this.cases.get(caseKey(device, type, instance));
    const act = OPERATOR_ACTS[name];
    if (known?.alarm === undefined || act === undefined)
      throw new DeviceManagementError('invalid-request', `device '${device}' has no open alarm "${type}"`, { device });
    const { change, alarm } = act(known.alarm, { ...request, now: this.now });
    // Whoever clears it says that the cause is gone; the next value may say otherwise.
    if (alarm.state === 'normal') Object.assign(known, { met: false, times: [], dueAt: undefined });
    this.tell(known, change, alarm, request.actor);
    return alarm;
  }

  async restore(store: Store, trouble: Trouble): Promise<void> {
    const journal = new CaseJournal(store, this.options.clock, trouble);
    const turns = new Turns();
    for await (const kept of journal.load()) {
      if (this.cases.get(kept.key) !== undefined) continue;
      this.cases.add(kept);
      this.arm(kept);
      await turns.next();
    }
    this.journal = journal;
    for (const known of this.cases.of()) journal.keep(known.key, known);
  }

  async flush(): Promise<void> {
    await this.journal?.flush();
  }

  async keepAll(): Promise<void> {
    for (const known of this.cases.of()) this.journal?.keep(known.key, known);
    await this.flush();
  }

  /** All nodes have said their rules: alarms of a rule that is no more end. */
  resume(): void {
    const types = new Set(this.cases.of().map(({ type }) => type));
    this.drop([...types].filter((type) => this.rules.get(type) === undefined));
  }

  close(): void {
    this.unsubscribe();
    this.timers.close();
  }

  private said(rule: AlarmRule, device: string, met: boolean, instance?: string, value?: unknown, parent?: string): void {
    const key = caseKey(device, rule.type, instance);
    let known = this.cases.get(key);
    if (known === undefined) {
      if (!met || this.cases.size >= MOST_CASES) return;
      known = {
        key,
        device,
        type: rule.type,
        ...(instance !== undefined && { instance }),
        met: false,
        times: [],
        transitions: [],
      };
      this.cases.add(known);
    }
    const isEvent = rule.raiseOn !== undefined;
    if (known.met === met && !(met && isEvent)) return;
    const wasMet = known.met;
    known.met = met;
    if (met) {
      known.value = shortened(value);
      this.cases.moveTo(known, this.options.parentOf(device) ?? parent ?? known.parent);
      known.times = recent([...known.times, this.now], rule.within * 1000, this.now, rule.times);
    }
    const { alarm, value: newest } = known;
    if (met && wasMet && alarm !== undefined && isRaised(known)) known.alarm = countedAlarm(alarm, newest, this.now);
    else this.weigh(rule, known);
    this.settle(known);
  }

  /** The condition has changed: at once, after a delay, or when it has stopped flapping. */
  private weigh(rule: AlarmRule, known: Case): void {
    const wanted = isWanted(known, rule);
    if (known.alarm?.flapping) known.dueAt = this.now + QUIET_MS;
    else if (wanted === isRaised(known)) known.dueAt = undefined;
    else {
      const delay = wanted ? rule.onDelay : rule.offDelay;
      if (delay > 0) known.dueAt ??= this.now + delay * 1000;
      else this.decide(rule, known);
    }
  }

  private decide(rule: AlarmRule, known: Case): void {
    known.dueAt = undefined;
    const { alarm } = known;
    const wanted = isWanted(known, rule);
    if (wanted === isRaised(known)) return;
    // Work on a device makes it silent, reboot and change its version; what is still wrong when it ends counts (`reevaluate`).
    if (wanted && this.options.locks.holderOf(known.device) !== undefined) return;
    known.transitions = recent([...known.transitions, this.now], FLAP_MS, this.now, FLAPS);
    if (wanted) this.raise(rule, known);
    else if (alarm !== undefined) this.leave(known, alarm, rule.latch);
    if (known.alarm !== undefined && known.transitions.length >= FLAPS && !known.alarm.flapping) {
      known.dueAt = this.now + QUIET_MS;
      this.tell(known, 'flapping', { ...known.alarm, flapping: true });
    }
  }

  private raise(rule: AlarmRule, known: Case): void {
    const { parent } = known;
    const isExplained = parent !== undefined && this.active(parent).some(({ eventType }) => eventType === rule.eventType);
    known.escalateAt = rule.escalateAfter > 0 ? this.now + rule.escalateAfter * 1000 : undefined;
    this.tell(known, 'raised', raisedAlarm(rule, known, this.now, this.newId, isExplained ? parent : undefined));
  }

  private leave(known: Case, alarm: Alarm, latches: boolean): void {
    const state = next(alarm.state, 'return', latches) as Alarm['state'];
    this.tell(known, state === 'normal' ? 'cleared' : (state as 'returned' | 'latched'), { ...alarm, state });
  }

  private due(key: string): void {
    const known = this.cases.get(key);
    const rule = known && this.rules.get(known.type);
    if (known === undefined || rule === undefined) return;
    const { alarm } = known;
    if (this.isDue(known.dueAt)) {
      if (alarm?.flapping) Object.assign(known, { alarm: { ...alarm, flapping: false }, transitions: [] });
      this.decide(rule, known);
    }
    if (this.isDue(known.escalateAt)) this.escalate(rule, known);
    if (this.isDue(known.revealAt)) {
      known.revealAt = undefined;
      if (known.alarm?.hiding === 'suppressed') this.show(known, known.alarm);
    }
    if (this.isDue(known.alarm?.shelvedUntil)) this.show(known, known.alarm as Alarm);
    this.settle(known);
  }

  private escalate(rule: AlarmRule, known: Case): void {
    known.escalateAt = undefined;
    const { alarm } = known;
    if (alarm?.state !== 'unacknowledged') return;
    const severity = SEVERITIES[SEVERITIES.indexOf(alarm.severity) - 1];
    if (severity === undefined) return;
    known.escalateAt = this.now + rule.escalateAfter * 1000;
    this.tell(known, 'upgraded', { ...alarm, severity });
  }

  private show(known: Case, { shelvedUntil, parent, ...alarm }: Alarm): void {
    this.tell(known, 'shown', { ...alarm, hiding: 'shown' });
  }

  /** The one place where an alarm changes. */
  private tell(known: Case, change: AlarmChangeName, alarm: Alarm, actor = 'alarm rules'): void {
    known.alarm = alarm.state === 'normal' ? undefined : alarm;
    this.settle(known);
    this.options.audit({
      actor,
      action: `alarm ${alarm.type} ${change}`,
      device: alarm.device,
      outcome: 'done',
      thread: alarm.id,
      ...(alarm.value !== undefined && { detail: `value ${alarm.value}` }),
    });
    this.events.emit('changed', { change, alarm });
    if (alarm.hiding === 'shown') this.tellChildren(alarm);
  }

  private tellChildren({ device, state, eventType }: Alarm): void {
    if (state === 'acknowledged') return;
    for (const known of this.cases.childrenOf(device)) {
      const { alarm } = known;
      if (alarm?.eventType !== eventType) continue;
      const isWell = state !== 'unacknowledged';
      if (isWell && alarm.parent !== device) continue;
      known.revealAt = isWell ? this.now + REVEAL_MS : undefined;
      if (isWell || alarm.hiding !== 'shown' || !isActive(alarm)) this.settle(known);
      else this.tell(known, 'suppressed', { ...alarm, hiding: 'suppressed', parent: device });
    }
  }

  private reevaluate(device: string): void {
    for (const known of this.cases.of(device)) {
      const rule = this.rules.get(known.type);
      if (rule !== undefined && known.dueAt === undefined) this.weigh(rule, known);
      this.settle(known);
    }
  }

  private drop(types: readonly string[]): void {
    if (types.length === 0) return;
    for (const known of this.cases.of()) {
      if (!types.includes(known.type)) continue;
      Object.assign(known, { met: false, times: [], transitions: [], dueAt: undefined });
      if (known.alarm !== undefined) this.tell(known, 'cleared', { ...known.alarm, state: 'normal' });
      this.settle(known);
    }
  }

  /** Keeps what is worth keeping, and waits for what is due. */
  private settle(known: Case): void {
    const isOver = !known.met && known.alarm === undefined && known.dueAt === undefined && this.overAt(known) <= this.now;
    if (isOver) this.cases.delete(known);
    this.journal?.keep(known.key, isOver ? undefined : known);
    this.arm(known);
  }

  private overAt(known: Case): number {
    return countsUntil(known, this.rules.get(known.type));
  }

  private arm(known: Case): void {
    const { key, dueAt, escalateAt, revealAt, alarm, met } = known;
    if (this.cases.get(key) === undefined) return this.timers.set(key, []);
    const overAt = met || alarm !== undefined ? undefined : this.overAt(known);
    this.timers.set(key, [dueAt, escalateAt, revealAt, alarm?.shelvedUntil, overAt]);
  }

  private isDue(at: number | undefined): boolean {
    return at !== undefined && at <= this.now;
  }

  private get now(): number {
    return this.options.clock.wall();
  }
}

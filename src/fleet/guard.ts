/**
 * May this device be disturbed now? Before a disruptive operation (reboot, update, reset, configuration) its state is read and held against
 * rules. The answer is "go", or why not and when to ask again.
 */
import type { Clock } from '../clock';
import type { DeviceManager, Registration } from '../device/manager';
import type { Value } from '../device/value';
import { asDeviceManagementError, type ErrorCode } from '../errors';
import type { Audit } from './audit';
import { GUARD_CHECKS, type Readings } from './guard-checks';
import type { GuardContext, GuardReason, GuardRules } from './guard-rules';
import type { Locks } from './lock';
import { readWindow } from './window';
import type { Zone } from './zone';

export interface Deferral {
  readonly go: false;
  readonly reason: GuardReason;
  /** For a person. */
  readonly text: string;
  readonly value?: unknown;
  readonly limit?: unknown;
  /** Unix milliseconds; absent: when the device comes, or never by itself. */
  readonly retryAt?: number;
}

export type Verdict = { readonly go: true; readonly warnings: readonly string[] } | Deferral;

const SILENCES: ReadonlySet<ErrorCode> = new Set(['timeout', 'disconnected', 'not-registered', 'asleep', 'cancelled']);
/** When a battery or a radio may look different. */
const RETRY_MS = 5 * 60_000;

export interface GuardParts {
  readonly manager: DeviceManager;
  readonly clock: Clock;
  readonly locks: Locks;
  readonly audit: Audit;
  readonly zoneOf: (device: string) => Zone;
}

export class Guards {
  constructor(private readonly parts: GuardParts) {}

  /** Reads what the rules need, each object once. Never rejects. */
  async check(device: string, rules: GuardRules, context: GuardContext): Promise<Verdict> {
    const verdict = await this.judged(device, rules, context);
    if (verdict.go || context.force === undefined) return verdict;
    this.parts.audit({
      actor: context.force,
      action: 'override guard',
      device,
      outcome: 'done',
      detail: `${verdict.text}; ${context.holder} goes on all the same`,
    });
    return { go: true, warnings: [verdict.text] };
  }

  private async judged(device: string, rules: GuardRules, context: GuardContext): Promise<Verdict> {
    const standing = this.locked(device, rules, context) ?? this.closed(device, rules);
    if (standing !== undefined) return standing;
    const { manager, clock } = this.parts;
    const registration = manager.registration(device);
    const absence = this.absent(device, registration);
    if (absence !== undefined || registration === undefined) return absence as Deferral;
    const checks = GUARD_CHECKS.filter(({ applies }) => applies(rules, registration));
    const paths = checks.flatMap(({ reads }) => reads(rules, registration));
    const readings = await this.read(device, new Set(paths));
    if ('go' in readings) return readings;
    const now = clock.wall();
    const warnings: string[] = [];
    for (const { reason, finds } of checks) {
      const finding = finds({ rules, registration, readings, context, now });
      if (finding === undefined) continue;
      const { isMissing = false, ...rest } = finding;
      const policy = isMissing ? (rules.missing ?? 'warn') : 'block';
      if (policy === 'block') return { go: false, reason: isMissing ? 'unknown' : reason, retryAt: now + RETRY_MS, ...rest };
      if (policy === 'warn') warnings.push(finding.text);
    }
    return { go: true, warnings };
  }

  private locked(device: string, { lock = true }: GuardRules, { holder }: GuardContext): Deferral | undefined {
    const { locks, clock } = this.parts;
    const held = lock ? locks.holderOf(device) : undefined;
    if (held === undefined || held.holder === holder) return undefined;
    const text = `${held.holder} works on the device (${held.why})`;
    return { go: false, reason: 'locked', text, value: held.holder, retryAt: clock.wall() + RETRY_MS };
  }

  private closed(device: string, { window }: GuardRules): Deferral | undefined {
    if (window === undefined) return undefined;
    const { clock, zoneOf } = this.parts;
    const [now, zone, rule] = [clock.wall(), zoneOf(device), readWindow(window)];
    const opensAt = rule.opensAt(now, zone);
    if (opensAt === now) return undefined;
    if (opensAt === undefined) return { go: false, reason: 'window', text: 'its maintenance window does not open within a year' };
    const text = `its maintenance window opens at ${new Date(opensAt).toISOString()} (${zone})`;
    return { go: false, reason: 'window', text, retryAt: opensAt };
  }

  private absent(device: string, registration: Registration | undefined): Deferral | undefined {
    const presence = registration === undefined ? 'gone' : this.parts.manager.presence(device);
    if (presence === 'reachable') return undefined;
    return presence === 'asleep'
      ? { go: false, reason: 'asleep', text: 'the device is asleep' }
      : { go: false, reason: 'offline', text: 'the device is not registered' };
  }

  /** What the device will not tell is missing; a device that does not answer is not there. */
  private async read(device: string, paths: ReadonlySet<string>): Promise<Readings | Deferral> {
    const readings = new Map<string, Value>();
    for (const path of paths) {
      try {
        const { values } = await this.parts.manager.perform(device, { operation: 'read', path });
        for (const { path: of, value } of values) readings.set(of, value);
      } catch (caught) {
        const { code } = asDeviceManagementError(caught);
        if (!SILENCES.has(code)) continue;
        return { go: false, reason: 'offline', text: 'the device does not answer', retryAt: this.parts.clock.wall() + RETRY_MS };
      }
    }
    return readings;
  }
}

/**
 * Settings that can cut a device off, such as its Wi-Fi:
 *
 *   read the old ──> write the new ──> heard within the time ──> has it, and its link works ──> kept
 *                           │                     └── fell back by itself: write the old ──> restored
 *                           └── silent: not restored yet, and the old waits in the queue until the device is heard,
 *                               in this life of the server or the next ──> restored
 *
 * What cannot be read (keys are write-only) is restored only if whoever asks says what it was. Secrets are in requests alone, never in a
 * report.
 */
import type { Clock } from '../clock';
import type { DeviceManager } from '../device/manager';
import type { OperationRequest } from '../device/operation';
import type { Value } from '../device/value';
import { DeviceManagementError } from '../errors';
import type { GuardReport } from './guard-terms';
import type { Listener, Order, Outcome } from './outcomes';
import { type Setting, settingRequest, shownSetting, WRITE_PRESETS, type WritePreset } from './presets/write-presets';
import type { RequestQueue } from './request-queue';
import { awaitSignOfLife } from './sign-of-life';
import { contextOf, stopped } from './waiting-errors';

export type GuardedOrder = Order & Required<Pick<Order, 'guard'>>;

export interface GuardedWritesOptions {
  readonly manager: DeviceManager;
  readonly requests: RequestQueue;
  readonly clock: Clock;
}

/** Of the steps of a guarded write: no node has this id. */
const OWNER = 'guarded writes';
/** A device that has lost its network may be carried back in weeks. */
const RESTORE_TTL_MS = 30 * 86_400_000;
/** The device may have done what it was told, and could not say so any more. */
const PERHAPS_WRITTEN: ReadonlySet<string> = new Set(['timeout', 'disconnected']);

export class GuardedWrites {
  /** Written, and not heard of since: what it had before, and how to stop waiting. */
  private readonly unheard = new Map<GuardedOrder, { readonly before: Setting; readonly stop: () => void }>();

  constructor(private readonly options: GuardedWritesOptions) {
    options.requests.outcomes.succeed(OWNER, ({ guards }) => {
      if (isGuarded(guards)) void this.run(guards);
    });
  }

  /** `listener` is told the outcome; that a device which was silent has its old setting again is told to the successor of the owner. */
  submit(order: GuardedOrder, listener?: Listener): void {
    if (listener !== undefined) this.options.requests.outcomes.expect(order, listener);
    void this.run(order);
  }

  /** What cannot be watched to its end is put right when the device is heard in the next life. */
  close(): void {
    for (const [order, { before, stop }] of this.unheard) {
      stop();
      this.restoreWhenHeard(order, before);
      this.options.requests.outcomes.settle(order, { error: stopped(order) });
    }
    this.unheard.clear();
  }

  private async run(order: GuardedOrder): Promise<void> {
    const outcome = await this.outcomeOf(order);
    this.options.requests.outcomes.settle(order, 'error' in outcome ? { error: concealed(outcome.error, order) } : outcome);
  }

  private async outcomeOf(order: GuardedOrder): Promise<Outcome> {
    const { guard, request } = order;
    const old = await this.read(order);
    if (old instanceof DeviceManagementError) return { error: old };
    // Whoever asked may have gone while the device slept.
    if (!this.options.requests.outcomes.isWanted(order)) return { error: stopped(order) };
    const before: Setting = { ...only(old, guard.setting), ...guard.restore };
    const written = await this.ask(order, request, { whenAsleep: 'fail' });
    if ('error' in written && !PERHAPS_WRITTEN.has(written.error.code)) return written;
    if (await this.isHeard(order, before)) return this.judge(order, before, written);
    const isLeft = this.restoreWhenHeard(order, before);
    if ('error' in written) return written;
    return isLeft ? { ...written, guard: reportOf(order, before, 'not restored yet') } : { error: lost(order) };
  }

  /** It is there: on the new setting, or because it fell back by itself. */
  private async judge(order: GuardedOrder, before: Setting, written: Outcome): Promise<Outcome> {
    const now = await this.read(order);
    if (now instanceof DeviceManagementError) return { error: now };
    const { setting } = order.guard;
    const hasIt = Object.entries(only(now, setting)).every(([name, value]) => String(value) === String(setting[name]));
    const isKept = hasIt && !(await this.linkFailed(order));
    if (isKept) return 'error' in written ? written : { ...written, guard: reportOf(order, before, 'kept') };
    if (Object.keys(before).length === 0) return { error: lost(order) };
    const back = await this.ask(order, restoring(order, before).request, {});
    return 'error' in back ? back : { ...back, guard: reportOf(order, before, 'restored') };
  }

  /**
   * Field by field, since a device may have one and not the other. The first read waits for a device that sleeps, and goes on from there
   * in whichever life; what follows is asked while it is awake.
   */
  private async read(order: GuardedOrder): Promise<Setting | DeviceManagementError> {
    const { path, preset, setting } = order.guard;
    const values: Record<string, Value> = {};
    let isFirst = true;
    for (const [name, resource] of readable(WRITE_PRESETS[preset], setting)) {
      const target = `${path}/${resource}`;
      const outcome = await this.ask(
        order,
        { operation: 'read', path: target },
        isFirst ? { guards: order } : { whenAsleep: 'fail' },
      );
      isFirst = false;
      if ('error' in outcome && !isRefusal(outcome.error)) return outcome.error;
      const value = 'result' in outcome ? outcome.result.values.find((entry) => entry.path === target)?.value : undefined;
      if (value !== undefined) values[name] = value;
    }
    return values;
  }

  private async linkFailed(order: GuardedOrder): Promise<boolean> {
    const { path, preset } = order.guard;
    const { failure }: WritePreset = WRITE_PRESETS[preset];
    if (failure === undefined) return false;
    const outcome = await this.ask(order, { operation: 'read', path: `${path}/${failure.resource}` }, { whenAsleep: 'fail' });
    return 'result' in outcome && outcome.result.values[0]?.value === failure.value;
  }

  private ask(order: GuardedOrder, request: OperationRequest, changes: Partial<Order>): Promise<Outcome> {
    const { requests } = this.options;
    const { guard: _, kept: __, ...same } = order;
    return new Promise((resolve) => {
      requests.submit(
        { ...same, ...changes, owner: OWNER, request },
        {
          queued: () => requests.outcomes.queued(order),
          settled: resolve,
        },
      );
    });
  }

  private isHeard(order: GuardedOrder, before: Setting): Promise<boolean> {
    const { manager, clock } = this.options;
    const { path, preset, setting, waitMs } = order.guard;
    const [[, resource] = ['', 0]] = readable(WRITE_PRESETS[preset], setting);
    return new Promise((resolve) => {
      const stop = awaitSignOfLife({ manager, clock, device: order.device, path: `${path}/${resource}`, waitMs }, (isHeard) => {
        this.unheard.delete(order);
        resolve(isHeard);
      });
      this.unheard.set(order, { before, stop });
    });
  }

  /** @returns whether there is anything to restore */
  private restoreWhenHeard(order: GuardedOrder, before: Setting): boolean {
    if (Object.keys(before).length === 0) return false;
    this.options.requests.submit(restoring(order, before));
    return true;
  }
}

/** What is to be told of a write that has brought an old setting back. */
export function restored({ restores }: Order): GuardReport | undefined {
  return restores === undefined ? undefined : { ...restores, outcome: 'restored' };
}

function isGuarded(order: Order | undefined): order is GuardedOrder {
  return order?.guard !== undefined;
}

/** Fields that tell what they hold: those to be written, or the first, so that there is one to ask for. */
function readable({ fields }: WritePreset, setting: Setting): [name: string, resource: number][] {
  const open = Object.entries(fields).filter(([, { isSecret }]) => isSecret !== true);
  const written = open.filter(([name]) => name in setting);
  return (written.length > 0 ? written : open.slice(0, 1)).map(([name, { resource }]) => [name, resource]);
}

function only(values: Setting, setting: Setting): Setting {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in setting));
}

/** As often as it takes, and answered to whoever follows the one who asked. */
function restoring(order: GuardedOrder, before: Setting): Order {
  const { guard, ...same } = order;
  const { outcome: _, ...restores } = reportOf(order, before, 'restored');
  const request = settingRequest(WRITE_PRESETS[guard.preset], guard.path, before);
  return { ...same, request, whenAsleep: 'queue', whenHeard: true, ttlMs: RESTORE_TTL_MS, priority: 'high', restores };
}

function reportOf({ guard }: GuardedOrder, before: Setting, outcome: GuardReport['outcome']): GuardReport {
  const preset = WRITE_PRESETS[guard.preset];
  const unrestorable = Object.keys(guard.setting).filter((name) => !(name in before));
  return { outcome, written: shownSetting(preset, guard.setting), before: shownSetting(preset, before), unrestorable };
}

/** The device has spoken, though it would not say this. */
function isRefusal({ code }: DeviceManagementError): boolean {
  return /^\d\.\d\d$/.test(code);
}

function lost(order: GuardedOrder): DeviceManagementError {
  const text = `device '${order.device}' does not work with the new setting, and nothing is known of the old one: give what it was in msg.restore next time`;
  return new DeviceManagementError('timeout', text, contextOf(order));
}

/** A text that quotes a value must not quote a key. */
function concealed(error: DeviceManagementError, { guard, device, request }: GuardedOrder): DeviceManagementError {
  const { fields }: WritePreset = WRITE_PRESETS[guard.preset];
  const secrets = [guard.setting, guard.restore].flatMap((setting) =>
    Object.entries(setting).flatMap(([name, value]) => (fields[name]?.isSecret === true ? [String(value)] : [])),
  );
  const isQuoted = secrets.some((secret) => error.message.includes(secret));
  if (!isQuoted) return error;
  const text = `the device was not given the setting: a key is not as its resource needs it (${error.code})`;
  return new DeviceManagementError(error.code, text, { device, path: request.path });
}

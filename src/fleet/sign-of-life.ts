/** Whether a device is still there after something that may have cut it off: it says something by itself, or answers a question. */
import type { Clock } from '../clock';
import type { DeviceManager, LifecycleEventName } from '../device/manager';
import { asDeviceManagementError } from '../errors';

export interface SignOfLifeOptions {
  readonly manager: DeviceManager;
  readonly clock: Clock;
  readonly device: string;
  /** What it is asked for. */
  readonly path: string;
  /** How long it may take. */
  readonly waitMs: number;
}

const SPOKEN: ReadonlySet<LifecycleEventName> = new Set(['registered', 'updated', 'objects-changed', 'awake']);
/** A device answers before it does what it was told: what it says in the first seconds is no sign yet. */
const SETTLE = { longestMs: 10_000, share: 1 / 3 };
const PROBES = 6;

/** @returns stops waiting; then `done` is not called */
export function awaitSignOfLife(options: SignOfLifeOptions, done: (isHeard: boolean) => void): () => void {
  const { manager, clock, device, path, waitMs } = options;
  const settleMs = Math.min(SETTLE.longestMs, waitMs * SETTLE.share);
  const settledAt = clock.monotonic() + settleMs;
  const everyMs = (waitMs - settleMs) / PROBES;
  const { events } = manager;
  let isAsking = false;
  const heard = (): void => {
    if (clock.monotonic() < settledAt) return;
    stop();
    done(true);
  };
  const unsubscribe = [
    events.on('lifecycle', (event) => {
      if (event.device === device && SPOKEN.has(event.event)) heard();
    }),
    events.on('notification', (event) => {
      if (event.device === device) heard();
    }),
    events.on('send', (event) => {
      if (event.device === device) heard();
    }),
  ];
  const probe = async (): Promise<void> => {
    probing = clock.after(everyMs, () => void probe());
    if (isAsking || manager.presence(device) !== 'reachable') return;
    isAsking = true;
    const isAnswered = await answers(manager, device, path);
    isAsking = false;
    if (isAnswered && !stopped) heard();
  };
  let stopped = false;
  let probing = clock.after(settleMs, () => void probe());
  const timer = clock.after(waitMs, () => {
    stop();
    done(false);
  });
  const stop = (): void => {
    stopped = true;
    timer.cancel();
    probing.cancel();
    for (const end of unsubscribe) end();
  };
  return stop;
}

/** A refusal is an answer too. */
async function answers(manager: DeviceManager, device: string, path: string): Promise<boolean> {
  try {
    await manager.perform(device, { operation: 'read', path });
    return true;
  } catch (caught) {
    return /^\d\.\d\d$/.test(asDeviceManagementError(caught).code);
  }
}

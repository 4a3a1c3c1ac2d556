/**
 * Lock and Wipe (8) of a simulated device. Locked, it can still be read, unlocked and wiped, but not be changed or told to do anything;
 * partially locked, that holds for the parts named in 8/0/1.
 */
import type { Content } from '../../lwm2m/client/content';
import { isInstances } from '../../lwm2m/client/content';
import type { Behaviours, ObjectTree, ResourceBehaviour } from '../../lwm2m/client/objects';
import { badRequest, notAllowed } from '../../lwm2m/client/refusal';

const State = { Unlocked: 0, Partially: 1, Fully: 2 } as const;
/** Lock or Wipe Operation Result (8/0/5). */
const Result = { Default: 0, PartiallyLocked: 1, FullyLocked: 2, Unlocked: 3, Wiped: 4 } as const;
const RESULT_OF: Readonly<Record<number, number>> = {
  [State.Unlocked]: Result.Unlocked,
  [State.Partially]: Result.PartiallyLocked,
  [State.Fully]: Result.FullyLocked,
};
/** What can be locked by itself. */
export type LockedPart = 'device' | 'sensor' | 'software' | 'network';
const PARTS: readonly string[] = ['device', 'sensor', 'software', 'network'] satisfies readonly LockedPart[];

export class LockAndWipe {
  private lockTargets: readonly string[] = [];
  private wipeTargets: readonly string[] = [];

  /** @param items what can be wiped, by the names the device shows in 8/0/2 */
  constructor(
    private readonly tree: ObjectTree,
    private readonly items: Readonly<Record<string, () => void>>,
    private readonly wiped: (targets: readonly string[]) => void,
  ) {
    tree.add(
      8,
      0,
      { 0: State.Unlocked, 2: Object.keys(items), 5: Result.Default },
      {
        0: { check: checkState, write: (content) => this.enter(content as number) },
        1: { check: (content) => checkNames(content, PARTS), write: (content) => this.setLockTargets(namesIn(content)) },
        3: { execute: () => this.wipe() },
        4: {
          check: (content) => checkNames(content, Object.keys(items)),
          write: (content) => this.setWipeTargets(namesIn(content)),
        },
      },
    );
  }

  isLocked(part: LockedPart): boolean {
    const state = this.tree.get('/8/0/0');
    return state === State.Fully || (state === State.Partially && this.lockTargets.includes(part));
  }

  /** The same resources, which refuse while their part is locked. */
  over(part: LockedPart, behaviours: Behaviours): Behaviours {
    return Object.fromEntries(Object.entries(behaviours).map(([id, behaviour]) => [id, this.lockable(part, behaviour)]));
  }

  private lockable(part: LockedPart, behaviour: ResourceBehaviour): ResourceBehaviour {
    const { execute, check } = behaviour;
    return {
      ...behaviour,
      check: (content) => {
        this.refuseWhenLocked(part);
        check?.(content);
      },
      ...(execute !== undefined && {
        execute: (given) => {
          this.refuseWhenLocked(part);
          return execute(given);
        },
      }),
    };
  }

  private refuseWhenLocked(part: LockedPart): void {
    if (this.isLocked(part)) throw notAllowed('the device is locked: write 0 to /8/0/0 to unlock it');
  }

  private enter(state: number): void {
    this.tree.setAll([
      ['/8/0/0', state],
      ['/8/0/5', RESULT_OF[state]],
    ]);
  }

  private setLockTargets(targets: readonly string[]): void {
    this.lockTargets = targets;
  }

  private setWipeTargets(targets: readonly string[]): void {
    this.wipeTargets = targets;
  }

  /** Without targets, everything. */
  private wipe(): () => void {
    const targets = this.wipeTargets.length > 0 ? this.wipeTargets : Object.keys(this.items);
    this.wipeTargets = [];
    return () => {
      for (const target of targets) this.items[target]?.();
      this.tree.set('/8/0/5', Result.Wiped);
      this.wiped(targets);
    };
  }
}

function checkState(content: Content): void {
  if (typeof content !== 'number' || RESULT_OF[content] === undefined) throw badRequest('the state is 0, 1 or 2');
}

function namesIn(content: Content): readonly string[] {
  return isInstances(content) ? [...content.values()].map(String) : [];
}

function checkNames(content: Content, known: readonly string[]): void {
  const stranger = namesIn(content).find((name) => !known.includes(name));
  if (stranger !== undefined) throw badRequest(`there is no "${stranger}" here: ${known.join(', ')}`);
}

/**
 * Software Management (9) of a simulated device, one instance for its one application:
 *
 *   0 Initial ── package written ──> 3 Delivered ── Install ──> 4 Installed, inactive ── Activate ──> active
 *       ^                                                            └── Uninstall ──┐
 *       └───────────────────────────────────────────────────────────────────────────┘
 */
import type { ObjectTree } from '../../lwm2m/client/objects';
import { badRequest, notAllowed } from '../../lwm2m/client/refusal';
import type { LockAndWipe } from './lock-and-wipe';

const State = { Initial: 0, Delivered: 3, Installed: 4 } as const;
/** Update Result (9/x/9). */
const Result = { Initial: 0, Installed: 2, Verified: 3 } as const;
const FIRST_VERSION = '1.4.0';

export function addSoftware(tree: ObjectTree, lock: LockAndWipe): void {
  const at = (state: number): boolean => tree.get('/9/0/7') === state;
  const enter = (state: number, result: number, isActive = false): void =>
    tree.setAll([
      ['/9/0/7', state],
      ['/9/0/9', result],
      ['/9/0/12', isActive],
    ]);
  const whenInstalled = (action: () => void) => (): undefined => {
    if (!at(State.Installed)) throw notAllowed('no software is installed');
    action();
  };
  tree.add(
    9,
    0,
    { 0: 'edge-filter', 1: FIRST_VERSION, 7: State.Installed, 9: Result.Installed, 12: true },
    lock.over('software', {
      2: {
        check: (content) => {
          if (!at(State.Initial)) throw badRequest('there is software already: uninstall it first');
          if (!Buffer.isBuffer(content) || content.length === 0) throw badRequest('a package is one opaque value');
        },
        write: (content) => {
          const named = /\d{1,5}\.\d{1,5}\.\d{1,5}/.exec((content as Buffer).toString('latin1', 0, 256))?.[0];
          tree.set('/9/0/1', named ?? FIRST_VERSION);
          enter(State.Delivered, Result.Verified);
        },
      },
      4: {
        execute: () => {
          if (!at(State.Delivered)) throw notAllowed('there is no package to install');
          enter(State.Installed, Result.Installed);
          return undefined;
        },
      },
      6: { execute: whenInstalled(() => enter(State.Initial, Result.Initial)) },
      10: { execute: whenInstalled(() => tree.set('/9/0/12', true)) },
      11: { execute: whenInstalled(() => tree.set('/9/0/12', false)) },
    }),
  );
}

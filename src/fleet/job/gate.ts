/** Whether a job may go on, by what has become of its devices so far. */
import { type Execution, hasCounted, hasFailed } from './execution';
import type { JobGate } from './plan';

/** While it runs: too many failures among all that are done. @returns why it must stop, for a person */
export function errorObjection(executions: Iterable<Execution>, { error, minimum = 1 }: JobGate): string | undefined {
  if (error === undefined) return undefined;
  const { done, failed } = tally(executions);
  if (done < minimum) return undefined;
  const percent = (100 * failed) / done;
  return percent > error
    ? `${failed} of ${done} devices have failed (${round(percent)} %), and ${error} % are allowed`
    : undefined;
}

/** At the end of a wave: too few successes in it. */
export function waveObjection(wave: Iterable<Execution>, { success }: JobGate): string | undefined {
  if (success === undefined) return undefined;
  const { done, failed } = tally(wave);
  // A wave of which every device was skipped proves nothing, and speaks against nothing.
  if (done === 0) return undefined;
  const percent = (100 * (done - failed)) / done;
  return percent < success
    ? `${done - failed} of ${done} devices of the wave have succeeded (${round(percent)} %), and ${success} % are asked for`
    : undefined;
}

function tally(executions: Iterable<Execution>): { readonly done: number; readonly failed: number } {
  let [done, failed] = [0, 0];
  for (const execution of executions) {
    if (!hasCounted(execution)) continue;
    done++;
    if (hasFailed(execution)) failed++;
  }
  return { done, failed };
}

function round(percent: number): number {
  return Math.round(percent * 10) / 10;
}

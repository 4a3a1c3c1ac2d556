/** A diagnosis with all that a running server knows, told to the audit log as one act. */
import { type Diagnosis, diagnose } from '../../src/fleet/diagnosis';
import type { RunningServer } from './running-server';

/** @param actor "node 3f2a", for the audit */
export async function diagnoseDevice(
  { fleet, manager, clock, obstacle }: RunningServer,
  device: string,
  actor: string,
): Promise<Diagnosis> {
  const began = clock.monotonic();
  const diagnosis = await diagnose(
    {
      manager,
      requests: fleet.requests,
      heard: (outcome) => fleet.usage.asked(actor, device, outcome),
      journal: fleet.journal,
      clock,
      known: (of) => fleet.facts.of(of),
      statistics: (of) => manager.statistics(of),
      ...(obstacle !== undefined && { trouble: obstacle.message }),
    },
    device,
  );
  const durationMs = Math.round(clock.monotonic() - began);
  fleet.audit.record({
    actor,
    action: 'diagnose',
    device,
    outcome: 'done',
    detail: diagnosis.cause ?? 'nothing wrong',
    durationMs,
  });
  return diagnosis;
}

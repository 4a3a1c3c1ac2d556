/** Observe policies over a scripted manager and a virtual clock. */
import { VirtualClock } from '../../src/clock';
import { type ObservedValue, ObservePolicies, type RefusedObservation } from '../../src/fleet/observe-policies';
import type { ObservePolicy } from '../../src/fleet/observe-policy';
import { Selector } from '../../src/fleet/selector';
import { FakeManager } from './fake-manager';

export const PATH = '/3303/0/5700';

export function givenPolicies(devicesAtOnce?: number) {
  const manager = new FakeManager();
  const clock = new VirtualClock();
  const policies = new ObservePolicies(manager, clock, devicesAtOnce);
  const values: (ObservedValue & { owner: string })[] = [];
  const refused: RefusedObservation[] = [];
  const declare = (id: string, changes: Partial<ObservePolicy> = {}): void => {
    const owner = changes.owner ?? id;
    policies.listen(owner, { value: (event) => values.push({ ...event, owner }), refused: (event) => refused.push(event) });
    policies.set({ id, owner, devices: Selector.everyone, paths: [PATH], attributes: {}, ...changes });
  };
  return { manager, clock, policies, values, refused, declare };
}

/** Runs tables of scenarios. */
import { type Client, conformance } from '../conformance';
import type { Peer, Scenarios } from '../peer';

/** @param lacks ids this client cannot show, and why: they are not run, and the document does not count them */
export function runAll(
  scenarios: Scenarios,
  client: Client,
  givenPeer: (context: Mocha.Context) => Promise<Peer>,
  lacks: Readonly<Record<string, string>> = {},
): void {
  for (const [id, scenario] of Object.entries(scenarios)) {
    if (id in lacks) continue;
    conformance(id, client, async function () {
      await scenario(await givenPeer(this));
    });
  }
}

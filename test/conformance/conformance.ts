/**
 * One test of the matrix with one client. Where CONFORMANCE_RESULTS names a file, each result is a line in it; scripts/conformance.mjs makes
 * docs/conformance.md of them.
 */
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { MATRIX } from './matrix';

/** `self` is our own client, or a device scripted by the test; all others are not ours. */
export type Client =
  | 'self'
  | 'Anjay (recorded)'
  | 'Wakaama (recorded)'
  | 'wakatiwaiclient (recorded)'
  | 'coap-node (recorded)'
  | 'Leshan';

export interface Result {
  readonly id: string;
  readonly client: Client;
  readonly passed: boolean;
  /** What of the case the client shows, where it is not all. */
  readonly part?: string;
}

/** How one client shows a case: `what` tells variants apart, `part` says that it shows no more than this. */
export interface Extent {
  readonly what?: string;
  readonly part?: string;
}

export function conformance(
  id: string,
  client: Client,
  run: (this: Mocha.Context) => Promise<void>,
  { what, part }: Extent = {},
): void {
  const row = MATRIX.get(id);
  assert.ok(row !== undefined, `${id} is not in the matrix`);
  assert.equal(row.notShown, undefined, `${id} is said not to be shown`);
  const title = [row.purpose, what, part].filter((text) => text !== undefined).join(': ');
  const result = { id, client, ...(part !== undefined && { part }) };
  it(`${id} ${title} (${client})`, async function () {
    try {
      await run.call(this);
      record({ ...result, passed: true });
    } catch (error) {
      if (!this.test?.isPending()) record({ ...result, passed: false });
      throw error;
    }
  });
}

function record(result: Result): void {
  const file = process.env.CONFORMANCE_RESULTS;
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(result)}\n`);
}

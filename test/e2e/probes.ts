/** Taps an example flow without changing what it does: each message on its way to a debug node, each uncaught error and each status is
 * also written to a file, one line of JSON each. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FlowNode } from './node-red';

const POLL_MS = 100;

/** What a tap has seen. */
export interface Sighting {
  /** Name of the debug node the message was for, `uncaught`, or `status`. */
  readonly at: string;
  readonly device?: string;
  readonly path?: string;
  readonly topic?: string;
  readonly event?: string;
  readonly payload?: unknown;
  readonly dm?: Record<string, unknown>;
  readonly error?: { readonly message: string; readonly code?: string; readonly source?: { readonly type: string } };
  readonly status?: { readonly fill?: string; readonly text?: string; readonly source?: { readonly type: string } };
}

const TAP = (at: string): string =>
  `const { device, path, topic, event, payload, dm, error, status } = msg;
return { payload: JSON.stringify({ at: ${JSON.stringify(at)}, device, path, topic, event, payload, dm, error, status }) };`;

/** The example with its taps, listening on `port` and `securePort` instead of its own so that runs do not meet. */
export function tapped(
  example: readonly FlowNode[],
  { file, port, securePort }: { file: string; port: number; securePort: number },
): FlowNode[] {
  const tab = example.find(({ type }) => type === 'tab')?.id;
  if (tab === undefined) throw new Error('An example needs a tab.');
  const taps = new Map(example.filter(({ type }) => type === 'debug').map((debug) => [debug.id, `tap-${debug.id}`]));
  const moved = (node: FlowNode): FlowNode => {
    if (node.type === 'lwm2m-server') return { ...node, port, securePort };
    if (node.type === 'lwm2m-client') return { ...node, port };
    // It sends devices to that server.
    return node.type === 'dm-bootstrap' ? { ...node, uri: `coaps://127.0.0.1:${securePort}` } : node;
  };
  const nodes = example.map(moved).map((node) => {
    if (!Array.isArray(node.wires)) return node;
    return { ...node, wires: (node.wires as string[][]).map((wire) => [...wire, ...wire.flatMap((id) => taps.get(id) ?? [])]) };
  });
  const writer = 'tap-writer';
  const tap = (id: string, at: string): FlowNode => ({
    id,
    type: 'function',
    z: tab,
    func: TAP(at),
    outputs: 1,
    wires: [[writer]],
  });
  return [
    ...nodes,
    ...example.filter(({ type }) => type === 'debug').map((debug) => tap(taps.get(debug.id) ?? '', String(debug.name))),
    { id: 'tap-catch', type: 'catch', z: tab, scope: null, uncaught: true, wires: [['tap-uncaught']] },
    tap('tap-uncaught', 'uncaught'),
    { id: 'tap-states', type: 'status', z: tab, scope: null, wires: [['tap-status']] },
    tap('tap-status', 'status'),
    {
      id: writer,
      type: 'file',
      z: tab,
      filename: file,
      filenameType: 'str',
      appendNewline: true,
      overwriteFile: 'false',
      wires: [[]],
    },
  ];
}

export class Sightings {
  constructor(private readonly file: string) {}

  async all(): Promise<readonly Sighting[]> {
    if (!existsSync(this.file)) return [];
    const lines = (await readFile(this.file, 'utf8')).split('\n');
    // The last line may still be being written.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as Sighting);
  }

  /** The first that fits, as soon as there is one. */
  async first(what: string, fits: (sighting: Sighting) => boolean, withinMs = 20_000): Promise<Sighting> {
    for (const deadline = Date.now() + withinMs; ; await sleep(POLL_MS)) {
      const all = await this.all();
      const found = all.find(fits);
      if (found !== undefined) return found;
      if (Date.now() > deadline)
        throw new Error(
          `Never came: ${what}. Seen last:\n${all
            .slice(-10)
            .map((seen) => JSON.stringify(seen))
            .join('\n')}`,
        );
    }
  }
}

/** How the other nodes find the running server behind the config node they point to. */
import type { Node, NodeAPI } from 'node-red';
import type { RunningServer } from './running-server';

export interface ServerNode extends Node {
  readonly running: RunningServer;
}

/** `undefined` when none is chosen, or the one chosen is disabled or gone. */
export function serverOf(red: NodeAPI, id: string | undefined): RunningServer | undefined {
  const node = id ? (red.nodes.getNode(id) as Partial<ServerNode> | null | undefined) : undefined;
  return node?.running;
}

/** What a node's behaviour needs of Node-RED, and nothing else of it: so that the behaviour is tested without. */
import type { Node, NodeAPI, NodeMessage } from 'node-red';
import type { Status, Texts } from './status';

export type Message = NodeMessage & { [property: string]: unknown };
export type Send = (outputs: Message | (Message | null)[]) => void;
export type Done = (error?: Error) => void;

export interface FlowHost {
  readonly id: string;
  readonly type: string;
  readonly name: string | undefined;
  readonly texts: Texts;
  /** A typed input for this message. */
  evaluate(value: string, type: string, message: Message): Promise<unknown>;
  clone(message: Message): Message;
  newId(): string;
  show(status: Status): void;
  /** In the log and the debug sidebar, and to nobody who catches errors. */
  warn(text: string): void;
  /** To whoever catches the errors of this node. */
  raise(error: Error, message: Message): void;
  /** Outside the handling of a message. */
  send: Send;
}

/** Catalogue of the server node, which every other node needs anyway. */
export const SHARED_TEXTS = '@fleetweave/node-red-device-management/lwm2m-server:';

export function sharedTexts(red: NodeAPI): Texts {
  return (key, variables) => red._(SHARED_TEXTS + key, variables as Record<string, string> | undefined);
}

export function hostOf(red: NodeAPI, node: Node): FlowHost {
  return {
    id: node.id,
    type: node.type,
    name: node.name,
    texts: sharedTexts(red),
    evaluate: (value, type, message) =>
      new Promise((resolve, reject) => {
        // The callback form serves JSONata and asynchronous context stores too.
        red.util.evaluateNodeProperty(value, type, node, message, (error, result: unknown) => {
          if (error) reject(error);
          else resolve(result);
        });
      }),
    clone: (message) => red.util.cloneMessage(message),
    newId: () => red.util.generateId(),
    show: (status) => node.status(status),
    warn: (text) => node.warn(text),
    raise: (error, message) => node.error(error, message),
    send: (outputs) => node.send(outputs),
  };
}

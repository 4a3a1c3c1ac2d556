/** What every action of the devices node is given, and what it gives back. */
import type { Selector } from '../../src/fleet/selector';
import type { Message } from '../runtime/flow-host';
import type { RunningServer } from '../runtime/running-server';

export interface ActionContext {
  readonly server: RunningServer;
  readonly message: Message;
  /** The payload as it came: it is taken off the message before anything can fail, because it may hold keys. */
  readonly payload: unknown;
  /** "node 3f2a", for the audit. */
  readonly actor: string;
  /** For backups; a credential of the node. */
  readonly passphrase: string;
  /** Where relative file names begin. */
  readonly folder: string;
  /** The devices meant: the setting's, else the message's. @throws DeviceManagementError `invalid-request` when nobody says which */
  devices(): Promise<Selector>;
  /** The same, where nothing said means every device. */
  devicesOrAll(): Promise<Selector>;
  /** A setting that the message may supply. */
  setting(name: 'tags' | 'fields'): Promise<unknown>;
}

/** @returns the payload of the answer */
export type Action = (context: ActionContext) => Promise<unknown>;

export type Actions = Readonly<Record<string, Action>>;

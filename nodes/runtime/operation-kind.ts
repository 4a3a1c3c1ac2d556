/** What makes one operation node different from the others: a table, which says what it takes from a message and what request that makes. */
import type { Registration } from '../../src/device/manager';
import type { OperationRequest, OperationResult } from '../../src/device/operation';
import type { Path } from '../../src/device/path';
import type { Order } from '../../src/fleet/outcomes';
import type { Message } from './flow-host';
import type { InputRow } from './inputs';
import type { RunningServer } from './running-server';

export type Values = Readonly<Record<string, unknown>>;

export interface OperationKind {
  /** Inputs besides device and path. */
  readonly inputs?: readonly InputRow[];
  /** A preset's. */
  readonly fixedPath?: string;
  /** @throws DeviceManagementError when the values make no request */
  request(path: string, values: Values): OperationRequest;
  /** The same for several paths at once, or for everything ("/"); absent where one path is all that can be asked for. */
  requestMany?(list: string, values: Values): OperationRequest;
  /**
   * A preset's: what is asked of a certain device instead, since its path need not be everybody's. Takes out of the message what nobody
   * behind this node shall see.
   */
  task?(values: Values, message: Message): TaskFor;
  /** `msg.payload` of the result; `undefined` leaves that of the message. */
  payload(result: OperationResult, request: OperationRequest, target: Path, server: RunningServer): unknown;
}

export type Task = Pick<Order, 'request' | 'further' | 'guard'>;
/** @throws DeviceManagementError where this device cannot be asked so */
export type TaskFor = (registration: Registration | undefined) => Task;

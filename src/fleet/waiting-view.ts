/** Waiting requests as others see them: the admin API, and whoever takes one out of its line. */
import type { OperationName } from '../device/operation';
import type { Priority } from './outcomes';
import type { WaitingRequest } from './waiting-lines';

export interface WaitingView {
  readonly id: number;
  readonly owner: string;
  readonly operation: OperationName;
  readonly path: string;
  readonly priority: Priority;
  /** Being asked now. */
  readonly inFlight: boolean;
  /** Unix milliseconds. */
  readonly since: number;
  readonly expiresAt: number;
}

/** @param toWall what makes a time of the monotonic clock one of the wall clock */
export function viewOf({ id, order, inFlight, since, expiresAt }: WaitingRequest, toWall: number): WaitingView {
  const { owner, priority = 'normal', request } = order;
  const { operation, path } = request;
  return { id, owner, operation, path, priority, inFlight, since, expiresAt: Math.round(toWall + expiresAt) };
}

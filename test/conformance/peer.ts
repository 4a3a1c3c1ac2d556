/** A device under our server as a scenario sees it, whoever wrote it: what is asked of it, what it reports, and what it is made to do. */
import type { LifecycleEvent, NotificationEvent, Registration, SendEvent } from '../../src/device/manager';
import type { OperationRequest, OperationResult } from '../../src/device/operation';
import type { Value } from '../../src/device/value';
import { DeviceManagementError } from '../../src/errors';
import type { Lwm2mServer } from '../../src/lwm2m/server/server';

export interface Peer {
  readonly endpoint: string;
  /** Another one after `restartServer`. */
  readonly server: Lwm2mServer;
  readonly lifecycle: LifecycleEvent[];
  readonly notifications: NotificationEvent[];
  readonly sends: SendEvent[];
  perform(request: OperationRequest): Promise<OperationResult>;
  /** The first thing found; fails when there is none in time. */
  until<T>(what: string, found: () => T | undefined): Promise<T>;
  pass(seconds: number): Promise<void>;
  /** The device changes a value by itself. */
  change(path: string, value: number | string): void;
  /** The device sends these paths. */
  send(paths: readonly string[]): void;
  /** The device updates its registration. */
  update(): void;
  /** The device de-registers. */
  leave(): void;
  /** The server ends and another one comes to the same address, knowing nothing. */
  restartServer(): Promise<void>;
}

export type Scenario = (peer: Peer) => Promise<void>;
/** By id. */
export type Scenarios = Readonly<Record<string, Scenario>>;

export function registrationOf({ server, endpoint }: Peer): Registration {
  const registration = server.registration(endpoint);
  if (registration === undefined) throw new Error(`${endpoint} is not registered`);
  return registration;
}

export function byPath(result: { readonly values: OperationResult['values'] }): Record<string, Value> {
  return Object.fromEntries(result.values.map(({ path, value }) => [path, value]));
}

export async function read(peer: Peer, path: string, contentFormat?: number): Promise<Record<string, Value>> {
  const result = await peer.perform({ operation: 'read', path, ...(contentFormat !== undefined && { contentFormat }) });
  if (contentFormat !== undefined && result.contentFormat !== contentFormat)
    throw new Error(`${path} came in format ${result.contentFormat} where ${contentFormat} was asked for`);
  return byPath(result);
}

/** The code a request fails with. */
export async function refusal(peer: Peer, request: OperationRequest): Promise<string> {
  try {
    const { code } = await peer.perform(request);
    return `none: ${code}`;
  } catch (error) {
    if (error instanceof DeviceManagementError) return error.code;
    throw error;
  }
}

/** How many such events there have been of this device. */
export function times({ lifecycle, endpoint }: Peer, event: LifecycleEvent['event']): number {
  return lifecycle.filter((one) => one.event === event && one.device === endpoint).length;
}

/** Has something done that makes the device tell of it, and waits for that. */
export async function leadsTo(peer: Peer, event: LifecycleEvent['event'], act: () => unknown): Promise<void> {
  const before = times(peer, event);
  await act();
  await peer.until(event, () => (times(peer, event) > before ? true : undefined));
}

/** Waits for that many notifications of a path since `from`. */
export function notified(peer: Peer, path: string, count: number, from = 0): Promise<NotificationEvent[]> {
  return peer.until(`${count} notifications of ${path}`, () => {
    const found = peer.notifications.slice(from).filter((event) => event.path === path);
    return found.length >= count ? found : undefined;
  });
}

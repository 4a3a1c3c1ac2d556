/** One message, many devices: a message for each as Split makes them, or one for all of them when the last has answered. */
import type { OperationRequest, OperationResult } from '../../src/device/operation';
import type { GuardReport } from '../../src/fleet/guard-terms';
import { type Answers, shownPath } from './answer';
import { type FlowError, tellFailure } from './failure';
import type { FlowHost, Message } from './flow-host';
import type { Journey } from './journey';
import type { OperationSettings } from './operation-settings';
import type { RunningServer } from './running-server';

/** What becomes of a request to one device. */
export interface Told {
  /** It waits for its device. */
  queued(): void;
  succeeded(result: OperationResult, report?: GuardReport): void;
  failed(error: FlowError): void;
}

/** The message that asks a device on behalf of the one that came, and who is told what becomes of it. */
export type ForEach = (device: string, index: number) => { readonly message: Message; readonly told: Told };

export function splitter(
  { message: asking, send }: Journey,
  devices: readonly string[],
  request: OperationRequest,
  host: FlowHost,
  answers: Answers,
  failures: OperationSettings['failures'],
): ForEach {
  const id = host.newId();
  const count = devices.length;
  return (device, index) => {
    const message = host.clone(asking);
    // As Split does: what the message was part of is kept for a second Join.
    const outer = message.parts === undefined ? {} : { parts: message.parts };
    delete (message as { _msgid?: string })._msgid;
    Object.assign(message, { device, path: shownPath(request) });
    message.parts = { ...outer, id, type: 'object', key: device, index, count };
    const told: Told = {
      queued: () => {},
      succeeded: (result, report) => send(answers.onto(message, result, request, report)),
      failed: (error) => tellFailure(error, message, host, failures, send),
    };
    return { message, told };
  };
}

export function collector(
  { message, send }: Journey,
  devices: readonly string[],
  request: OperationRequest,
  server: RunningServer,
  answers: Answers,
): ForEach {
  const collected: Record<string, { value: unknown } | { error: { code: string; message: string } }> = {};
  let left = devices.length;
  const complete = (): void => {
    if (--left > 0) return;
    const payload = Object.fromEntries(devices.map((device) => [device, collected[device]]));
    const dm = { server: server.id, operation: request.operation, at: server.clock.wall() };
    send(Object.assign(message, { device: devices, path: shownPath(request), payload, dm }));
  };
  return (device) => {
    const told: Told = {
      queued: () => {},
      succeeded: (result, report) => {
        collected[device] = { value: answers.payloadOf(result, request, report) ?? null };
        complete();
      },
      failed: (error) => {
        collected[device] = { error: { code: error.code, message: error.message } };
        complete();
      },
    };
    return { message, told };
  };
}

/** What a message asks of an alarm node: a value to be judged, an act on an alarm, the list, other rules. */
import { DeviceManagementError } from '../../src/errors';
import type { Alarm } from '../../src/fleet/alarm/alarm';
import { OPERATOR_ACTS } from '../../src/fleet/alarm/operator';
import type { AlarmRule } from '../../src/fleet/alarm/rule';
import { actionOf } from '../runtime/actions';
import type { FlowHost, Message } from '../runtime/flow-host';
import type { RunningServer } from '../runtime/running-server';

export interface AlarmScope {
  readonly host: FlowHost;
  readonly server: RunningServer;
  matches(device: string): boolean;
  change(rules: unknown): readonly AlarmRule[];
}

/** @returns what goes out of the first output, if anything */
type Act = (message: Message, scope: AlarmScope) => Message | undefined;

const OPERATE: Act = (message, { server, host }) => {
  const wanted = (message.alarm ?? {}) as Partial<Alarm>;
  const alarm = { ...wanted, device: deviceOf({ ...message, device: message.device ?? wanted.device }) } as Alarm;
  if (typeof alarm.type !== 'string') throw invalid('msg.alarm must be the alarm, or an object with its "type"');
  const text = typeof message.payload === 'string' ? { text: message.payload } : {};
  const minutes = message.minutes === undefined ? {} : { minutes: Number(message.minutes) };
  const actor = typeof message.actor === 'string' ? message.actor : `node ${host.id}`;
  server.fleet.alarms.operate(String(message.action), alarm, { actor, ...text, ...minutes });
  return undefined;
};

const ACTS: Readonly<Record<string, Act>> = {
  list: (message, { server, matches }) => ({
    ...message,
    payload: structuredClone(
      server.fleet.alarms.open(message.device as string | undefined).filter(({ device }) => matches(device)),
    ),
  }),
  rules: (message, { change }) => ({ ...message, payload: change(message.payload).map(({ type }) => type) }),
  ...Object.fromEntries(Object.keys(OPERATOR_ACTS).map((name) => [name, OPERATE])),
};

/** @throws DeviceManagementError saying what is wrong with the message */
export function alarmInput(message: Message, scope: AlarmScope): Message | undefined {
  if (message.action !== undefined) return actionOf(ACTS, message)(message, scope);
  const device = deviceOf(message);
  if (!scope.matches(device)) return undefined;
  for (const [path, value] of valuesOf(message)) {
    const [type] = scope.server.fleet.alarms.value(device, path, value);
    if (type !== undefined)
      throw invalid(`the value of ${path} is of the wrong type for the rule "${type}": it is a ${typeof value}`);
  }
  return undefined;
}

/** One value of `msg.path`, or an object keyed by full path. */
function valuesOf({ path, payload }: Message): readonly (readonly [string, unknown])[] {
  if (typeof payload === 'object' && payload !== null && Object.keys(payload).every((key) => key.startsWith('/')))
    return Object.entries(payload);
  if (typeof path !== 'string') throw invalid('msg.path must say which resource msg.payload is of, "/3/0/9"');
  return [[path, payload]];
}

function deviceOf({ device }: Message): string {
  if (typeof device === 'string' && device !== '') return device;
  throw invalid('msg.device must be the endpoint name of a device');
}

function invalid(sentence: string): DeviceManagementError {
  return new DeviceManagementError('invalid-request', sentence);
}

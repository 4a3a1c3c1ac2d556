/**
 * Settings that a message may supply, as a table. What the dialog says wins; an empty setting, or one that points to the message,
 * takes the message's property. A property of the message never re-targets a node that was given a value.
 */
import { DeviceManagementError } from '../../src/errors';
import type { FlowHost, Message } from './flow-host';

export interface TypedInput {
  readonly value: string;
  /** "str", "msg", "flow", "env", "jsonata" … */
  readonly type: string;
}

export interface InputRow extends TypedInput {
  /** Name of the setting, and of the message's property where the setting is empty. */
  readonly name: string;
  /** Default `message`: its property of that name. `nothing`: no value. `value`: an empty text is what is meant. */
  readonly whenEmpty?: 'message' | 'nothing' | 'value';
}

const TEXT_TYPES: ReadonlySet<string> = new Set(['str', 'msg', '']);

/** @throws DeviceManagementError `invalid-request`, naming the setting */
export async function evaluateInputs(
  rows: readonly InputRow[],
  message: Message,
  host: FlowHost,
): Promise<Readonly<Record<string, unknown>>> {
  const values = await Promise.all(rows.map(async (row) => [row.name, await evaluate(row, message, host)] as const));
  return Object.fromEntries(values);
}

async function evaluate(row: InputRow, message: Message, host: FlowHost): Promise<unknown> {
  const { name, value, type } = row;
  if (type === 'none') return undefined;
  if (isLeftEmpty(row)) return row.whenEmpty === 'nothing' ? undefined : message[name];
  try {
    return await host.evaluate(value, type, message);
  } catch (caught) {
    const reason = caught instanceof Error ? caught.message : String(caught);
    throw new DeviceManagementError('invalid-request', `the setting "${name}" cannot be evaluated: ${reason}`, { cause: caught });
  }
}

export function isLeftEmpty({ value, type, whenEmpty }: Pick<InputRow, 'value' | 'type' | 'whenEmpty'>): boolean {
  return whenEmpty !== 'value' && value.trim() === '' && TEXT_TYPES.has(type);
}

/** Where a value would have come from, for the text of an error: "msg.path", "the setting \"path\"". */
export function sourceOf(row: InputRow): string {
  if (isLeftEmpty(row)) return `msg.${row.name}`;
  if (row.type === 'msg' || row.type === 'flow' || row.type === 'global') return `${row.type}.${row.value}`;
  return `the setting "${row.name}"`;
}

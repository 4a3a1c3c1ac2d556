/**
 * The arguments of Execute as they come (LwM2M Core 1.1.1 §6.3.5):
 *
 *   arglist = arg *( "," arg )      arg = DIGIT [ "=" "'" *CHAR "'" ]      CHAR = "!" / %x23-26 / %x28-5B / %x5D-7E
 */
import { badRequest } from './refusal';

/** By digit, in their order; `true` for an argument without a value. */
export type ExecuteArguments = ReadonlyMap<number, string | true>;

const ARGUMENT = /(\d)(?:='([!\x23-\x26\x28-\x5b\x5d-\x7e]*)')?(,|$)/y;
const NONE: ExecuteArguments = new Map();

/** @throws Refusal 4.00 */
export function parseExecuteArguments(payload: Buffer): ExecuteArguments {
  if (payload.length === 0) return NONE;
  const text = payload.toString('latin1');
  const parsed = new Map<number, string | true>();
  let at = 0;
  for (let more = true; more; ) {
    ARGUMENT.lastIndex = at;
    const match = ARGUMENT.exec(text);
    if (match === null) throw badRequest(`arguments, character ${at}: expected a digit, alone or with ='value'`);
    const digit = Number(match[1]);
    if (parsed.has(digit)) throw badRequest(`argument ${digit} stands there twice`);
    parsed.set(digit, match[2] ?? true);
    at = ARGUMENT.lastIndex;
    more = match[3] === ',';
  }
  return parsed;
}

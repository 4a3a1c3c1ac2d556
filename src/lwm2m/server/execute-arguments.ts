/**
 * The arguments of Execute (LwM2M Core 1.1.1 §6.3.5): `0='text',1,2='x'`. Checked before they are sent, because a device that
 * meets a wrong one answers 4.00 and leaves a person to guess.
 *
 *   arglist = arg *( "," arg )      arg = DIGIT [ "=" "'" *CHAR "'" ]      CHAR = "!" / %x23-26 / %x28-5B / %x5D-7E
 */
import { DeviceManagementError } from '../../errors';

const ARGUMENT = /^(\d)(?:='([!\x23-\x26\x28-\x5b\x5d-\x7e]*)')?$/;
const QUOTED_OR_BARE = /[^,']*(?:'[^']*'?)?[^,]*/y;

/** @throws DeviceManagementError `invalid-value` naming the argument at fault */
export function checkExecuteArguments(text: string): void {
  const seen = new Set<string>();
  for (const argument of split(text)) {
    const match = ARGUMENT.exec(argument);
    if (match === null) {
      throw invalid(
        text,
        `"${argument}" is not a digit, alone or with a quoted value of printable ASCII without space, ", ' and \\`,
      );
    }
    const digit = match[1] as string;
    if (seen.has(digit)) throw invalid(text, `argument ${digit} stands there twice`);
    seen.add(digit);
  }
}

/** At the commas that are not inside quotes. */
function split(text: string): string[] {
  const parts: string[] = [];
  let at = 0;
  for (;;) {
    QUOTED_OR_BARE.lastIndex = at;
    const part = QUOTED_OR_BARE.exec(text)?.[0] ?? '';
    parts.push(part);
    at += part.length + 1;
    if (at > text.length) return parts;
  }
}

function invalid(text: string, why: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', `"${text}" are no Execute arguments: ${why}. Write them like 0='on',1.`);
}

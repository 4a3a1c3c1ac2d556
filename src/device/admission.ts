/** Who may register: the first gate, before anything is kept of a device. */
import { type Identity, isLoopback } from './identity';

/**
 * `secured`: devices that proved who they are, and unsecured ones on this machine.
 * `open`: every device.
 */
export type Admission = 'secured' | 'open';

export type AdmissionDecision =
  | { readonly admitted: true }
  | {
      readonly admitted: false;
      /** For a person: who was refused and why, a sentence without its full stop. */
      readonly reason: string;
      /** For the same person: what would let it in. */
      readonly remedy: string;
    };

const ADMITTED: AdmissionDecision = { admitted: true };

/** @param endpointName as the device says it: not to be trusted, least of all in a log */
export function admit(mode: Admission, endpointName: string, identity: Identity): AdmissionDecision {
  if (mode === 'open' || identity.security !== 'none' || isLoopback(identity.address)) return ADMITTED;
  return {
    admitted: false,
    reason: `${printable(endpointName)} from ${identity.address} refused: unsecured, and this server admits unsecured devices from its own machine only`,
    remedy:
      'To open the door, set "Admit" of the LwM2M server to "every device that reaches this port", if you trust everyone who can reach it.',
  };
}

const LONGEST_NAME = 64;

/** Control characters could forge lines of a log or move a terminal's cursor. */
function printable(name: string): string {
  const clean = name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
  return clean.length > LONGEST_NAME ? `${clean.slice(0, LONGEST_NAME)}…` : clean || '(no name)';
}

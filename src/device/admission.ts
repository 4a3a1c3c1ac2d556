/** Who may come: one decision for every Register, Update and bootstrap, before anything is kept of a device. */
import { isWithinArea, isWithinTimes, type Position } from './access';
import { type Identity, isLoopback, isPrivate } from './identity';
import type { ProvisionedDevice } from './provisioned-device';

/**
 * `secured`: devices that proved who they are, unsecured ones on this machine, and unsecured ones of a private network that are listed.
 * `listed`: devices that have been provisioned or paired, no others.
 * `open`: every device.
 * In every mode one that has credentials must show them, and only for its own endpoint.
 */
export type Admission = 'secured' | 'listed' | 'open';

/** `behind`: announced by a gateway, whose identity it is. */
export type Occasion = 'register' | 'update' | 'bootstrap' | 'behind';

export type AdmissionDecision =
  | { readonly admitted: true }
  | {
      readonly admitted: false;
      /** For a person: who was refused and why, a sentence without its full stop. */
      readonly reason: string;
      /** For the same person: what would let it in. */
      readonly remedy: string;
      /** Seconds; it may come later, and is told so (5.03 with Max-Age). */
      readonly retryAfter?: number;
    };

export type Admit = (endpoint: string, identity: Identity, occasion: Occasion) => AdmissionDecision;

/** Who asks, and what is known of it. */
export interface Applicant {
  /** As the device says it: not to be trusted, least of all in a log. */
  readonly endpoint: string;
  readonly identity: Identity;
  readonly occasion: Occasion;
  /** Whose the proved identity is; undefined when nobody's, or nothing is proved. */
  readonly owner?: string | undefined;
  readonly device?: ProvisionedDevice | undefined;
  /** Whether what it proved was given to it here, and not by an authority that it shares with others. */
  readonly isHolder?: boolean;
  /** Whether it has credentials, and so must show them. */
  readonly isSecured: boolean;
  /** Unix milliseconds. */
  readonly retiredAt?: number | undefined;
  /** Where it was lately. */
  readonly position?: Position | undefined;
}

export interface Circumstances {
  readonly mode: Admission;
  /** Unix milliseconds. */
  readonly now: number;
}

export const ADMITTED: AdmissionDecision = { admitted: true };

/** By mode alone, where nothing is known of any device. @param owner whose the proved identity is */
export function admit(
  mode: Admission,
  endpoint: string,
  identity: Identity,
  occasion: Occasion = 'register',
  owner = identity.name,
): AdmissionDecision {
  return decide({ endpoint, identity, occasion, owner, isSecured: false }, { mode, now: 0 });
}

export function decide(applicant: Applicant, circumstances: Circumstances): AdmissionDecision {
  for (const objectionOf of OBJECTIONS) {
    const objection = objectionOf(applicant, circumstances);
    if (objection === undefined) continue;
    const { endpoint, identity } = applicant;
    return {
      admitted: false,
      reason: `${printable(endpoint)} from ${identity.address} refused: ${objection.why}`,
      remedy: objection.remedy,
    };
  }
  return ADMITTED;
}

interface Objection {
  readonly why: string;
  readonly remedy: string;
}

type Rule = (applicant: Applicant, circumstances: Circumstances) => Objection | undefined;

/** What costs least to tell apart and weighs most comes first. */
const OBJECTIONS: readonly Rule[] = [
  ({ retiredAt }) =>
    retiredAt === undefined
      ? undefined
      : {
          why: `it was retired on ${dateText(retiredAt)}`,
          remedy: 'Provision it anew if it is to come back; it does not by itself.',
        },
  ({ endpoint, identity, occasion, owner }) => {
    if (identity.security === 'none' || occasion === 'behind' || owner === endpoint) return undefined;
    const shown = `${PROOFS[identity.security]} ${printable(identity.name ?? '')}`;
    return {
      why: owner === undefined ? `${shown} is not its own` : `${shown} is that of ${printable(owner)}`,
      remedy: 'Let each device show its own credentials, or provision these for this endpoint.',
    };
  },
  ({ identity, occasion, isSecured }) =>
    isSecured && (identity.security === 'none' || occasion === 'behind')
      ? {
          why: 'unsecured, although it has credentials',
          remedy: 'Let it come over DTLS and show them; or take them from it (security mode "none"), if it cannot any more.',
        }
      : undefined,
  (applicant, { mode }) => (applicant.occasion === 'update' ? undefined : strangeness(applicant, mode)),
  ({ device }, { now }) => {
    const until = device?.blockedUntil;
    if (until === undefined || until <= now) return undefined;
    return {
      why: `blocked${Number.isFinite(until) ? ` until ${dateText(until)}` : ''}`,
      remedy: 'Wait, or take back the block.',
    };
  },
  ({ device }, { now }) =>
    device?.access === undefined || isWithinTimes(device.access, now)
      ? undefined
      : { why: 'outside its hours', remedy: 'Wait, or change the times of its access.' },
  ({ device, position }) =>
    device?.access?.area === undefined || position === undefined || isWithinArea(device.access.area, position)
      ? undefined
      : { why: 'outside its area', remedy: 'Bring it back, or change the area of its access.' },
];

const PROOFS = { psk: 'PSK identity', rpk: 'raw public key', x509: 'certificate' } as const;

/** Whether the mode leaves it outside. */
function strangeness(applicant: Applicant, mode: Admission): Objection | undefined {
  const { identity, occasion, device, isHolder } = applicant;
  if (mode === 'open') return undefined;
  const isListed = device !== undefined || isHolder === true;
  if (occasion === 'behind') return mode === 'listed' && !isListed ? UNLISTED : undefined;
  if (identity.security !== 'none') return mode === 'listed' && !isListed ? UNLISTED : undefined;
  if (mode === 'secured' && isLoopback(identity.address)) return undefined;
  if (!isListed) return mode === 'listed' ? UNLISTED : UNSECURED;
  return isPrivate(identity.address) ? undefined : FAR;
}

const UNLISTED: Objection = {
  why: 'this server admits devices of its list only',
  remedy: 'Provision it; or permit pairing for some minutes and let it try again.',
};
const UNSECURED: Objection = {
  why: 'unsecured, and this server admits unsecured devices from its own machine only',
  remedy:
    'Provision a key for it; or permit pairing for some minutes and let it try again; or set "Admit" of the LwM2M server to "every device that reaches this port", if you trust everyone who can reach it.',
};
const FAR: Objection = {
  why: 'it is listed without credentials, and not in a private network',
  remedy: 'Provision a key for it.',
};

const LONGEST_NAME = 64;

/** Control characters could forge lines of a log or move a terminal's cursor. */
export function printable(name: string): string {
  const clean = name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
  return clean.length > LONGEST_NAME ? `${clean.slice(0, LONGEST_NAME)}…` : clean || '(no name)';
}

function dateText(at: number): string {
  return at < 8.64e15 ? new Date(at).toISOString() : 'some far day';
}

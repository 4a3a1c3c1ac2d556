/**
 * From evidence to causes: a table of rules, the most telling first. Each looks at the evidence and says in a sentence what it finds, or nothing.
 * Limits are rules of thumb, named so that they can be argued about.
 */

import type { Evidence } from './diagnosis-evidence';
import { duration } from './duration';
import type { JournalEventName } from './registration-journal';

export type Cause = 'power' | 'radio' | 'network' | 'device' | 'application' | 'server';

export interface Finding {
  readonly cause: Cause;
  /** For a person. */
  readonly text: string;
}

type Rule = readonly [cause: Cause, finds: (evidence: Evidence) => string | undefined];

const HOUR_MS = 3_600_000;
/** Percent of a battery. */
const BATTERY_LOW = 20;
const BATTERY_EMPTY = 10;
/** /3/0/6: DC, Power over Ethernet, USB, mains. */
const LASTING_SOURCES: readonly number[] = [0, 4, 5, 6];
/** /3/0/20: charging, charged; low. */
const CHARGING: readonly number[] = [1, 2];
const STATUS_LOW = 4;
/** dBm below which a bearer of /4/0/0 is at its end: cellular, NB-IoT, and those of a house. */
const WEAK_SIGNAL = { cellular: -110, narrow: -120, local: -80 };
const NB_IOT = 7;
const FIRST_LOCAL_BEARER = 21;
const FIRST_WIRED_BEARER = 41;
/** Of the memory, that is left. */
const MEMORY_LOW = 0.05;
/** Registrations in an hour that are no accident any more. */
const FLAPPING = 3;
const MOVING = 3;
/** Messages before their losses say something, and the share that is too much. */
const ENOUGH_SENT = 10;
const LOSSY = 0.2;
const SLOW_MS = 10_000;
/** Devices that expire together have one cause. */
const MANY = 5;
/** 5.00 answers to so many requests are no accident. */
const FAULTS = 5;
const LINE_LONG_MS = 60_000;

/** /3/0/11 (LwM2M Core, Appendix E.4). */
const ERROR_TEXTS: Readonly<Record<number, readonly [Cause, string]>> = {
  1: ['power', 'low battery power'],
  2: ['power', 'external power supply off'],
  3: ['device', 'GPS module failure'],
  4: ['radio', 'low received signal strength'],
  5: ['device', 'out of memory'],
  6: ['device', 'SMS failure'],
  7: ['network', 'IP connectivity failure'],
  8: ['device', 'peripheral malfunction'],
};
/** LwM2M 1.2: these belong to the maker. */
const FIRST_OWN_ERROR = 16;

const RULES: readonly Rule[] = [
  ['server', ({ server: { trouble } }) => trouble],
  ['server', refusedHere],
  [
    'network',
    ({ server: { gateway } }) =>
      gateway?.presence === 'gone' ? `its gateway '${gateway.endpoint}' is gone, and all behind it` : undefined,
  ],
  ['network', goneTogether],
  ['device', signedOff],
  ['power', errorsOf('power')],
  ['power', battery],
  ['radio', errorsOf('radio')],
  ['radio', signal],
  ['network', errorsOf('network')],
  ['network', rejected],
  ['network', unanswered],
  ['network', moving],
  ['network', losses],
  ['network', slow],
  ['device', restarts],
  ['device', errorsOf('device')],
  ['device', memory],
  ['application', errorsOf('application')],
  ['application', faults],
  ['server', line],
];

/** The first is the likeliest cause; none: nothing is wrong that could be seen. */
export function findingsOf(evidence: Evidence): readonly Finding[] {
  const findings = RULES.flatMap(([cause, finds]): readonly Finding[] => {
    const text = finds(evidence);
    return text === undefined ? [] : [{ cause, text }];
  });
  return findings.length === 0 && evidence.presence === 'gone' ? [{ cause: 'device', text: silence(evidence) }] : findings;
}

/** One sentence for who wants no more. */
export function summaryOf({ device, presence, registration, at, server }: Evidence, findings: readonly Finding[]): string {
  const [first] = findings;
  if (first !== undefined) return `Device '${device}' ${STATES[presence]}. Likely cause: ${first.cause}: ${first.text}.`;
  const heard = server.lastContact === undefined ? '' : `, heard ${duration(at - server.lastContact)} ago`;
  if (presence !== 'asleep') return `Device '${device}' ${STATES[presence]}${heard}. Nothing is wrong that could be seen.`;
  const wakes = registration?.lifetime
    ? ` It should wake within ${duration(registration.updatedAt + registration.lifetime * 1000 - at)}.`
    : '';
  return `Device '${device}' ${STATES[presence]}${heard}, as devices in queue mode do.${wakes}`;
}

const STATES = { reachable: 'is here', asleep: 'is asleep', gone: 'is not registered' } as const;

function refusedHere({ presence, server: { journal } }: Evidence): string | undefined {
  const last = journal[journal.length - 1];
  return presence === 'gone' && last?.event === 'refused'
    ? `this server refuses it: ${withoutStop(last.detail ?? 'it may not come')}`
    : undefined;
}

function goneTogether({ presence, server: { others } }: Evidence): string | undefined {
  const isShared = presence === 'gone' && others.expired >= MANY && others.expired >= others.registered;
  return isShared
    ? `${others.expired} devices have fallen silent in a few minutes, and ${others.registered} are left: look at what they share`
    : undefined;
}

function signedOff({ presence, at, server: { journal } }: Evidence): string | undefined {
  const last = journal[journal.length - 1];
  return presence === 'gone' && last?.event === 'deregistered'
    ? `it has signed off by itself ${duration(at - last.at)} ago`
    : undefined;
}

function battery({ presence, readings, known }: Evidence): string | undefined {
  const sources = numbersAt(readings, '/3/0/6');
  const isLasting = (sources.length > 0 ? sources : (known.powerSources ?? [])).some((source) =>
    LASTING_SOURCES.includes(source),
  );
  const [status] = numbersAt(readings, '/3/0/20');
  if (isLasting || (status !== undefined && CHARGING.includes(status))) return undefined;
  const [level] = numbersAt(readings, '/3/0/9');
  if (level !== undefined) return level < BATTERY_LOW || status === STATUS_LOW ? `its battery is at ${level} %` : undefined;
  if (status === STATUS_LOW) return 'it says that its battery is low';
  const before = known.batteryLevel;
  const isEmpty = presence === 'gone' && before !== undefined && before <= BATTERY_EMPTY;
  return isEmpty ? `its battery was at ${before} % when it was last heard, and is probably empty` : undefined;
}

function errorsOf(cause: Cause): (evidence: Evidence) => string | undefined {
  return ({ readings }) => {
    const texts = numbersAt(readings, '/3/0/11').flatMap((code) => {
      const [of, text] =
        code >= FIRST_OWN_ERROR ? (['application', `error ${code} of its maker`] as const) : (ERROR_TEXTS[code] ?? []);
      return of === cause ? [text] : [];
    });
    return texts.length === 0 ? undefined : `it reports ${texts.join(' and ')}`;
  };
}

function signal({ readings }: Evidence): string | undefined {
  const [[bearer], [strength]] = [numbersAt(readings, '/4/0/0'), numbersAt(readings, '/4/0/2')];
  if (bearer === undefined || strength === undefined || bearer >= FIRST_WIRED_BEARER) return undefined;
  const limit = bearer >= FIRST_LOCAL_BEARER ? WEAK_SIGNAL.local : bearer === NB_IOT ? WEAK_SIGNAL.narrow : WEAK_SIGNAL.cellular;
  return strength < limit ? `its signal is ${strength} dBm, where ${limit} dBm is about the least` : undefined;
}

/** /11/x/10: 0 accepted, 1 rejected; /11/x/11: the cause, as the network gave it. */
function rejected({ readings }: Evidence): string | undefined {
  const entry = Object.entries(readings).find(([path, value]) => /^\/11\/\d+\/10(\/\d+)?$/.test(path) && value === 1);
  if (entry === undefined) return undefined;
  const why = readings[entry[0].replace(/\/10(?=\/|$)/, '/11')];
  return `the network has rejected a connection to its access point${why === undefined ? '' : ` (cause ${why})`}`;
}

function unanswered({ presence, at, registration, refused }: Evidence): string | undefined {
  if (presence !== 'reachable' || !Object.values(refused).includes('timeout')) return undefined;
  const updated = registration === undefined ? '' : ` (last ${duration(at - registration.updatedAt)} ago)`;
  return `it reports to the server${updated} but does not answer: what is sent to it is lost, as behind a firewall or NAT that has closed its way; queue mode or a shorter lifetime helps`;
}

function moving(evidence: Evidence): string | undefined {
  const moves = lately(evidence, 'moved');
  return moves >= MOVING ? `its address has changed ${moves} times in an hour` : undefined;
}

function losses({ server: { traffic } }: Evidence): string | undefined {
  if (traffic === undefined || traffic.sent < ENOUGH_SENT) return undefined;
  const share = traffic.retransmitted / traffic.sent;
  return share > LOSSY ? `${Math.round(share * 100)} % of the messages to it were repeated` : undefined;
}

function slow({ server: { roundTripMs } }: Evidence): string | undefined {
  return roundTripMs !== undefined && roundTripMs > SLOW_MS ? `its answers take ${duration(roundTripMs)}` : undefined;
}

function restarts(evidence: Evidence): string | undefined {
  const times = lately(evidence, 'registered');
  return times >= FLAPPING
    ? `it has registered ${times} times in an hour: it restarts, or loses what it knows of the server`
    : undefined;
}

function memory({ readings }: Evidence): string | undefined {
  const [[free], [total]] = [numbersAt(readings, '/3/0/10'), numbersAt(readings, '/3/0/21')];
  const isLow = free !== undefined && total !== undefined && total > 0 && free < total * MEMORY_LOW;
  return isLow ? `${free} of its ${total} kB of memory are left` : undefined;
}

function faults({ server: { codes } }: Evidence): string | undefined {
  const times = codes?.['5.00'] ?? 0;
  return times >= FAULTS ? `it has answered ${times} requests with an internal error (5.00)` : undefined;
}

/** A device that is awake, and is asked nothing all the same. */
function line({ presence, at, server: { waiting, waitingSince } }: Evidence): string | undefined {
  const isLong = presence === 'reachable' && waitingSince !== undefined && at - waitingSince > LINE_LONG_MS;
  return isLong ? `${waiting} requests wait for it, the oldest for ${duration(at - waitingSince)}` : undefined;
}

function silence({ at, server: { journal, lastContact } }: Evidence): string {
  if (journal.length === 0 && lastContact === undefined)
    return 'it has never come to this server: check its power, the address it was given, and its keys';
  const heard = lastContact === undefined ? '' : `, ${duration(at - lastContact)} ago`;
  return `it has fallen silent${heard}, and nothing that is known of it tells why: check its power and its network`;
}

function lately({ at, server: { journal } }: Evidence, event: JournalEventName): number {
  return journal.filter((entry) => entry.event === event && at - entry.at < HOUR_MS).length;
}

/** The value of a resource, or those of its instances. */
function numbersAt(readings: Evidence['readings'], path: string): readonly number[] {
  const found = Object.entries(readings).filter(([of]) => of === path || of.startsWith(`${path}/`));
  return found.flatMap(([, value]) => (typeof value === 'number' ? [value] : []));
}

function withoutStop(text: string): string {
  return text.replace(/\.$/, '');
}

/**
 * The query of Register and Update (LwM2M Core 1.1.1 §6.2.1, §6.2.2; LwM2M Transport 1.2 §6.4): text in, typed parameters or
 * one mistake out. It knows no registration, only what the parameters mean.
 */
import { Code } from '../../coap/codes';
import { Mistake } from './mistake';

/** What to do where the standard lets a server choose, or where clients differ from it. */
export interface RegistrationRules {
  /** Refuse what the standard forbids although it is harmless: Register without CON, `Q=1`, 1.2 without `lt`. */
  readonly strict: boolean;
  /** LwM2M 1.3 and later: refuse with 4.12, or speak 1.2 with them (LwM2M Core 1.2 §6.2.1 recommends that). */
  readonly newerVersions: 'refuse' | 'as-1.2';
}

export const DEFAULT_RULES: RegistrationRules = { strict: false, newerVersions: 'refuse' };

/** Parameters as they stood in the query; what was absent is absent. */
export interface RegistrationQuery {
  endpoint?: string;
  version?: string;
  lifetime?: number;
  binding?: string;
  /** A value-less `Q`, or a Q among the letters of `b` (LwM2M 1.0). */
  queueMode?: boolean;
  /** `pid`: object lists known to the server (1.2). */
  profiles?: readonly string[];
  /** Everything else, kept as it came. */
  others?: Record<string, string>;
}

/** Used by LwM2M 1.0 and by Leshan when `lt` is absent. */
export const DEFAULT_LIFETIME_SECONDS = 86_400;
/** The Lifetime resource (1/x/1) is a 32-bit quantity in every client met; more is a mistake, not a plan. */
const LONGEST_LIFETIME_SECONDS = 2 ** 32 - 1;
/** A name goes into topics, file contexts and URLs; RFC 7252 §5.10 allows an option 255 bytes. */
const LONGEST_ENDPOINT_NAME = 255;
/** A registration is kept for its lifetime: caps what unknown parameters can make us keep with it. */
const MOST_OTHER_PARAMETERS = 16;
const KNOWN_VERSIONS = new Set(['1.0', '1.1', '1.2']);
/** Control characters, and what a decoder leaves behind for bytes that are not UTF-8. */
const UNPRINTABLE = /[\p{Cc}\ufffd]/u;
/** Almost every name; asked first, because the question above takes far longer. */
const PRINTABLE_ASCII = /^[ -~]*$/;

type Reader = (value: string | undefined, into: RegistrationQuery, rules: RegistrationRules) => Mistake | undefined;

/** `bit` marks a parameter as seen: a Set for each Register would cost more than all its readers. */
const READERS = new Map<string, { readonly bit: number; readonly read: Reader }>(
  (
    [
      ['ep', readEndpoint],
      ['lwm2m', readVersion],
      ['lt', readLifetime],
      ['b', readBinding],
      ['Q', readQueueMode],
      ['pid', readProfiles],
    ] as const
  ).map(([key, read], index) => [key, { bit: 1 << index, read }]),
);

const NOTHING: RegistrationQuery = Object.freeze({});

/** Reads the Uri-Query options of a Register or Update. */
export function readRegistrationQuery(query: readonly string[], rules: RegistrationRules): RegistrationQuery | Mistake {
  if (query.length === 0) return NOTHING;
  const into: RegistrationQuery = {};
  let seen = 0;
  for (const item of query) {
    const at = item.indexOf('=');
    const key = at < 0 ? item : item.slice(0, at);
    const value = at < 0 ? undefined : item.slice(at + 1);
    const reader = READERS.get(key);
    if (reader === undefined) {
      const mistake = keepOther(key, value, into);
      if (mistake !== undefined) return mistake;
      continue;
    }
    if ((seen & reader.bit) !== 0) return bad(`the parameter "${key}" stands twice in the query`, `Send "${key}" once.`);
    seen |= reader.bit;
    const mistake = reader.read(value, into, rules);
    if (mistake !== undefined) return mistake;
  }
  return into;
}

function readEndpoint(value: string | undefined, into: RegistrationQuery): Mistake | undefined {
  if (value === undefined || value === '') return undefined; // as if absent: an identity may still tell the name
  if (value.length > LONGEST_ENDPOINT_NAME) return bad('the endpoint name is longer than 255 characters', 'Shorten "ep".');
  if (!isPrintable(value)) {
    return bad('the endpoint name is not printable UTF-8', 'Send "ep" as UTF-8 text without control characters.');
  }
  into.endpoint = value;
  return undefined;
}

/** Whether a text can be the name of a device. */
export function isEndpointName(text: string): boolean {
  return text !== '' && text.length <= LONGEST_ENDPOINT_NAME && isPrintable(text);
}

function isPrintable(text: string): boolean {
  return PRINTABLE_ASCII.test(text) || !UNPRINTABLE.test(text);
}

function readVersion(value: string | undefined, into: RegistrationQuery, rules: RegistrationRules): Mistake | undefined {
  if (value !== undefined && KNOWN_VERSIONS.has(value)) {
    into.version = value;
    return undefined;
  }
  const match = /^(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?$/.exec(value ?? '');
  if (match === null) return bad(`"lwm2m=${shown(value)}" is not a version`, 'Send "lwm2m=1.0", "1.1" or "1.2".');
  const major = Number(match[1]);
  const version = `${major}.${Number(match[2])}`;
  if (KNOWN_VERSIONS.has(version)) into.version = version;
  else if (major === 1 && rules.newerVersions === 'as-1.2') into.version = '1.2';
  else {
    return new Mistake(
      Code.PreconditionFailed,
      `LwM2M ${version} is not supported`,
      'This server speaks LwM2M 1.0, 1.1 and 1.2: set the device to one of them.',
    );
  }
  return undefined;
}

function readLifetime(value: string | undefined, into: RegistrationQuery): Mistake | undefined {
  const lifetime = /^\d{1,10}$/.test(value ?? '') ? Number(value) : Number.NaN;
  if (!(lifetime <= LONGEST_LIFETIME_SECONDS)) {
    return bad(`"lt=${shown(value)}" is not a lifetime`, `Send "lt" in whole seconds, at most ${LONGEST_LIFETIME_SECONDS}.`);
  }
  into.lifetime = lifetime;
  return undefined;
}

function readBinding(value: string | undefined, into: RegistrationQuery): Mistake | undefined {
  if (value === undefined || value === '') return undefined;
  if (!/^[USTNMHQ]{1,7}$/.test(value)) {
    return bad(`"b=${shown(value)}" is not a binding`, 'Send letters of U, S, T, N, M, H; LwM2M 1.0 adds Q for queue mode.');
  }
  into.binding = value;
  if (value.includes('Q')) into.queueMode = true;
  return undefined;
}

function readQueueMode(value: string | undefined, into: RegistrationQuery, rules: RegistrationRules): Mistake | undefined {
  // There is no "Q=false": queue mode is off where Q is absent.
  if (value !== undefined && rules.strict) return bad(`"Q=${shown(value)}" is not allowed`, 'Send "Q" without a value.');
  into.queueMode = true;
  return undefined;
}

function readProfiles(value: string | undefined, into: RegistrationQuery): Mistake | undefined {
  const profiles = (value ?? '')
    .replace(/^"|"$/g, '')
    .split(',')
    .map((profile) => profile.trim());
  if (profiles.some((profile) => !/^(6:[0-9a-f]{8,64}|oma:[\w.:-]+|v:[\w.:-]+)$/.test(profile))) {
    return bad(`"pid=${shown(value)}" is not a profile id`, 'Send "6:<hash>", "oma:<name>" or "v:<name>".');
  }
  into.profiles = profiles;
  return undefined;
}

function keepOther(key: string, value: string | undefined, into: RegistrationQuery): Mistake | undefined {
  into.others ??= {};
  if (Object.keys(into.others).length >= MOST_OTHER_PARAMETERS) {
    return bad(`more than ${MOST_OTHER_PARAMETERS} unknown query parameters`, 'Leave out parameters that LwM2M does not define.');
  }
  // A plain assignment of "__proto__" would set the prototype instead.
  Object.defineProperty(into.others, key, { value: value ?? '', enumerable: true, configurable: true, writable: true });
  return undefined;
}

function bad(reason: string, remedy: string): Mistake {
  return new Mistake(Code.BadRequest, reason, remedy);
}

/** What a stranger sent, short enough for an error text. */
function shown(value: string | undefined): string {
  return (value ?? '').slice(0, 40);
}

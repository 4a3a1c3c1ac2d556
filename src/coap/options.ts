/** Option numbers, what may be in them, and the registered content formats met in LwM2M (RFC 7252 §5.10, RFC 7641, 7959, 7967, 9175). */

export const Option = {
  IfMatch: 1,
  UriHost: 3,
  ETag: 4,
  IfNoneMatch: 5,
  Observe: 6,
  UriPort: 7,
  LocationPath: 8,
  UriPath: 11,
  ContentFormat: 12,
  MaxAge: 14,
  UriQuery: 15,
  HopLimit: 16,
  Accept: 17,
  LocationQuery: 20,
  Block2: 23,
  Block1: 27,
  Size2: 28,
  ProxyUri: 35,
  ProxyScheme: 39,
  Size1: 60,
  Echo: 252,
  NoResponse: 258,
  RequestTag: 292,
} as const;

export const ContentFormat = {
  Text: 0,
  LinkFormat: 40,
  OctetStream: 42,
  Cbor: 60,
  SenmlJson: 110,
  SenmlCbor: 112,
  SenmlEtchJson: 320,
  SenmlEtchCbor: 322,
  Tlv: 11542,
  Json: 11543,
  Lwm2mCbor: 11544,
} as const;

interface OptionRule {
  readonly shortest: number;
  readonly longest: number;
  readonly repeatable: boolean;
}

const rule = (shortest: number, longest: number, repeatable = false): OptionRule => ({ shortest, longest, repeatable });

/** What this layer understands. Anything else is unknown, and so is a value of another length (RFC 7252 §5.4.3). */
const RULES: Readonly<Record<number, OptionRule>> = {
  [Option.IfMatch]: rule(0, 8, true),
  [Option.UriHost]: rule(1, 255),
  [Option.ETag]: rule(1, 8, true),
  [Option.IfNoneMatch]: rule(0, 0),
  [Option.Observe]: rule(0, 3),
  [Option.UriPort]: rule(0, 2),
  [Option.LocationPath]: rule(0, 255, true),
  [Option.UriPath]: rule(0, 255, true),
  [Option.ContentFormat]: rule(0, 2),
  [Option.MaxAge]: rule(0, 4),
  [Option.UriQuery]: rule(0, 255, true),
  [Option.HopLimit]: rule(1, 1),
  [Option.Accept]: rule(0, 2),
  [Option.LocationQuery]: rule(0, 255, true),
  [Option.Block2]: rule(0, 3),
  [Option.Block1]: rule(0, 3),
  [Option.Size2]: rule(0, 4),
  [Option.ProxyUri]: rule(1, 1034),
  [Option.ProxyScheme]: rule(1, 255),
  [Option.Size1]: rule(0, 4),
  [Option.Echo]: rule(1, 40),
  [Option.NoResponse]: rule(0, 1),
  [Option.RequestTag]: rule(0, 8, true),
};

const HIGHEST_KNOWN = Option.RequestTag;
/** The rules by number, dense, because every option of every message is looked up here. */
const TABLE: readonly (OptionRule | undefined)[] = Array.from({ length: HIGHEST_KNOWN + 1 }, (_, number) => RULES[number]);

/** Odd numbers are critical (RFC 7252 §5.4.6). */
export function isCritical(number: number): boolean {
  return (number & 1) === 1;
}

/**
 * Whether an option is understood as it stands.
 * @param repeated the option before it had the same number
 */
export function isUnderstood(number: number, length: number, repeated: boolean): boolean {
  const known = number <= HIGHEST_KNOWN ? TABLE[number] : undefined;
  if (known === undefined) return false;
  return length >= known.shortest && length <= known.longest && (known.repeatable || !repeated);
}

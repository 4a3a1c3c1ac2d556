/** Bits 7-6 of a TLV entry's first byte: what the entry is (LwM2M Core 1.1.1 §7.4.5, table "TLV format"). */

export const NAME = 'TLV';

export const Kind = { Instance: 0, ResourceInstance: 1, Multiple: 2, Resource: 3 } as const;

/** By kind, for people. */
export const KIND_NAMES = ['an object instance', 'a resource instance', 'a multiple resource', 'a resource'];

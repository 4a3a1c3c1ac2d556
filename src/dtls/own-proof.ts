/** By what a client proves itself, in short: a session is resumed only with what it was made with, or the new keys of a device would never be shown. */
import { createHash } from 'node:crypto';
import type { ConnectOptions } from './handshake-client';
import { publicSpki } from './raw-key';
import type { Credentials } from './settings';

/** @param own of the endpoint, where the options have none */
export function ownProof({ psk, credentials }: ConnectOptions, own: Credentials): string {
  const hash = createHash('sha256');
  if (psk !== undefined) return hash.update(`${psk.identity}\0`).update(psk.key).digest('base64url');
  const { ownKey, ownChain: [certificate] = [] } = credentials ?? own;
  if (certificate !== undefined) hash.update(certificate);
  else if (ownKey !== undefined) hash.update(publicSpki(ownKey));
  return hash.digest('base64url');
}

/** The credentials of the dialog as the client takes them. They are Node-RED credentials: no flow export bears them, and no error shows them. */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { DeviceManagementError } from '../../src/errors';
import type { ClientSecurity } from '../../src/lwm2m/client/client-security';

/** As Node-RED keeps them for the node. Keys and certificates are PEM, but a pre-shared key is hexadecimal. */
export interface ClientCredentials {
  readonly identity?: string;
  readonly key?: string;
  readonly privateKey?: string;
  readonly certificate?: string;
  readonly serverKey?: string;
}

export type SecurityChoice = 'none' | 'psk' | 'rpk' | 'x509';

/** What each mode needs beside the mode. */
const READERS: Readonly<
  Record<SecurityChoice, (credentials: ClientCredentials, isAuthority: boolean) => ClientSecurity | undefined>
> = {
  none: () => undefined,
  psk: ({ identity, key }) => ({ mode: 'psk', identity: needed(identity, 'PSK identity'), key: hexKey(key) }),
  rpk: (credentials) => ({
    mode: 'rpk',
    key: privateKey(credentials),
    serverKey: read('public key of the server', credentials.serverKey, (pem) =>
      createPublicKey(pem).export({ type: 'spki', format: 'der' }),
    ),
  }),
  x509: (credentials, isAuthority) => ({
    mode: 'x509',
    certificate: read('certificate', credentials.certificate, (pem) => new X509Certificate(pem).raw),
    key: privateKey(credentials),
    serverCertificate: read('certificate of the server', credentials.serverKey, (pem) => new X509Certificate(pem).raw),
    isAuthority,
  }),
};

/** @throws DeviceManagementError `invalid-value`, naming the field and never what is in it */
export function readClientSecurity(
  choice: SecurityChoice,
  credentials: ClientCredentials,
  isAuthority: boolean,
): ClientSecurity | undefined {
  return (READERS[choice] ?? READERS.none)(credentials, isAuthority);
}

function privateKey({ privateKey: given }: ClientCredentials): Buffer {
  return read('private key', given, (pem) => createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' }));
}

function hexKey(given: string | undefined): Buffer {
  const text = needed(given, 'key').replaceAll(/[\s:]/g, '');
  if (/^([0-9a-f]{2}){1,64}$/i.test(text)) return Buffer.from(text, 'hex');
  throw invalid('key must be 1 to 64 bytes in hexadecimal digits, two for each byte');
}

function read(name: string, given: string | undefined, parse: (pem: string) => Buffer): Buffer {
  const text = needed(given, name);
  try {
    return parse(text);
  } catch {
    // The cause could quote it.
    throw invalid(`${name} must be PEM: the lines from -----BEGIN … to -----END …`);
  }
}

function needed(given: string | undefined, name: string): string {
  const text = (given ?? '').trim();
  if (text !== '') return text;
  throw invalid(`${name} is missing: open it and fill it in (credentials are not part of an exported flow)`);
}

function invalid(what: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', `the security of this client is not complete: its ${what}.`);
}

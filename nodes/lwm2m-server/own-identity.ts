/**
 * What the server proves itself by to devices with raw public keys and certificates: key and certificate in files of the user's, or made at
 * the first start and kept beside the store, readable by this user alone.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { link, mkdir, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isP256 } from '../../src/dtls/raw-key';
import { selfSigned } from '../../src/dtls/self-signed';
import { DeviceManagementError } from '../../src/errors';

export interface OwnIdentity {
  readonly ownKey: KeyObject;
  /** DER, the server's own certificate first; absent: a raw public key only. */
  readonly ownChain?: readonly Buffer[];
}

export interface IdentityFiles {
  /** PEM, "" = none: then both are made. */
  readonly key: string;
  readonly certificate: string;
  /** Where what is made is kept; undefined = nowhere. */
  readonly made: string | undefined;
}

const COMMON_NAME = 'Node-RED device management';
const DAY_MS = 86_400_000;

/** @throws DeviceManagementError `server-unavailable`, naming the file and what to do; nothing in it is shown */
export async function ownIdentity({ key, certificate, made }: IdentityFiles): Promise<OwnIdentity> {
  if (key !== '') {
    const ownKey = keyIn(key, await textOf(key));
    return certificate === '' ? { ownKey } : { ownKey, ownChain: chainIn(certificate, await textOf(certificate), ownKey) };
  }
  if (certificate !== '') {
    const text = await textOf(certificate);
    if (!text.includes('PRIVATE KEY'))
      throw unusable(`there is a certificate, ${certificate}, but no key for it: give the file of its private key too`);
    const ownKey = keyIn(certificate, text);
    return { ownKey, ownChain: chainIn(certificate, text, ownKey) };
  }
  const text = made === undefined ? makePem() : await kept(made);
  const file = made ?? 'memory';
  const ownKey = keyIn(file, text);
  return { ownKey, ownChain: chainIn(file, text, ownKey) };
}

/** Certificates of authorities whose devices are let in by their names. @throws as `ownIdentity` */
export async function authoritiesIn(file: string): Promise<readonly X509Certificate[]> {
  return file === '' ? [] : certificatesIn(file, await textOf(file));
}

async function kept(file: string): Promise<string> {
  try {
    const { mode } = await stat(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw unusable(
        `others may read the key of this server in ${file}: take that from them (chmod 600), or remove it to have another made`,
      );
    }
    return await textOf(file);
  } catch (caught) {
    if ((caught as NodeJS.ErrnoException).code !== 'ENOENT') throw caught;
  }
  // Whole or not at all, and never over one that another has just made.
  const draft = `${file}.${process.pid}`;
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(draft, makePem(), { mode: 0o600 });
    await link(draft, file).catch((caught: NodeJS.ErrnoException) => {
      if (caught.code !== 'EEXIST') throw caught;
    });
    await unlink(draft);
  } catch (caught) {
    throw unusable(`its key cannot be kept in ${file}: ${(caught as Error).message}`);
  }
  return textOf(file);
}

function makePem(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  // A day early: clocks of devices differ.
  const certificate = new X509Certificate(selfSigned(privateKey, COMMON_NAME, Date.now() - DAY_MS));
  return `${certificate.toString()}${privateKey.export({ type: 'pkcs8', format: 'pem' })}`;
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (caught) {
    if ((caught as NodeJS.ErrnoException).code === 'ENOENT')
      throw Object.assign(unusable(`there is no file ${file}`), { cause: caught });
    throw unusable(`${file} cannot be read: ${(caught as Error).message}`);
  }
}

function keyIn(file: string, pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw unusable(`${file} holds no private key in PEM without a passphrase`);
  }
  if (isP256(key)) return key;
  throw unusable(`the key in ${file} is not on curve P-256, which is what LwM2M devices know`);
}

function chainIn(file: string, pem: string, key: KeyObject): readonly Buffer[] {
  const chain = certificatesIn(file, pem);
  if (chain[0]?.checkPrivateKey(key) !== true) throw unusable(`the first certificate in ${file} does not belong to the key`);
  return chain.map(({ raw }) => raw);
}

function certificatesIn(file: string, pem: string): X509Certificate[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    if (found.length > 0) return found.map((one) => new X509Certificate(one));
  } catch {
    // As if there were none.
  }
  throw unusable(`${file} holds no certificate in PEM`);
}

function unusable(why: string): DeviceManagementError {
  return new DeviceManagementError('server-unavailable', `the security of this server cannot be used: ${why}.`);
}

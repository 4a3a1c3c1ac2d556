/** Who says that an image is theirs: Ed25519 (RFC 8032) over its SHA-256, which is what small signers can do, or over the image itself. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DeviceManagementError } from '../../errors';

/** Public keys of those whose images are good; none: signatures cannot be checked, and images need none. */
export type Signers = () => Promise<readonly KeyObject[]>;

export interface SignedImage {
  readonly name: string;
  readonly version: string;
  /** Hex. */
  readonly sha256: string;
  /** Base64. */
  readonly signature?: string;
}

/** Ed25519 reads its message twice, so the image must be held while it is checked: once, for all devices. */
const LARGEST_SIGNED_WHOLE = 64 * 1024 * 1024;

/**
 * With signers, an image must be signed by one of them. A signature that nobody can check is refused too: whoever gave it relies on it.
 * @param whole reads the image; asked for only where the signature is not over the hash
 * @throws DeviceManagementError `invalid-value`, saying what to do
 */
export async function checkSignature(
  image: SignedImage,
  size: number,
  signers: Signers,
  whole: () => Promise<Buffer>,
): Promise<void> {
  const keys = await signers();
  const { name, version, signature } = image;
  const which = `image ${name}@${version}`;
  if (signature === undefined) {
    if (keys.length === 0) return;
    throw refused(`${which} has no signature, and this server sends signed images only: add it with its signature`);
  }
  if (keys.length === 0) {
    throw refused(`${which} is signed, but no key to check that by is configured: set the file of image signers in the server`);
  }
  const proof = Buffer.from(signature, 'base64');
  if (await isBy(keys, Buffer.from(image.sha256, 'hex'), proof)) return;
  if (size <= LARGEST_SIGNED_WHOLE && (await isBy(keys, await whole(), proof))) return;
  throw refused(`the signature of ${which} is not by any of the configured keys, or the image is not the one that was signed`);
}

/** @param file PEM with one or several public keys, "" = none */
export function signersIn(file: string): Signers {
  return async () => {
    if (file === '') return [];
    let pem: string;
    try {
      pem = await readFile(file, 'utf8');
    } catch (caught) {
      throw refused(`the file of image signers, ${file}, cannot be read: ${(caught as Error).message}`);
    }
    const blocks = pem.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [];
    if (blocks.length === 0) throw refused(`${file} holds no public key in PEM`);
    return blocks.map((block) => keyIn(file, block));
  };
}

function keyIn(file: string, block: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPublicKey(block);
  } catch {
    // As one of another kind.
  }
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw refused(`a key in ${file} is no Ed25519 public key: make one with "openssl genpkey -algorithm ed25519"`);
}

async function isBy(keys: readonly KeyObject[], message: Buffer, proof: Buffer): Promise<boolean> {
  for (const key of keys) {
    // With a callback it is not on this thread: a large image takes a while.
    const good = await new Promise<boolean>((resolve) => {
      verify(null, message, key, proof, (error, result) => resolve(error === null && result));
    });
    if (good) return true;
  }
  return false;
}

function refused(text: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', text);
}

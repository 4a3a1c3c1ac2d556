import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { signersIn } from '../../../src/fleet/firmware/image-signature';
import { withFolder } from '../../store/folder';
import { rejection } from './refusal';

function pem(kind: 'ed25519' | 'ec'): string {
  const { publicKey } = kind === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'prime256v1' }) : generateKeyPairSync(kind);
  return publicKey.export({ type: 'spki', format: 'pem' }) as string;
}

describe('signers of images', () => {
  it('are the public keys in a file, as it is when it is asked', () =>
    withFolder(async (folder) => {
      const file = path.join(folder, 'signers.pem');
      const signers = signersIn(file);
      await writeFile(file, pem('ed25519'));
      assert.equal((await signers()).length, 1);
      await writeFile(file, `# two of them\n${pem('ed25519')}${pem('ed25519')}`);
      assert.equal((await signers()).length, 2);
    }));

  it('without a file there are none', async () => assert.deepEqual(await signersIn('')(), []));

  it('a file that is missing, empty or of another kind is told of, and lets nothing pass', () =>
    withFolder(async (folder) => {
      const file = path.join(folder, 'signers.pem');
      assert.match((await rejection(signersIn(file)())).message, /signers\.pem, cannot be read/);
      for (const [text, reason] of [
        ['', /holds no public key in PEM/],
        [pem('ec'), /no Ed25519 public key: make one with/],
        ['-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', /no Ed25519 public key/],
      ] as const) {
        await writeFile(file, text);
        assert.match((await rejection(signersIn(file)())).message, reason);
      }
    }));
});

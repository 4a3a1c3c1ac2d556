/** Seals live keys together with what their peer proved itself by, so that a restart goes on only with what is still good then. */
import { timingSafeEqual } from 'node:crypto';
import type { PeerIdentity } from '../../dtls/association-view';
import type { Seal } from '../../store/seal';

/** A digest of the credential by which a peer proves itself at present; undefined: it is nobody's any more. */
export type CredentialDigest = (identity: PeerIdentity) => Buffer | undefined;

export class ProofSeal {
  constructor(
    private readonly seal: Seal,
    private readonly digestOf: CredentialDigest,
  ) {}

  /** @returns undefined when what was proved is no longer good */
  sealed(secret: Buffer, identity: PeerIdentity, belongsTo: string): Buffer | undefined {
    const digest = this.digestOf(identity);
    return digest === undefined
      ? undefined
      : this.seal.seal(Buffer.concat([Buffer.from([digest.length]), digest, secret]), belongsTo);
  }

  /** @throws DeviceManagementError `store-failed` when it cannot be opened */
  open(sealed: Buffer, belongsTo: string): { readonly secret: Buffer; isGood(identity: PeerIdentity): boolean } {
    const text = this.seal.open(sealed, belongsTo);
    const length = text[0] ?? 0;
    const digest = text.subarray(1, 1 + length);
    return {
      secret: text.subarray(1 + length),
      isGood: (identity) => {
        const present = this.digestOf(identity);
        return present !== undefined && present.length === digest.length && timingSafeEqual(present, digest);
      },
    };
  }
}

/**
 * The handshake messages so far, as they would be without fragments (RFC 5246 §7.4.9, RFC 6347 §4.2.6). The bytes are kept: a
 * CertificateVerify signs them, and node:crypto signs no ready hash.
 */
import { createHash } from 'node:crypto';
import { handshakeMessage } from './messages';

export class Transcript {
  private messages: Buffer[] = [];

  /** @returns the message with its header */
  add(type: number, sequence: number, body: Buffer): Buffer {
    const message = handshakeMessage(type, sequence, body);
    this.messages.push(message);
    return message;
  }

  hash(): Buffer {
    const hash = createHash('sha256');
    for (const message of this.messages) hash.update(message);
    return hash.digest();
  }

  bytes(): Buffer {
    return Buffer.concat(this.messages);
  }

  clear(): void {
    this.messages = [];
  }
}

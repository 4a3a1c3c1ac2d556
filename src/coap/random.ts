/** Randomness, injected so that a test can repeat itself. */
import { randomBytes } from 'node:crypto';

export interface Random {
  /** 0 <= x < 1, for jitter. */
  fraction(): number;
  /** Unpredictable bytes, for tokens. */
  bytes(length: number): Buffer;
}

/** Asking the system for eight bytes costs more than sending a message, so they are drawn from a stock. */
const RANDOM_STOCK_BYTES = 4_096;
let stock = Buffer.alloc(0);
let stockUsed = 0;

function fromStock(length: number): Buffer {
  if (stock.length - stockUsed < length) {
    stock = randomBytes(Math.max(RANDOM_STOCK_BYTES, length));
    stockUsed = 0;
  }
  const bytes = Buffer.allocUnsafe(length);
  // Copied: what is handed out must not keep the stock alive.
  stock.copy(bytes, 0, stockUsed, stockUsed + length);
  stockUsed += length;
  return bytes;
}

export const systemRandom: Random = { fraction: Math.random, bytes: fromStock };

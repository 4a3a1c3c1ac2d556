/**
 * Each message once (RFC 7252 §4.5): what has been seen from a peer, and the answer to be repeated. Entries are packed numbers in
 * generations of hash tables, answers lie in a byte slab; nothing here is an object per message. With four generations of a third of the
 * lifetime each, an entry is kept for at least the lifetime. Each generation may take a quarter of the cap; one that would grow beyond it
 * is closed early and the oldest given up for the next. It knows nothing of what messages mean.
 */

const GENERATIONS = 4;
const FIRST_SLOTS = 256;
const FIRST_SLAB_BYTES = 4_096;
/** Of each table; beyond it probing gets slow. */
const FULLEST = 0.6;
const SLOT_BYTES = 16;
/** In place of the length of an answer: whoever answered will do so again. No datagram is as long. */
const ANEW = 0xffff;

/** What to do with a message. */
export const Seen = {
  /** Never seen: the entry has been made. */
  New: 0,
  /** Seen, and nothing has been answered yet. */
  InProgress: 1,
  /** Seen and answered: `replay()` has the bytes. */
  Answered: 2,
} as const;

class Generation {
  indexes = new Uint32Array(FIRST_SLOTS);
  messageIds = new Uint16Array(FIRST_SLOTS);
  /** Second of arrival plus one; 0 = free slot. */
  arrivals = new Uint32Array(FIRST_SLOTS);
  offsets = new Uint32Array(FIRST_SLOTS);
  lengths = new Uint16Array(FIRST_SLOTS);
  slab = Buffer.allocUnsafe(FIRST_SLAB_BYTES);
  used = 0;
  count = 0;

  get bytes(): number {
    return this.indexes.length * SLOT_BYTES + this.slab.length;
  }

  /** The slot of the entry, or -1 - the slot where it would go. */
  find(index: number, messageId: number): number {
    const mask = this.indexes.length - 1;
    let slot = hash(index, messageId) & mask;
    while (this.arrivals[slot] !== 0) {
      if (this.indexes[slot] === index && this.messageIds[slot] === messageId) return slot;
      slot = (slot + 1) & mask;
    }
    return -1 - slot;
  }

  /** Whether one more entry would make the tables larger than `most`. */
  isFull(most: number): boolean {
    return this.count >= this.indexes.length * FULLEST && this.indexes.length * 2 * SLOT_BYTES + this.slab.length > most;
  }

  /** Whether keeping `length` more bytes would. */
  isFullFor(length: number, most: number): boolean {
    return this.used + length > this.slab.length && this.indexes.length * SLOT_BYTES + this.slabFor(length) > most;
  }

  /** @returns the slot */
  insert(index: number, messageId: number, second: number): number {
    if (this.count >= this.indexes.length * FULLEST) this.grow();
    const found = this.find(index, messageId);
    const slot = found >= 0 ? found : -1 - found;
    if (found < 0) this.count++;
    this.indexes[slot] = index;
    this.messageIds[slot] = messageId;
    this.arrivals[slot] = second + 1;
    this.lengths[slot] = 0;
    return slot;
  }

  store(slot: number, reply: Uint8Array): void {
    if (this.used + reply.length > this.slab.length) {
      const larger = Buffer.allocUnsafe(this.slabFor(reply.length));
      this.slab.copy(larger, 0, 0, this.used);
      this.slab = larger;
    }
    this.slab.set(reply, this.used);
    this.offsets[slot] = this.used;
    this.lengths[slot] = reply.length;
    this.used += reply.length;
  }

  clear(): void {
    this.count = 0;
    this.used = 0;
    // A quiet generation after a storm gives its memory back.
    if (this.indexes.length > FIRST_SLOTS || this.slab.length > FIRST_SLAB_BYTES) Object.assign(this, new Generation());
    else this.arrivals.fill(0);
  }

  private slabFor(length: number): number {
    return Math.max(this.slab.length * 2, this.used + length);
  }

  private grow(): void {
    const { indexes, messageIds, arrivals, offsets, lengths } = this;
    const size = indexes.length * 2;
    this.indexes = new Uint32Array(size);
    this.messageIds = new Uint16Array(size);
    this.arrivals = new Uint32Array(size);
    this.offsets = new Uint32Array(size);
    this.lengths = new Uint16Array(size);
    for (let slot = 0; slot < indexes.length; slot++) {
      if (arrivals[slot] === 0) continue;
      const free = -1 - this.find(indexes[slot] as number, messageIds[slot] as number);
      this.indexes[free] = indexes[slot] as number;
      this.messageIds[free] = messageIds[slot] as number;
      this.arrivals[free] = arrivals[slot] as number;
      this.offsets[free] = offsets[slot] as number;
      this.lengths[free] = lengths[slot] as number;
    }
  }
}

export class Deduplication {
  private readonly generations = Array.from({ length: GENERATIONS }, () => new Generation());
  private newest = 0;
  private rotateAt: number;
  private readonly rotationSeconds: number;
  private found: { generation: Generation; slot: number } | undefined;
  private readonly mostBytesEach: number;
  /** Generations dropped early because the cap was reached. */
  dropped = 0;

  /**
   * @param lifetimeSeconds EXCHANGE_LIFETIME
   * @param mostBytes cap on all tables and answers
   */
  constructor(lifetimeSeconds: number, mostBytes: number, nowSecond: number) {
    this.mostBytesEach = mostBytes / GENERATIONS;
    this.rotationSeconds = Math.ceil(lifetimeSeconds / (GENERATIONS - 1));
    this.rotateAt = nowSecond + this.rotationSeconds;
  }

  get entries(): number {
    return this.generations.reduce((sum, generation) => sum + generation.count, 0);
  }

  get bytes(): number {
    return this.generations.reduce((sum, generation) => sum + generation.bytes, 0);
  }

  /**
   * Whether a message was seen within `lifetimeSeconds`; makes its entry when not.
   * @param index the endpoint's; @param second the clock's whole seconds
   */
  see(index: number, messageId: number, second: number, lifetimeSeconds: number): number {
    if (second >= this.rotateAt) this.rotate(second);
    this.found = undefined;
    const key = index >>> 0;
    for (let age = 0; age < GENERATIONS; age++) {
      const generation = this.generations[(this.newest - age + GENERATIONS) % GENERATIONS] as Generation;
      if (generation.count === 0) continue;
      const slot = generation.find(key, messageId);
      if (slot < 0) continue;
      // An older one is another message that happens to have the same ID.
      if (second - ((generation.arrivals[slot] as number) - 1) > lifetimeSeconds) break;
      if (generation.lengths[slot] === ANEW) {
        generation.lengths[slot] = 0;
        return Seen.New;
      }
      this.found = { generation, slot };
      return generation.lengths[slot] === 0 ? Seen.InProgress : Seen.Answered;
    }
    this.insert(key, messageId, second);
    return Seen.New;
  }

  /** The answer of the message that `see` has just called answered: a copy that can be sent. */
  replay(): Buffer {
    if (this.found === undefined) return Buffer.alloc(0);
    const { generation, slot } = this.found;
    const offset = generation.offsets[slot] as number;
    return Buffer.from(generation.slab.subarray(offset, offset + (generation.lengths[slot] as number)));
  }

  /** Keeps the answer to a message that is being worked on; forgets nothing if its entry has gone. */
  answered(index: number, messageId: number, reply: Uint8Array): void {
    const key = index >>> 0;
    for (let age = 0; age < GENERATIONS; age++) {
      const generation = this.generations[(this.newest - age + GENERATIONS) % GENERATIONS] as Generation;
      const slot = generation.find(key, messageId);
      if (slot < 0) continue;
      if (!generation.isFullFor(reply.length, this.mostBytesEach)) generation.store(slot, reply);
      else this.storeAnew(key, messageId, (generation.arrivals[slot] as number) - 1, reply);
      return;
    }
  }

  /** The answer may be made once more for a repeat, and is not kept: blocks of images would push out everybody's answers. */
  answeredAnew(index: number, messageId: number): void {
    const key = index >>> 0;
    for (const generation of this.generations) {
      const slot = generation.find(key, messageId);
      if (slot >= 0) generation.lengths[slot] = ANEW;
    }
  }

  private insert(key: number, messageId: number, second: number): number {
    if ((this.generations[this.newest] as Generation).isFull(this.mostBytesEach)) this.dropOldest();
    return (this.generations[this.newest] as Generation).insert(key, messageId, second);
  }

  /** The generation of the entry has no room for its answer: both go to the newest, where they are found first. */
  private storeAnew(key: number, messageId: number, second: number, reply: Uint8Array): void {
    if ((this.generations[this.newest] as Generation).isFullFor(reply.length, this.mostBytesEach)) this.dropOldest();
    const slot = this.insert(key, messageId, second);
    const generation = this.generations[this.newest] as Generation;
    // An answer larger than a whole generation is not kept: a repeat of its request is recognised, and met with silence.
    if (!generation.isFullFor(reply.length, this.mostBytesEach)) generation.store(slot, reply);
  }

  private dropOldest(): void {
    this.dropped++;
    this.next();
  }

  private rotate(second: number): void {
    const turns = Math.min(Math.floor((second - this.rotateAt) / this.rotationSeconds) + 1, GENERATIONS);
    for (let turn = 0; turn < turns; turn++) this.next();
    this.rotateAt = second + this.rotationSeconds;
  }

  private next(): void {
    this.newest = (this.newest + 1) % GENERATIONS;
    (this.generations[this.newest] as Generation).clear();
  }
}

function hash(index: number, messageId: number): number {
  let mixed = Math.imul(index, 0x9e3779b1) ^ Math.imul(messageId, 0x85ebca6b);
  mixed ^= mixed >>> 15;
  return Math.imul(mixed, 0xc2b2ae35) >>> 8;
}

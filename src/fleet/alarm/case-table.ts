/** All cases, found by key, by device, and by whose trouble would explain theirs. */
import type { Case } from './case';

export class CaseTable {
  private readonly byKey = new Map<string, Case>();
  private readonly byDevice = new Map<string, Set<Case>>();
  private readonly byParent = new Map<string, Set<Case>>();

  get size(): number {
    return this.byKey.size;
  }

  get(key: string): Case | undefined {
    return this.byKey.get(key);
  }

  /** Of one device or of all; a copy, for they come and go meanwhile. */
  of(device?: string): readonly Case[] {
    return [...(device === undefined ? this.byKey.values() : (this.byDevice.get(device) ?? []))];
  }

  childrenOf(parent: string): readonly Case[] {
    return [...(this.byParent.get(parent) ?? [])];
  }

  add(known: Case): void {
    this.byKey.set(known.key, known);
    put(this.byDevice, known.device, known);
    if (known.parent !== undefined) put(this.byParent, known.parent, known);
  }

  moveTo(known: Case, parent: string | undefined): void {
    if (parent === known.parent) return;
    if (known.parent !== undefined) drop(this.byParent, known.parent, known);
    known.parent = parent;
    if (parent !== undefined) put(this.byParent, parent, known);
  }

  delete(known: Case): void {
    this.byKey.delete(known.key);
    drop(this.byDevice, known.device, known);
    if (known.parent !== undefined) drop(this.byParent, known.parent, known);
  }
}

function put(index: Map<string, Set<Case>>, name: string, known: Case): void {
  index.set(name, (index.get(name) ?? new Set()).add(known));
}

function drop(index: Map<string, Set<Case>>, name: string, known: Case): void {
  const cases = index.get(name);
  cases?.delete(known);
  if (cases?.size === 0) index.delete(name);
}

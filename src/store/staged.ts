/**
 * A backup that is to take the place of a store: put into the store itself, beside what is in use, and taken up in one step when the store is
 * opened next. Whatever happens in between, one of the two is whole.
 */
import { Turns } from '../turns';
import { type Restorable, replaceAll, STAGING } from './backup';
import { Seal } from './seal';
import { below, type Entry, type Store } from './store';

const ENTRIES = `${STAGING}entry/`;
/** Written last: all entries are there. */
const COMPLETE = `${STAGING}complete`;
/** The key of its secrets, sealed under the one in use. */
const WRAPPED_KEY = `${STAGING}key`;
/** Sealed under the key it brings: shows whether that is the one in use already. */
const CHECK = `${STAGING}check`;
const STAGED = below(STAGING);
const BATCH = 500;

/**
 * @param own seal of secrets in the store
 * @throws DeviceManagementError `store-failed`
 */
export async function stage(store: Store, { entries, key }: Restorable, own: Seal): Promise<void> {
  await discard(store);
  const turns = new Turns();
  for (let at = 0; at < entries.length; at += BATCH) {
    await store.batch(entries.slice(at, at + BATCH).map((entry) => ({ ...entry, key: ENTRIES + entry.key })));
    await turns.next();
  }
  const brought = key === undefined ? own : Seal.unwrap(key.wrapped, key.under);
  await store.batch([
    { key: WRAPPED_KEY, value: brought.wrap(own) },
    { key: CHECK, value: brought.seal(Buffer.alloc(0), CHECK) },
    { key: COMPLETE, value: Buffer.alloc(0) },
  ]);
}

/**
 * Before anything of the store is read.
 * @param keep puts the key it brings in place of the one in use
 * @returns whether there was one
 * @throws DeviceManagementError `store-failed`
 */
export async function takeUp(
  store: Store,
  openOwn: () => Promise<Seal>,
  keep: (brought: Seal) => Promise<void>,
): Promise<boolean> {
  if ((await store.get(COMPLETE)) === undefined) {
    await discard(store);
    return false;
  }
  const [wrapped, check] = [await store.get(WRAPPED_KEY), await store.get(CHECK)];
  const own = await openOwn();
  if (wrapped !== undefined && check !== undefined && !opens(own, check)) await keep(Seal.unwrap(wrapped, own));
  const entries: Entry[] = [];
  for await (const { key, value } of store.range(below(ENTRIES))) entries.push({ key: key.slice(ENTRIES.length), value });
  await replaceAll(store, entries);
  return true;
}

/** One that was not finished is nothing. */
async function discard(store: Store): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of store.range(STAGED)) keys.push(key);
  // The mark first: what is left without it is no backup.
  await store.batch([{ key: COMPLETE }]);
  for (let at = 0; at < keys.length; at += BATCH) await store.batch(keys.slice(at, at + BATCH).map((key) => ({ key })));
}

function opens(seal: Seal, check: Buffer): boolean {
  try {
    seal.open(check, CHECK);
    return true;
  } catch {
    return false;
  }
}

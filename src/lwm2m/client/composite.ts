/**
 * Composite operations (LwM2M Core 1.1.1 §6.3.8, §6.3.9): reads of whatever is there of a list of paths, and writes of all values or of none,
 * in several objects at once.
 */
import { Code } from '../../coap/codes';
import { Path } from '../../device/path';
import type { ResourceChange, ResourceValue } from '../../device/value';
import { decode, formatOf } from '../formats/formats';
import { canRemove, decodeChanges } from '../formats/senml-etch';
import { decodePathList, isPathListFormat, type ListedPath } from '../formats/senml-paths';
import { HIDDEN_OBJECTS } from './hidden-objects';
import type { ObjectTree } from './objects';
import { encodingOf, type Payload, readValues, speaks } from './reading';
import { asRefusal, badRequest, notFound, Refusal } from './refusal';
import { type IncomingPayload, planChanges } from './writing';

const SENML_JSON_FORMATS: ReadonlySet<number | undefined> = new Set([110, 320]);

/**
 * Paths of the payload of a Read-Composite or Observe-Composite.
 * @throws Refusal 4.00, 4.13, 4.15
 */
export function listedPaths(tree: ObjectTree, { contentFormat, payload }: IncomingPayload): readonly Path[] {
  if (!isPathListFormat(contentFormat) || !speaks(tree.version, contentFormat as number)) {
    throw new Refusal(Code.UnsupportedContentFormat, `a list of paths cannot come in content format ${contentFormat}`);
  }
  let listed: readonly ListedPath[];
  try {
    listed = decodePathList(contentFormat as number, payload);
  } catch (error) {
    throw asRefusal(error);
  }
  if (listed.length === 0) throw badRequest('no path is listed');
  const strange = listed.find(({ prefix }) => prefix !== tree.prefix);
  if (strange !== undefined) throw notFound(`${strange.prefix === undefined ? '' : `/${strange.prefix}`}${strange.path}`);
  return listed.map(({ path }) => path);
}

/** What is there of these paths and can be read: the rest is left out without a word. */
export function readListed(tree: ObjectTree, paths: readonly Path[]): readonly ResourceValue[] {
  const found = new Map<string, ResourceValue>();
  for (const path of paths) {
    const targets = path.level === 'root' ? [...tree.all()].map(([object]) => Path.of(object)) : [path];
    for (const target of targets) {
      // They hold keys, and are left out without a word too (LwM2M Core 1.1.1 §6.3.8).
      if (HIDDEN_OBJECTS.has(target.object as number)) continue;
      // Paths may overlap: each value once.
      for (const value of readIfThere(tree, target)) found.set(value.path, value);
    }
  }
  return [...found.values()];
}

function readIfThere(tree: ObjectTree, target: Path): readonly ResourceValue[] {
  try {
    return readValues(tree, target);
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
}

/**
 * @param accept absent: SenML of the kind the request came in
 * @throws Refusal 4.06
 */
export function listedPayload(
  tree: ObjectTree,
  values: readonly ResourceValue[],
  accept: number | undefined,
  requestFormat: number | undefined,
): Payload {
  const contentFormat = accept ?? (SENML_JSON_FORMATS.has(requestFormat) ? 110 : 112);
  const format = speaks(tree.version, contentFormat) ? formatOf(contentFormat) : undefined;
  const context = encodingOf(tree, Path.root);
  if (format === undefined || isRequestFormat(contentFormat) || !format.canEncode(values, context)) {
    throw new Refusal(Code.NotAcceptable, `several objects cannot be given in content format ${contentFormat}`);
  }
  return { contentFormat, payload: format.encode(values, context) };
}

/** SenML-ETCH is for requests (LwM2M Core 1.2 §7.5). */
function isRequestFormat(contentFormat: number): boolean {
  return canRemove(contentFormat);
}

/**
 * Write-Composite.
 * @returns the paths written
 * @throws Refusal; then nothing was written
 */
export function writeListed(tree: ObjectTree, incoming: IncomingPayload, now: number): readonly Path[] {
  const changes = decodeIncoming(tree, incoming, now);
  if (changes.length === 0) throw badRequest('there is nothing to write');
  const strange = changes.find(({ prefix }) => prefix !== undefined);
  if (strange !== undefined) throw notFound(`/${strange.prefix}${strange.path}`);
  return planChanges(tree, changes)();
}

function decodeIncoming(tree: ObjectTree, { contentFormat, payload }: IncomingPayload, now: number): readonly ResourceChange[] {
  if (contentFormat === undefined || !speaks(tree.version, contentFormat) || !CARRIES_PATHS.has(contentFormat)) {
    throw new Refusal(Code.UnsupportedContentFormat, `values of several objects cannot come in content format ${contentFormat}`);
  }
  const context = { ...encodingOf(tree, Path.root), now };
  try {
    return canRemove(contentFormat) ? decodeChanges(contentFormat, payload, context) : decode(contentFormat, payload, context);
  } catch (error) {
    throw asRefusal(error);
  }
}

/** Formats whose names are full paths. */
const CARRIES_PATHS: ReadonlySet<number> = new Set([110, 112, 320, 322, 11544]);

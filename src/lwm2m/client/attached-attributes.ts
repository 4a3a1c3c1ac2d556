/**
 * Notification attributes the server attached to paths (LwM2M Core 1.1.1 §5.1.2): written with Write-Attributes, inherited from
 * the object down to the resource instance, the nearest level winning. They outlive observations, and end with the registration's
 * server or the instance they are on.
 */
import { Code } from '../../coap/codes';
import { ATTRIBUTE_NAMES, checkAttributes, type NotificationAttributes, toQuery } from '../../device/attributes';
import type { DeviceModel } from '../../device/models/catalogue';
import { Path } from '../../device/path';
import { DeviceManagementError } from '../../errors';
import { badRequest, Refusal } from './refusal';

type MutableAttributes = { -readonly [Name in keyof NotificationAttributes]: NotificationAttributes[Name] };

/** Paths that carry attributes; a server that writes to more is broken. */
const MOST_PATHS = 500;
/** The TS has no sign in its grammar, yet thresholds below zero are usual. */
const NUMBER = /^-?\d{1,20}(\.\d{1,20})?$/;

/**
 * Reads the query of a Write-Attributes or of an Observe.
 * @returns `null` for an attribute to be cleared
 * @throws Refusal 4.00
 */
export function readAttributes(query: readonly string[]): NotificationAttributes {
  const attributes: MutableAttributes = {};
  for (const item of query) {
    const equals = item.indexOf('=');
    const name = (equals < 0 ? item : item.slice(0, equals)) as keyof NotificationAttributes;
    const text = equals < 0 ? undefined : item.slice(equals + 1);
    if (!ATTRIBUTE_NAMES.includes(name)) throw badRequest(`"${name}" is no notification attribute known here`);
    if (name in attributes) throw badRequest(`${name} stands there twice`);
    if (text !== undefined && !NUMBER.test(text)) throw badRequest(`${name} must be a number`);
    attributes[name] = text === undefined ? null : Number(text);
  }
  return attributes;
}

/**
 * Whether a path may carry these attributes together. A pmax below pmin is no error: it is ignored when notifying.
 * @throws Refusal 4.00
 */
export function checkAttached(attributes: NotificationAttributes, path: Path, version: string, model: DeviceModel): void {
  const { object, resource, level } = path;
  const type = resource === undefined ? undefined : model.typeOf(object as number, resource);
  const { pmin, pmax, ...others } = attributes;
  try {
    for (const part of [{ pmin }, { pmax }, others]) checkAttributes(given(part), { level, type, version });
  } catch (error) {
    if (error instanceof DeviceManagementError) throw badRequest(error.message);
    throw error;
  }
}

export class AttachedAttributes {
  private readonly byPath = new Map<string, NotificationAttributes>();

  constructor(
    private readonly version: string,
    private readonly model: DeviceModel,
  ) {}

  /**
   * Lays attributes over those that the path has; `null` takes one away.
   * @throws Refusal 4.00
   */
  write(path: Path, attributes: NotificationAttributes): void {
    const key = path.toString();
    const merged = given({ ...this.byPath.get(key), ...attributes });
    checkAttached(merged, path, this.version, this.model);
    if (Object.keys(merged).length === 0) this.byPath.delete(key);
    else if (this.byPath.size >= MOST_PATHS && !this.byPath.has(key)) throw tooMany();
    else this.byPath.set(key, merged);
  }

  /** Attached to this path itself. */
  own(path: Path): NotificationAttributes {
    return this.byPath.get(path.toString()) ?? {};
  }

  /** With what it inherits. */
  effective(path: Path): NotificationAttributes {
    let attributes: NotificationAttributes = {};
    for (let length = 1; length <= path.ids.length; length++) {
      attributes = { ...attributes, ...this.own(Path.of(...path.ids.slice(0, length))) };
    }
    return attributes;
  }

  /** The instance is gone, and what was below it. */
  forget(path: Path): void {
    for (const key of this.byPath.keys()) if (path.contains(Path.parse(key))) this.byPath.delete(key);
  }

  clear(): void {
    this.byPath.clear();
  }
}

/** Attributes as link attributes, in the order of the specification's table: {"pmin": "5"}. */
export function linkAttributes(attributes: NotificationAttributes): Record<string, string> {
  return Object.fromEntries(toQuery(attributes).map((item) => item.split('=') as [string, string]));
}

function given(
  attributes: { readonly [Name in keyof NotificationAttributes]: number | null | undefined },
): NotificationAttributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => typeof value === 'number'));
}

function tooMany(): Refusal {
  return new Refusal(Code.ServiceUnavailable, `attributes stand on ${MOST_PATHS} paths already`);
}

/** Validators of the dialogs. Each answers true, or a sentence that says what to do. */
import { RECORD_FIELDS } from '../../src/fleet/record-fields.js';
import { isExpression, parseExpression } from '../../src/fleet/selector-syntax.js';
import { type AttributeTexts, complainAboutAttributes } from './attribute-rules.js';
import { complainAboutGuard, type SavedGuard, textsOf } from './guard-terms.js';
import { type Complaint, complainAboutPath, splitPaths } from './path-rules.js';
import { text } from './texts.js';

export type Verdict = true | string;

/** The node whose dialog is open; its fields count, not yet its saved properties. */
let edited: string | undefined;

export function opened(node: EditorNode): void {
  edited = node.id;
}

export function closed(): void {
  edited = undefined;
}

/** Another property of the node being validated: as the open dialog has it, else as saved. */
export function property(node: EditorNode, name: string): string {
  const field = edited === node.id ? document.getElementById(`node-input-${name}`) : null;
  if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) return field.value;
  const saved: unknown = Object.getOwnPropertyDescriptor(node, name)?.value;
  return typeof saved === 'string' ? saved : '';
}

function verdict(complaint: Complaint | undefined): Verdict {
  return complaint ? text(complaint.key, complaint.variables) : true;
}

function typed(value: string, type: string): Verdict {
  const valid = RED.utils.validateTypedProperty(value, type);
  if (valid === true) return true;
  return typeof valid === 'string' ? valid : text('validation.typed', { type });
}

/** A device: any name; an expression or property must be well-formed. */
export function checkDevice(node: EditorNode, value: string): Verdict {
  const type = property(node, 'deviceType') || 'msg';
  if (type !== 'str') return typed(value, type);
  return checkSelector(value) ?? (value.length <= 256 ? true : text('validation.device'));
}

/** A selector with a mistake says where; undefined: it is the name of a device, or a pattern. */
export function checkSelector(value: string): Verdict | undefined {
  if (!isExpression(value.trim())) return undefined;
  const parsed = parseExpression(value.trim());
  return 'condition' in parsed ? true : text('validation.selector', { at: parsed.mistake.at, reason: parsed.mistake.reason });
}

/** What a list of devices tells of each, with commas between; empty: all. */
export function checkRecordFields(value: string | undefined): Verdict {
  const wrong = (value ?? '')
    .split(',')
    .map((name) => name.trim())
    .find((name) => name !== '' && !RECORD_FIELDS.includes(name));
  return wrong === undefined ? true : text('validation.record-fields', { name: wrong, names: RECORD_FIELDS.join(', ') });
}

/** A path, or a list of paths; empty = the message's. */
export function checkPath(node: EditorNode, value: string, operation: string): Verdict {
  const type = property(node, 'pathType') || 'msg';
  if (type !== 'str') return typed(value, type);
  for (const path of splitPaths(value)) {
    const complaint = complainAboutPath(path, operation);
    if (complaint) return verdict(complaint);
  }
  return true;
}

/** A value of the type chosen beside it (`valueType`, `argumentsType`). */
export function checkTyped(node: EditorNode, name: string, value: string): Verdict {
  const type = property(node, `${name}Type`);
  return type === '' || type === 'none' || type === 'str' ? true : typed(value, type);
}

/** LwM2M Core 1.1.1 §6.3.5: one digit, perhaps with a quoted value, comma-separated. */
const ARGUMENTS = /^[0-9](='[!#-&(-[\]-~]*')?(,[0-9](='[!#-&(-[\]-~]*')?)*$/;

const A_PORT = { least: 1, most: 65535, whole: true, mayBeEmpty: true };

/** A port of a server, which may have none. @param field the one for unsecured devices on the same protocol, and its saved value */
export function checkSecurePort(value: string, field: string, saved: unknown): boolean | string {
  const shown = document.getElementById(`node-config-input-${field}`);
  const other = shown instanceof HTMLInputElement ? shown.value : saved;
  if (value !== '' && Number(value) > 0 && Number(value) === Number(other)) return text('validation.same-port');
  return checkNumber(value, 'port', A_PORT);
}

export function checkArguments(node: EditorNode, value: string): Verdict {
  if (property(node, 'argumentsType') !== 'str') return checkTyped(node, 'arguments', value);
  return value === '' || ARGUMENTS.test(value) ? true : text('validation.arguments');
}

export interface NumberRange {
  readonly least: number;
  readonly most: number;
  readonly whole?: boolean;
  /** Empty means the default. */
  readonly mayBeEmpty?: boolean;
}

/** `key` names the sentence; it gets `least` and `most`. */
export function checkNumber(
  value: string | number | undefined,
  key: string,
  { least, most, whole, mayBeEmpty }: NumberRange,
): Verdict {
  // Undefined: saved before the property existed.
  const shown = String(value ?? '').trim();
  if (shown === '' && mayBeEmpty) return true;
  const number = Number(shown);
  const good =
    shown !== '' && Number.isFinite(number) && number >= least && number <= most && (!whole || Number.isInteger(number));
  return good ? true : text(`validation.${key}`, { least, most });
}

export function checkAttributes(attributes: AttributeTexts | undefined): Verdict {
  const [first] = complainAboutAttributes(attributes ?? {}).values();
  return verdict(first);
}

/** Waves of a job: numbers of devices and percentages of all, with commas between them. */
export function checkWaves(value: string): Verdict {
  const sizes = value
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '');
  const wrong = sizes.find((size) => !/^[1-9]\d*$|^(\d+(\.\d+)?)%$/.test(size));
  if (wrong !== undefined) return text('validation.waves', { size: wrong });
  const percent = sizes.filter((size) => size.endsWith('%')).reduce((sum, size) => sum + Number.parseFloat(size), 0);
  return percent <= 100 ? true : text('validation.waves-percent', { percent });
}

/** A guard as saved: complained about by its first wrong field. */
export function checkGuard(guard: SavedGuard | undefined): Verdict {
  const [first] = complainAboutGuard(textsOf(guard ?? {})).values();
  return verdict(first);
}

/** The server a bootstrap gives: the URI by itself, then with the security and the binding chosen beside it. Empty: none. */
export function checkServerUri(node: EditorNode, value: string): Verdict {
  const uri = value.trim();
  if (uri === '') return true;
  const match = /^coap(s?)(\+tcp)?:\/\/[^\s/]+/.exec(uri);
  if (match === null) return text('validation.server-uri');
  const security = property(node, 'security');
  const isSecured = match[1] === 's';
  if ((security === 'none' && isSecured) || (security === 'generated' && !isSecured)) return text('validation.server-key');
  const binding = property(node, 'binding');
  return binding === '' || binding.includes(match[2] === undefined ? 'U' : 'T') ? true : text('validation.server-binding');
}

/** A name or address without scheme and port; empty: none. */
export function checkHost(value: string | undefined): Verdict {
  const host = (value ?? '').trim();
  return host === '' || /^[\w.-]+$/.test(host) || /^\[?[0-9a-f:.]+\]?$/i.test(host) ? true : text('validation.host');
}

/** Empty: none. It goes before a path, so it has no query. */
export function checkHttpUrl(value: string | undefined): Verdict {
  const url = (value ?? '').trim();
  return url === '' || /^https?:\/\/[^\s/?#]+(\/[^\s?#]*)?$/i.test(url) ? true : text('validation.http-url');
}

/** Which simulated devices fail in which ways; empty: none do. */
export function checkFaults(value: string | undefined): Verdict {
  const rules = (value ?? '').split(';').map((rule) => rule.trim());
  const wrong = rules.find((rule) => rule !== '' && !/^[^=]+=\s*[a-z0-9-]+(:[\d.]+)?(\s*,\s*[a-z0-9-]+(:[\d.]+)?)*$/.test(rule));
  return wrong === undefined ? true : text('validation.faults', { rule: wrong });
}

/** Paths a bootstrap removes. */
export function checkDeletes(value: string): Verdict {
  const wrong = value
    .split(',')
    .map((path) => path.trim())
    .find((path) => path !== '' && !/^\/(\d{1,5}(\/\d{1,5})?)?$/.test(path));
  return wrong === undefined ? true : text('validation.deletes', { path: wrong });
}

/** Objects a bootstrap writes: JSON keyed by path. */
export function checkObjects(value: string): Verdict {
  try {
    const objects: unknown = JSON.parse(value.trim() === '' ? '{}' : value);
    const isKeyed = typeof objects === 'object' && objects !== null && !Array.isArray(objects);
    if (isKeyed && Object.keys(objects).every((path) => /^\/\d{1,5}(\/\d{1,5}){1,3}$/.test(path))) return true;
  } catch {
    // Told below, as for anything else that is not what it should be.
  }
  return text('validation.objects');
}

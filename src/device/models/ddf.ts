/**
 * Reads object definitions from OMA DDF XML (LwM2M Core 1.1.1 Appendix D.1, schema LWM2M-v1_1.xsd). What is wrong is told with line and
 * reason; the caller decides whether the rest is still good enough.
 */
import sax from 'sax';
import { isId } from '../path';
import type { ResourceType } from '../value';
import type { ObjectDefinition, ResourceDefinition } from './definition';
import { parseVersion } from './versions';

/** Protects memory: the largest definition of the OMA registry has 33 kB. */
export const MAX_DDF_BYTES = 1024 * 1024;
/** Protects memory: the largest object of the OMA registry has 67 resources. */
const MAX_RESOURCES = 4096;

export interface DdfFault {
  /** From 1; 0 where no line can be named. */
  readonly line: number;
  readonly reason: string;
}

export interface DdfContent {
  readonly definitions: readonly ObjectDefinition[];
  /** In the order of the file. A faulty resource is left out of its object, a faulty object altogether. */
  readonly faults: readonly DdfFault[];
}

const TYPES: Readonly<Record<string, ResourceType>> = {
  String: 'string',
  Integer: 'integer',
  'Unsigned Integer': 'unsigned',
  Float: 'float',
  Boolean: 'boolean',
  Opaque: 'opaque',
  Time: 'time',
  Objlnk: 'objlnk',
  Corelnk: 'corelnk',
};
/** "" is a resource that only a bootstrap server touches. */
const OPERATIONS: readonly string[] = ['', 'R', 'W', 'RW', 'E'];
const INSTANCES: Readonly<Record<string, boolean>> = { Single: false, Multiple: true };
const MANDATORY: Readonly<Record<string, boolean>> = { Mandatory: true, Optional: false };

interface Text {
  readonly text: string;
  readonly line: number;
}

/** An <Object> or <Item> being read: its own fields by element name. */
interface Element {
  readonly line: number;
  readonly fields: Map<string, Text>;
  readonly attributes: Readonly<Record<string, string>>;
  readonly items: Element[];
}

class Fault extends Error {
  constructor(
    readonly line: number,
    reason: string,
  ) {
    super(reason);
  }
}

/** Parses one file. Never throws. */
export function parseDdf(xml: Uint8Array): DdfContent {
  const faults: DdfFault[] = [];
  const definitions: ObjectDefinition[] = [];
  const told = (error: unknown): void => {
    if (!(error instanceof Fault)) throw error;
    faults.push({ line: error.line, reason: error.message });
  };
  try {
    const objects = readObjects(decodeText(xml));
    for (const object of objects) {
      try {
        definitions.push(objectOf(object, told));
      } catch (error) {
        told(error);
      }
    }
  } catch (error) {
    told(error);
  }
  return { definitions, faults };
}

function decodeText(xml: Uint8Array): string {
  if (xml.length > MAX_DDF_BYTES) throw new Fault(0, `larger than ${MAX_DDF_BYTES / 1024} KiB`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(xml);
  } catch {
    throw new Fault(0, 'not UTF-8 text; save it as UTF-8');
  }
}

/** XML to elements: knows where fields stand, not what they mean. */
function readObjects(xml: string): Element[] {
  const parser = sax.parser(true, { trim: false, position: true });
  const line = (): number => parser.line + 1;
  const objects: Element[] = [];
  const open: string[] = [];
  let text = '';
  let textLine = 0;

  const owner = (): Element | undefined => {
    const object = objects[objects.length - 1];
    if (open[1] !== 'Object') return undefined;
    return open[2] === 'Resources' && open[3] === 'Item' ? object?.items[object.items.length - 1] : object;
  };

  parser.onerror = (error) => {
    const inside = open.length === 0 ? '' : ` inside <${open[open.length - 1]}>`;
    throw new Fault(line(), `not well-formed XML${inside}: ${error.message.split('\n')[0]}`);
  };
  parser.onopentag = (tag) => {
    if (open.length === 0 && tag.name !== 'LWM2M') throw new Fault(line(), `the root element is <${tag.name}>, not <LWM2M>`);
    open.push(tag.name);
    text = '';
    textLine = line();
    const element: Element = { line: line(), fields: new Map(), attributes: tag.attributes as Record<string, string>, items: [] };
    const where = open.join('/');
    if (where === 'LWM2M/Object') objects.push(element);
    if (where === 'LWM2M/Object/Resources/Item') {
      const object = objects[objects.length - 1] as Element;
      object.items.push(element);
      if (object.items.length > MAX_RESOURCES) throw new Fault(line(), `more than ${MAX_RESOURCES} resources`);
    }
  };
  parser.ontext = (part) => {
    text += part;
  };
  parser.oncdata = (part) => {
    text += part;
  };
  parser.onclosetag = (name) => {
    const holder = owner();
    // Fields stand one level below <Object> or <Item>; what a description holds deeper down is prose.
    const isField = open.length === 3 || (open.length === 5 && open[3] === 'Item');
    if (isField && name !== 'Resources') holder?.fields.set(name, { text: text.replace(/\s+/g, ' ').trim(), line: textLine });
    open.pop();
  };
  parser.write(xml);
  const lastLine = line();
  parser.close();
  if (objects.length === 0) throw new Fault(lastLine, 'no <Object> in it');
  return objects;
}

function objectOf(element: Element, told: (error: unknown) => void): ObjectDefinition {
  const kind = element.attributes.ObjectType;
  if (kind !== undefined && kind !== 'MODefinition') {
    throw new Fault(element.line, `ObjectType is "${kind}", not "MODefinition": it defines no object`);
  }
  const id = numberField(element, 'ObjectID', 'the object');
  const subject = `object ${id}`;
  const resources = new Map<number, ResourceDefinition>();
  const version = versionField(element, 'ObjectVersion', subject);
  const lwm2mVersion = versionField(element, 'LWM2MVersion', subject);
  const definition = {
    id,
    name: nameField(element, subject),
    version,
    lwm2mVersion,
    multiple: choiceField(element, 'MultipleInstances', INSTANCES, subject),
    mandatory: choiceField(element, 'Mandatory', MANDATORY, subject),
    resources,
  };
  for (const item of element.items) {
    try {
      const resource = resourceOf(item);
      if (resources.has(resource.id)) throw new Fault(item.line, `resource ${resource.id} "${resource.name}" is defined twice`);
      resources.set(resource.id, resource);
    } catch (error) {
      told(error);
    }
  }
  return definition;
}

function resourceOf(item: Element): ResourceDefinition {
  const written = item.attributes.ID?.trim() ?? '';
  if (written === '') throw new Fault(item.line, 'a resource has no ID');
  const id = Number(written);
  if (!/^\d+$/.test(written) || !isId(id)) throw new Fault(item.line, `resource ID "${written}" is not a number from 0 to 65535`);
  const subject = `resource ${id}`;
  const name = nameField(item, subject);
  const operations = item.fields.get('Operations')?.text ?? '';
  if (!OPERATIONS.includes(operations)) {
    throw new Fault(
      lineOf(item, 'Operations'),
      `${subject} "${name}" has unknown operations "${operations}"; use R, W, RW, E or nothing`,
    );
  }
  const range = item.fields.get('RangeEnumeration')?.text ?? '';
  const units = item.fields.get('Units')?.text ?? '';
  return {
    id,
    name,
    type: typeField(item, operations, `${subject} "${name}"`),
    operations,
    multiple: choiceField(item, 'MultipleInstances', INSTANCES, `${subject} "${name}"`),
    mandatory: choiceField(item, 'Mandatory', MANDATORY, `${subject} "${name}"`),
    ...(range !== '' && { range }),
    ...(units !== '' && { units }),
  };
}

/** An executable resource holds no value; the type that some files give it means nothing. */
function typeField(item: Element, operations: string, subject: string): ResourceType {
  if (operations === 'E') return 'none';
  const written = item.fields.get('Type')?.text ?? '';
  if (written === '') throw new Fault(lineOf(item, 'Type'), `${subject} can be read or written and has no type`);
  const type = Object.hasOwn(TYPES, written) ? TYPES[written] : undefined;
  if (type === undefined) {
    throw new Fault(lineOf(item, 'Type'), `${subject} has unknown type "${written}"; use ${Object.keys(TYPES).join(', ')}`);
  }
  return type;
}

function nameField(element: Element, subject: string): string {
  const name = element.fields.get('Name')?.text ?? '';
  if (name === '') throw new Fault(lineOf(element, 'Name'), `${subject} has no name`);
  return name;
}

function numberField(element: Element, field: string, subject: string): number {
  const written = element.fields.get(field)?.text ?? '';
  if (written === '') throw new Fault(lineOf(element, field), `${subject} has no ${field}`);
  const value = Number(written);
  if (!/^\d+$/.test(written) || !isId(value)) {
    throw new Fault(lineOf(element, field), `${field} "${written}" is not a number from 0 to 65535`);
  }
  return value;
}

/** Absent means 1.0: files of LwM2M 1.0 do not have these fields. */
function versionField(element: Element, field: string, subject: string): string {
  const written = element.fields.get(field)?.text ?? '';
  if (written === '') return '1.0';
  const version = parseVersion(written);
  if (version === undefined) throw new Fault(lineOf(element, field), `${subject} has ${field} "${written}"; use a form like 1.0`);
  return `${version.major}.${version.minor}`;
}

function choiceField(element: Element, field: string, choices: Readonly<Record<string, boolean>>, subject: string): boolean {
  const written = element.fields.get(field)?.text ?? '';
  const choice = Object.hasOwn(choices, written) ? choices[written] : undefined;
  if (choice === undefined) {
    const wrong = written === '' ? `has no ${field}` : `has ${field} "${written}"`;
    throw new Fault(lineOf(element, field), `${subject} ${wrong}; use ${Object.keys(choices).join(' or ')}`);
  }
  return choice;
}

function lineOf(element: Element, field: string): number {
  return element.fields.get(field)?.line ?? element.line;
}

/**
 * Expressions that choose devices, as people type them: `model=x & firmware<2 & tag=floor-2 | kitchen-*` (docs/selectors.md has the grammar).
 * Text in, conditions out, or what is wrong and where. Used by the server and by the dialogs, so it knows neither.
 */
import { editDistance } from './nearest-names';
import {
  type Comparison,
  comparisonOf,
  FIELD_NAMES,
  type FieldName,
  fieldNamed,
  type Operator,
  printedOperand,
} from './selector-fields';

export type Condition =
  | Comparison
  | { readonly any: readonly Condition[] }
  | { readonly all: readonly Condition[] }
  | { readonly not: Condition };

export interface Mistake {
  /** Position in the text, from 1, as a person counts. */
  readonly at: number;
  /** For a person. */
  readonly reason: string;
}

/** An expression is typed by a person, and evaluated for each of ten thousand devices. */
const LONGEST_EXPRESSION = 2_000;
/** Parentheses and negations: the parser and the evaluation call themselves. */
export const DEEPEST_EXPRESSION = 20;
/** Short words are near to everything. */
const SHORTEST_MISSPELT = 5;

/** A word before a comparison. */
const COMPARED = /(?:^|[\s&|!(,])([A-Za-z]{2,20})\s*(?:[!<>]?=|[<>])/g;
const QUOTED = /"(?:[^"\\]|\\.)*"/g;

/**
 * Whether a text is an expression, and not the name of a device or a pattern: endpoint names may hold any character. It is one when it compares a
 * field (one that is nearly spelt right counts), or joins patterns by `&` or `|` between spaces.
 */
export function isExpression(text: string): boolean {
  const plain = text.replace(QUOTED, '""');
  const compares = [...plain.matchAll(COMPARED)].some(
    ([, word = '']) => fieldNamed(word) !== undefined || meantBy(word) !== undefined,
  );
  return compares || (plain.includes('*') && /\s[&|]\s/.test(plain));
}

export function parseExpression(text: string): { readonly condition: Condition } | { readonly mistake: Mistake } {
  if (text.length > LONGEST_EXPRESSION) {
    return { mistake: { at: LONGEST_EXPRESSION + 1, reason: `it is longer than ${LONGEST_EXPRESSION} characters` } };
  }
  try {
    return { condition: new Parser(text).whole() };
  } catch (caught) {
    if (caught instanceof Wrong) return { mistake: { at: caught.at + 1, reason: caught.message } };
    throw caught;
  }
}

/** As it can be parsed again. */
export function printed(condition: Condition): string {
  if ('any' in condition) return condition.any.map(printed).join(' | ');
  if ('all' in condition) return condition.all.map((part) => ('any' in part ? `(${printed(part)})` : printed(part))).join(' & ');
  if ('not' in condition) return 'field' in condition.not ? `!${printed(condition.not)}` : `!(${printed(condition.not)})`;
  return `${condition.field}${condition.operator}${quotedIfNeeded(printedOperand(condition))}`;
}

class Wrong extends Error {
  constructor(
    readonly at: number,
    reason: string,
  ) {
    super(reason);
  }
}

const SPACE = /\s*/y;
const WORD = /[^\s&|!(),"<>=]+/y;
/** After a comparison a word may hold what compares: tag=floor=2. */
const VALUE = /[^\s&|(),"]+/y;
const OPERATOR = /[!<>]?=|[<>]/y;
const QUOTE = /"((?:[^"\\]|\\.)*)"/y;

/** Recursive descent, a method for each rule of the grammar. */
class Parser {
  private at = 0;
  private depth = 0;

  constructor(private readonly text: string) {}

  whole(): Condition {
    const condition = this.any();
    if (this.at < this.text.length) throw new Wrong(this.at, `${this.shown()} is not expected here: join conditions by & or |`);
    return condition;
  }

  private any(): Condition {
    const parts = [this.all()];
    while (this.takes('|') || this.takes(',')) parts.push(this.all());
    return parts.length === 1 ? (parts[0] as Condition) : { any: parts };
  }

  private all(): Condition {
    const parts = [this.term()];
    while (this.takes('&')) parts.push(this.term());
    return parts.length === 1 ? (parts[0] as Condition) : { all: parts };
  }

  private term(): Condition {
    if (this.takes('!')) return this.deeper(() => ({ not: this.term() }));
    const begin = this.at;
    if (!this.takes('(')) return this.condition();
    const inner = this.deeper(() => this.any());
    if (!this.takes(')')) throw new Wrong(begin, 'this parenthesis is not closed');
    return inner;
  }

  private condition(): Condition {
    const begin = this.at;
    const quoted = this.quoted();
    const word = quoted ?? this.token(WORD);
    if (word === undefined) throw new Wrong(begin, `${this.shown()} is not expected here: a condition such as model=x is`);
    const operator = quoted === undefined ? (this.token(OPERATOR) as Operator | undefined) : undefined;
    if (operator === undefined) return { field: 'endpoint', operator: '=', value: word };
    const field = fieldNamed(word);
    if (field === undefined) throw new Wrong(begin, unknown(word));
    const valueAt = this.at;
    const comparison = comparisonOf(field, operator, this.quoted() ?? this.token(VALUE) ?? '');
    if (typeof comparison === 'string') throw new Wrong(valueAt, comparison);
    return comparison;
  }

  private deeper(inner: () => Condition): Condition {
    if (++this.depth > DEEPEST_EXPRESSION) throw new Wrong(this.at, `it is nested more than ${DEEPEST_EXPRESSION} deep`);
    const condition = inner();
    this.depth--;
    return condition;
  }

  private takes(sign: string): boolean {
    this.token(SPACE);
    if (this.text[this.at] !== sign) return false;
    this.at++;
    this.token(SPACE);
    return true;
  }

  private quoted(): string | undefined {
    this.token(SPACE);
    if (this.text[this.at] !== '"') return undefined;
    const begin = this.at;
    const token = this.token(QUOTE);
    if (token === undefined) throw new Wrong(begin, 'this quote is not closed');
    return token.slice(1, -1).replace(/\\(.)/g, '$1');
  }

  private token(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) return undefined;
    this.at += found.length;
    if (pattern !== SPACE) this.token(SPACE);
    return found;
  }

  private shown(): string {
    const rest = this.text.slice(this.at);
    return rest === '' ? 'the end' : JSON.stringify(rest.slice(0, 12));
  }
}

function unknown(word: string): string {
  const meant = meantBy(word);
  return meant === undefined
    ? `there is no field ${word}: they are ${FIELD_NAMES.join(', ')}`
    : `there is no field ${word}: did you mean ${meant}? (A device of that name is written in quotes.)`;
}

function meantBy(word: string): FieldName | undefined {
  if (word.length < SHORTEST_MISSPELT) return undefined;
  return FIELD_NAMES.find((name) => editDistance(word.toLowerCase(), name.toLowerCase()) <= 1);
}

function quotedIfNeeded(value: string): string {
  return /^[^\s&|(),"]+$/.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
}

/** What answers, notifications and Sends of a capture say, as the server would tell it. */
import { ContentFormat } from '../../src/coap/options';
import { Path } from '../../src/device/path';
import type { ResourceValue, Value } from '../../src/device/value';
import { decode, formatOf } from '../../src/lwm2m/formats/formats';
import { type Link, parseLinks } from '../../src/lwm2m/formats/link-format';
import type { Answer, Capture, Request } from './capture';
import { typeOf } from './resource-types';

export function valuesOf(answer: Answer): ResourceValue[] {
  return decode(answer.contentFormat, answer.payload, { base: Path.parse(answer.request.uri), typeOf, now: 0 });
}

/** Complete 2.05 answers in a format of values. */
export function valueAnswers(capture: Capture): Answer[] {
  return capture.answers.filter(
    ({ code, complete, contentFormat }) =>
      code === '2.05' &&
      complete &&
      contentFormat !== ContentFormat.LinkFormat &&
      (contentFormat === undefined || formatOf(contentFormat) !== undefined),
  );
}

/** What came for an observation, the first answer included, by the text the operation began with. */
export function observed(capture: Capture, note: string): [observe: number, values: Record<string, Value>][] {
  return capture.answers
    .filter((answer) => answer.request.note === note && answer.observe !== undefined)
    .map((answer) => [answer.observe as number, byPath(valuesOf(answer))]);
}

export function sends(capture: Capture): ResourceValue[][] {
  return capture.requests.filter((request) => request.uri === '/dp').map(sentValues);
}

function sentValues(request: Request): ResourceValue[] {
  return decode(request.contentFormat, request.payload, { base: Path.root, typeOf, now: 0 });
}

export function byPath(values: readonly ResourceValue[]): Record<string, Value> {
  return Object.fromEntries(values.map((entry) => [entry.path, entry.value]));
}

/** The answer to the first operation with this text. */
export function answerTo(capture: Capture, note: string): Answer {
  const answer = capture.answers.find((one) => one.request.note === note);
  if (answer === undefined) throw new Error(`no answer to "${note}" in the capture`);
  return answer;
}

export function linksOf(payload: Buffer): string[] {
  return parseLinks(payload).map(linkText);
}

function linkText({ path, attributes }: Link): string {
  return [path, ...Object.entries(attributes).map(([name, value]) => (value === true ? name : `${name}=${value}`))].join(';');
}

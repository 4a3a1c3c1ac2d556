/** Every value that real clients sent decodes by the Content-Format it came with, and formats agree about what a device holds. */
import assert from 'node:assert/strict';
import { Code } from '../../src/coap/codes';
import { ContentFormat } from '../../src/coap/options';
import { Path } from '../../src/device/path';
import type { Value } from '../../src/device/value';
import { DeviceManagementError } from '../../src/errors';
import { parseLinks } from '../../src/lwm2m/formats/link-format';
import { type Answer, readCapture } from './capture';
import { valueAnswers, valuesOf } from './decode';
import { typeOf } from './resource-types';

const CLIENTS = ['wakaama', 'anjay', 'anjay-ops', 'anjay-v10', 'wakatiwai', 'coapnode'];

/** What moves by itself between two reads. */
const MOVING = new Set([
  '/3/0/7',
  '/3/0/7/0',
  '/3/0/7/1',
  '/3/0/9',
  '/3/0/10',
  '/4/0/2',
  '/6/0/0',
  '/6/0/1',
  '/6/0/2',
  '/33605/0/1',
  '/33606/0/11',
  '/33606/0/12',
  '/33606/0/13',
  '/33606/0/14',
  '/33606/0/15',
]);
/** Anjay writes UTF-8 bytes one by one as \u00xx: not this text by the rules of JSON. */
const GARBLED = new Set(['/33605/0/15']);

function isSame(path: string, a: Value, b: Value): boolean {
  if (MOVING.has(path)) return typeof a === typeof b;
  if (a instanceof Date && b instanceof Date) return Math.abs(a.getTime() - b.getTime()) < 60_000;
  if (typeof a === 'number' && typeof b === 'number') return Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b));
  return Buffer.isBuffer(a) && Buffer.isBuffer(b) ? a.equals(b) : a === b;
}

describe('captured answers of real clients', () => {
  for (const client of CLIENTS) {
    const capture = readCapture(client);
    const answers = valueAnswers(capture).filter((answer) => answer.request.uri !== '/fw');

    it(`${client}: each value answer decodes`, () => {
      assert.ok(answers.length > 20, `${answers.length} answers`);
      for (const answer of answers) {
        // coap-node prints an instance as text; there is nothing in it to be understood.
        if (answer.payload.toString() === '[object Object]') {
          assert.throws(
            () => valuesOf(answer),
            (error) => error instanceof DeviceManagementError && error.code === 'decode-error',
          );
          continue;
        }
        // The answer to a cancellation may leave the value out (coap-node).
        if (answer.request.observe === 1 && answer.payload.length === 0) continue;
        const base = Path.parse(answer.request.uri);
        for (const value of valuesOf(answer)) {
          assert.ok(base.contains(Path.parse(value.path)), `${answer.request.note}: ${value.path}`);
        }
      }
    });

    it(`${client}: a resource has the same value in each format it was read in`, () => {
      let compared = 0;
      let reads: { values: Map<string, Value>; answer: Answer }[] = [];
      for (const answer of capture.answers) {
        const { request } = answer;
        if (request.method !== Code.Get || request.observe !== undefined || reads[0]?.answer.request.uri !== request.uri)
          reads = [];
        if (request.method !== Code.Get || request.observe !== undefined) continue;
        if (!answers.includes(answer) || answer.payload.toString() === '[object Object]') continue;
        const values = new Map(valuesOf(answer).map((entry) => [entry.path, entry.value]));
        const before = reads[0];
        if (before !== undefined) {
          assert.deepEqual([...values.keys()].sort(), [...before.values.keys()].sort(), request.note);
          for (const [path, value] of values) {
            const [object, , resource] = Path.parse(path).ids as [number, number, number];
            if (GARBLED.has(path) || typeOf(object, resource) === undefined) continue;
            const earlier = before.values.get(path) as Value;
            assert.ok(
              isSame(path, value, earlier),
              `${path}: ${String(value)} in "${request.note}" (${answer.contentFormat}), ${String(earlier)} in "${before.answer.request.note}" (${before.answer.contentFormat})`,
            );
            compared++;
          }
        }
        reads.push({ values, answer });
      }
      assert.ok(compared >= 10, `only ${compared} values compared`);
    });

    it(`${client}: each Discover and each object list is read`, () => {
      for (const answer of capture.answers) {
        if (answer.code === '2.05' && answer.contentFormat === ContentFormat.LinkFormat && answer.complete) {
          assert.ok(parseLinks(answer.payload).length > 0, answer.request.note);
        }
      }
      for (const request of capture.requests) {
        if (request.uri.startsWith('/rd') && request.payload.length > 0) assert.ok(parseLinks(request.payload).length > 1);
      }
    });
  }
});

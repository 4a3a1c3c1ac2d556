/** Codecs in one process: ours and what everybody knows take turns over the same data, so that both see the same machine. */
import coapPacket from 'coap-packet';
import { LINKS } from './bodies.mjs';
import { registerRequest } from './coap-bytes.mjs';
import { pack } from './pack.mjs';

const TURNS = 9;
const CALLS = { quick: 20_000, full: 100_000 };

/** Median nanoseconds per call of both functions, in alternating turns. */
function compare(ours, other, calls) {
  const times = { ours: [], other: [] };
  for (let turn = 0; turn < TURNS; turn++) {
    times.ours.push(nanoseconds(ours, calls));
    times.other.push(nanoseconds(other, calls));
  }
  const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  return { ours: middle(times.ours), other: middle(times.other) };
}

let sink;
function nanoseconds(call, calls) {
  const startedAt = process.hrtime.bigint();
  for (let index = 0; index < calls; index++) sink = call();
  return Number(process.hrtime.bigint() - startedAt) / calls;
}

function messages() {
  const { parseMessage, MessageWriter } = pack('coap/message');
  const bytes = registerRequest({ endpoint: 'urn:dev:os:bench-000001', version: '1.1', lifetime: 86_400, links: LINKS[0] });
  const packet = coapPacket.parse(bytes);
  const writer = new MessageWriter();
  const token = Buffer.from('01020304', 'hex');
  const query = ['lwm2m=1.1', 'ep=urn:dev:os:bench-000001', 'b=U', 'lt=86400'];
  const links = Buffer.from(LINKS[0]);
  const URI_PATH = 11;
  const CONTENT_FORMAT = 12;
  const URI_QUERY = 15;
  const generate = () =>
    writer
      .begin(0, 2, 7, token)
      .string(URI_PATH, 'rd')
      .uint(CONTENT_FORMAT, 40)
      .strings(URI_QUERY, query)
      .payload(links)
      .finish();
  return {
    'parse a Register': [() => parseMessage(bytes), () => coapPacket.parse(bytes), 'coap-packet'],
    'write a Register': [generate, () => coapPacket.generate(packet), 'coap-packet'],
  };
}

/** An instance of object 3 as a device would send it, in each format against JSON.parse of the same values. */
function formats() {
  const { Path } = pack('device/path');
  const { Catalogue } = pack('device/models/catalogue');
  const { formatOf } = pack('lwm2m/formats/formats');
  const model = Catalogue.registry().forDevice({ version: '1.1', versions: {} });
  const { typeOf } = model;
  const base = Path.parse('/3/0');
  const values = [
    ['/3/0/0', 'Open Mobile Alliance'],
    ['/3/0/1', 'Lightweight M2M Client'],
    ['/3/0/2', '345000123'],
    ['/3/0/9', 85],
    ['/3/0/10', 15_360],
    ['/3/0/14', '+02:00'],
    ['/3/0/16', 'U'],
  ].map(([path, value]) => ({ path, value }));
  const json = JSON.stringify(Object.fromEntries(values.map(({ path, value }) => [path, value])));
  const context = { base, typeOf, now: Date.UTC(2026, 0, 1) };
  return Object.fromEntries(
    [
      ['TLV', 11542],
      ['SenML CBOR', 112],
      ['SenML JSON', 110],
    ].map(([name, number]) => {
      const format = formatOf(number);
      const bytes = format.encode(values, context);
      return [`decode ${name}`, [() => format.decode(bytes, context), () => JSON.parse(json), 'JSON.parse of the same values']];
    }),
  );
}

/** @returns {Record<string, {ours: number, other: number, than: string}>} nanoseconds per call */
export function measureCodecs(quick) {
  const calls = quick ? CALLS.quick : CALLS.full;
  const cases = { ...messages(), ...formats() };
  return Object.fromEntries(
    Object.entries(cases).map(([name, [ours, other, than]]) => [name, { ...compare(ours, other, calls), than }]),
  );
}

/** Keeps the optimiser from dropping the calls. */
export const lastResult = () => sink;

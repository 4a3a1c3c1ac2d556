/** Wireshark's decoder on a capture of ours: given the key it reads every record of a device's handshake, registration and notifications. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { VirtualClock } from '../../src/clock';
import { codeText } from '../../src/coap/codes';
import { DtlsTransport, type DtlsTransportOptions } from '../../src/coap/transports/dtls';
import { MemoryNetwork } from '../../src/coap/transports/memory';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { MovingCarrier } from '../coap/transports/moving-carrier';
import { testRandom } from '../coap/world';
import { testBytes } from '../dtls/world';
import { pcapOf } from './pcap';
import { findProgram, Program, skipWithout } from './program';
import { IDENTITY, KEY } from './secure-echo';

const SERVER = '10.0.0.1';
const PORT = 5684;
const FIELDS = [
  'udp.srcport',
  'dtls.handshake.type',
  'dtls.record.connection_id',
  'dtls.alert_message.desc',
  'coap.code',
  'coap.opt.uri_path',
  'coap.opt.observe',
  'coap.payload_length',
  '_ws.malformed',
] as const;
/** Name, number and length of connection ids. */
const SUITES = [
  ['PSK_WITH_AES_128_CCM_8', 0xc0a8, 8],
  ['PSK_WITH_AES_128_CCM_8', 0xc0a8, false],
  ['PSK_WITH_AES_128_CCM', 0xc0a4, 4],
  ['PSK_WITH_AES_128_GCM_SHA256', 0x00a8, 6],
  ['PSK_WITH_AES_128_CBC_SHA256', 0x00ae, 6],
  ['PSK_WITH_AES_128_CBC_SHA256', 0x00ae, false],
] as const;
type Field = (typeof FIELDS)[number];
type Packet = Readonly<Record<Field, string>>;

/** Everything said by a device with this suite, from its first hello to its farewell. */
async function captured(suite: number, cidLength: number | false): Promise<Buffer> {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock);
  const key = Buffer.from(KEY, 'hex');
  const common = { clock, suites: [suite], cidLength, cbc: 'encrypt-then-mac' as const };
  const server = new Lwm2mServer({
    transport: network.transport(SERVER, 5683),
    secure: new DtlsTransport({
      ...common,
      carrier: network.transport(SERVER, PORT),
      random: testBytes(1),
      credentials: { lookupPsk: (identity) => (identity === IDENTITY ? key : undefined) },
    }),
    clock,
    random: testRandom(2),
  });
  await server.start();
  const carrier = new MovingCarrier(network);
  const device: DtlsTransportOptions = {
    ...common,
    carrier,
    random: testBytes(3),
    credentials: {},
    serve: false,
    connectWith: () => ({ psk: { identity: IDENTITY, key } }),
  };
  const objects = new ObjectTree({ version: '1.1' });
  objects.add(3303, 0, { 5700: 21.5 });
  const client = new Lwm2mClient({
    endpoint: IDENTITY,
    server: { host: SERVER, port: PORT },
    objects,
    transport: new DtlsTransport(device),
    clock,
    random: testRandom(4),
  });
  const pass = async <T>(work: Promise<T>): Promise<T> => {
    await clock.advanceAsync(5_000);
    return work;
  };
  await pass(client.start());
  await pass(server.perform(IDENTITY, { operation: 'observe', path: '/3303/0/5700', contentFormat: 0 }));
  if (cidLength !== false) carrier.move();
  client.setValue('/3303/0/5700', 23.25);
  await clock.advanceAsync(5_000);
  await pass(client.stop());
  await pass(server.stop());
  return pcapOf(network.sightings);
}

describe('tshark', function () {
  this.timeout(60_000);
  const tshark = findProgram('tshark');
  let folder: string;

  before(function () {
    if (tshark === undefined) skipWithout(this, 'tshark', 'apt-get install tshark');
    folder = mkdtempSync(path.join(tmpdir(), 'capture-'));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  async function decoded(capture: Buffer, key: string): Promise<Packet[]> {
    const file = path.join(folder, 'ours.pcap');
    writeFileSync(file, capture);
    const { code, output } = await new Program(tshark as string, [
      ...['-r', file, '-n', '-o', `dtls.psk:${key}`],
      ...['-d', `udp.port==${PORT},dtls`, '-d', `dtls.port==${PORT},coap`],
      ...['-T', 'fields', '-E', 'separator=|', ...FIELDS.flatMap((field) => ['-e', field])],
    ]).ended;
    assert.equal(code, 0, output);
    const lines = output.split('\n').filter((line) => line.includes('|'));
    return lines.map((line) => {
      const parts = line.split('|');
      return Object.fromEntries(FIELDS.map((field, index) => [field, parts[index] ?? ''])) as Packet;
    });
  }

  for (const [suite, number, cidLength] of SUITES) {
    const cid =
      cidLength === false ? 'without connection ids' : `with connection ids of ${cidLength} bytes, after a change of address`;
    it(`reads all of ${suite}, ${cid}`, async () => {
      const packets = await decoded(await captured(number, cidLength), KEY);
      assert.ok(packets.every((packet) => packet['_ws.malformed'] === ''));
      const [hello, verify, again, answer, finished, ours, ...messages] = packets.map((packet) => packet['dtls.handshake.type']);
      assert.deepEqual([hello, verify, again, answer, finished, ours], ['1', '3', '1', '2,14', '16,20', '20']);
      assert.ok(messages.every((type) => type === ''));
      // Of a Finished, a message and an alert there is something to be read only for who has the keys.
      assert.deepEqual(packets.slice(6).map(messageIn), [
        'POST rd 63 bytes',
        '2.01',
        'GET 3303,0,5700 observe 0',
        '2.05 observe 0 4 bytes',
        '2.05 observe 1 5 bytes',
        'DELETE rd,#',
        '2.02',
        'alert 0',
        'alert 0',
      ]);
      const protectedRecords = packets.slice(4);
      const length = cidLength === false ? 0 : 2 * cidLength;
      assert.ok(protectedRecords.every((packet) => packet['dtls.record.connection_id'].length === length));
      assert.equal(packets[10]?.['udp.srcport'], cidLength === false ? '40000' : '40001');
    });
  }

  it('reads nothing with another key', async () => {
    const packets = await decoded(await captured(0xc0a8, 8), KEY.replace('11', '12'));
    assert.equal(packets.length, 15);
    assert.deepEqual(
      packets.slice(6).map(messageIn),
      packets.slice(6).map(() => ''),
    );
  });
});

const METHODS: Readonly<Record<string, string>> = { 1: 'GET', 2: 'POST', 4: 'DELETE' };

/** "2.05 observe 1 5 bytes"; "" where nothing could be read. The unguessable part of a location is "#". */
function messageIn(packet: Packet): string {
  const code = Number(packet['coap.code']);
  const observe = packet['coap.opt.observe'];
  const length = packet['coap.payload_length'];
  const alert = packet['dtls.alert_message.desc'];
  return [
    alert === '' ? '' : `alert ${alert}`,
    code === 0 ? '' : (METHODS[code] ?? codeText(code)),
    packet['coap.opt.uri_path'].replace(/^rd,.+/, 'rd,#'),
    observe === '' ? '' : `observe ${observe}`,
    length === '' ? '' : `${length} bytes`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

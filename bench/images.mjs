/**
 * Devices that fetch an image over CoAP: processor time of the server for a block of 1 KiB, against a bare socket that sends as many bytes.
 *   node bench/images.mjs [devices] [seconds]
 * The aim is 20 µs. Every device is on a port of its own, at a place of its own in the image, with one block outstanding; each answer is checked
 * for its place and length, and one that is lost ends the run.
 */
import dgram from 'node:dgram';
import { AT_MESSAGE_ID, message, Type, uint } from './coap-bytes.mjs';
import { Child } from './control.mjs';

const [devices = 100, seconds = 5] = process.argv.slice(2).map(Number);
const IMAGE_BYTES = 8 * 1024 * 1024;
const BLOCK = 1024;
const BLOCKS = IMAGE_BYTES / BLOCK;
const GET = 1;
const URI_PATH = 11;
const BLOCK2 = 23;
const LARGEST_SZX = 6;
const LOST_MS = 2_000;

function requestFor(token, block) {
  const path = ['fw', token].map((segment) => [URI_PATH, Buffer.from(segment)]);
  return message({ type: Type.CON, code: GET, options: [...path, [BLOCK2, uint(block * 16 + LARGEST_SZX)]] });
}

/** One device: asks for the next block when the last has come. */
class Device {
  constructor(index, { port, token }, isChecked) {
    Object.assign(this, { index, port, token, isChecked, block: (index * 79) % BLOCKS, done: 0, messageId: index, sentAt: 0 });
    this.socket = dgram.createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
    this.socket.on('message', (answer) => this.answered(answer));
  }

  next() {
    const request = requestFor(this.token, this.block);
    this.messageId = (this.messageId + 1) & 0xffff;
    request.writeUInt16BE(this.messageId, AT_MESSAGE_ID);
    this.sentAt = performance.now();
    this.socket.send(request, this.port, '127.0.0.1');
  }

  answered(answer) {
    if (this.isChecked && (answer[1] !== 0x45 || answer.length < BLOCK))
      throw new Error(`a wrong answer of ${answer.length} bytes`);
    this.done++;
    this.block = (this.block + 1) % BLOCKS;
    if (this.isRunning) this.next();
  }
}

async function measure(raw) {
  const server = new Child('servers/images.mjs', { core: 0, pinned: process.platform === 'linux' });
  try {
    const place = await server.ask('listen', { bytes: IMAGE_BYTES, raw });
    const fleet = Array.from({ length: devices }, (_, index) => new Device(index, place, !raw));
    const count = () => fleet.reduce((sum, { done }) => sum + done, 0);
    for (const device of fleet) Object.assign(device, { isRunning: true }).next();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const [before, cpu] = [count(), await server.ask('cpu')];
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    const [after, used] = [count(), await server.ask('cpu')];
    const lost = fleet.filter(({ sentAt }) => performance.now() - sentAt > LOST_MS).length;
    if (lost > 0) throw new Error(`${lost} blocks were lost`);
    for (const device of fleet) {
      device.isRunning = false;
      device.socket.close();
    }
    const micros = used.user + used.system - cpu.user - cpu.system;
    return { perBlock: micros / (after - before), rate: (after - before) / seconds };
  } finally {
    await server.stop();
  }
}

const raw = await measure(true);
const ours = await measure(false);
const shown = ({ perBlock, rate }) =>
  `${perBlock.toFixed(1)} µs of processor time per block of 1 KiB, ${Math.round(rate)} blocks a second`;
process.stdout.write(`${devices} devices, ${IMAGE_BYTES / 1024 / 1024} MiB\n`);
process.stdout.write(`a bare socket: ${shown(raw)}\n`);
process.stdout.write(`an image:      ${shown(ours)}, ${(ours.perBlock / raw.perBlock).toFixed(2)} times as much\n`);

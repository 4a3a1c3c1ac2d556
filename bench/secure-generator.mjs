/**
 * The load generator of the secured phases: devices on a source port each, 64 handshakes or records outstanding, closed loop. It does
 * the other half of every handshake. For the echo, records are sealed before the time runs and only some answers are opened, so that
 * it is hardly slower than the generator of the raw echo. Driven by rounds.mjs over IPC.
 */
import dgram from 'node:dgram';
import { registerRequest } from './coap-bytes.mjs';
import { serve } from './control.mjs';
import { Histogram } from './histogram.mjs';
import { pack } from './pack.mjs';
import { secureDevice } from './secure-device.mjs';

const OUTSTANDING = 64;
const SILENCE_MS = 3000;
const CHECK_MS = 50;
/** One answer in so many is opened and compared; of the others only the length is looked at. */
const OPENED = 16;

const { SystemClock } = pack('clock');
const clock = new SystemClock();
/** The same as the raw echo carries. */
const payload = registerRequest({
  endpoint: 'urn:dev:os:bench-000000',
  version: '1.1',
  lifetime: 86_400,
  links: '</3/0>,</3303/0>',
});

let devices = [];
let phase;

class Device {
  constructor(index, host, port) {
    this.host = host;
    this.port = port;
    this.sealed = [];
    this.isSealing = false;
    this.answerLength = 0;
    this.startedAt = 0;
    this.socket = dgram.createSocket('udp4');
    const { endpoint, connect } = secureDevice(index, {
      clock,
      transmit: (datagram) => (this.isSealing ? this.sealed.push(datagram) : this.socket.send(datagram)),
      deliver: (data) => {
        if (!data.equals(payload)) phase.wrong++;
      },
      connected: ({ id }) => {
        this.association = id;
        if (phase?.kind === 'handshake') done(this);
      },
      failed: () => {
        if (phase !== undefined) phase.wrong++;
      },
    });
    this.endpoint = endpoint;
    this.connect = connect;
    this.socket.on('message', (datagram) => this.received(datagram));
    this.socket.on('error', () => {});
    this.ready = new Promise((resolve) => this.socket.connect(port, host, resolve));
  }

  /** Makes records for later: `send` without a socket. */
  seal(count) {
    this.isSealing = true;
    this.sealed.length = 0;
    for (let made = 0; made < count; made++) this.endpoint.send(this.association, payload);
    this.isSealing = false;
  }

  send(kind) {
    this.startedAt = performance.now();
    if (kind === 'handshake') this.connect(this.host, this.port);
    else this.socket.send(this.sealed.pop());
  }

  received(datagram) {
    if (phase?.kind !== 'secure-echo') return this.endpoint.receive(datagram, this.host, this.port);
    if (phase.done % OPENED === 0) this.open(datagram);
    else if (datagram.length !== phase.answerLength) phase.wrong++;
    done(this);
  }

  open(datagram) {
    const { counters } = this.endpoint;
    const before = counters.received;
    this.endpoint.receive(datagram, this.host, this.port);
    if (counters.received !== before + 1) phase.wrong++;
    phase.answerLength = datagram.length;
  }
}

function done(device) {
  phase.latency.add(performance.now() - device.startedAt);
  phase.done++;
  next();
}

function next() {
  phase.lastAt = performance.now();
  if (phase.sent < phase.count) {
    const device = devices[phase.sent++ % devices.length];
    device.send(phase.kind);
  } else if (phase.done === phase.sent) phase.finish();
}

/** @param count how many in all; each device takes its turn */
async function run({ kind, count }) {
  if (kind === 'secure-echo') for (const device of devices) device.seal(Math.ceil(count / devices.length));
  const startedAt = performance.now();
  const latency = new Histogram();
  phase = { kind, count, sent: 0, done: 0, wrong: 0, answerLength: 0, lastAt: startedAt, latency };
  const finished = new Promise((resolve) => {
    phase.finish = resolve;
  });
  const watch = setInterval(() => {
    if (performance.now() - phase.lastAt > SILENCE_MS) phase.finish();
  }, CHECK_MS);
  for (let place = 0; place < Math.min(OUTSTANDING, devices.length, count); place++) next();
  await finished;
  clearInterval(watch);
  const { sent, done: answered, wrong, lastAt } = phase;
  phase = undefined;
  const took = (lastAt - startedAt) / 1000;
  const lost = sent - answered;
  return {
    phase: kind,
    done: answered,
    lost,
    wrong,
    reset: 0,
    separate: 0,
    seconds: took,
    rate: answered / took,
    ...latency.summary(),
  };
}

serve({
  async open({ host, port, count }) {
    devices = Array.from({ length: count }, (_, index) => new Device(index, host, port));
    await Promise.all(devices.map((device) => device.ready));
    return { devices: devices.length };
  },
  run,
});

/**
 * The load generator: simulated devices, each on a source port of its own, that register, update, report and answer what the
 * server asks them. No dependencies, closed loop, no retransmission: what is lost is counted. Driven by run.mjs over IPC.
 */
import dgram from 'node:dgram';
import { LINKS, VALUE_RANGE, VALUES } from './bodies.mjs';
import {
  AT_MESSAGE_ID,
  AT_TOKEN,
  answerTo,
  content,
  contentBehindToken,
  locationOf,
  locationRequest,
  message,
  registerRequest,
  registersObserver,
  Type,
} from './coap-bytes.mjs';
import { Histogram } from './histogram.mjs';

const OUTSTANDING = 64;
/** No answer at all for this long ends a phase; what is outstanding then counts as lost. */
const SILENCE_MS = 3000;
const CHECK_MS = 50;
const Code = { EMPTY: 0, GET: 1, POST: 2, DELETE: 4, CREATED: 0x41, DELETED: 0x42, CHANGED: 0x44 };

let devices = [];
/** The phase under way: counts, the kind of message, and what to do with the next free place. */
let phase;

class Device {
  constructor(index, host, port) {
    this.index = index;
    this.endpoint = `urn:dev:os:bench-${String(index).padStart(6, '0')}`;
    this.messageId = (index * 7919) & 0xffff;
    this.pending = -1;
    this.startedAt = 0;
    this.format = index % 2 === 0 ? VALUES.tlv : VALUES['senml-cbor'];
    this.requests = {
      // As long as a Register, so that the raw rate is not flattered by tiny datagrams.
      echo: registerRequest({ endpoint: this.endpoint, version: '1.1', lifetime: 86_400, links: '</3/0>,</3303/0>' }),
      register: registerRequest({
        endpoint: this.endpoint,
        version: '1.1',
        lifetime: 86_400,
        links: LINKS[index % LINKS.length],
      }),
    };
    this.behindToken = {
      read: contentBehindToken(this.format),
      observe: contentBehindToken({ ...this.format, observe: 0x800000 }),
    };
    this.observeCount = 0;
    this.socket = dgram.createSocket('udp4');
    this.socket.on('message', (datagram) => received(this, datagram));
    // The server of this round is gone; the phase counts it as lost.
    this.socket.on('error', () => {});
    this.ready = new Promise((resolve) => this.socket.connect(port, host, resolve));
  }

  /** Sends a prepared message with the next message ID. The buffer belongs to this device alone, and only one is pending. */
  send(kind) {
    const bytes = this.requests[kind];
    this.messageId = (this.messageId + 1) & 0xffff;
    this.pending = this.messageId;
    bytes.writeUInt16BE(this.messageId, AT_MESSAGE_ID);
    if (kind === 'notify') this.nextValue(bytes);
    else bytes.writeUInt32BE((this.index << 16) | this.messageId, AT_TOKEN);
    this.startedAt = performance.now();
    this.socket.send(bytes);
  }

  nextValue(bytes) {
    this.observeCount = (this.observeCount + 1) & 0xffffff;
    // Observe is a three-byte option behind header and token (see `observed`).
    bytes.writeUIntBE(0x800000 | this.observeCount, this.observeAt, 3);
    bytes.writeFloatBE(
      VALUE_RANGE.least + (this.observeCount % VALUE_RANGE.steps) * VALUE_RANGE.step,
      bytes.length - this.fromEnd,
    );
  }

  /** The server observes: its token is kept, and the notification is made ready. */
  observed(token) {
    const { contentFormat, payload, floatAt } = this.format;
    this.observeCount = 0;
    this.observeAt = 4 + token.length + 1;
    this.fromEnd = payload.length - floatAt;
    this.requests.notify = content({ type: Type.CON, token, observe: 0x800000, contentFormat, payload });
  }

  /** Any GET of the server is answered with the temperature. */
  answer(request) {
    const observes = registersObserver(request);
    if (observes) this.observed(Buffer.from(request.subarray(4, 4 + (request[0] & 0x0f))));
    this.socket.send(answerTo(request, observes ? this.behindToken.observe : this.behindToken.read));
    served++;
  }

  /** A separate response (RFC 7252 §5.2.2) is acknowledged, as a device would. */
  acknowledge(response) {
    const empty = message({ type: Type.ACK, code: Code.EMPTY, token: Buffer.alloc(0) });
    response.copy(empty, AT_MESSAGE_ID, AT_MESSAGE_ID, AT_MESSAGE_ID + 2);
    this.socket.send(empty);
  }
}

let served = 0;
const EXPECTED = { register: Code.CREATED, update: Code.CHANGED, deregister: Code.DELETED, notify: Code.EMPTY };

function received(device, datagram) {
  const code = datagram[1];
  const type = (datagram[0] >> 4) & 3;
  if (code > 0 && code < 8 && phase?.kind !== 'echo') {
    device.answer(datagram);
    return;
  }
  if (phase?.kind === 'pace') {
    if (type === Type.ACK && code === Code.EMPTY) phase.acknowledged++;
    else phase.wrong++;
    return;
  }
  if (phase === undefined || device.pending < 0) return;
  if (type === Type.ACK && code === Code.EMPTY && phase.kind !== 'notify') {
    phase.separate++;
    return;
  }
  const separate = type === Type.CON && phase.kind !== 'echo';
  if (separate) device.acknowledge(datagram);
  else if (datagram.readUInt16BE(AT_MESSAGE_ID) !== device.pending) {
    phase.wrong++;
    return;
  }
  device.pending = -1;
  if (type === Type.RST) phase.reset++;
  else if (phase.kind === 'echo' ? datagram.length !== device.requests.echo.length : code !== EXPECTED[phase.kind]) phase.wrong++;
  else if (phase.kind === 'register') registered(device, datagram);
  phase.latency.add(performance.now() - device.startedAt);
  phase.done++;
  next();
}

function registered(device, datagram) {
  const location = locationOf(datagram);
  device.requests.update = locationRequest(Code.POST, location);
  device.requests.deregister = locationRequest(Code.DELETE, location);
}

/** Fills the place that has become free, or ends the phase when nothing is outstanding any more. */
function next() {
  const now = performance.now();
  phase.lastAt = now;
  if (phase.sent < phase.count && now < phase.until) {
    const device = devices[phase.cursor++ % devices.length];
    phase.sent++;
    device.send(phase.kind);
  } else if (phase.done === phase.sent) {
    phase.finish();
  }
}

async function run({ kind, seconds = Number.POSITIVE_INFINITY, count = Number.POSITIVE_INFINITY }) {
  const startedAt = performance.now();
  for (const device of devices) device.pending = -1;
  const latency = new Histogram();
  phase = {
    kind,
    count,
    until: startedAt + seconds * 1000,
    cursor: 0,
    sent: 0,
    done: 0,
    wrong: 0,
    reset: 0,
    separate: 0,
    lastAt: startedAt,
    latency,
  };
  const finished = new Promise((resolve) => {
    phase.finish = resolve;
  });
  const watch = setInterval(() => {
    if (performance.now() - phase.lastAt > SILENCE_MS) phase.finish();
  }, CHECK_MS);
  for (let place = 0; place < Math.min(OUTSTANDING, devices.length, count); place++) next();
  await finished;
  clearInterval(watch);
  const { sent, done, wrong, reset, separate, lastAt } = phase;
  phase = undefined;
  const took = (lastAt - startedAt) / 1000;
  return { phase: kind, done, lost: sent - done, wrong, reset, separate, seconds: took, rate: done / took, ...latency.summary() };
}

/** Notifications at a fixed rate, whether or not the server keeps up; an ACK each is what counts. */
async function pace({ rate, seconds }) {
  const startedAt = performance.now();
  phase = { kind: 'pace', acknowledged: 0, wrong: 0, separate: 0 };
  let sent = 0;
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const elapsed = performance.now() - startedAt;
      const due = Math.min(elapsed / 1000, seconds) * rate;
      for (; sent < due; sent++) devices[sent % devices.length].send('notify');
      if (elapsed >= seconds * 1000) {
        clearInterval(timer);
        resolve();
      }
    }, 1);
  });
  const took = (performance.now() - startedAt) / 1000;
  for (let waited = 0; phase.acknowledged < sent && waited < SILENCE_MS; waited += CHECK_MS) {
    await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
  }
  const { acknowledged, wrong } = phase;
  phase = undefined;
  return { sent, acknowledged, wrong, rate: sent / took };
}

const commands = {
  async open({ host, port, count }) {
    devices = Array.from({ length: count }, (_, index) => new Device(index, host, port));
    await Promise.all(devices.map((device) => device.ready));
    return { devices: devices.length };
  },
  run,
  pace,
  served() {
    const answered = served;
    served = 0;
    return { served: answered, observed: devices.filter((device) => device.requests.notify !== undefined).length };
  },
  close() {
    for (const device of devices) device.socket.close();
    devices = [];
    return {};
  },
  cpu: () => process.cpuUsage(),
};

process.on('message', async ({ id, command, parameters }) => {
  process.send({ id, result: await commands[command](parameters ?? {}) });
});
process.on('disconnect', () => process.exit());

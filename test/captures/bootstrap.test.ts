/**
 * Anjay and Wakaama as they were recorded while being bootstrapped: what each sent, sent again to our server; what our server asks, answered
 * as the device answered the recorder.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Code, isRequest } from '../../src/coap/codes';
import { type Message, parseMessage } from '../../src/coap/message';
import { Option } from '../../src/coap/options';
import type { BootstrapConfiguration, BootstrapEvent } from '../../src/device/bootstrap';
import { type Discovered, readDiscovered } from '../../src/lwm2m/server/bootstrap-discovered';
import { conformance } from '../conformance/conformance';
import { configured, formatIn, nameOf } from '../lwm2m/server/bootstrap-world';
import { type Answer, givenServer, ScriptedDevice, SERVER, type World } from '../lwm2m/server/world';
import { readCapture } from './capture';
import { answerTo } from './decode';

/** Led to the end of the dialogue, a device shows these. */
const LED = ['int-0', 'int-4', 'int-8'];

/** Answers to "GET /1" as they were given last; to Discover in their order, since the device changes under it. */
function recordedAnswers(name: string): (request: Message) => Answer | undefined {
  const discovers: Answer[] = [];
  const answers = new Map<string, Answer>();
  for (const { request, code, contentFormat, payload } of readCapture(name).answers) {
    const [major, minor] = code.split('.').map(Number) as [number, number];
    const answer = { code: major * 32 + minor, ...(contentFormat !== undefined && { contentFormat }), payload };
    if (request.uri === '/' && request.method === Code.Get) discovers.push(answer);
    else answers.set(`${METHODS[request.method]} ${request.uri}`, answer);
  }
  return (request) => {
    const asked = nameOf(request);
    if (asked === 'GET /') return discovers.length > 1 ? discovers.shift() : discovers[0];
    // Instances that the recorder did not write are written in the same way.
    return answers.get(asked) ?? (request.code === Code.Put ? { code: Code.Changed } : undefined);
  };
}

const METHODS = ['', 'GET', 'POST', 'PUT', 'DELETE'];

/** Datagrams by which the device asked for something. */
function asked(name: string): { message: Message; bytes: Buffer; uri: string }[] {
  return readFileSync(path.join(__dirname, '../fixtures/captures', `${name}.txt`), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('< '))
    .map((line) => Buffer.from(line.slice(2), 'hex'))
    .flatMap((bytes) => {
      const message = parseMessage(bytes);
      if (typeof message === 'number' || !isRequest(message.code)) return [];
      return [{ message, bytes, uri: `/${message.strings(Option.UriPath).join('/')}` }];
    });
}

interface Replay {
  readonly world: World;
  readonly device: ScriptedDevice;
  readonly events: BootstrapEvent[];
}

/** Sends again what the device sent to these paths. */
async function replay(name: string, uris: readonly string[], changes: Partial<BootstrapConfiguration>): Promise<Replay> {
  const world = await givenServer({ bootstrap: () => configured({ verify: true, ...changes }) });
  const events: BootstrapEvent[] = [];
  world.server.events.on('bootstrap', (event) => events.push(event));
  const device = new ScriptedDevice(world);
  device.answers = recordedAnswers(name);
  for (const { bytes, uri } of asked(name)) {
    if (!uris.includes(uri)) continue;
    device.peer.send(bytes, SERVER.address, SERVER.port);
    await world.settle(200);
  }
  return { world, device, events };
}

function discovered(name: string): Discovered {
  const { payload, contentFormat } = answerTo(readCapture(name), 'BS Discover /');
  const none = { observe: undefined, locationPath: [], maxAge: undefined, etag: undefined };
  return readDiscovered({ code: Code.Content, payload, contentFormat, ...none });
}

describe('Anjay, bootstrapped', () => {
  const name = 'anjay-bs';

  it('asks for a pack, then at /bs for SenML CBOR', () => {
    const [pack, request] = asked(name).map(({ message }) => message);
    assert.deepEqual(pack?.strings(Option.UriPath), ['bspack']);
    assert.equal(pack?.uint(Option.Accept), 112);
    assert.deepEqual(request?.strings(Option.UriQuery), ['ep=urn:dev:os:anjay-bs', 'pct=112']);
  });

  it('tells its version, its bootstrap account and the versions of its objects', () => {
    const { version, bootstrapAccounts, versions, instances } = discovered(name);
    assert.equal(version, '1.2');
    assert.deepEqual([...bootstrapAccounts], [1]);
    assert.deepEqual(versions, { 10: '1.1' });
    assert.deepEqual([...(instances?.get(9) ?? [])], [0, 1]);
  });

  it('gets its pack at the first request', async () => {
    const { device, events } = await replay(name, ['/bspack'], {});
    assert.equal(device.inbox[0]?.code, Code.Content);
    assert.equal(device.inbox[0]?.uint(Option.ContentFormat), 112);
    assert.deepEqual(
      events.map((event) => [event.event, event.how, event.device]),
      [['finished', 'pack', 'urn:dev:os:anjay-bs']],
    );
  });

  for (const id of LED)
    conformance(id, 'Anjay (recorded)', () => ledToTheEnd(), {
      what: 'its bootstrap account at /0/1 stays as it is; and it registers',
    });

  async function ledToTheEnd(): Promise<void> {
    const { world, device, events } = await replay(name, ['/bs', '/rd'], { deletes: ['/'] });
    const steps = ['GET /', 'DELETE /', 'PUT /0/0', 'PUT /1/0', 'GET /', 'GET /1', 'POST /bs'];
    assert.deepEqual(device.asked.map(nameOf).slice(0, steps.length), steps);
    assert.deepEqual(device.asked.filter(({ code }) => code === Code.Put).map(formatIn), [112, 112]);
    assert.equal(events.at(-1)?.event, 'finished');
    assert.equal(events.at(-1)?.version, '1.2');
    assert.equal(events.at(-1)?.read?.['/1/1/0'], 101);
    assert.equal(events.at(-1)?.read?.['/1/1/7'], 'U');
    assert.equal(world.server.registration('urn:dev:os:anjay-bs')?.lifetime, 60);
  }
});

describe('Wakaama, bootstrapped', () => {
  const name = 'wakaama-bootstrap';

  it('tells its version, its bootstrap account and its server', () => {
    const { version, bootstrapAccounts, instances } = discovered(name);
    assert.equal(version, '1.1');
    assert.deepEqual([...bootstrapAccounts], [0]);
    assert.deepEqual([...(instances?.get(1) ?? [])], [0]);
  });

  for (const id of LED)
    conformance(id, 'Wakaama (recorded)', () => ledToTheEnd(), {
      what: 'beside its bootstrap account at /0/0; and it registers',
    });

  async function ledToTheEnd(): Promise<void> {
    const { world, device, events } = await replay(name, ['/bs', '/rd'], {});
    const steps = ['GET /', 'DELETE /0', 'DELETE /1', 'PUT /0/1', 'PUT /1/0', 'GET /', 'GET /1', 'POST /bs'];
    assert.deepEqual(device.asked.map(nameOf).slice(0, steps.length), steps);
    assert.equal(events.at(-1)?.event, 'finished');
    assert.deepEqual(events.at(-1)?.read, {
      '/1/5/0': 101,
      '/1/5/1': 60,
      '/1/5/2': 0,
      '/1/5/3': 0,
      '/1/5/5': 0,
      '/1/5/6': false,
      '/1/5/7': 'U',
      '/1/5/23': false,
    });
    assert.equal(world.server.registration('wk-bs')?.version, '1.1');
  }

  it('refuses to have its keys read', () => {
    const { code } = answerTo(readCapture(name), 'BS Read /0');
    assert.equal(code, '4.00');
  });
});

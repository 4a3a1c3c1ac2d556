/** Leshan's client as a peer of the conformance scenarios: a Java process, a real socket, and the clock on the wall. */
import { cpSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SystemClock } from '../../src/clock';
import { systemRandom } from '../../src/coap/random';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { UdpTransport } from '../../src/coap/transports/udp';
import type { BootstrapEvent } from '../../src/device/bootstrap';
import type { LifecycleEvent, NotificationEvent, SendEvent } from '../../src/device/manager';
import { Catalogue } from '../../src/device/models/catalogue';
import type { ObjectDefinition } from '../../src/device/models/definition';
import type { OperationRequest, OperationResult } from '../../src/device/operation';
import { Lwm2mServer, type Lwm2mServerOptions } from '../../src/lwm2m/server/server';
import type { Peer } from '../conformance/peer';
import { freeUdpPort } from '../free-port';
import { Program } from './program';
import { eventually, HOST } from './server';

/** Objects that Leshan's library has no definition of. */
const DEFINED_HERE: readonly (readonly [number, string])[] = [
  [10, '1.1'],
  [11, '1.0'],
  [16, '1.0'],
  [19, '1.0'],
  [20, '1.0'],
];

export interface LeshanOptions {
  /** After URL, endpoint, lifetime and models. */
  readonly mode?: readonly string[];
  /** A key by identity makes the server listen for DTLS too, and the device call it there. */
  readonly psk?: Readonly<Record<string, Buffer>>;
  readonly bootstrap?: (ports: { readonly plain: number; readonly secure: number }) => Lwm2mServerOptions['bootstrap'];
}

export class LeshanPeer implements Peer {
  readonly lifecycle: LifecycleEvent[] = [];
  readonly notifications: NotificationEvent[] = [];
  readonly sends: SendEvent[] = [];
  readonly bootstraps: BootstrapEvent[] = [];

  private constructor(
    readonly endpoint: string,
    public server: Lwm2mServer,
    private readonly makeServer: () => Lwm2mServer,
    private readonly program: Program,
  ) {
    this.listen(server);
  }

  static async start(classPath: string, endpoint: string, options: LeshanOptions = {}): Promise<LeshanPeer> {
    const ports = { plain: await freeUdpPort(), secure: await freeUdpPort() };
    const makeServer = (): Lwm2mServer => serverOn(ports, options);
    const server = makeServer();
    await server.start();
    const url = options.psk === undefined ? `coap://${HOST}:${ports.plain}` : `coaps://${HOST}:${ports.secure}`;
    const folder = path.join(__dirname, 'leshan');
    const program = new Program('java', [
      '-cp',
      classPath,
      path.join(folder, 'LeshanConformance.java'),
      url,
      endpoint,
      '600',
      modelsFor(path.join(folder, 'models')),
      ...(options.mode ?? ['nosec']),
    ]);
    return new LeshanPeer(endpoint, server, makeServer, program);
  }

  get output(): string {
    return this.program.output;
  }

  perform(request: OperationRequest): Promise<OperationResult> {
    return this.server.perform(this.endpoint, request, { timeoutMs: 10_000 });
  }

  until<T>(what: string, found: () => T | undefined): Promise<T> {
    return eventually(what, found).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.output.slice(-500)}`);
    });
  }

  pass(seconds: number): Promise<void> {
    return sleep(seconds * 1_000);
  }

  change(place: string, value: number | string): void {
    this.program.say(`set ${place} ${value}`);
  }

  send(paths: readonly string[]): void {
    this.program.say(`send ${paths.join(' ')}`);
  }

  update(): void {
    this.program.say('update');
  }

  leave(): void {
    this.program.say('stop');
  }

  async restartServer(): Promise<void> {
    await this.server.stop();
    this.server = this.makeServer();
    this.listen(this.server);
    await this.server.start();
  }

  async stop(): Promise<void> {
    await this.program.stop('SIGKILL');
    await this.server.stop();
  }

  private listen(server: Lwm2mServer): void {
    server.events.on('lifecycle', (event) => this.lifecycle.push(event));
    server.events.on('notification', (event) => this.notifications.push(event));
    server.events.on('send', (event) => this.sends.push(event));
    server.events.on('bootstrap', (event) => this.bootstraps.push(event));
  }
}

function serverOn(ports: { plain: number; secure: number }, { psk, bootstrap }: LeshanOptions): Lwm2mServer {
  const clock = new SystemClock();
  const source = bootstrap?.(ports);
  const secure =
    psk === undefined
      ? undefined
      : new DtlsTransport({
          carrier: new UdpTransport({ host: HOST, port: ports.secure }),
          clock,
          random: (length) => systemRandom.bytes(length),
          credentials: { lookupPsk: (identity) => psk[identity] },
        });
  return new Lwm2mServer({
    listen: { host: HOST, port: ports.plain },
    admission: psk === undefined ? 'open' : 'secured',
    clock,
    ...(secure !== undefined && { secure }),
    ...(source !== undefined && { bootstrap: source }),
  });
}

/** Leshan's own definitions with those it lacks, in a folder of their own. */
function modelsFor(folder: string): string {
  const catalogue = Catalogue.registry();
  const out = mkdtempSync(path.join(tmpdir(), 'leshan-models-'));
  cpSync(folder, out, { recursive: true });
  for (const [id, version] of DEFINED_HERE) {
    const definition = catalogue.definition(id, version);
    if (definition === undefined) throw new Error(`object ${id} ${version} is not in the registry`);
    writeFileSync(path.join(out, `${id}.xml`), ddfOf(definition));
  }
  return out;
}

const DDF_TYPES: Readonly<Record<string, string>> = {
  string: 'String',
  integer: 'Integer',
  unsigned: 'Unsigned Integer',
  float: 'Float',
  boolean: 'Boolean',
  opaque: 'Opaque',
  time: 'Time',
  objlnk: 'Objlnk',
  corelnk: 'Corelnk',
  none: '',
};

function ddfOf({ id, name, version, lwm2mVersion, multiple, resources }: ObjectDefinition): string {
  const many = (isMany: boolean): string => (isMany ? 'Multiple' : 'Single');
  const items = [...resources.values()].map(
    (item) =>
      `<Item ID="${item.id}"><Name>${escaped(item.name)}</Name><Operations>${item.operations}</Operations>` +
      `<MultipleInstances>${many(item.multiple)}</MultipleInstances><Mandatory>Optional</Mandatory><Type>${DDF_TYPES[item.type]}</Type>` +
      '<RangeEnumeration></RangeEnumeration><Units></Units><Description></Description></Item>',
  );
  return (
    `<?xml version="1.0" encoding="utf-8"?><LWM2M><Object ObjectType="MODefinition"><Name>${escaped(name)}</Name><Description1></Description1>` +
    `<ObjectID>${id}</ObjectID><ObjectURN>urn:oma:lwm2m:oma:${id}:${version}</ObjectURN><LWM2MVersion>${lwm2mVersion}</LWM2MVersion>` +
    `<ObjectVersion>${version}</ObjectVersion><MultipleInstances>${many(multiple)}</MultipleInstances><Mandatory>Optional</Mandatory>` +
    `<Resources>${items.join('')}</Resources><Description2></Description2></Object></LWM2M>`
  );
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

/**
 * Flows in a real Node-RED runtime: the nodes of the pack with their real texts, a server on a free port, and around the node under
 * test an inbox for everything that can come out of it. Nothing here waits for a time; what has to happen is waited for.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { NodeAPI, NodeInitializer } from 'node-red';
import helper from 'node-red-node-test-helper';
import alarm from '../../nodes/alarm/alarm';
import bootstrap from '../../nodes/bootstrap/bootstrap';
import devices from '../../nodes/devices/devices';
import execute from '../../nodes/execute/execute';
import job from '../../nodes/job/job';
import lwm2mServer from '../../nodes/lwm2m-server/lwm2m-server';
import observe from '../../nodes/observe/observe';
import read from '../../nodes/read/read';
import register from '../../nodes/register/register';
import type { Message } from '../../nodes/runtime/flow-host';
import { SHARED_TEXTS } from '../../nodes/runtime/flow-host';
import type { RunningServer } from '../../nodes/runtime/running-server';
import type { ServerNode } from '../../nodes/runtime/server-node';
import type { Status } from '../../nodes/runtime/status';
import simulator from '../../nodes/simulator/simulator';
import write from '../../nodes/write/write';
import type { LayerLimits, TransmissionParameters } from '../../src/coap/parameters';
import type { LifecycleEvent } from '../../src/device/manager';
import { Lwm2mClient, type Lwm2mClientOptions } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { Inbox } from './inbox';

export interface FlowNode {
  readonly id: string;
  readonly type: string;
  readonly [property: string]: unknown;
}

/** Parts of the helper that its types leave out. */
interface HelperInside {
  readonly _redNodes: { setFlows(flows: readonly FlowNode[], type: string): Promise<unknown> };
  readonly _events: NodeJS.EventEmitter;
}

const inside = helper as unknown as HelperInside;
const CATALOGUE = path.join(__dirname, '../../nodes/lwm2m-server/locales/en-US/lwm2m-server.json');
const texts: unknown = JSON.parse(readFileSync(CATALOGUE, 'utf8'));
const inboxes = new Map<string, Inbox<Message>>();
const shown = new Map<string, Inbox<Status>>();
const clients = new Set<Lwm2mClient>();
let loaded = false;

/** As Node-RED does it; its helper gives back the key. */
function translate(key: string, variables: Readonly<Record<string, unknown>> = {}): string {
  const steps = key.replace(SHARED_TEXTS, '').split('.');
  const text = steps.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], texts);
  return String(text ?? key).replace(/__(\w+)__/g, (_whole, name: string) => String(variables[name]));
}

const speakEnglish: NodeInitializer = (red) => {
  (red as { _: unknown })._ = translate;
};

const keepMessages: NodeInitializer = (red: NodeAPI) => {
  red.nodes.registerType('inbox', function (this, definition) {
    red.nodes.createNode(this, definition);
    this.on('input', (message, _send, done) => {
      inbox(this.id).push(message as Message);
      done();
    });
  });
};

const PACK = [
  speakEnglish,
  keepMessages,
  lwm2mServer,
  alarm,
  register,
  read,
  write,
  execute,
  observe,
  bootstrap,
  devices,
  job,
  simulator,
];

/** What the editor shows below a node. */
function keepStatus({ id, status }: { id: string; status: Status }): void {
  statuses(id).push({ ...status });
}

export function statuses(id = 'node'): Inbox<Status> {
  const known = shown.get(id) ?? new Inbox<Status>();
  shown.set(id, known);
  return known;
}

/** Waits until the node says so. */
export function saying(text: string, id = 'node'): Promise<Status> {
  return statuses(id).first((status) => status.text === text);
}

/** Deploys: the first time into a new runtime, later as a full or partial deploy. */
export async function deploy(
  nodes: readonly FlowNode[],
  { type = 'full', prepare = [] }: { type?: 'full' | 'flows' | 'nodes'; prepare?: readonly NodeInitializer[] } = {},
): Promise<void> {
  if (loaded) {
    await new Promise<void>((resolve, reject) => {
      inside._events.once('flows:started', resolve);
      inside._redNodes.setFlows(nodes, type).catch(reject);
    });
    return;
  }
  loaded = true;
  inside._events.on('node-status', keepStatus);
  await helper.load([speakEnglish, ...prepare, ...PACK.slice(1)], [...nodes] as never);
}

/** Ends devices and flows; every server is removed, and its port is free. */
export async function endFlow(): Promise<void> {
  await Promise.all([...clients].map((client) => client.stop()));
  clients.clear();
  if (!loaded) return;
  await deploy([]);
  inside._events.off('node-status', keepStatus);
  await helper.unload();
  loaded = false;
  inboxes.clear();
  shown.clear();
}

export function inbox(id: string): Inbox<Message> {
  const known = inboxes.get(id) ?? new Inbox<Message>();
  inboxes.set(id, known);
  return known;
}

/** A server node on a free port of this machine. */
export function serverNode(properties: Readonly<Record<string, unknown>> = {}): FlowNode {
  return {
    id: 'server',
    type: 'lwm2m-server',
    name: '',
    version: 1,
    host: '127.0.0.1',
    port: 0,
    securePort: '',
    admission: 'secured',
    ...properties,
  };
}

/**
 * `node` with an inbox at each output ("out", "failed") and at its catch and complete nodes ("caught", "completed").
 */
export function around(node: Readonly<Record<string, unknown>>): FlowNode[] {
  const ends = ['out', 'failed', 'caught', 'completed'];
  return [
    { id: 'tab', type: 'tab', label: 'flow' },
    { id: 'node', z: 'tab', version: 1, server: 'server', wires: [['out'], ['failed']], ...node } as unknown as FlowNode,
    { id: 'catching', type: 'catch', z: 'tab', scope: ['node'], uncaught: false, wires: [['caught']] },
    { id: 'completing', type: 'complete', z: 'tab', scope: ['node'], uncaught: false, wires: [['completed']] },
    ...ends.map((id) => ({ id, type: 'inbox', z: 'tab', wires: [] })),
  ];
}

/** Sends a message into the node under test. */
export function send(message: Readonly<Record<string, unknown>>, id = 'node'): void {
  helper.getNode(id).receive(message as never);
}

export function running(id = 'server'): RunningServer {
  return (helper.getNode(id) as unknown as ServerNode).running;
}

export function portOf(id = 'server'): number {
  const { local } = running(id).manager;
  if (local === undefined) throw new Error(`server ${id} does not listen`);
  return local.port;
}

/** Of one of its transports: "dtls", "tcp" … */
export function portOn(transport: string, id = 'server'): number {
  const found = running(id).manager.listening.find((at) => at.transport === transport);
  if (found === undefined) throw new Error(`server ${id} does not listen on ${transport}`);
  return found.port;
}

/** The server's next state, or the one it has. */
export async function serverState(name: string, id = 'server'): Promise<void> {
  const server = running(id);
  if (server.state.name === name) return;
  await new Promise<void>((resolve) => {
    const unsubscribe = server.onState((state) => {
      if (state.name !== name) return;
      unsubscribe();
      resolve();
    });
  });
}

export function lifecycle(event: LifecycleEvent['event'], device?: string, id = 'server'): Promise<LifecycleEvent> {
  return new Promise((resolve) => {
    const unsubscribe = running(id).manager.events.on('lifecycle', (happened) => {
      if (happened.event !== event || (device !== undefined && happened.device !== device)) return;
      unsubscribe();
      resolve(happened);
    });
  });
}

/** What nodes have written to the log of the runtime, at a level and above it in weight. */
export function logged(level: 'ERROR' | 'WARN'): string[] {
  const spy = helper.log() as unknown as { args: { level: number; msg: unknown }[][] } & Record<string, number>;
  return spy.args.flatMap(([line]) => (line !== undefined && line.level <= (spy[level] as number) ? [String(line.msg)] : []));
}

/** What a Catch node was given: the error, and what the message bears. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly source: { readonly id: string; readonly type: string; readonly count: number };
}

export function failureOf(message: Message): Failure {
  return message.error as Failure;
}

/** A thermometer with a Device object, and values of every type. */
export function thermometer(version = '1.1'): ObjectTree {
  const tree = new ObjectTree({ version });
  tree.add(
    3,
    0,
    {
      0: 'Acme',
      6: [1, 5],
      7: [3800, 5000],
      9: 85,
      11: [0],
      13: new Date(1_700_000_000_000),
      14: '+02:00',
      15: 'Europe/Berlin',
      16: 'U',
      21: '9007199254740993',
    },
    { 4: { execute: () => undefined }, 5: { execute: () => undefined }, 12: { execute: () => undefined } },
  );
  tree.add(3303, 0, { 5700: 21.5, 5701: 'Cel' }, { 5605: { execute: () => undefined } });
  tree.add(3308, 0, { 5900: 20 });
  tree.add(3311, 0, { 5850: true, 5851: 40 });
  tree.add(3340, 0, { 5534: 0, 5850: false });
  tree.add(5, 0, { 1: '' }, { 2: { execute: () => undefined } });
  tree.add(9, 0, { 2: Buffer.alloc(0), 13: '65535:65535' });
  tree.permit(3303, { create: true, delete: true });
  return tree;
}

/** A device that knows no server but the bootstrap server, registered where that has told it to. */
export async function freshDevice(endpoint: string, options: Partial<Lwm2mClientOptions> = {}): Promise<Lwm2mClient> {
  await serverState('listening');
  const client = new Lwm2mClient({
    endpoint,
    bootstrap: { host: '127.0.0.1', port: portOf() },
    objects: thermometer(),
    backoff: { firstMs: 100, longestMs: 1_000 },
    ...options,
  });
  clients.add(client);
  await client.start();
  return client;
}

export interface DeviceOptions extends Partial<Lwm2mClientOptions> {
  readonly parameters?: Partial<TransmissionParameters>;
  readonly limits?: Partial<LayerLimits>;
}

/** A device over real UDP, registered. */
export async function device(endpoint: string, options: DeviceOptions = {}, serverId = 'server'): Promise<Lwm2mClient> {
  await serverState('listening', serverId);
  const client = new Lwm2mClient({
    endpoint,
    server: { host: '127.0.0.1', port: portOf(serverId) },
    lifetime: 300,
    muteSend: false,
    objects: thermometer(),
    ...options,
  });
  clients.add(client);
  await client.start();
  return client;
}

/** A flow without Node-RED: what a node sends, raises and shows is written down. */
import type { FlowHost, Message } from '../../../nodes/runtime/flow-host';
import type { ManagedServer } from '../../../nodes/runtime/running-server';
import { RunningServer } from '../../../nodes/runtime/running-server';
import type { Status } from '../../../nodes/runtime/status';
import { VirtualClock } from '../../../src/clock';
import type { DeviceManagementError } from '../../../src/errors';
import { FakeManager } from '../../fleet/fake-manager';

export class FakeHost implements FlowHost {
  readonly type = 'dm-test';
  readonly name = undefined;
  readonly sent: (Message | null)[][] = [];
  readonly raised: { error: Error & { code?: string }; message: Message }[] = [];
  readonly statuses: Status[] = [];
  private ids = 0;

  constructor(readonly id = 'node-1') {}

  readonly texts: FlowHost['texts'] = (key, variables) => `${key}${variables === undefined ? '' : JSON.stringify(variables)}`;

  async evaluate(value: string, type: string, message: Message): Promise<unknown> {
    if (type === 'msg') return message[value];
    if (type === 'json') return JSON.parse(value);
    if (type === 'num') return Number(value);
    if (type === 'jsonata') throw new Error('no such function');
    return value;
  }

  clone(message: Message): Message {
    return { ...message };
  }

  newId(): string {
    return `id-${++this.ids}`;
  }

  show(status: Status): void {
    this.statuses.push(status);
  }

  readonly warned: string[] = [];

  warn(text: string): void {
    this.warned.push(text);
  }

  raise(error: Error, message: Message): void {
    this.raised.push({ error, message });
  }

  readonly send = (outputs: Message | (Message | null)[]): void => {
    this.sent.push(Array.isArray(outputs) ? outputs : [outputs]);
  };
}

/** A server whose devices are scripted, whose start may be refused, and which counts both. */
export class FakeServer extends FakeManager implements ManagedServer {
  starts = 0;
  readonly dismissed: string[] = [];
  readonly revoked: string[] = [];
  stops = 0;
  refused = 0;
  failure: DeviceManagementError | undefined;
  local: { address: string; port: number } | undefined;
  tcpPort: number | undefined;
  /** Called before the port is free. */
  whileStopping: () => Promise<void> = async () => {};

  async start(): Promise<void> {
    this.starts++;
    if (this.failure !== undefined) throw this.failure;
    this.local = { address: '::', port: 5683 };
  }

  async restore(): Promise<void> {}

  async keepAll(): Promise<void> {}

  async stop(): Promise<void> {
    await this.whileStopping();
    this.stops++;
    this.local = undefined;
  }

  dismiss(device: string): boolean {
    this.dismissed.push(device);
    return true;
  }

  revoke(name: string): void {
    this.revoked.push(name);
  }

  get listening() {
    if (this.local === undefined) return [];
    const udp = { transport: 'udp', ...this.local };
    return this.tcpPort === undefined ? [udp] : [udp, { transport: 'tcp', address: '::', port: this.tcpPort }];
  }

  statistics() {
    return { received: 0, sent: 0, retransmitted: 0, bytesReceived: 0, bytesSent: 0, codes: {}, operations: {} };
  }
}

/** A server that listens, with flows that run. */
export async function listening(): Promise<{ manager: FakeServer; clock: VirtualClock; server: RunningServer; log: string[] }> {
  const manager = new FakeServer();
  const clock = new VirtualClock();
  const log: string[] = [];
  const server = new RunningServer('server-1', manager, clock, {
    warn: (text) => log.push(text),
    info: (text) => log.push(text),
  });
  await server.begin((error) => error);
  server.release();
  return { manager, clock, server, log };
}

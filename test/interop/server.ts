/** Our server for a real counterpart: on a port of its own, keeping what it has reported. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BootstrapConfiguration, BootstrapEvent } from '../../src/device/bootstrap';
import type { LifecycleEvent, NotificationEvent, SendEvent } from '../../src/device/manager';
import { Lwm2mServer, type Lwm2mServerOptions } from '../../src/lwm2m/server/server';
import { freeUdpPort } from '../free-port';

const POLL_MS = 20;
const PATIENCE_MS = 20_000;
export const HOST = '127.0.0.1';

export class ServerUnderTest {
  readonly lifecycle: LifecycleEvent[] = [];
  readonly notifications: NotificationEvent[] = [];
  readonly sends: SendEvent[] = [];
  readonly bootstraps: BootstrapEvent[] = [];

  private constructor(
    readonly server: Lwm2mServer,
    readonly port: number,
  ) {
    server.events.on('lifecycle', (event) => this.lifecycle.push(event));
    server.events.on('notification', (event) => this.notifications.push(event));
    server.events.on('bootstrap', (event) => this.bootstraps.push(event));
    server.events.on('send', (event) => this.sends.push(event));
  }

  /** @param bootstrap makes it a bootstrap server too; gets the URI of the server itself */
  static async start(
    bootstrap?: (url: string) => BootstrapConfiguration,
    options: Lwm2mServerOptions = {},
  ): Promise<ServerUnderTest> {
    const port = await freeUdpPort();
    const source = bootstrap === undefined ? {} : { bootstrap: () => bootstrap(`coap://${HOST}:${port}`) };
    const server = new Lwm2mServer({ listen: { host: HOST, port }, admission: 'open', ...source, ...options });
    await server.start();
    return new ServerUnderTest(server, port);
  }

  get url(): string {
    return `coap://${HOST}:${this.port}`;
  }

  /** The first such event of this device, past or to come. */
  happened(event: LifecycleEvent['event'], device: string): Promise<LifecycleEvent> {
    return eventually(`${device} ${event}`, () => this.lifecycle.find((seen) => seen.event === event && seen.device === device));
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}

/** Polls real counterparts: they have no clock we could turn. */
export async function eventually<T>(what: string, found: () => T | undefined, withinMs = PATIENCE_MS): Promise<T> {
  for (const deadline = Date.now() + withinMs; ; await sleep(POLL_MS)) {
    const value = found();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`${what} did not happen within ${withinMs / 1000} s`);
  }
}

/**
 * This Node-RED as a managed device: messages set its resources, and what the server does to it comes out as messages. The first
 * output tells what the server did, the second how the registration stands.
 */
import { fromResourceValues, toResourceValues } from '../../src/device/coercion';
import { Path } from '../../src/device/path';
import { DeviceManagementError } from '../../src/errors';
import type { Unsubscribe } from '../../src/events';
import type { ClientEvents, Lwm2mClient } from '../../src/lwm2m/client/client';
import { flowError } from '../runtime/failure';
import type { Done, FlowHost, Message, Send } from '../runtime/flow-host';
import type { Status } from '../runtime/status';
import { refuseOwn } from './described-objects';

type EventName = keyof ClientEvents;

/** Events of the server's doing, on the first output, by the operation they come from. */
const DONE_BY_SERVER: Partial<Record<EventName, string>> = {
  written: 'write',
  executed: 'execute',
  created: 'create',
  deleted: 'delete',
  observed: 'observe',
  'observation-ended': 'cancel-observation',
};

/** Events of the registration, on the second, with what the status says of them. */
const REGISTRATION: Partial<Record<EventName, Status['fill']>> = {
  bootstrapped: 'yellow',
  registered: 'green',
  updated: 'green',
  deregistered: 'grey',
  failed: 'red',
  asleep: 'yellow',
  awake: 'green',
};

export class ClientNode {
  private readonly subscriptions: Unsubscribe[] = [];
  private client: Lwm2mClient;

  /** @param make a client, ready to be started: a client that was stopped is not started again */
  constructor(
    private readonly host: FlowHost,
    private readonly make: () => Lwm2mClient,
    private readonly wall: () => number,
  ) {
    this.client = make();
  }

  /** Registers, and goes on trying; events tell what becomes of it. */
  start(): void {
    const { client } = this;
    this.listen(client);
    this.show('yellow', 'registering');
    client.start().catch((caught: unknown) => {
      const error = flowError(caught);
      if (error.code === 'cancelled') return;
      this.show('red', error.code);
      this.host.raise(error, { device: client.endpoint });
    });
  }

  async input(message: Message, _send: Send, done: Done): Promise<void> {
    try {
      const action = message.action === undefined ? 'set' : String(message.action);
      const act = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
      if (act === undefined) {
        const known = Object.keys(ACTIONS).join(', ');
        throw new DeviceManagementError('invalid-request', `msg.action must be one of ${known}, but it is "${action}".`);
      }
      await act(this, message);
      done();
    } catch (caught) {
      done(flowError(caught));
    }
  }

  /** De-registers. */
  async close(): Promise<void> {
    for (const unsubscribe of this.subscriptions.splice(0)) unsubscribe();
    await this.client.stop();
  }

  // Actions, called by the table below.

  /** Instances that a value names and that are not there yet are added. */
  set({ path, payload }: Message): void {
    const { objects } = this.client;
    const target = path === undefined || path === '' ? Path.root : Path.parse(textOf(path));
    if (target.level === 'resource' || target.level === 'resource-instance') {
      this.addInstance(target);
      objects.set(target, payload);
      return;
    }
    const values = toResourceValues(payload, target, objects.model).map(
      (entry) => [Path.parse(entry.path), entry.value] as const,
    );
    for (const [changed] of values) this.addInstance(changed);
    objects.setAll(values);
  }

  remove({ path }: Message): void {
    const target = Path.parse(textOf(path));
    const { object, instance } = target;
    if (target.level !== 'instance' || object === undefined || instance === undefined) {
      throw new DeviceManagementError('invalid-path', `${target} is no instance: give a path such as /3303/1.`);
    }
    refuseOwn(target);
    if (this.client.objects.remove(object, instance)) return;
    throw new DeviceManagementError('invalid-path', `there is no ${target} to be removed`, { path: target.toString() });
  }

  async send({ path }: Message): Promise<void> {
    const paths = (Array.isArray(path) ? path : [path]).map((one) => Path.parse(textOf(one)).toString());
    await this.client.send(paths);
  }

  update(): void {
    this.client.update();
  }

  async restart(): Promise<void> {
    await this.close();
    this.client = this.make();
    this.start();
  }

  async stop(): Promise<void> {
    await this.client.stop();
    this.show('grey', 'deregistered');
  }

  private addInstance(path: Path): void {
    const { objects } = this.client;
    const { object, instance } = path as Path & { object: number; instance: number };
    refuseOwn(path);
    if (objects.instance(object, instance) === undefined) objects.add(object, instance, {});
  }

  private listen({ events }: Lwm2mClient): void {
    for (const name of Object.keys(DONE_BY_SERVER) as EventName[]) {
      this.subscriptions.push(events.on(name, (detail) => this.tellDone(name, detail)));
    }
    for (const name of Object.keys(REGISTRATION) as EventName[]) {
      this.subscriptions.push(events.on(name, (detail) => this.tellRegistration(name, detail)));
    }
  }

  private tellDone(event: EventName, detail: ClientEvents[EventName]): void {
    const paths = 'paths' in detail ? detail.paths : 'path' in detail ? [detail.path] : [];
    for (const path of paths) {
      const payload = PAYLOADS[event]?.(this.client, path, detail);
      const dm = { operation: DONE_BY_SERVER[event], at: this.wall() };
      this.host.send([{ topic: path, event, device: this.client.endpoint, path, payload, dm }, null]);
    }
  }

  private tellRegistration(event: EventName, detail: ClientEvents[EventName]): void {
    const { endpoint } = this.client;
    const failure = 'error' in detail ? flowError(detail.error) : undefined;
    this.show(REGISTRATION[event], failure?.code ?? event);
    const payload =
      failure === undefined
        ? { ...detail }
        : { code: failure.code, message: failure.message, retryMs: Math.round((detail as ClientEvents['failed']).retryMs) };
    this.host.send([null, { topic: endpoint, event, device: endpoint, payload, dm: { operation: 'register', at: this.wall() } }]);
  }

  private show(fill: Status['fill'], text: string): void {
    this.host.show({ ...(fill !== undefined && { fill }), shape: fill === 'green' ? 'dot' : 'ring', text });
  }
}

/** What the server's doing brought, where there is more to it than the path. */
const PAYLOADS: Partial<Record<EventName, (client: Lwm2mClient, path: string, detail: ClientEvents[EventName]) => unknown>> = {
  written: ({ objects }, path) => {
    const target = Path.parse(path);
    const { object, instance, resource } = target as Path & { object: number; instance: number; resource: number };
    const values = objects.instance(object, instance)?.values(resource) ?? [];
    return fromResourceValues(values, target, 'path', objects.model);
  },
  executed: (_client, _path, detail) => Object.fromEntries((detail as ClientEvents['executed']).arguments),
  'observation-ended': (_client, _path, detail) => ({ reason: (detail as ClientEvents['observation-ended']).reason }),
};

const ACTIONS: Readonly<Record<string, (node: ClientNode, message: Message) => Promise<void> | void>> = {
  set: (node, message) => node.set(message),
  remove: (node, message) => node.remove(message),
  send: (node, message) => node.send(message),
  update: (node) => node.update(),
  start: (node) => node.restart(),
  stop: (node) => node.stop(),
};

function textOf(path: unknown): string {
  if (typeof path === 'string' && path.trim() !== '') return path;
  throw new DeviceManagementError('invalid-path', 'which path? send one in msg.path, for example /3303/0/5700');
}

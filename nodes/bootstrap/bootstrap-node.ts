/** Behaviour of dm-bootstrap: declares which devices are given what, by its dialog and by messages, and tells what becomes of it. */
import type { BootstrapEvent } from '../../src/device/bootstrap';
import { asDeviceManagementError, DeviceManagementError } from '../../src/errors';
import type { Unsubscribe } from '../../src/events';
import { bootstrapTrigger, type DeclaredBootstrap } from '../../src/fleet/bootstrap-configurations';
import { readDeclaration, shownDeclaration } from '../../src/fleet/bootstrap-declaration';
import type { Outcome } from '../../src/fleet/outcomes';
import { Selector } from '../../src/fleet/selector';
import { actionOf } from '../runtime/actions';
import { flowError } from '../runtime/failure';
import type { Done, FlowHost, Message, Send } from '../runtime/flow-host';
import { evaluateInputs, type InputRow, isLeftEmpty, sourceOf } from '../runtime/inputs';
import type { RunningServer } from '../runtime/running-server';
import { type SourceKind, SourceNode } from '../runtime/source-node';
import type { Status } from '../runtime/status';
import { BOOTSTRAP_RULES, BootstrapCounts, bootstrapMessage } from './bootstrap-source';

export interface BootstrapSettings {
  readonly device: InputRow;
  /** What the dialog declares, unread; undefined: that is left to messages. */
  readonly declaration: unknown;
}

/** Triggers under way at the same time. */
const TRIGGERS_AT_ONCE = 50;

export class BootstrapNode implements SourceKind<BootstrapEvent> {
  readonly rules = BOOTSTRAP_RULES;
  private readonly source: SourceNode<BootstrapEvent>;
  private readonly counts = new BootstrapCounts();
  /** What the dialog says; unknown while it is being evaluated, or when it is left to messages. */
  private devices: Selector | undefined;

  constructor(
    private readonly host: FlowHost,
    private readonly server: RunningServer,
    private readonly settings: BootstrapSettings,
  ) {
    this.source = new SourceNode(host, server, this);
    void this.declareDialog();
  }

  subscribe(push: (event: BootstrapEvent) => void): readonly Unsubscribe[] {
    return [
      this.server.manager.events.on('bootstrap', (event) => {
        if (!this.isMine(event.device)) return;
        this.counts.count(event);
        push(event);
      }),
    ];
  }

  messages(event: BootstrapEvent): readonly Message[] {
    return [bootstrapMessage(event, this.server.id)];
  }

  status(): Status {
    return this.counts.status(this.host.texts);
  }

  async input(message: Message, send: Send, done: Done): Promise<void> {
    try {
      await actionOf(ACTIONS, message)(this, message, send);
      done();
    } catch (caught) {
      done(flowError(caught));
    }
  }

  close(removed: boolean): void {
    this.source.close(removed);
    if (removed) {
      this.server.bootstrap.removeOwner(this.host.id);
      this.server.fleet.requests.cancel(this.host.id);
    } else this.server.fleet.requests.outcomes.handOver(this.host.id);
  }

  // Actions, called by the table below.

  async set(message: Message, send: Send): Promise<void> {
    const devices = await this.devicesOf(message);
    const declaration = readDeclaration(message.payload);
    this.server.bootstrap.set({ id: this.idOf(devices), owner: this.host.id, devices, declaration });
    this.reply(message, send, 'set', { device: devices.text, ...shownDeclaration(declaration) });
  }

  async remove(message: Message, send: Send): Promise<void> {
    const devices = await this.devicesOf(message);
    if (!this.server.bootstrap.remove(this.idOf(devices))) {
      throw new DeviceManagementError('invalid-request', `no message has set a bootstrap configuration for "${devices.text}"`);
    }
    this.reply(message, send, 'remove', { device: devices.text });
  }

  list(message: Message, send: Send): void {
    const shown = this.server.bootstrap
      .ofOwner(this.host.id)
      .map(({ devices, declaration }) => ({ device: devices.text, ...shownDeclaration(declaration) }));
    this.reply(message, send, 'list', shown);
  }

  /** These devices get other keys with their next bootstrap; those they have are good until then. */
  async renew(message: Message, send: Send): Promise<void> {
    const devices = await this.devicesOf(message);
    const renewed = this.server.fleet.choose(devices).filter((device) => this.server.bootstrap.credentials.renew(device));
    this.reply(message, send, 'renew', renewed);
  }

  /** A message for each device that has been told to bootstrap anew. */
  async trigger(message: Message, send: Send): Promise<void> {
    const { obstacle, fleet } = this.server;
    if (obstacle !== undefined) throw obstacle;
    const selector = await this.devicesOf(message);
    const devices = [...fleet.choose(selector)];
    if (devices.length === 0) {
      throw new DeviceManagementError('not-registered', `no registered device matches "${selector.text}"`);
    }
    const next = async (): Promise<void> => {
      for (let device = devices.shift(); device !== undefined; device = devices.shift()) {
        const outcome = await this.triggerOne(device);
        if (outcome === undefined) continue;
        const about = { ...this.host.clone(message), device, topic: device };
        if ('error' in outcome) {
          if (selector.single !== undefined) throw outcome.error;
          this.host.raise(flowError(outcome.error), about);
        } else {
          const { code, rtt, at, path } = outcome.result;
          send({ ...about, path, dm: { server: this.server.id, operation: 'trigger', code, rtt, at } });
        }
      }
    };
    await Promise.all(Array.from({ length: TRIGGERS_AT_ONCE }, next));
  }

  /** @returns undefined when the request waits for the device to wake */
  private triggerOne(device: string): Promise<Outcome | undefined> {
    const { fleet, manager } = this.server;
    return new Promise((resolve) => {
      try {
        const registration = manager.registration(device);
        if (registration === undefined) throw fleet.devices.absence(device);
        const request = bootstrapTrigger(registration);
        fleet.requests.submit(
          { owner: this.host.id, device, request, whenAsleep: 'queue' },
          { queued: () => resolve(undefined), settled: resolve },
        );
      } catch (caught) {
        resolve({ error: asDeviceManagementError(caught).of({ device }) });
      }
    });
  }

  /** What the dialog says is what holds, always; what messages have set stays until they remove it. */
  private async declareDialog(): Promise<void> {
    const id = `${this.host.id} dialog`;
    const { device, declaration } = this.settings;
    try {
      this.devices = isLeftEmpty(device) ? Selector.everyone : await this.devicesOf({});
      if (declaration === undefined) this.server.bootstrap.remove(id);
      else {
        const read = readDeclaration(declaration);
        const declared: DeclaredBootstrap = { id, owner: this.host.id, devices: this.devices, declaration: read };
        this.server.bootstrap.set(declared);
      }
    } catch (caught) {
      // Not what it said before, either: whoever changed it meant to.
      this.server.bootstrap.remove(id);
      this.server.whenFlowsRun(() => this.host.raise(flowError(caught), {}));
    } finally {
      this.source.refresh();
    }
  }

  private async devicesOf(message: Message): Promise<Selector> {
    const row = this.settings.device;
    const { device } = await evaluateInputs([row], message, this.host);
    if (device !== undefined && device !== null && device !== '') return Selector.of(device);
    throw new DeviceManagementError(
      'invalid-request',
      `which devices? ${sourceOf(row)} is empty: send an endpoint, a list of them, or a pattern such as "kitchen-*" or "*"`,
    );
  }

  private isMine(device: string): boolean {
    const { bootstrap, fleet } = this.server;
    if (this.devices !== undefined && fleet.matches(this.devices, device)) return true;
    return bootstrap.ofOwner(this.host.id).some(({ devices }) => fleet.matches(devices, device));
  }

  private idOf(devices: Selector): string {
    return `${this.host.id} message ${devices.text}`;
  }

  private reply(message: Message, send: Send, operation: string, payload: unknown): void {
    message.payload = payload;
    message.dm = { server: this.server.id, operation, at: this.server.clock.wall() };
    send(message);
    this.source.refresh();
  }
}

const ACTIONS: Readonly<Record<string, (node: BootstrapNode, message: Message, send: Send) => Promise<void> | void>> = {
  set: (node, message, send) => node.set(message, send),
  remove: (node, message, send) => node.remove(message, send),
  list: (node, message, send) => node.list(message, send),
  trigger: (node, message, send) => node.trigger(message, send),
  renew: (node, message, send) => node.renew(message, send),
};

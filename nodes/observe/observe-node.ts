/** Behaviour of dm-observe: declares policies, by its dialog and by messages, and passes on what is observed. */
import type { NotificationAttributes } from '../../src/device/attributes';
import type { SendEvent } from '../../src/device/manager';
import { Path } from '../../src/device/path';
import type { PayloadKeys } from '../../src/device/payload';
import { DeviceManagementError } from '../../src/errors';
import type { Unsubscribe } from '../../src/events';
import type { ObservedValue, RefusedObservation } from '../../src/fleet/observe-policies';
import { Selector } from '../../src/fleet/selector';
import { actionOf } from '../runtime/actions';
import { FlowError, flowError } from '../runtime/failure';
import type { Done, FlowHost, Message, Send } from '../runtime/flow-host';
import { evaluateInputs, type InputRow, isLeftEmpty } from '../runtime/inputs';
import type { RunningServer } from '../runtime/running-server';
import { type SourceKind, SourceNode } from '../runtime/source-node';
import { type Status, status } from '../runtime/status';
import { commonPath, OBSERVED_RULES, type Observed, observedMessages } from './observed-source';

export interface ObserveSettings {
  readonly device: InputRow;
  readonly path: InputRow;
  readonly attributes: NotificationAttributes;
  readonly sends: boolean;
  readonly keys: PayloadKeys;
  /** Several paths are one observation, where the device can. */
  readonly composite?: boolean;
  /** What comes is kept, for whoever asks later. */
  readonly history?: boolean;
}

/** Whom and what a policy is about. */
interface Target {
  readonly devices: Selector;
  readonly paths: readonly string[];
}

/** Policies of the dialog are what the dialog says, always; those of messages stay until a message stops them. */
type Origin = 'dialog' | 'message';

export class ObserveNode implements SourceKind<Observed> {
  readonly rules = OBSERVED_RULES;
  private readonly source: SourceNode<Observed>;
  /** What the dialog says; unknown while it is being evaluated, or when it is left to messages. */
  private target: Target | undefined;

  constructor(
    private readonly host: FlowHost,
    private readonly server: RunningServer,
    private readonly settings: ObserveSettings,
  ) {
    this.source = new SourceNode(host, server, this);
    void this.declareDialog();
  }

  subscribe(push: (observed: Observed) => void): readonly Unsubscribe[] {
    const { events } = this.server.manager;
    // Kept by owner, so it needs no end here: the next life replaces it, and removal forgets it.
    this.server.fleet.policies.listen(this.host.id, {
      value: (event) => {
        this.keep(event);
        push(observedOf(event));
      },
      refused: (event) => this.refused(event),
    });
    return [
      events.on('send', (event) => {
        const observed = this.sendOf(event);
        if (observed === undefined) return;
        this.keep(observed);
        push(observed);
      }),
      events.on('problem', ({ device, path, reason }) => {
        if (path === undefined ? this.settings.sends && this.isTarget(device) : this.observes(device, path)) {
          const error = new DeviceManagementError('decode-error', reason, { device });
          this.host.raise(flowError(error), { device, ...(path !== undefined && { path }), topic: `${device}${path ?? ''}` });
        }
      }),
    ];
  }

  messages(observed: Observed): readonly Message[] {
    return observedMessages(observed, this.settings.keys, this.server);
  }

  status(): Status {
    const { texts } = this.host;
    const { policies } = this.server.fleet;
    const states = policies.ofOwner(this.host.id).map((policy) => policies.state(policy));
    const n = states.reduce((sum, { observed }) => sum + observed, 0);
    const pending = states.reduce((sum, state) => sum + state.pending, 0);
    const refused = states.reduce((sum, state) => sum + state.refused.length, 0);
    if (refused > 0) return status(texts, 'observations-refused', { n, refused });
    if (pending > 0) return status(texts, 'pending', { n, pending });
    return n === 0 ? status(texts, 'idle') : status(texts, 'observed', { n });
  }

  async input(message: Message, send: Send, done: Done): Promise<void> {
    try {
      await actionOf(ACTIONS, message)(this, message, send);
      this.source.refresh();
      done();
    } catch (caught) {
      done(flowError(caught));
    }
  }

  close(removed: boolean): void {
    this.source.close(removed);
    if (removed) this.server.fleet.policies.removeOwner(this.host.id);
  }

  // Actions, called by the table below.

  async start(message: Message): Promise<void> {
    this.declare(await this.targetOf(message), 'message');
  }

  async stop(message: Message): Promise<void> {
    const { devices, paths } = await this.targetOf(message, true);
    const { policies } = this.server.fleet;
    for (const policy of policies.ofOwner(this.host.id)) {
      const isMeant =
        policy.devices.text === devices.text && (paths.length === 0 || policy.paths.some((path) => paths.includes(path)));
      if (isMeant) policies.remove(policy.id);
    }
  }

  list(message: Message, send: Send): void {
    const { policies } = this.server.fleet;
    message.payload = policies.ofOwner(this.host.id).map((policy) => {
      const { observed, pending, refused } = policies.state(policy);
      const { devices, paths, attributes } = policy;
      return { device: devices.text, path: paths[0], attributes: { ...attributes }, observed, pending, refused };
    });
    message.dm = { server: this.server.id, operation: 'list', at: this.server.clock.wall() };
    send(message);
  }

  /** Before the buffer, which conflates. */
  private keep({ device, values, at }: Pick<ObservedValue, 'device' | 'values' | 'at'>): void {
    if (this.settings.history === true) this.server.fleet.history.record(device, values, at);
  }

  /** What the dialog says, as far as it needs no message for it. */
  private async declareDialog(): Promise<void> {
    const { device, path } = this.settings;
    try {
      if (device.type === 'msg') return;
      this.target = { devices: await this.devicesOf({}, true), paths: [] };
      if (path.type === 'msg' || isLeftEmpty(path)) return;
      this.target = await this.targetOf({});
    } catch (caught) {
      this.server.whenFlowsRun(() => this.host.raise(flowError(caught), {}));
    } finally {
      this.declare(device.type === 'msg' || this.target === undefined ? undefined : this.target, 'dialog');
      this.source.refresh();
    }
  }

  /** One policy for each path, so that each can be stopped by itself. Those of the dialog that it no longer names end. */
  private declare(target: Target | undefined, origin: Origin): void {
    const { policies } = this.server.fleet;
    const owner = this.host.id;
    const prefix = `${owner} ${origin} `;
    const wanted = new Map((target?.paths ?? []).map((path) => [`${prefix}${target?.devices.text} ${path}`, path]));
    if (origin === 'dialog') {
      for (const { id } of policies.ofOwner(owner)) if (id.startsWith(prefix) && !wanted.has(id)) policies.remove(id);
    }
    if (target === undefined) return;
    const { attributes, composite = false } = this.settings;
    for (const [id, path] of wanted) policies.set({ id, owner, devices: target.devices, paths: [path], attributes, composite });
  }

  private async targetOf(message: Message, mayLackPath = false): Promise<Target> {
    const devices = await this.devicesOf(message, false);
    const { path } = await evaluateInputs([this.settings.path], message, this.host);
    const paths = pathsOf(path);
    if (paths.length > 0 || mayLackPath) return { devices, paths };
    throw new DeviceManagementError(
      'invalid-path',
      'which path? set one in the node, or send msg.path, for example /3303/0/5700',
    );
  }

  /** Empty means every device. */
  private async devicesOf(message: Message, isDialog: boolean): Promise<Selector> {
    const row = this.settings.device;
    if (isDialog && isLeftEmpty(row)) return Selector.everyone;
    const { device } = await evaluateInputs([row], message, this.host);
    return device === undefined || device === null || device === '' ? Selector.everyone : Selector.of(device);
  }

  private isTarget(device: string): boolean {
    return this.target !== undefined && this.server.fleet.matches(this.target.devices, device);
  }

  private observes(device: string, path: string): boolean {
    return this.server.fleet.policies
      .ofOwner(this.host.id)
      .some((policy) => this.server.fleet.matches(policy.devices, device) && policy.paths.includes(path));
  }

  /** Of the chosen devices; where paths are chosen, what lies at or below them. */
  private sendOf({ device, values, contentFormat, at }: SendEvent): Observed | undefined {
    if (!this.settings.sends) return undefined;
    const chosen = values.filter(({ path }) => this.isChosen(device, path));
    if (chosen.length === 0) return undefined;
    return { operation: 'send', device, path: commonPath(chosen.map(({ path }) => path)), values: chosen, contentFormat, at };
  }

  private isChosen(device: string, path: string): boolean {
    const { target } = this;
    if (target?.paths.length === 0 && this.isTarget(device)) return true;
    return this.server.fleet.policies
      .ofOwner(this.host.id)
      .some(
        ({ devices, paths }) => paths.some((above) => isAtOrBelow(path, above)) && this.server.fleet.matches(devices, device),
      );
  }

  private refused({ device, path, code, message }: RefusedObservation): void {
    const text = `device '${device}' cannot be observed at ${path}: ${message}`;
    const error = new FlowError(new DeviceManagementError(code as DeviceManagementError['code'], text, { device, path }));
    this.host.raise(error, { device, path, topic: `${device}${path}` });
    this.source.refresh();
  }
}

const ACTIONS: Readonly<Record<string, (node: ObserveNode, message: Message, send: Send) => Promise<void> | void>> = {
  start: (node, message) => node.start(message),
  stop: (node, message) => node.stop(message),
  list: (node, message, send) => node.list(message, send),
};

function observedOf({ device, path, values, contentFormat, at, initial }: ObservedValue): Observed {
  const operation = initial ? 'observe' : 'notify';
  return { operation, device, path, values, ...(contentFormat !== undefined && { contentFormat }), at };
}

/** A list, or text with commas or lines. */
function pathsOf(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  const parts: unknown[] = Array.isArray(value) ? value : typeof value === 'string' ? value.split(/[,\n]/) : [value];
  const texts = parts.map((part) => {
    if (typeof part === 'string') return part.trim();
    throw new DeviceManagementError('invalid-path', `a path must be a text such as /3303/0/5700, but a ${typeof part} came`);
  });
  return [...new Set(texts.filter((text) => text !== '').map((text) => Path.parse(text).toString()))];
}

function isAtOrBelow(path: string, above: string): boolean {
  return path === above || path.startsWith(`${above}/`);
}

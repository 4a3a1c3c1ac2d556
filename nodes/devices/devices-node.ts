/** Behaviour of dm-devices: what is known of devices, who belongs together, who is in service. Each message asks for one action. */
import { DeviceManagementError } from '../../src/errors';
import type { Unsubscribe } from '../../src/events';
import { Selector } from '../../src/fleet/selector';
import { Turns } from '../../src/turns';
import { actionOf } from '../runtime/actions';
import { flowError } from '../runtime/failure';
import type { Done, FlowHost, Message, Send } from '../runtime/flow-host';
import { evaluateInputs, type InputRow, sourceOf } from '../runtime/inputs';
import type { RunningServer } from '../runtime/running-server';
import { StatusLine, serverStatus, status, withRefused } from '../runtime/status';
import { BACKUP } from './backup-actions';
import { deviceRecord, everyDevice, recordFields } from './device-record';
import type { Action, ActionContext, Actions } from './devices-action';
import { LIFE } from './life-actions';
import { MEMBERSHIP } from './membership-actions';
import { REPORTS } from './report-actions';

export interface DevicesSettings {
  /** Empty: the message says which, and without that it is `list`. */
  readonly action: string;
  readonly device: InputRow;
  readonly tags: InputRow;
  readonly fields: InputRow;
  /** Of `list`: one message with all devices, or one for each. */
  readonly results: 'array' | 'each';
  readonly passphrase: string;
  readonly folder: string;
}

const STATUS_MS = 500;

const ACTIONS: Actions = { list, ...MEMBERSHIP, ...LIFE, ...REPORTS, ...BACKUP };

export class DevicesNode {
  private readonly line: StatusLine;
  private readonly subscriptions: readonly Unsubscribe[];

  constructor(
    private readonly host: FlowHost,
    private readonly server: RunningServer,
    private readonly settings: DevicesSettings,
  ) {
    this.line = new StatusLine(server.clock, (shown) => host.show(shown), STATUS_MS);
    this.subscriptions = [
      server.onState(() => this.refresh()),
      server.onRefused(() => this.refresh()),
      server.manager.events.on('lifecycle', () => this.refresh()),
    ];
    this.refresh();
  }

  async input(message: Message, send: Send, done: Done): Promise<void> {
    const { payload } = message;
    // It may hold keys of devices, which are for no Catch node.
    if (this.nameOf(message) === 'provision') delete (message as { payload?: unknown }).payload;
    try {
      const name = this.nameOf(message);
      const action: Action = actionOf(ACTIONS, { action: name });
      mustBeRestored(this.server);
      const answer = await action(this.contextOf(message, payload));
      if (name === 'list' && this.settings.results === 'each') this.sendEach(message, answer as Record<string, unknown>[], send);
      else send(Object.assign(message, { payload: answer, dm: this.about(name) }));
      done();
    } catch (caught) {
      done(flowError(caught));
    }
  }

  close(): void {
    for (const unsubscribe of this.subscriptions) unsubscribe();
    this.line.close();
  }

  private nameOf({ action }: Message): string {
    return this.settings.action !== '' ? this.settings.action : String(action ?? 'list');
  }

  private contextOf(message: Message, payload: unknown): ActionContext {
    const { device, passphrase, folder } = this.settings;
    const evaluated = async (row: InputRow): Promise<unknown> => (await evaluateInputs([row], message, this.host))[row.name];
    const isNothing = (value: unknown): boolean => value === undefined || value === null || value === '';
    return {
      server: this.server,
      message,
      payload,
      actor: `node ${this.host.id}`,
      passphrase,
      folder,
      devices: async () => {
        const value = await evaluated(device);
        if (!isNothing(value)) return Selector.of(value);
        throw new DeviceManagementError(
          'invalid-request',
          `which devices? ${sourceOf(device)} is empty: choose some in the node, or send an endpoint or a selector in msg.device`,
        );
      },
      devicesOrAll: async () => {
        const value = await evaluated(device);
        return isNothing(value) ? Selector.everyone : Selector.of(value);
      },
      setting: (name) => evaluated(this.settings[name]),
    };
  }

  /** As Split does it. */
  private sendEach(message: Message, records: readonly Record<string, unknown>[], send: Send): void {
    const id = this.host.newId();
    const outer = message.parts === undefined ? {} : { parts: message.parts };
    for (const [index, payload] of records.entries()) {
      const one = this.host.clone(message);
      delete (one as { _msgid?: string })._msgid;
      const device = payload.endpoint as string;
      const parts = { ...outer, id, type: 'array', index, count: records.length };
      send(Object.assign(one, { device, topic: device, payload, parts, dm: this.about('list') }));
    }
  }

  private about(operation: string): object {
    return { server: this.server.id, operation, at: this.server.clock.wall() };
  }

  private refresh(): void {
    const { server, host } = this;
    this.line.tell(
      () =>
        serverStatus(host.texts, server) ??
        withRefused(host.texts, status(host.texts, 'registered', { n: server.manager.size }), server.refusedCount),
    );
  }
}

/** In slices: ten thousand records are not made in one turn. */
async function list({ server, devicesOrAll, setting }: ActionContext): Promise<unknown> {
  const fields = recordFields(await setting('fields'));
  const every = everyDevice(server);
  const chosen = server.fleet.choose(await devicesOrAll(), every);
  const turns = new Turns();
  const records: object[] = [];
  for (const device of [...chosen].sort()) {
    if (every.has(device)) records.push(deviceRecord(server, device, fields));
    await turns.next();
  }
  return records;
}

/** Before that, what an earlier life has left would be put in the place of what is said now. */
function mustBeRestored({ state }: RunningServer): void {
  if (state.name === 'listening' || state.name === 'failed') return;
  throw new DeviceManagementError('server-unavailable', `the LwM2M server is ${state.name}: try again in a moment`);
}

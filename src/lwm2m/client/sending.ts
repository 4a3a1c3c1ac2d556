/** Send (LwM2M Core 1.1.1 §6.4.6): the device reports values nobody asked for, in SenML CBOR with the time. */
import type { Clock } from '../../clock';
import { Code, codeText } from '../../coap/codes';
import type { RequestSpec, ResponseCallback } from '../../coap/layer';
import { Path } from '../../device/path';
import type { ResourceValue } from '../../device/value';
import { DeviceManagementError } from '../../errors';
import type { Events } from '../../events';
import { senmlCbor } from '../formats/senml-cbor';
import type { ClientEvents } from './client-events';
import type { EndDevices } from './end-devices';
import type { ObjectTree } from './objects';
import { readValues } from './reading';
import { Refusal } from './refusal';
import type { Registration } from './registration';
import type { ServerObject } from './server-object';

export interface SendingContext {
  readonly endpoint: string;
  readonly clock: Clock;
  readonly objects: ObjectTree;
  readonly endDevices: EndDevices;
  readonly serverObject: ServerObject;
  readonly events: Events<ClientEvents>;
  readonly registering: Registration;
  readonly isRegistered: () => boolean;
  readonly ask: (spec: RequestSpec, callback: ResponseCallback) => void;
  /** Called when the client stops. */
  readonly stopListeners: Set<() => void>;
}

export class Sending {
  constructor(private readonly context: SendingContext) {}

  /** @throws DeviceManagementError `unsupported`, `not-registered`, `invalid-path`, the server's code, or why it did not answer */
  async send(paths: readonly string[]): Promise<void> {
    const { endpoint, objects, endDevices, serverObject, clock } = this.context;
    if (objects.version === '1.0')
      throw new DeviceManagementError('unsupported', 'Send came with LwM2M 1.1, and this client speaks 1.0.');
    if (serverObject.isMuted) {
      const path = serverObject.muteSendPath;
      throw new DeviceManagementError('unsupported', `The server has muted Send: it must write false to ${path} first.`, {
        path,
      });
    }
    if (!this.context.isRegistered()) {
      throw new DeviceManagementError('not-registered', `${endpoint} is not registered: wait for the registration.`);
    }
    const spec = sendRequest(objects, endDevices, paths, clock.wall());
    const send = (): Promise<void> =>
      new Promise((resolve, reject) => {
        this.context.ask(spec, sendOutcome(resolve, reject));
      });
    await send().catch(async (error: unknown) => {
      // A Send names no registration: after a NAT has changed the address, only an Update can tell whose it is.
      const isUnknown = error instanceof DeviceManagementError && error.code === '4.04';
      if (!isUnknown || !(await this.introduced())) throw error;
      await send();
    });
  }

  /** Updates, and tells whether the server knows it then. */
  private introduced(): Promise<boolean> {
    const { events, registering, stopListeners } = this.context;
    return new Promise((resolve) => {
      const end = (isKnown: boolean): void => {
        for (const stop of listening) stop();
        stopListeners.delete(stopped);
        resolve(isKnown);
      };
      const stopped = (): void => end(false);
      const listening = [
        events.on('updated', () => end(true)),
        events.on('registered', () => end(true)),
        events.on('failed', stopped),
        events.on('deregistered', stopped),
      ];
      stopListeners.add(stopped);
      if (this.context.isRegistered()) registering.update();
      else stopped();
    });
  }
}

/**
 * The request that carries what is readable at `paths`; those of a device behind it begin with its prefix.
 * @param at Unix milliseconds of the values
 * @throws DeviceManagementError `invalid-path`
 */
function sendRequest(tree: ObjectTree, behind: EndDevices, paths: readonly string[], at: number): RequestSpec {
  const values = paths.flatMap((path) => located(tree, behind, path)).map((value) => ({ ...value, at }));
  const payload = senmlCbor.encode(values, { base: Path.root, typeOf: tree.model.typeOf });
  return { code: Code.Post, path: ['dp'], contentFormat: senmlCbor.contentFormat, payload };
}

/** Settles a promise by the answer to a Send. */
function sendOutcome(resolve: () => void, reject: (error: unknown) => void): ResponseCallback {
  return (error, response) => {
    if (response === undefined) reject(error);
    else if (response.code === Code.Changed) resolve();
    else {
      const code = codeText(response.code);
      reject(
        new DeviceManagementError(code, `the server refused the Send with ${code}: ${response.payload.toString('utf8', 0, 200)}`),
      );
    }
  };
}

function located(own: ObjectTree, behind: EndDevices, text: string): readonly ResourceValue[] {
  const found = behind.locate(text);
  if (found === undefined) return readable(own, text);
  const { prefix } = found.tree as ObjectTree & { readonly prefix: string };
  return readable(found.tree, found.path).map((value) => ({ ...value, prefix }));
}

function readable(tree: ObjectTree, text: string): ResourceValue[] {
  try {
    return readValues(tree, Path.parse(text));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new DeviceManagementError('invalid-path', `${text} cannot be sent: ${error.message}.`, { path: text, cause: error });
  }
}

/** What a server manages: the objects of the device and of those behind it, with the operations on them and what they report. */
import type { IncomingRequest } from '../../coap/incoming';
import type { Events } from '../../events';
import { AttachedAttributes } from './attached-attributes';
import type { ClientEvents } from './client-events';
import { type EndDevice, EndDevices, type EndDevicesContext } from './end-devices';
import { Operations } from './operations';
import { Reporting } from './reporting';

export class ManagedObjects {
  readonly endDevices: EndDevices;
  private readonly attached: AttachedAttributes;
  private readonly reporting: Reporting;
  private readonly operations: Operations;

  /** @param endDevices absent: it is no gateway */
  constructor(context: EndDevicesContext, events: Events<ClientEvents>, endDevices: readonly EndDevice[] | undefined) {
    const { tree, clock } = context;
    this.attached = new AttachedAttributes(tree.version, tree.model);
    this.reporting = new Reporting({ ...context, attached: this.attached, events });
    this.endDevices = new EndDevices(context);
    if (endDevices !== undefined) this.endDevices.announce();
    for (const device of endDevices ?? []) this.endDevices.add(device);
    this.operations = new Operations(tree, this.attached, this.reporting, clock, events);
  }

  /** Paths the server observes. */
  get observations(): readonly string[] {
    return [...this.reporting.paths, ...this.endDevices.observations];
  }

  answer(request: IncomingRequest): void {
    if (!this.endDevices.answer(request)) this.operations.answer(request);
  }

  endObservations(reason: string): void {
    this.reporting.endAll(reason);
    this.endDevices.endAll(reason);
  }

  forgetAttributes(): void {
    this.attached.clear();
    this.endDevices.clearAttributes();
  }

  /** The periods that hold where none are attached are others now. */
  attributesChanged(): void {
    this.reporting.attributesChanged();
    this.endDevices.attributesChanged();
  }
}

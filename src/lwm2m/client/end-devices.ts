/**
 * A client as a gateway (LwM2M Gateway 1.1): devices behind it, each with objects of its own below a prefix, and object 25 that tells of them.
 * They are the application's; here they become manageable.
 */
import { Code } from '../../coap/codes';
import type { IncomingRequest } from '../../coap/incoming';
import { isGatewayPrefix, Path } from '../../device/path';
import type { ResourceValue } from '../../device/value';
import { DeviceManagementError } from '../../errors';
import { Events } from '../../events';
import { decode } from '../formats/formats';
import { formatLinks } from '../formats/link-format';
import { canRemove, decodeChanges } from '../formats/senml-etch';
import { decodePathList, isPathListFormat } from '../formats/senml-paths';
import { AttachedAttributes } from './attached-attributes';
import type { ClientEvents } from './client-events';
import { objectLinks } from './object-list';
import type { ObjectTree } from './objects';
import { Operations } from './operations';
import { Reporting, type ReportingOptions } from './reporting';

/** A device behind a gateway. */
export interface EndDevice {
  /** What it is called (25/x/0). */
  readonly deviceId: string;
  /** What stands before its paths (25/x/1) is the prefix of its tree. */
  readonly objects: ObjectTree;
}

/** What the server does to one of them, told when its answer has left. */
export interface ManagedEndDevice extends EndDevice {
  readonly events: Events<ClientEvents>;
}

interface Managed extends ManagedEndDevice {
  /** Of object 25. */
  readonly instance: number;
  readonly attached: AttachedAttributes;
  readonly reporting: Reporting;
  readonly operations: Operations;
}

export type EndDevicesContext = Omit<ReportingOptions, 'attached' | 'events'>;

const OBJECT = 25;
const VERSION = '2.0';
const Entry = { DeviceId: 0, Prefix: 1, Objects: 3 } as const;
const COMPOSITE_METHODS: ReadonlySet<number> = new Set([Code.Fetch, Code.IPatch]);

export class EndDevices {
  /** By prefix. */
  private readonly managed = new Map<string, Managed>();

  constructor(private readonly context: EndDevicesContext) {}

  /** Announces object 25, though nothing may be behind it yet. */
  announce(): void {
    const { tree } = this.context;
    if (tree.versions[OBJECT] !== VERSION) {
      throw invalid(
        `A gateway announces version ${VERSION} of object ${OBJECT}: make its objects with versions {"${OBJECT}": "${VERSION}"}.`,
      );
    }
    tree.permit(OBJECT, {});
  }

  /** @throws DeviceManagementError `invalid-request` when it has no prefix, or that of another */
  add(device: EndDevice): ManagedEndDevice {
    const { tree } = this.context;
    const { objects, deviceId } = device;
    const { prefix } = objects;
    if (prefix === undefined || !isGatewayPrefix(prefix)) {
      throw invalid(`Behind a gateway ${deviceId} needs a prefix for its objects: one path segment, and no number.`);
    }
    if (this.managed.has(prefix)) throw invalid(`${deviceId} cannot have the prefix ${prefix}: another device has it.`);
    this.announce();
    const attached = new AttachedAttributes(objects.version, objects.model);
    const events = new Events<ClientEvents>();
    const reporting = new Reporting({ ...this.context, tree: objects, attached, events });
    const operations = new Operations(objects, attached, reporting, this.context.clock, events);
    const instance = tree.freeInstanceId(OBJECT);
    const managed: Managed = { deviceId, objects, events, instance, attached, reporting, operations };
    this.managed.set(prefix, managed);
    tree.add(OBJECT, instance, {
      [Entry.DeviceId]: deviceId,
      [Entry.Prefix]: prefix,
      [Entry.Objects]: formatLinks(objectLinks(objects)),
    });
    objects.events.on('instances', () => this.objectsChanged(managed));
    return managed;
  }

  /** It is not behind the gateway any more. */
  remove(prefix: string): void {
    const managed = this.managed.get(prefix);
    if (managed === undefined) return;
    this.managed.delete(prefix);
    managed.reporting.endAll('the device is not behind the gateway any more');
    this.context.tree.remove(OBJECT, managed.instance);
  }

  get(prefix: string): ManagedEndDevice | undefined {
    return this.managed.get(prefix);
  }

  /** "/d01/3/0/9", as the server observes it. */
  get observations(): readonly string[] {
    return [...this.managed].flatMap(([prefix, { reporting }]) => reporting.paths.map((path) => `/${prefix}${path}`));
  }

  /** Answers what is for one of them. @returns whether it was */
  answer(request: IncomingRequest): boolean {
    const [first] = request.path;
    if (first === undefined) return COMPOSITE_METHODS.has(request.code) && this.answerComposite(request);
    const managed = this.managed.get(first);
    managed?.operations.answer(request, request.path.slice(1));
    return managed !== undefined;
  }

  /** Objects and path of "/d01/3/0/9"; undefined when it is nothing behind here. */
  locate(path: string): { readonly tree: ObjectTree; readonly path: string } | undefined {
    const [, prefix = '', below = ''] = /^\/([^/]+)(\/.*)$/.exec(path) ?? [];
    const tree = this.managed.get(prefix)?.objects;
    return tree === undefined ? undefined : { tree, path: below };
  }

  endAll(reason: string): void {
    for (const { reporting } of this.managed.values()) reporting.endAll(reason);
  }

  attributesChanged(): void {
    for (const { reporting } of this.managed.values()) reporting.attributesChanged();
  }

  clearAttributes(): void {
    for (const { attached } of this.managed.values()) attached.clear();
  }

  /** The names in the payload say whose it is: of one device, as several at once are refused by gateways in the field. */
  private answerComposite(request: IncomingRequest): boolean {
    const prefixes = new Set(this.prefixesIn(request));
    const [prefix] = prefixes;
    // Which it is that is not there, the gateway itself says.
    if ([...prefixes].some((one) => one !== undefined && !this.managed.has(one))) return false;
    if (prefixes.size > 1) {
      request.respond({ code: Code.MethodNotAllowed, payload: Buffer.from('one device at a time') });
      return true;
    }
    const managed = prefix === undefined ? undefined : this.managed.get(prefix);
    managed?.operations.answer(request);
    return managed !== undefined;
  }

  /** What cannot be read is for the gateway itself to refuse. */
  private prefixesIn({ code, contentFormat, payload }: IncomingRequest): readonly (string | undefined)[] {
    try {
      return this.namesIn(code, contentFormat ?? Number.NaN, payload).map(({ prefix }) => prefix);
    } catch (error) {
      if (error instanceof DeviceManagementError) return [];
      throw error;
    }
  }

  private namesIn(code: number, contentFormat: number, payload: Buffer): readonly Pick<ResourceValue, 'prefix'>[] {
    if (code === Code.Fetch) return isPathListFormat(contentFormat) ? decodePathList(contentFormat, payload) : [];
    const context = { base: Path.root, typeOf: this.context.tree.model.typeOf, now: this.context.clock.wall() };
    return canRemove(contentFormat) ? decodeChanges(contentFormat, payload, context) : decode(contentFormat, payload, context);
  }

  private objectsChanged({ instance, objects }: Managed): void {
    if (this.managed.get(objects.prefix as string)?.instance !== instance) return;
    this.context.tree.set(`/${OBJECT}/${instance}/${Entry.Objects}`, formatLinks(objectLinks(objects)));
  }
}

function invalid(message: string): DeviceManagementError {
  return new DeviceManagementError('invalid-request', message);
}

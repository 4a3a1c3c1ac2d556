/**
 * Composite operations on devices of every kind. One that does not know them is asked path by path instead, and remembered as such for
 * its registration: one of LwM2M 1.0, one that says so, and one that acknowledges FETCH and iPATCH and then never answers (Wakaama).
 */
import type { Clock, Timer } from '../../clock';
import { Code, codeText } from '../../coap/codes';
import type { OperationOptions, OperationRequest, OperationResult } from '../../device/operation';
import type { Path } from '../../device/path';
import { parsePathList } from '../../device/path-list';
import type { ResourceChange, ResourceValue } from '../../device/value';
import { asDeviceManagementError, DeviceManagementError } from '../../errors';
import { changesOf } from './composite-plans';
import { aboutOf } from './failures';
import { type Plan, type PlanContext, unsupported } from './plan';
import type { RegistrationRecord } from './registration';

export type Settle = (error: DeviceManagementError | undefined, result?: OperationResult) => void;

export interface AskOptions extends OperationOptions {
  readonly acknowledged?: () => void;
}

type CompositeRequest = Extract<OperationRequest, { readonly operation: `${string}-composite` }>;

/** A composite operation on its way. */
export interface CompositeOrder {
  readonly request: CompositeRequest;
  readonly plan: Plan;
  readonly context: PlanContext;
  readonly options: OperationOptions;
  readonly settle: Settle;
}

export interface CompositeContext {
  readonly clock: Clock;
  readonly ask: (record: RegistrationRecord, plan: Plan, options: AskOptions, settle: Settle) => { cancel(why: string): void };
  readonly askOne: (record: RegistrationRecord, request: OperationRequest, options: OperationOptions, settle: Settle) => void;
}

/**
 * How long a device that has acknowledged its first composite request may take to answer it: devices that answer at all do so within
 * seconds. Once one has answered, only the timeout of the request counts.
 */
const PATIENCE_MS = 20_000;

type Method = 'FETCH' | 'iPATCH';

const METHODS: Readonly<Record<CompositeRequest['operation'], Method>> = {
  'read-composite': 'FETCH',
  'observe-composite': 'FETCH',
  'write-composite': 'iPATCH',
};

/** Codes by which a device says that it does not know the method. A Write-Composite to what is read-only is refused with 4.05 too. */
const UNKNOWN_METHOD: Readonly<Record<Method, ReadonlySet<string>>> = {
  FETCH: new Set(['4.05', '5.01']),
  iPATCH: new Set(['5.01']),
};

export function isComposite(request: OperationRequest): request is CompositeRequest {
  return request.operation in METHODS;
}

export class CompositeOperations {
  /** By registration: a device may come back with other firmware. */
  private readonly known = new WeakMap<RegistrationRecord, Map<Method, boolean>>();

  constructor(private readonly context: CompositeContext) {}

  /** @throws DeviceManagementError what cannot be asked */
  perform(record: RegistrationRecord, order: CompositeOrder): void {
    const method = METHODS[order.request.operation];
    const knows = record.value.version === '1.0' ? false : this.known.get(record)?.get(method);
    if (knows === false) return this.oneByOne(record, order);
    this.together(record, order, method, knows === true);
  }

  private together(record: RegistrationRecord, order: CompositeOrder, method: Method, isProven: boolean): void {
    const { clock, ask } = this.context;
    let patience: Timer | undefined;
    let acknowledged = false;
    let isSilent = false;
    let isOver = false;
    const asked = ask(
      record,
      order.plan,
      {
        ...order.options,
        acknowledged: () => {
          acknowledged = true;
          if (isProven || isOver) return;
          patience ??= clock.after(PATIENCE_MS, () => {
            isSilent = true;
            asked.cancel(`the device acknowledged ${method} and did not answer`);
          });
        },
      },
      (error, result) => {
        isOver = true;
        patience?.cancel();
        isSilent ||= !isProven && acknowledged && error?.code === 'timeout';
        if (!isSilent && !(error !== undefined && UNKNOWN_METHOD[method].has(error.code))) {
          // Any answer but those shows that the device knows the method.
          if (result !== undefined) this.remember(record, method, true);
          return order.settle(error, result);
        }
        if (record.gone) return order.settle(error);
        this.remember(record, method, false);
        try {
          this.oneByOne(record, order);
        } catch (caught) {
          order.settle(asDeviceManagementError(caught, 'invalid-request'));
        }
      },
    );
  }

  private remember(record: RegistrationRecord, method: Method, knows: boolean): void {
    let methods = this.known.get(record);
    if (methods === undefined) {
      methods = new Map();
      this.known.set(record, methods);
    }
    methods.set(method, knows);
  }

  private oneByOne(record: RegistrationRecord, order: CompositeOrder): void {
    const { request, plan } = order;
    if (request.operation === 'observe-composite') {
      throw unsupported(
        'observe-composite',
        aboutOf(plan),
        'the device knows no composite operations: observe the paths one by one',
      );
    }
    const requests = request.operation === 'read-composite' ? readsOf(record, request) : writesOf(order, request);
    new OneByOne(this.context, record, order, requests).next();
  }
}

/** The requests that stand in for a composite one, each asked when the one before has been answered. */
class OneByOne {
  private readonly startedAt: number;
  private readonly values: ResourceValue[] = [];
  private readonly refused: Record<string, { code: string; message: string }> = {};
  private readonly bytes = { sent: 0, received: 0 };
  private last: OperationResult | undefined;
  private done = 0;

  constructor(
    private readonly context: CompositeContext,
    private readonly record: RegistrationRecord,
    private readonly order: CompositeOrder,
    private readonly requests: readonly OperationRequest[],
  ) {
    this.startedAt = context.clock.monotonic();
  }

  next(): void {
    const request = this.requests[this.done];
    if (request === undefined) return this.finish();
    const answered: Settle = (error, result) => this.answered(request, error, result);
    try {
      this.context.askOne(this.record, request, this.order.options, answered);
    } catch (caught) {
      answered(asDeviceManagementError(caught, 'invalid-request'));
    }
  }

  private answered(
    request: OperationRequest,
    error: DeviceManagementError | undefined,
    result: OperationResult | undefined,
  ): void {
    if (error !== undefined && !this.mayGoOn(error)) return this.order.settle(this.failure(error));
    if (error !== undefined) this.refused[request.path] = { code: error.code, message: error.message };
    if (result !== undefined) {
      this.last = result;
      this.values.push(...result.values);
      this.bytes.sent += result.bytes?.sent ?? 0;
      this.bytes.received += result.bytes?.received ?? 0;
    }
    this.done++;
    this.next();
  }

  /** A path that is not there or not to be read costs a Read-Composite this path only; a write is all or, here at least, no more. */
  private mayGoOn(error: DeviceManagementError): boolean {
    return this.order.request.operation === 'read-composite' && /^[45]\.|^(invalid-|unsupported|decode-error)/.test(error.code);
  }

  private failure(error: DeviceManagementError): DeviceManagementError {
    const written = this.requests.slice(0, this.done).map(({ path }) => path);
    if (this.order.request.operation !== 'write-composite' || written.length === 0) return error;
    const text = `${error.message} The device knows no Write-Composite, so the values were written one by one; written before this: ${written.join(', ')}.`;
    return new DeviceManagementError(error.code, text, { ...error, cause: error });
  }

  private finish(): void {
    const { context, last, values, refused, order } = this;
    const { plan, request } = order;
    const isRead = request.operation === 'read-composite';
    const absent = parsePathList(request.path)
      .filter((path) => !values.some((value) => isBelow(value.path, path)))
      .map(String);
    order.settle(undefined, {
      device: plan.registration.endpoint,
      operation: plan.operation,
      path: aboutOf(plan),
      code: codeText(isRead ? Code.Content : Code.Changed),
      ...(isRead && last?.contentFormat !== undefined && { contentFormat: last.contentFormat }),
      values,
      ...(isRead && absent.length > 0 && { absent }),
      ...(Object.keys(refused).length > 0 && { refused }),
      fallback: 'one-by-one',
      bytes: this.bytes,
      rtt: context.clock.monotonic() - this.startedAt,
      at: context.clock.wall(),
    });
  }
}

/** Objects that no management server reads: they hold keys (LwM2M Core 1.1.1 §6.3.8). */
const CLOSED_OBJECTS: ReadonlySet<string> = new Set(['0', '21', '23']);

function readsOf(record: RegistrationRecord, request: CompositeRequest): readonly OperationRequest[] {
  const paths = parsePathList(request.path).flatMap((path) => (path.level === 'root' ? objectsOf(record) : [path.toString()]));
  const choice = request.contentFormat === undefined ? {} : { contentFormat: request.contentFormat };
  return paths.map((path) => ({ operation: 'read' as const, path, ...choice }));
}

function objectsOf({ value }: RegistrationRecord): readonly string[] {
  const ids = new Set(value.objects.map((path) => path.split('/')[1] as string));
  return [...ids].filter((id) => !CLOSED_OBJECTS.has(id)).map((id) => `/${id}`);
}

/** A Write for each resource, as devices without Write-Composite often have none of whole instances either. */
function writesOf(
  { context }: CompositeOrder,
  request: CompositeRequest & { readonly operation: 'write-composite' },
): readonly OperationRequest[] {
  const byResource = new Map<string, ResourceChange[]>();
  for (const change of changesOf(request, context)) {
    const resource = change.path.split('/', 4).join('/');
    const before = byResource.get(resource);
    if (before === undefined) byResource.set(resource, [change]);
    else before.push(change);
  }
  return [...byResource].flatMap(([resource, changes]): OperationRequest[] => {
    const removals = changes.filter(({ value }) => value === null).map(({ path }) => ({ operation: 'delete' as const, path }));
    const given = changes.filter(({ value }) => value !== null);
    const [first] = given;
    if (first === undefined) return removals;
    if (first.path === resource) return [{ operation: 'write', path: resource, value: first.value }];
    const value = Object.fromEntries(given.map((change) => [change.path, change.value]));
    // What is not named stays (LwM2M Core 1.1.1 §6.3.9); LwM2M 1.0 can only replace.
    const mode = context.registration.version === '1.0' ? ('replace' as const) : ('update' as const);
    return [...removals, { operation: 'write', path: resource, value, mode }];
  });
}

function isBelow(text: string, path: Path): boolean {
  return path.level === 'root' || text === path.toString() || text.startsWith(`${path}/`);
}

/**
 * One bootstrap under way: drives a course (bootstrap-course.ts) against one peer, a request at a time, notes every step, and ends once. It
 * refers to the peer, not to a registration: who asks for its servers need not be registered.
 */
import type { Clock } from '../../clock';
import { codeText } from '../../coap/codes';
import type { Endpoint } from '../../coap/endpoint';
import type { CoapLayer, CoapResponse } from '../../coap/layer';
import type { BootstrapStep } from '../../device/bootstrap';
import { asDeviceManagementError, DeviceManagementError } from '../../errors';
import type { Course, CourseRecord, CourseRequest } from './bootstrap-course';

export interface BootstrapSessionContext {
  readonly clock: Clock;
  readonly layer: Pick<CoapLayer, 'request' | 'unpinned'>;
  /** For each answer. */
  readonly timeoutMs: number;
}

export class BootstrapSession {
  readonly steps: BootstrapStep[] = [];
  private request: { cancel(): void } | undefined;
  private ended = false;

  /** @param onEnd told once: why it failed, or nothing when the device has taken it */
  constructor(
    private readonly context: BootstrapSessionContext,
    readonly device: string,
    readonly peer: Endpoint,
    readonly record: CourseRecord,
    private readonly course: Course,
    private readonly onEnd: (session: BootstrapSession, error: DeviceManagementError | undefined) => void,
  ) {}

  begin(): void {
    this.peer.retain();
    this.advance(() => this.course.next());
  }

  /** Ends it as failed. */
  abort(error: DeviceManagementError): void {
    this.end(error);
  }

  private advance(step: () => IteratorResult<CourseRequest, void>): void {
    if (this.ended) return;
    try {
      const { value, done } = step();
      if (done === true || value === undefined) this.end(undefined);
      else this.ask(value);
    } catch (caught) {
      this.end(asDeviceManagementError(caught));
    }
  }

  private ask({ operation, path, spec }: CourseRequest): void {
    const { clock, layer, timeoutMs } = this.context;
    const startedAt = clock.monotonic();
    this.request = layer.request(this.peer, spec, { timeoutMs }, (error, response) => {
      // Aborted: it has been told already.
      if (this.ended) return;
      const rtt = clock.monotonic() - startedAt;
      this.steps.push({ operation, path, ...(response !== undefined && { code: codeText(response.code) }), rtt });
      if (response === undefined) this.end(this.silent(`${NAMES[operation]} ${path}`, rtt, error));
      else this.advance(() => this.course.next(response as CoapResponse));
    });
  }

  private silent(what: string, waitedMs: number, error: DeviceManagementError | undefined): DeviceManagementError {
    const { device } = this;
    if (error?.code === 'timeout') {
      const seconds = Math.round(waitedMs / 1000);
      const text = `device ${device} did not answer ${what} within ${seconds} s: it may be off, unreachable, or at another address now. It asks again by itself.`;
      return new DeviceManagementError('timeout', text, { device, cause: error });
    }
    if (error?.code === 'reset') {
      const text = `device ${device} rejected ${what} with a Reset: it is not waiting for a bootstrap any more. It asks again when it needs one.`;
      return new DeviceManagementError('reset', text, { device, cause: error });
    }
    return error?.of({ device }) ?? new DeviceManagementError('protocol-error', `${what} failed`, { device });
  }

  private end(error: DeviceManagementError | undefined): void {
    if (this.ended) return;
    this.ended = true;
    this.request?.cancel();
    this.peer.release();
    this.context.layer.unpinned(this.peer);
    this.onEnd(this, error);
  }
}

const NAMES: Readonly<Record<CourseRequest['operation'], string>> = {
  request: 'Bootstrap-Request',
  discover: 'Discover',
  read: 'Read',
  delete: 'Delete',
  write: 'Write',
  finish: 'Finish',
  pack: 'Bootstrap-Pack',
};

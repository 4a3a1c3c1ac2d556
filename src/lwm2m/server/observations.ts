/**
 * Observations by device and path (RFC 7641, LwM2M Core 1.1.1 §6.4): one per path or list of paths, notifications decoded and told, ends told. Token, order
 * and blocks are the message layer's business.
 */
import type { Clock } from '../../clock';
import type { CoapResponse, Observer, RequestSpec, ResponseCallback } from '../../coap/layer';
import type { Observation } from '../../coap/observation';
import type { NotificationEvent, ObservationEndedEvent, ProblemEvent } from '../../device/manager';
import { asDeviceManagementError, DeviceManagementError } from '../../errors';
import { byPrefix } from './answers';
import type { DeviceKeeper } from './device-keeper';
import { aboutOf } from './failures';
import type { Plan } from './plan';
import type { RegistrationRecord } from './registration';

export interface ObservationsContext {
  readonly clock: Clock;
  /** Caps the tokens a device can make us keep, and what one flow can ask of a device. */
  readonly mostPerDevice: number;
  readonly heard: (record: RegistrationRecord, response: CoapResponse) => void;
  /** Whether anyone listens: decoding is most of the work of a notification. */
  readonly isHeard: () => boolean;
  /** The device behind a gateway that has this prefix. */
  readonly behind: (record: RegistrationRecord, prefix: string) => RegistrationRecord | undefined;
  /** Absent while everything ends with the process. */
  readonly keeper: () => DeviceKeeper | undefined;
  readonly notify: (event: NotificationEvent) => void;
  readonly ended: (event: ObservationEndedEvent) => void;
  readonly problem: (event: ProblemEvent) => void;
}

/** What an observation needs of the message layer. */
export type StartObservation = (spec: RequestSpec, observer: Observer, callback: ResponseCallback) => Observation;
/** The same for one that began in an earlier life of this process. */
export type ResumeObservation = (observer: Observer) => Observation;

/** One observed path of one device. */
class Observed implements Observer {
  observation: Observation | undefined = undefined;
  /** How it was asked; kept with it. */
  spec: RequestSpec | undefined;
  /** What came in the turn of the first answer, which whoever asked has not been told yet. */
  private early: (() => void)[] | undefined;

  constructor(
    private readonly owner: Observations,
    readonly record: RegistrationRecord,
    readonly plan: Plan,
  ) {}

  notification(response: CoapResponse): void {
    if (this.early === undefined) this.owner.notified(this, response);
    else this.early.push(() => this.owner.notified(this, response));
  }

  ended(reason: DeviceManagementError): void {
    if (this.early === undefined) this.owner.endedByDevice(this, reason);
    else this.early.push(() => this.owner.endedByDevice(this, reason));
  }

  /** Who asked must have the answer before what comes after it; a connection may bring them together. */
  answered(): void {
    this.early = [];
  }

  /** The answer is told by a promise, in the next turn at the latest. */
  told(): void {
    setImmediate(() => {
      const early = this.early ?? [];
      this.early = undefined;
      for (const tell of early) tell();
    });
  }
}

export class Observations {
  private readonly devices = new Map<RegistrationRecord, Map<string, Observed>>();

  constructor(private readonly context: ObservationsContext) {}

  paths(record: RegistrationRecord): readonly string[] {
    return [...(this.devices.get(record)?.keys() ?? [])];
  }

  /** @throws DeviceManagementError `too-large` when the device is observed at as many paths as it may */
  requireRoom(record: RegistrationRecord, path: string): void {
    const paths = this.devices.get(record);
    if (paths === undefined || paths.size < this.context.mostPerDevice || paths.has(path)) return;
    throw new DeviceManagementError(
      'too-large',
      `device ${record.endpoint} is observed at ${paths.size} paths, which is the limit: observe whole instances instead of resources.`,
      { device: record.endpoint, path },
    );
  }

  /** Asks the device; when it agrees, its notifications come as events. An observation of the same path is replaced. */
  start(
    record: RegistrationRecord,
    plan: Plan,
    spec: RequestSpec,
    begin: StartObservation,
    callback: ResponseCallback,
  ): { cancel(): void } {
    const observed = new Observed(this, record, plan);
    let isOver = false;
    const observation = begin(spec, observed, (error, response) => {
      if (isOver) return;
      isOver = true;
      // The answer may come within `begin`, before there is anything to enter.
      if (observed.observation?.accepted !== true) return callback(error, response);
      this.enter(observed);
      observed.answered();
      observed.spec = spec;
      this.keep(observed, this.context.keeper(), () => {
        callback(error, response);
        observed.told();
      });
    });
    observed.observation = observation;
    return {
      cancel: () => {
        if (isOver) return;
        isOver = true;
        observation.cancel('passive');
        callback(new DeviceManagementError('cancelled', 'the request was cancelled'), undefined);
      },
    };
  }

  /** Goes on with what an earlier life of this process has kept. */
  restore(record: RegistrationRecord, plan: Plan, spec: RequestSpec, resume: ResumeObservation): void {
    const observed = new Observed(this, record, plan);
    observed.spec = spec;
    observed.observation = resume(observed);
    this.enter(observed);
  }

  isObserved(record: RegistrationRecord, path: string): boolean {
    return this.devices.get(record)?.has(path) ?? false;
  }

  /**
   * Ends the observation of a path. Passively, nothing is sent: the next notification is answered with Reset.
   * @param callback gets the device's answer to an active cancel
   */
  cancel(record: RegistrationRecord, path: string, mode: 'active' | 'passive', callback?: ResponseCallback): void {
    const observed = this.devices.get(record)?.get(path);
    if (observed === undefined) return callback?.(undefined, undefined);
    this.leave(observed);
    observed.observation?.cancel(mode, callback);
  }

  /** Ends all observations of a device on our side alone. */
  dropAll(record: RegistrationRecord, reason: string): void {
    const paths = this.devices.get(record);
    if (paths === undefined) return;
    this.devices.delete(record);
    for (const [path, observed] of paths) {
      observed.observation?.forget();
      this.forget(observed);
      this.context.ended({ device: record.endpoint, path, reason });
    }
  }

  notified(observed: Observed, response: CoapResponse): void {
    const { record, plan } = observed;
    if (record.gone) return;
    const { clock, heard, isHeard, behind, notify, problem } = this.context;
    heard(record, response);
    if (!isHeard()) return;
    const device = record.endpoint;
    const path = aboutOf(plan);
    const at = clock.wall();
    try {
      const values = plan.read(response, at).values ?? [];
      const { contentFormat } = response;
      let bytes = response.payload.length;
      for (const [prefix, share] of byPrefix(values)) {
        const owner = prefix === undefined ? record : behind(record, prefix);
        if (owner === undefined) continue;
        const format = contentFormat === undefined ? {} : { contentFormat };
        notify({ device: owner.endpoint, path, values: share, at, bytes, ...format });
        bytes = 0;
      }
    } catch (caught) {
      // One unreadable value ends nothing: the next may be readable again.
      problem({ device, path, reason: asDeviceManagementError(caught).message, at });
    }
  }

  /** By the device, or with its connection. */
  endedByDevice(observed: Observed, reason: DeviceManagementError): void {
    if (!this.leave(observed)) return;
    const { record, plan } = observed;
    // The end of a connection is no verdict of the device's.
    const verdict = reason.code === 'disconnected' ? {} : { code: reason.code };
    this.context.ended({ device: record.endpoint, path: aboutOf(plan), reason: reason.message, ...verdict });
  }

  private enter(observed: Observed): void {
    const { record, plan } = observed;
    if (record.gone) {
      observed.observation?.cancel('passive');
      return;
    }
    let paths = this.devices.get(record);
    if (paths === undefined) {
      paths = new Map();
      this.devices.set(record, paths);
    }
    const path = aboutOf(plan);
    const before = paths.get(path);
    paths.set(path, observed);
    if (before === undefined) return;
    // Most devices forget the older token by themselves; one that does not is told by Reset.
    before.observation?.cancel('passive');
    this.forget(before);
  }

  /** Once more, for a store that may not have them. */
  keepAll(record: RegistrationRecord, keeper: DeviceKeeper): void {
    for (const observed of this.devices.get(record)?.values() ?? []) this.keep(observed, keeper);
  }

  /** Whether an observation of this device has this token. */
  isKnown(record: RegistrationRecord, token: Buffer): boolean {
    return [...(this.devices.get(record)?.values() ?? [])].some(({ observation }) => observation?.token.equals(token) === true);
  }

  /** @param done called when it would outlive this process */
  private keep({ record, observation, plan, spec }: Observed, keeper: DeviceKeeper | undefined, done?: () => void): void {
    // An observation ends with the connection it was made on (RFC 8323 Appendix A.4).
    const isLasting = observation?.accepted === true && !observation.endpoint.reliable;
    if (keeper === undefined || plan.asked === undefined || spec === undefined || !isLasting) return done?.();
    keeper.keepObservation({ record, request: plan.asked, spec, token: observation.token });
    if (done !== undefined) keeper.settle(done);
  }

  private forget({ observation }: Observed): void {
    if (observation !== undefined && !observation.endpoint.reliable) this.context.keeper()?.forgetObservation(observation.token);
  }

  /** @returns false when it had left before */
  private leave(observed: Observed): boolean {
    const paths = this.devices.get(observed.record);
    const path = aboutOf(observed.plan);
    if (paths?.get(path) !== observed) return false;
    paths.delete(path);
    if (paths.size === 0) this.devices.delete(observed.record);
    this.forget(observed);
    return true;
  }
}

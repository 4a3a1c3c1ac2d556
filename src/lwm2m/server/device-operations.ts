/**
 * Operations on devices, over CoAP: plan, ask, read the answer, or say in a sentence why there is none. Its only promise is the one
 * that `perform` returns.
 */
import type { Clock } from '../../clock';
import { codeText } from '../../coap/codes';
import type { CoapLayer, CoapResponse, RequestOptions } from '../../coap/layer';
import type { ContentFormatChoice, OperationOptions, OperationRequest, OperationResult } from '../../device/operation';
import { asDeviceManagementError, type DeviceManagementError } from '../../errors';
import { type Ask, Attempt, type AttemptOutcome } from './attempt';
import { type AskOptions, CompositeOperations, isComposite, type Settle } from './composite-operations';
import { aboutOf, cancelledBecause, context as errorContext, isAsleep, refusedByDevice, unanswered } from './failures';
import { FormatChoice } from './format-choice';
import type { Models } from './models';
import type { Observations } from './observations';
import { planOf } from './operation-plans';
import type { Plan } from './plan';
import type { Presence } from './presence';
import type { RegistrationRecord } from './registration';
import type { OperationStatistics } from './statistics';

export interface DeviceOperationsContext {
  readonly clock: Clock;
  readonly layer: Pick<CoapLayer, 'request' | 'observe' | 'times'>;
  readonly models: Models;
  readonly presence: Presence;
  readonly observations: Observations;
  readonly statistics: OperationStatistics<RegistrationRecord>;
}

/** What an operation resolves to when no message was needed: a cancel that the device learns of by Reset. */
const NO_MESSAGE = '0.00';

export class DeviceOperations {
  private readonly formats = new FormatChoice();
  /** By the record's slot. Arrays, not Maps and Sets: entries come and go with every operation (see coap/number-table.ts). */
  private readonly underWay: (Attempt[] | undefined)[] = [];
  private readonly composites: CompositeOperations;

  constructor(private readonly context: DeviceOperationsContext) {
    this.composites = new CompositeOperations({
      clock: context.clock,
      ask: (record, plan, options, settle) => this.ask(record, plan, options, settle),
      askOne: (record, request, options, settle) => this.begin(record, request, options, settle),
    });
  }

  /** @throws DeviceManagementError, by the promise */
  perform(record: RegistrationRecord, request: OperationRequest, options: OperationOptions = {}): Promise<OperationResult> {
    return new Promise((resolve, reject) => {
      const settle = (error: DeviceManagementError | undefined, result?: OperationResult): void => {
        if (error === undefined) resolve(result as OperationResult);
        else reject(error);
      };
      try {
        this.begin(record, request, options, settle);
      } catch (caught) {
        const error = asDeviceManagementError(caught, 'invalid-request');
        reject(error.of({ device: record.endpoint, path: error.path ?? request.path }));
      }
    });
  }

  /** Cancels what is under way with a device. */
  cancelAll(record: RegistrationRecord, why: string): void {
    for (const attempt of [...(this.underWay[record.slot] ?? [])]) attempt.cancel(why);
  }

  private begin(record: RegistrationRecord, request: OperationRequest, options: OperationOptions, settle: Settle): void {
    const registration = record.value;
    const context = { registration, model: this.context.models.of(registration) };
    const plan = planOf(request, context);
    const isSleeping = this.context.presence.of(record) === 'asleep';
    if (request.operation === 'cancel-observation') return this.cancelObservation(record, plan, isSleeping, settle);
    if (isSleeping) throw isAsleep(record, aboutOf(plan));
    if (isObserving(plan)) this.context.observations.requireRoom(record, aboutOf(plan));
    if (isComposite(request)) this.composites.perform(record, { request, plan, context, options, settle });
    else this.ask(record, plan, options, settle);
  }

  private ask(record: RegistrationRecord, plan: Plan, options: AskOptions, settle: Settle): Attempt {
    const { clock, layer } = this.context;
    const timeoutMs = options.timeoutMs ?? layer.times.maxTransmitWaitMs;
    const startedAt = clock.monotonic();
    const attempt: Attempt = new Attempt(
      plan,
      this.formatsFor(record, plan),
      this.asking(record, plan, { timeoutMs, ...(options.acknowledged !== undefined && { acknowledged: options.acknowledged }) }),
      (outcome) => {
        this.finished(record, attempt);
        this.account(record, plan, outcome);
        const error = failureOf(attempt, outcome, timeoutMs);
        if (error !== undefined) return settle(error);
        this.succeed(record, plan, outcome, clock.monotonic() - startedAt, settle);
      },
    );
    this.track(record, attempt);
    try {
      attempt.start();
    } catch (caught) {
      this.finished(record, attempt);
      throw caught;
    }
    return attempt;
  }

  private asking(record: RegistrationRecord, plan: Plan, options: RequestOptions): Ask {
    const { layer, observations } = this.context;
    if (!isObserving(plan)) return (spec, callback) => layer.request(record.peer, spec, options, callback);
    return (spec, callback) =>
      observations.start(
        record,
        plan,
        spec,
        (observeSpec, observer, done) => layer.observe(record.peer, observeSpec, observer, options, done),
        callback,
      );
  }

  private formatsFor(record: RegistrationRecord, plan: Plan): readonly ContentFormatChoice[] {
    if (plan.question === undefined) return [];
    const candidates = this.formats.candidates(record, plan.question);
    return plan.formats?.(candidates) ?? candidates;
  }

  /** Counts it, and learns from it: the device is there, or it is not. */
  private account(record: RegistrationRecord, plan: Plan, { error, response, bytesSent }: AttemptOutcome): void {
    const { presence, statistics } = this.context;
    statistics.count(record, plan.operation, response?.code, bytesSent, response?.payload.length ?? 0);
    if (record.gone) return;
    if (response !== undefined) presence.heard(record);
    else if (error?.code === 'timeout' && record.value.queueMode) presence.sleep(record);
  }

  private succeed(
    record: RegistrationRecord,
    plan: Plan,
    { response, format, isSecondChoice, bytesSent }: AttemptOutcome,
    rtt: number,
    settle: Settle,
  ): void {
    const answer = response as CoapResponse;
    if (isSecondChoice && format !== undefined && plan.question !== undefined) {
      this.formats.remember(record, plan.question, format);
    }
    const at = this.context.clock.wall();
    try {
      const result = resultOf(plan, codeText(answer.code), rtt, at);
      result.bytes = { sent: bytesSent, received: answer.payload.length };
      if (answer.contentFormat !== undefined) result.contentFormat = answer.contentFormat;
      if (isObserving(plan)) result.observed = this.context.observations.isObserved(record, aboutOf(plan));
      settle(undefined, Object.assign(result, plan.read(answer, at)));
    } catch (caught) {
      // Nothing is left behind of an Observe whose caller is told that it failed.
      if (isObserving(plan)) this.context.observations.cancel(record, aboutOf(plan), 'active');
      settle(asDeviceManagementError(caught, 'decode-error').of(errorContext({ ...plan })));
    }
  }

  /** Passive while the device sleeps. However an active cancel ends, the observation is over: at worst the device learns by Reset. */
  private cancelObservation(record: RegistrationRecord, plan: Plan, isSleeping: boolean, settle: Settle): void {
    const { clock, observations, presence, statistics } = this.context;
    const startedAt = clock.monotonic();
    observations.cancel(record, aboutOf(plan), isSleeping ? 'passive' : 'active', (_error, response) => {
      if (response !== undefined) {
        statistics.count(record, plan.operation, response.code, 0, response.payload.length);
        if (!record.gone) presence.heard(record);
      }
      const code = response === undefined ? NO_MESSAGE : codeText(response.code);
      settle(undefined, resultOf(plan, code, clock.monotonic() - startedAt, clock.wall()));
    });
  }

  private track(record: RegistrationRecord, attempt: Attempt): void {
    const attempts = this.underWay[record.slot];
    if (attempts === undefined) this.underWay[record.slot] = [attempt];
    else attempts.push(attempt);
  }

  private finished(record: RegistrationRecord, attempt: Attempt): void {
    const attempts = this.underWay[record.slot];
    const at = attempts?.indexOf(attempt) ?? -1;
    if (attempts === undefined || at < 0) return;
    attempts.splice(at, 1);
    if (attempts.length === 0) this.underWay[record.slot] = undefined;
  }
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

function isObserving({ operation }: Plan): boolean {
  return operation === 'observe' || operation === 'observe-composite';
}

function failureOf(attempt: Attempt, { error, response }: AttemptOutcome, timeoutMs: number): DeviceManagementError | undefined {
  const { plan } = attempt;
  if (attempt.cancelledBecause !== undefined && response === undefined) return cancelledBecause(plan, attempt.cancelledBecause);
  if (error !== undefined) return unanswered(plan, error, timeoutMs);
  const answer = response as CoapResponse;
  return answer.code === plan.success ? undefined : refusedByDevice(plan, answer);
}

function resultOf(plan: Plan, code: string, rtt: number, at: number): Mutable<OperationResult> {
  const { registration, operation } = plan;
  return { device: registration.endpoint, operation, path: aboutOf(plan), code, values: [], rtt, at };
}

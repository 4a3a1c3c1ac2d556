/**
 * Observes object 25 of one gateway, apart from what flows observe: their observation of it may come and go. Every answer and notification
 * is the whole table. It is asked for again when the gateway comes back, when an observation failed, and now and then, since a
 * notification may be lost.
 */
import type { Clock, Timer } from '../../clock';
import { Code } from '../../coap/codes';
import type { CoapLayer, CoapResponse, Observer } from '../../coap/layer';
import type { Observation } from '../../coap/observation';
import type { OperationRequest } from '../../device/operation';
import type { ResourceValue } from '../../device/value';
import { asDeviceManagementError, type DeviceManagementError } from '../../errors';
import { Attempt, type AttemptOutcome } from './attempt';
import { refusedByDevice, unanswered } from './failures';
import { FormatChoice } from './format-choice';
import { GATEWAY_OBJECT, needsRouting, ROUTING_OBJECT } from './gateway-table';
import type { Models } from './models';
import { planOf } from './operation-plans';
import type { Plan } from './plan';
import type { Presence } from './presence';
import type { RegistrationRecord } from './registration';
import type { OperationStatistics } from './statistics';

export interface GatewayWatchContext {
  readonly clock: Clock;
  readonly layer: Pick<CoapLayer, 'observe' | 'times'>;
  readonly models: Models;
  readonly presence: Presence;
  readonly statistics: OperationStatistics<RegistrationRecord>;
  /** A message that only this gateway can send. */
  readonly heard: (record: RegistrationRecord) => void;
  readonly read: (record: RegistrationRecord, path: string) => Promise<{ readonly values: readonly ResourceValue[] }>;
}

export interface GatewayWatchOwner {
  /** The table as it is now: values of object 25, and of object 26 where it leads there. */
  taken(values: readonly ResourceValue[]): void;
  failed(error: DeviceManagementError): void;
}

/** After a gateway did not answer; one that sleeps is asked when it wakes. */
const RETRY_MS = 60_000;
/** A device that joined while a notification was lost is found within an hour. */
const LOOK_AGAIN_MS = 60 * 60_000;

const OBSERVE: OperationRequest = { operation: 'observe', path: `/${GATEWAY_OBJECT}` };

export class GatewayWatch {
  private readonly formats = new FormatChoice();
  private observation: Observation | undefined;
  private attempt: Attempt | undefined;
  private timer: Timer | undefined;
  private stale = true;
  /** What was begun before belongs to an earlier look. */
  private round = 0;

  constructor(
    private readonly context: GatewayWatchContext,
    private readonly record: RegistrationRecord,
    private readonly owner: GatewayWatchOwner,
  ) {}

  /** Asks for the table, and to be told when it changes. */
  look(): void {
    this.rest();
    const { record, context } = this;
    if (record.gone || context.presence.of(record) !== 'reachable') return;
    this.stale = false;
    const round = this.round;
    const plan = planOf(OBSERVE, { registration: record.value, model: context.models.of(record.value) });
    const formats = plan.question === undefined ? [] : this.formats.candidates(record, plan.question);
    const attempt = new Attempt(
      plan,
      formats,
      (spec, callback) => {
        const observation = context.layer.observe(record.peer, spec, this.observer(plan, round), {}, callback);
        this.observation = observation;
        return { cancel: () => observation.cancel('passive') };
      },
      (outcome) => {
        if (round === this.round) this.answered(plan, outcome);
      },
    );
    this.attempt = attempt;
    try {
      attempt.start();
    } catch (caught) {
      // Nothing could be sent; whoever told us of the gateway has no part in it.
      this.answered(plan, {
        error: asDeviceManagementError(caught),
        response: undefined,
        format: undefined,
        isSecondChoice: false,
        bytesSent: 0,
      });
    }
  }

  /** The gateway can be asked again, or has spoken: what is due is asked for now. */
  resume(isDue = false): void {
    this.stale ||= isDue;
    if (this.attempt !== undefined) return;
    if (this.stale || this.observation?.accepted !== true) this.look();
  }

  /** Forgets what is under way, until it is to look again. */
  rest(): void {
    this.round++;
    this.stale = true;
    this.timer?.cancel();
    this.attempt = undefined;
    this.observation?.forget();
    this.observation = undefined;
  }

  private observer(plan: Plan, round: number): Observer {
    return {
      notification: (response) => {
        if (round !== this.round || this.record.gone) return;
        this.context.heard(this.record);
        this.context.statistics.count(this.record, 'notify', response.code, 0, response.payload.length);
        this.take(plan, response);
      },
      ended: () => {
        if (round === this.round) this.lookLater(RETRY_MS);
      },
    };
  }

  private answered(plan: Plan, { error, response, bytesSent }: AttemptOutcome): void {
    const { record, context } = this;
    const { presence, statistics, layer } = context;
    this.attempt = undefined;
    statistics.count(record, plan.operation, response?.code, bytesSent, response?.payload.length ?? 0);
    if (record.gone) return;
    if (response !== undefined) presence.heard(record);
    else if (error?.code === 'timeout' && record.value.queueMode) presence.sleep(record);
    this.lookLater(response === undefined ? RETRY_MS : LOOK_AGAIN_MS);
    if (response === undefined) {
      const why = asDeviceManagementError(error);
      // It has said more than a hundred times that it is not there now: nobody needs to hear it from here.
      if (why.code !== 'timeout' && why.code !== 'disconnected') {
        this.owner.failed(unanswered(plan, why, layer.times.maxTransmitWaitMs));
      }
    } else if (response.code === Code.NotFound) this.owner.taken([]);
    else if (response.code !== plan.success) this.owner.failed(refusedByDevice(plan, response));
    else this.take(plan, response);
  }

  private take(plan: Plan, response: CoapResponse): void {
    const round = this.round;
    try {
      const values = plan.read(response, this.context.clock.wall()).values ?? [];
      if (!needsRouting(values)) return this.owner.taken(values);
      this.context.read(this.record, `/${ROUTING_OBJECT}`).then(
        (routing) => {
          if (round === this.round && !this.record.gone) this.owner.taken([...values, ...routing.values]);
        },
        // Which objects are there is not known then; the devices are.
        () => {
          if (round === this.round && !this.record.gone) this.owner.taken(values);
        },
      );
    } catch (caught) {
      this.owner.failed(asDeviceManagementError(caught, 'decode-error'));
    }
  }

  lookLater(ms: number): void {
    this.timer?.cancel();
    this.timer = this.context.clock.after(ms, () => {
      this.stale = true;
      this.resume();
    });
  }
}

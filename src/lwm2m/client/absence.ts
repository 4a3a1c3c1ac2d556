/**
 * When the device is not to be reached: cut off as without power, told by its server to stay away (Disable, LwM2M Core 1.1.1 §E.2), or
 * without the connection it had.
 */
import type { Clock, Timer } from '../../clock';
import type { Provisioning } from './provisioning';
import type { QueueMode } from './queue-mode';
import type { Radio } from './radio';
import type { Registration } from './registration';

/** When a server goes, its clients shall not all come back in the same moment. */
const RECONNECT_SPREAD_MS = 3_000;

export interface AbsenceContext {
  readonly clock: Clock;
  readonly radio: Radio;
  readonly sleep: QueueMode;
  readonly provisioning: Provisioning;
  readonly registering: Registration;
  readonly isRunning: () => boolean;
  readonly endObservations: (reason: string) => void;
  readonly fraction: () => number;
}

export class Absence {
  private silence: Timer | undefined;
  private reconnecting: Timer | undefined;

  constructor(private readonly context: AbsenceContext) {}

  /** Says nothing, hears nothing, until `end`. */
  begin(): void {
    const { radio, sleep, provisioning, registering, endObservations } = this.context;
    radio.state = 'cut-off';
    sleep.stop();
    this.silence?.cancel();
    provisioning.abandon();
    registering.abandon();
    endObservations('the device was cut off');
    provisioning.servers.hangUp();
  }

  /** Registers anew, or asks for its servers when it has none. */
  end(): void {
    const { radio, provisioning, isRunning } = this.context;
    this.silence?.cancel();
    radio.state = 'on';
    if (isRunning()) provisioning.connect();
  }

  endAfter(silentMs: number, whileDown: () => void): void {
    this.silence = this.context.clock.after(silentMs, () => {
      whileDown();
      this.end();
    });
  }

  /** 1/x/4: leaves, and is not to be reached until the time has passed. */
  disabled(seconds: number): void {
    const { radio, provisioning, registering, isRunning } = this.context;
    registering.deregister(() => {
      if (!isRunning()) return;
      radio.state = 'cut-off';
      provisioning.servers.hangUp();
      this.endAfter(seconds * 1000, () => undefined);
    });
  }

  /** The connection ended: an Update makes another. */
  reconnect(): void {
    const { clock, radio, registering, isRunning, fraction } = this.context;
    this.reconnecting?.cancel();
    this.reconnecting = clock.after(fraction() * RECONNECT_SPREAD_MS, () => {
      if (isRunning() && radio.state !== 'cut-off') registering.update();
    });
  }

  stop(): void {
    this.silence?.cancel();
    this.reconnecting?.cancel();
  }
}

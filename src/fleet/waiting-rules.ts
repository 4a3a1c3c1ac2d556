/** Whether a request waits for its device: before it is asked, and when the device has not heard it. */
import type { DeviceManager } from '../device/manager';
import type { DeviceManagementError } from '../errors';
import { isRepeatable } from './coalescing';
import type { Devices } from './devices';
import type { Order } from './outcomes';
import { asleep, contextOf } from './waiting-errors';
import type { WaitingLine } from './waiting-lines';

/** A request a device never answers would keep all others waiting behind it. */
const MOST_ATTEMPTS = 3;

/** Before anything was sent: the device had gone or fallen asleep between our look and our request. */
const NOT_SENT: ReadonlySet<string> = new Set(['asleep', 'not-registered']);

/** Of a device that fell asleep, or whose connection ended: it may have heard the request, or not. */
const UNHEARD: ReadonlySet<string> = new Set(['timeout', 'disconnected']);

export class WaitingRules {
  constructor(
    private readonly manager: DeviceManager,
    private readonly devices: Devices,
  ) {}

  /** `undefined`: the device is there. */
  reasonToWait(order: Order): DeviceManagementError | undefined {
    const presence = this.manager.presence(order.device);
    if (presence === 'gone') return this.devices.absence(order.device, contextOf(order));
    return presence === 'asleep' ? asleep(order) : undefined;
  }

  mayWait(order: Order, reason: DeviceManagementError): boolean {
    if (order.whenAsleep !== 'queue') return false;
    return reason.code === 'asleep' || this.devices.isKnown(order.device);
  }

  /** Behind those that came before, else an older write would undo a newer one; and one at a time where the device may fall asleep. */
  standsInLine({ device, whenAsleep }: Order, line: WaitingLine | undefined): boolean {
    if (whenAsleep !== 'queue') return false;
    return line !== undefined || this.manager.registration(device)?.queueMode === true;
  }

  /** @param attempts how often it has been asked */
  waitsAfter(order: Order, error: DeviceManagementError, attempts: number): boolean {
    if (order.whenAsleep !== 'queue') return false;
    if (!wasSent(error)) return this.devices.isKnown(order.device);
    if (order.whenHeard === true && UNHEARD.has(error.code)) return true;
    const metSleeper = UNHEARD.has(error.code) && this.manager.presence(order.device) === 'asleep';
    return metSleeper && attempts < MOST_ATTEMPTS && isRepeatable(order.request);
  }
}

export function wasSent({ code }: DeviceManagementError): boolean {
  return !NOT_SENT.has(code);
}

/** The device has spoken, though it said no. */
export function isAnswer({ code }: DeviceManagementError): boolean {
  return /^\d\.\d\d$/.test(code);
}

/**
 * What is said to devices for the sake of observe policies: one device step by step, the difference between what is wanted and what
 * stands, as long as it can be reached; and only so many devices at a time.
 */
import type { DeviceManager } from '../device/manager';
import type { OperationRequest, OperationResult } from '../device/operation';
import { asDeviceManagementError, type DeviceManagementError } from '../errors';
import type { NotificationWatch } from './notification-watch';
import { isPassing, type ObservedDevice } from './observed-device';
import type { ObservedPath } from './observed-path';
import { Pacer } from './pacer';

export interface Reason {
  readonly code: string;
  readonly message: string;
}

export interface ObserveStepsContext {
  readonly manager: DeviceManager;
  readonly watch: NotificationWatch;
  /** Whether it is still the device of its name. */
  readonly isCurrent: (device: ObservedDevice) => boolean;
  /** The answer to an Observe. */
  readonly answered: (path: ObservedPath, result: OperationResult) => void;
  readonly refused: (device: ObservedDevice, path: ObservedPath, reason: Reason) => void;
  /** These paths are better asked for by themselves: the answer for a list had nothing of them. */
  readonly separate: (device: ObservedDevice, paths: readonly string[]) => void;
  /** Something is not on the device as it was before. */
  readonly changed: (device: ObservedDevice) => void;
  /** Nothing is wanted of the device, and nothing left on it. */
  readonly done: (device: ObservedDevice) => void;
}

export class ObserveSteps {
  private readonly pacer: Pacer;
  private held = false;
  private closed = false;

  constructor(
    private readonly context: ObserveStepsContext,
    devicesAtOnce: number,
  ) {
    this.pacer = new Pacer(devicesAtOnce);
  }

  /** Until `release` nothing new is begun. */
  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
  }

  close(): void {
    this.closed = true;
    this.pacer.clear();
  }

  /** Sees to it that the next steps are taken, when they can be. */
  attend(device: ObservedDevice): void {
    if (this.held || this.closed || device.busy || device.next() === undefined || !this.isReachable(device)) return;
    device.busy = true;
    this.pacer.run(async () => {
      // Whatever else is declared in this turn goes into the same difference.
      await Promise.resolve();
      let goesOn = true;
      while (goesOn && !this.held && !this.closed && this.isReachable(device)) {
        const step = device.next();
        if (step === undefined) break;
        goesOn = await this.take(device, step.path, step.request);
      }
      device.busy = false;
      device.tidy();
      if (device.paths.size === 0) this.context.done(device);
      if (goesOn) this.attend(device);
    });
  }

  isReachable(device: ObservedDevice): boolean {
    return this.context.isCurrent(device) && this.context.manager.presence(device.name) === 'reachable';
  }

  /** @returns whether there is sense in going on now */
  private async take(device: ObservedDevice, path: ObservedPath, request: OperationRequest): Promise<boolean> {
    const { generation } = device;
    path.asking = true;
    try {
      const result = await this.context.manager.perform(device.name, request);
      if (device.generation === generation) this.succeeded(device, path, request, result);
      return true;
    } catch (caught) {
      if (device.generation !== generation) return true;
      return this.failed(device, path, request, asDeviceManagementError(caught));
    } finally {
      path.asking = false;
      this.context.changed(device);
    }
  }

  private succeeded(device: ObservedDevice, path: ObservedPath, request: OperationRequest, result: OperationResult): void {
    const { watch, refused, answered } = this.context;
    path.took(request);
    if (request.operation === 'write-attributes') return;
    if (request.operation === 'cancel-observation') return watch.ended(path);
    if (result.observed === false) refused(device, path, NOT_OBSERVABLE(device.name, path.path));
    else watch.began(path, result.values.length);
    answered(path, result);
    if (result.absent !== undefined) this.context.separate(device, result.absent);
  }

  private failed(device: ObservedDevice, path: ObservedPath, request: OperationRequest, error: DeviceManagementError): boolean {
    if (isPassing(error)) return false;
    if (isObserve(request)) this.context.refused(device, path, error);
    else if (request.operation === 'cancel-observation') this.context.watch.ended(path);
    else if (path.isLeft) path.actual = {};
    else path.attributesWereRefused();
    return true;
  }
}

const NOT_OBSERVABLE = (device: string, path: string): Reason => ({
  code: 'unsupported',
  message: `device '${device}' answered at ${path} but will not be observed there; read it from time to time instead`,
});

function isObserve({ operation }: OperationRequest): boolean {
  return operation === 'observe' || operation === 'observe-composite';
}

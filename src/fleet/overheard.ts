/**
 * A manager whose answers are heard by somebody else than who asked: what a device answers to one is news for all. What a device cannot do for want
 * of a way to reach it is refused here, whoever asks.
 */
import type { DeviceManager, ObjectDescription, Presence, Registration } from '../device/manager';
import type { OperationOptions, OperationRequest, OperationResult } from '../device/operation';
import type { DeviceManagementError } from '../errors';

export class OverheardManager implements DeviceManager {
  constructor(
    private readonly manager: DeviceManager,
    private readonly heard: (result: OperationResult) => void,
    private readonly refusal: (device: string) => DeviceManagementError | undefined = () => undefined,
    private readonly failed: (device: string, request: OperationRequest, error: unknown) => void = () => undefined,
  ) {}

  get events(): DeviceManager['events'] {
    return this.manager.events;
  }

  get size(): number {
    return this.manager.size;
  }

  registration(device: string): Registration | undefined {
    return this.manager.registration(device);
  }

  registrations(): Iterable<Registration> {
    return this.manager.registrations();
  }

  presence(device: string): Presence {
    return this.manager.presence(device);
  }

  describe(device: string | undefined, object: number): ObjectDescription | undefined {
    return this.manager.describe(device, object);
  }

  observations(device: string): readonly string[] {
    return this.manager.observations(device);
  }

  async perform(device: string, request: OperationRequest, options?: OperationOptions): Promise<OperationResult> {
    const refusal = this.refusal(device);
    if (refusal !== undefined) throw refusal;
    try {
      const result = await this.manager.perform(device, request, options);
      this.heard(result);
      return result;
    } catch (caught) {
      this.failed(device, request, caught);
      throw caught;
    }
  }
}

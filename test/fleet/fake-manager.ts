/** A device manager without a protocol: devices are scripted by the test, every request is written down. */
import type {
  DeviceManager,
  LifecycleEventName,
  ManagerEvents,
  ObjectDescription,
  Presence,
  Registration,
} from '../../src/device/manager';
import type { OperationOptions, OperationRequest, OperationResult } from '../../src/device/operation';
import type { ResourceValue } from '../../src/device/value';
import { DeviceManagementError } from '../../src/errors';
import { Events } from '../../src/events';

export type Answer = Partial<OperationResult> | DeviceManagementError;
export type Behaviour = (request: OperationRequest) => Answer | Promise<Answer>;

export class FakeManager implements DeviceManager {
  readonly events = new Events<ManagerEvents>((error) => {
    throw error;
  });
  readonly asked: { device: string; request: OperationRequest; options: OperationOptions | undefined }[] = [];
  readonly inFlight = new Map<string, number>();
  mostInFlight = 0;
  behaviour: Behaviour = () => ({});
  private readonly known = new Map<string, Registration>();
  private readonly asleep = new Set<string>();
  private readonly observed = new Map<string, Set<string>>();

  get size(): number {
    return this.known.size;
  }

  registration(device: string): Registration | undefined {
    return this.known.get(device);
  }

  registrations(): Iterable<Registration> {
    return this.known.values();
  }

  presence(device: string): Presence {
    if (!this.known.has(device)) return 'gone';
    return this.asleep.has(device) ? 'asleep' : 'reachable';
  }

  describe(_device: string | undefined, object: number): ObjectDescription | undefined {
    return DESCRIPTIONS.find(({ id }) => id === object);
  }

  observations(device: string): readonly string[] {
    return [...(this.observed.get(device) ?? [])];
  }

  async perform(device: string, request: OperationRequest, options?: OperationOptions): Promise<OperationResult> {
    this.asked.push({ device, request, options });
    const presence = this.presence(device);
    if (presence !== 'reachable') throw new DeviceManagementError(presence === 'asleep' ? 'asleep' : 'not-registered', presence);
    this.count(device, 1);
    try {
      const answer = await this.behaviour(request);
      if (answer instanceof DeviceManagementError) throw answer;
      const observes = request.operation === 'observe' || request.operation === 'observe-composite';
      if (observes) this.observationsOf(device).add(request.path);
      if (request.operation === 'cancel-observation') this.observationsOf(device).delete(request.path);
      const observed = observes ? { observed: true } : {};
      return {
        device,
        operation: request.operation,
        path: request.path,
        code: '2.05',
        values: [],
        rtt: 1,
        at: 1000,
        ...observed,
        ...answer,
      };
    } finally {
      this.count(device, -1);
    }
  }

  /** Operations asked for, as "read /3/0/9", of one device or of all. */
  log(device?: string): string[] {
    return this.asked
      .filter((entry) => device === undefined || entry.device === device)
      .map(({ request }) => `${request.operation} ${request.path}`);
  }

  register(device: string, changes: Partial<Registration> = {}): Registration {
    const registration = { ...REGISTRATION, endpoint: device, ...changes };
    this.known.set(device, registration);
    this.asleep.delete(device);
    this.observed.delete(device);
    this.tell('registered', device);
    return registration;
  }

  update(device: string, changes: Partial<Registration> = {}): void {
    this.known.set(device, { ...(this.known.get(device) as Registration), ...changes });
    this.asleep.delete(device);
    this.tell(changes.objects === undefined ? 'updated' : 'objects-changed', device);
  }

  sleep(device: string): void {
    this.asleep.add(device);
    this.tell('asleep', device);
  }

  wake(device: string): void {
    this.asleep.delete(device);
    this.tell('awake', device);
  }

  leave(device: string, event: 'expired' | 'deregistered' = 'expired'): void {
    const registration = this.known.get(device) as Registration;
    this.known.delete(device);
    this.asleep.delete(device);
    this.observed.delete(device);
    this.events.emit('lifecycle', { event, device, registration, at: 1000 });
  }

  notify(device: string, path: string, values: readonly ResourceValue[], at = 1000): void {
    this.events.emit('notification', { device, path, values, at });
  }

  tell(event: LifecycleEventName, device: string): void {
    const registration = this.known.get(device);
    this.events.emit('lifecycle', { event, device, at: 1000, ...(registration !== undefined && { registration }) });
  }

  private observationsOf(device: string): Set<string> {
    const paths = this.observed.get(device) ?? new Set<string>();
    this.observed.set(device, paths);
    return paths;
  }

  private count(device: string, by: 1 | -1): void {
    this.inFlight.set(device, (this.inFlight.get(device) ?? 0) + by);
    const total = [...this.inFlight.values()].reduce((sum, count) => sum + count, 0);
    this.mostInFlight = Math.max(this.mostInFlight, total);
  }
}

export const REGISTRATION: Registration = {
  endpoint: 'sim-001',
  lifetime: 60,
  version: '1.1',
  binding: 'U',
  queueMode: false,
  address: '127.0.0.1:56830',
  objects: ['/1/0', '/3/0', '/3303/0'],
  versions: {},
  rootPath: '',
  contentFormats: [],
  parameters: {},
  registeredAt: 1000,
  updatedAt: 1000,
  security: 'none',
};

const DESCRIPTIONS: readonly ObjectDescription[] = [
  {
    id: 3,
    name: 'Device',
    version: '1.1',
    multiple: false,
    resources: [
      { id: 0, name: 'Manufacturer', type: 'string', operations: 'R', multiple: false, mandatory: false },
      { id: 9, name: 'Battery Level', type: 'integer', operations: 'R', multiple: false, mandatory: false, units: '%' },
    ],
  },
  {
    id: 3303,
    name: 'Temperature',
    version: '1.1',
    multiple: true,
    resources: [{ id: 5700, name: 'Sensor Value', type: 'float', operations: 'R', multiple: false, mandatory: true }],
  },
];

/** Lets every promise settle that does not wait for time. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

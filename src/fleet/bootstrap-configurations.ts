/**
 * Which device is given what when it asks for its servers: declarations by selector, completed with keys of the device's own. `source` is what
 * a bootstrap server is constructed with.
 */
import type { BootstrapConfiguration, BootstrapEvent, BootstrapSource } from '../device/bootstrap';
import type { Registration } from '../device/manager';
import type { OperationRequest } from '../device/operation';
import { DeviceManagementError } from '../errors';
import { type CredentialStore, MemoryCredentials } from './bootstrap-credentials';
import type { BootstrapDeclaration, DeclaredServer } from './bootstrap-declaration';
import { NOTHING_KNOWN } from './knowledge';
import type { Matches, Selector } from './selector';

export interface DeclaredBootstrap {
  readonly id: string;
  /** Id of the node that declares it. */
  readonly owner: string;
  readonly devices: Selector;
  readonly declaration: BootstrapDeclaration;
}

/** Declarations of messages stay until they are removed: caps what a flow in a loop can make us hold. */
const MOST_DECLARED = 10_000;
/** Stands for a key that is not made yet, while a declaration is being checked. */
const SAMPLE_KEY = Buffer.alloc(16);

export class BootstrapConfigurations {
  /** Of the fleet, once there is one: before, names are all that is known. */
  matches: Matches = (selector, device) => selector.matches(device, NOTHING_KNOWN);
  private readonly declared = new Map<string, DeclaredBootstrap>();

  /**
   * @param check whether the protocol can use a configuration
   * @throws by `check`
   */
  constructor(
    private readonly check: (configuration: BootstrapConfiguration) => void = () => undefined,
    readonly credentials: CredentialStore = new MemoryCredentials(),
  ) {}

  readonly source: BootstrapSource = (endpoint) => {
    const chosen = this.chosenFor(endpoint);
    if (chosen === undefined) return undefined;
    return completed(chosen.declaration, (server) => {
      const { identity, key } = this.credentials.issue(endpoint, server.shortServerId);
      return { identity, key };
    });
  };

  /**
   * Declares, or declares anew under the same id.
   * @throws DeviceManagementError `invalid-request` and others, saying what to change
   */
  set(wanted: DeclaredBootstrap): void {
    const { id, devices, declaration } = wanted;
    const hasKey = declaration.servers.some(({ security }) => security !== 'generated' && security.mode !== 'none');
    if (hasKey && devices.single === undefined) {
      throw invalid('the same key for several devices lets each speak for all of them: name one device, or use "generated"');
    }
    if (!this.declared.has(id) && this.declared.size >= MOST_DECLARED) {
      throw invalid(`${MOST_DECLARED} are declared already: use patterns such as "kitchen-*", or remove some`);
    }
    this.check(completed(declaration, () => ({ identity: 'generated', key: SAMPLE_KEY })));
    // The newest of equals decides, so it goes to the end.
    this.declared.delete(id);
    this.declared.set(id, wanted);
  }

  /** @returns whether it was there */
  remove(id: string): boolean {
    return this.declared.delete(id);
  }

  ofOwner(owner: string): readonly DeclaredBootstrap[] {
    return [...this.declared.values()].filter((one) => one.owner === owner);
  }

  removeOwner(owner: string): void {
    for (const { id } of this.ofOwner(owner)) this.declared.delete(id);
  }

  /** What a bootstrap came to: keys that a device has taken stay. */
  heard({ event, device }: BootstrapEvent): void {
    if (event === 'finished') this.credentials.confirm(device);
  }

  /** One that names the device before one that fits by a pattern, then the newest. */
  private chosenFor(endpoint: string): DeclaredBootstrap | undefined {
    let chosen: DeclaredBootstrap | undefined;
    for (const one of this.declared.values()) {
      if (!this.matches(one.devices, endpoint)) continue;
      if (chosen === undefined || one.devices.names(endpoint) || !chosen.devices.names(endpoint)) chosen = one;
    }
    return chosen;
  }
}

/**
 * Has a registered device bootstrap anew (LwM2M Core 1.1.1 §6.1.6, Bootstrap-Request Trigger).
 * @throws DeviceManagementError `unsupported` for LwM2M 1.0 and for a device that announces no Server object
 */
export function bootstrapTrigger({ endpoint, version, objects }: Registration): OperationRequest {
  const context = { device: endpoint };
  if (version === '1.0') {
    const text = `device ${endpoint} speaks LwM2M 1.0, which has no bootstrap trigger (1/x/9): restart it, or reset it to its factory settings (/3/0/5)`;
    throw new DeviceManagementError('unsupported', text, context);
  }
  const server = objects.find((path) => /^\/1\/\d+$/.test(path));
  if (server !== undefined) return { operation: 'execute', path: `${server}/9` };
  throw new DeviceManagementError('unsupported', `device ${endpoint} announces no instance of its Server object (/1)`, context);
}

function completed(
  { servers, deletes, objects, verify }: BootstrapDeclaration,
  credential: (server: DeclaredServer) => { identity: string; key: Buffer },
): BootstrapConfiguration {
  return {
    deletes,
    objects,
    verify,
    servers: servers.map((server) => ({
      ...server,
      security: server.security === 'generated' ? { mode: 'psk', ...credential(server) } : server.security,
    })),
  };
}

function invalid(why: string): DeviceManagementError {
  return new DeviceManagementError('invalid-request', `the bootstrap configuration cannot be used: ${why}.`);
}

/** What the dialog says, as a client ready to be started. */
import { DeviceManagementError } from '../../src/errors';
import { Lwm2mClient, type Lwm2mClientOptions } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { type ClientCredentials, readClientSecurity, type SecurityChoice } from './client-keys';
import { addDescribed } from './described-objects';
import { withDevice } from './device-object';

/** As saved in a flow. */
export interface ClientProperties {
  readonly endpoint?: string;
  readonly host?: string;
  readonly port?: string | number;
  readonly transport?: 'udp' | 'tcp';
  /** How it and the server prove themselves to each other; anything but none encrypts (DTLS, TLS). */
  readonly security?: SecurityChoice;
  /** Whether the certificate of the server is that of an authority which issued the server's. */
  readonly isAuthority?: boolean;
  readonly lwm2m?: '1.0' | '1.1' | '1.2';
  readonly lifetime?: string | number;
  /** Whether the server at `host` is a bootstrap server, which tells where to register. */
  readonly bootstrap?: boolean;
  readonly queueMode?: boolean;
  readonly objects?: string;
  readonly mayCreate?: boolean;
}

const DEFAULT_LIFETIME_SECONDS = 300;
/** Letter of the transport (LwM2M Core 1.1.1 §6.2.1). */
const BINDINGS = { udp: 'U', tcp: 'T' } as const;
const SCHEMES = {
  udp: { plain: 'coap', secured: 'coaps' },
  tcp: { plain: 'coap+tcp', secured: 'coaps+tcp' },
} as const;

/**
 * @param surroundings clock and transport, where they are not this machine's
 * @throws DeviceManagementError naming the setting that is wrong
 */
export function makeClient(
  properties: ClientProperties,
  credentials: ClientCredentials = {},
  surroundings: Partial<Lwm2mClientOptions> = {},
): Lwm2mClient {
  const { endpoint, host, port, bootstrap, lwm2m, lifetime, queueMode, objects, mayCreate, isAuthority } = properties;
  if (!endpoint) throw new DeviceManagementError('invalid-request', 'this client has no endpoint name: open it and give it one');
  if (!host) throw new DeviceManagementError('invalid-request', 'this client has no server: open it and say where the server is');
  const tree = new ObjectTree({ version: lwm2m ?? '1.1' });
  const transport = properties.transport === 'tcp' ? 'tcp' : 'udp';
  const binding = BINDINGS[transport];
  const security = readClientSecurity(properties.security ?? 'none', credentials, isAuthority === true);
  if (security?.mode === 'rpk' && transport === 'tcp') {
    throw new DeviceManagementError(
      'unsupported',
      'raw public keys are not spoken over TCP: take a key or a certificate, or UDP',
    );
  }
  const described = withDevice(readObjects(objects), binding);
  addDescribed(tree, described);
  if (mayCreate === true) permitInstances(tree);
  const server = { host, ...(Number(port) > 0 && { port: Number(port) }) };
  return new Lwm2mClient({
    endpoint,
    ...(bootstrap === true ? { bootstrap: server } : { server }),
    objects: tree,
    lifetime: Number(lifetime) || DEFAULT_LIFETIME_SECONDS,
    scheme: SCHEMES[transport][security === undefined ? 'plain' : 'secured'],
    binding,
    ...(security !== undefined && { security }),
    queueMode: queueMode === true,
    ...surroundings,
  });
}

function readObjects(text: string | undefined): unknown {
  if (text === undefined || text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch (caught) {
    throw new DeviceManagementError(
      'invalid-value',
      `the objects of this client are no valid JSON: ${(caught as Error).message}`,
    );
  }
}

/** Of every object that may have several instances (the device itself and its connectivity have one). */
function permitInstances(tree: ObjectTree): void {
  for (const [object] of tree.all()) {
    if (tree.model.definition(object)?.multiple === true) tree.permit(object, { create: true, delete: true });
  }
}

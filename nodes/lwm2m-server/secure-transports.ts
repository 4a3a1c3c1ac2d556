/** The transports of a server on which devices prove who they are: DTLS at the secure port, TLS where it has a port. */
import type { Clock } from '../../src/clock';
import { systemRandom } from '../../src/coap/random';
import type { Transport } from '../../src/coap/transport';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { madeWhenOpened } from '../../src/coap/transports/made-when-opened';
import { TlsTransport } from '../../src/coap/transports/tls';
import { UdpTransport } from '../../src/coap/transports/udp';
import type { Credentials, DtlsOptions } from '../../src/dtls/settings';
import { DeviceManagementError } from '../../src/errors';
import type { Provisioning } from '../../src/fleet/provisioning';
import { credentialDigests, type DeviceCredentials, dtlsCredentials } from '../../src/lwm2m/server/dtls-credentials';
import { SecuredState } from '../../src/lwm2m/server/secured-state';
import { authoritiesIn, type IdentityFiles, ownIdentity } from './own-identity';

export interface SecureSettings {
  /** Empty = every address. */
  readonly host: string;
  /** DTLS; absent = none. */
  readonly securePort?: number;
  /** Whether the server is to run without DTLS when the port is taken: nobody asked for it. */
  readonly mayLackSecurePort: boolean;
  /** TLS; absent = none. */
  readonly tlsPort?: number;
  readonly files: IdentityFiles;
  /** PEM of authorities, "" = none. */
  readonly authorities: string;
  /** Where a certificate of an authority names its device (default: the common name). */
  readonly certificateName?: NonNullable<DeviceCredentials['nameIn']>;
  /** CBC suites (default: off). */
  readonly cbc?: NonNullable<DtlsOptions['cbc']>;
}

/** Who forges records has many addresses: the first of a minute is told. */
const FORGERIES_TOLD_EVERY_MS = 60_000;
/** A NAT, and a fleet in this process, stand for many devices. */
const HALF_OPEN_PER_ADDRESS = 200;

export interface SecureTransports {
  readonly transports: readonly Transport[];
  /** What of them outlives the process; absent without DTLS. */
  readonly state?: SecuredState;
}

export function secureTransports(
  settings: SecureSettings,
  provisioning: Provisioning,
  clock: Clock,
  warn: (text: string) => void,
): SecureTransports {
  const { host, securePort, tlsPort } = settings;
  const where = host === '' ? {} : { host };
  const transports: Transport[] = [];
  let state: SecuredState | undefined;
  if (securePort !== undefined) {
    const carrier = new UdpTransport({ ...where, port: securePort });
    const random = (length: number): Buffer => systemRandom.bytes(length);
    const transport = new DtlsTransport({
      carrier: settings.mayLackSecurePort ? dispensable(carrier, warn) : carrier,
      clock,
      random,
      credentials: () => credentialsOf(settings, provisioning, clock),
      cbc: settings.cbc ?? false,
      limits: { halfOpenPerAddress: HALF_OPEN_PER_ADDRESS },
      onBug: (bug) => warn(`a bug in DTLS: ${String(bug)}`),
    });
    const digests = async () => credentialDigests(await knownDevices(settings, provisioning, clock));
    state = new SecuredState({ endpoint: transport.endpoint, clock, digests });
    tellOfForgeries(transport, clock, warn);
    transports.push(transport);
  }
  if (tlsPort !== undefined) {
    transports.push(
      madeWhenOpened({ name: 'tls', reliable: true }, async () => {
        const credentials = await credentialsOf(settings, provisioning, clock);
        return new TlsTransport({ listen: { ...where, port: tlsPort }, clock, credentials });
      }),
    );
  }
  return { transports, ...(state !== undefined && { state }) };
}

function tellOfForgeries({ endpoint }: DtlsTransport, clock: Clock, warn: (text: string) => void): void {
  let toldAt = Number.NEGATIVE_INFINITY;
  endpoint.events.on('suspicious', ({ address, port }) => {
    const now = clock.monotonic();
    if (now - toldAt < FORGERIES_TOLD_EVERY_MS) return;
    toldAt = now;
    warn(
      `somebody forges DTLS records under the address ${address}, port ${port}: none are heard, and nothing from there is for a second, ` +
        'the device that is there included. Find out who sends them.',
    );
  });
}

async function credentialsOf(settings: SecureSettings, provisioning: Provisioning, clock: Clock): Promise<Credentials> {
  const lookUps = dtlsCredentials(await knownDevices(settings, provisioning, clock));
  return { ...lookUps, ...(await ownIdentity(settings.files)) };
}

async function knownDevices(
  { authorities, certificateName }: SecureSettings,
  provisioning: Provisioning,
  clock: Clock,
): Promise<DeviceCredentials> {
  return {
    keyOf: (identity) => provisioning.keyOf(identity),
    holderOf: (identity) => provisioning.holderOf(identity),
    authorities: await authoritiesIn(authorities),
    ...(certificateName !== undefined && { nameIn: certificateName }),
    now: () => clock.wall(),
  };
}

/** As if it were not there where its port is in use. */
function dispensable(carrier: UdpTransport, warn: (text: string) => void): Transport {
  return {
    name: carrier.name,
    get local() {
      return carrier.local;
    },
    open: async (receiver) => {
      try {
        await carrier.open(receiver);
      } catch (caught) {
        if (!(caught instanceof DeviceManagementError) || caught.code !== 'port-in-use') throw caught;
        warn(`${caught.message} The server runs without DTLS: set its secure port, or leave it empty.`);
      }
    },
    send: (datagram, address, port) => carrier.send(datagram, address, port),
    close: () => carrier.close(),
  };
}

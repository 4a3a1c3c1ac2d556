/** lwm2m-server: the config node every other node points to. The server behind it outlives deploys (`running-servers.ts`). */
import path from 'node:path';
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { SystemClock } from '../../src/clock';
import type { Admission } from '../../src/device/admission';
import { Catalogue } from '../../src/device/models/catalogue';
import { Admittance } from '../../src/fleet/admittance';
import { BootstrapConfigurations } from '../../src/fleet/bootstrap-configurations';
import { DEFAULT_IMAGE_LIMITS } from '../../src/fleet/firmware/image-room';
import { signersIn } from '../../src/fleet/firmware/image-signature';
import { Provisioning } from '../../src/fleet/provisioning';
import { checkBootstrap } from '../../src/lwm2m/server/bootstrap-plan';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { type Durability, LevelStore } from '../../src/store/level';
import { MemoryStore } from '../../src/store/memory';
import { replaceSeal, Seal, sealFrom } from '../../src/store/seal';
import { milliseconds } from '../runtime/operation-settings';
import type { RunningServer, ServerLog } from '../runtime/running-server';
import { type FlowEvents, type MadeServer, RunningServers, type ServerSettings } from '../runtime/running-servers';
import { serveAdminApi } from './admin-api';
import { serveBackups } from './backup-api';
import { serveDownloads } from './image-downloads';
import { placesOf } from './places';
import { type SecureSettings, secureTransports } from './secure-transports';

interface ServerProperties extends NodeDef {
  readonly host?: string;
  readonly port?: number | string;
  /** DTLS. Absent = the usual one, if that is free; empty = none. */
  readonly securePort?: number | string;
  /** Empty = no TCP, no TLS. */
  readonly tcpPort?: number | string;
  readonly tlsPort?: number | string;
  /** Files with PEM; empty: the server makes a key and a certificate for itself. */
  readonly keyFile?: string;
  readonly certificateFile?: string;
  /** A file with certificates of authorities; empty: only certificates that have been provisioned are good. */
  readonly authoritiesFile?: string;
  readonly certificateName?: ServerSettings['certificateName'];
  readonly cbc?: 'off' | 'encrypt-then-mac' | 'any';
  readonly admission?: Admission;
  /** Whether new devices are asked what they are; they are unless it is false. */
  readonly askNewDevices?: boolean;
  readonly models?: string;
  readonly ackTimeout?: number | string;
  readonly store?: 'level' | 'memory';
  readonly storePath?: string;
  readonly durability?: Durability;
  /** MiB. */
  readonly largestImage?: number | string;
  /** A file with PEM of Ed25519 public keys; empty: images need no signature. */
  readonly imageSignersFile?: string;
  /** Empty: found for each device. */
  readonly publicHost?: string;
  /** Empty: images are not offered over HTTP. */
  readonly imageBaseUrl?: string;
}

const DEFAULT_PORT = 5683;
const DEFAULT_SECURE_PORT = 5684;
const MIB = 1024 * 1024;
const DEFAULT_ACK_TIMEOUT_MS = 2_000;
/** In the user directory, with a folder for each server. */
const STATE_FOLDER = 'device-management';

const CERTIFICATE_NAMES: readonly ServerSettings['certificateName'][] = ['common-name', 'dns-name', 'uri'];
const CBC = ['encrypt-then-mac', 'any'] as const;

/** One table for one Node-RED, however often this module is initialised. */
const tables = new WeakMap<object, RunningServers>();
const served = new WeakSet<object>();

function settingsOf(properties: ServerProperties): ServerSettings {
  const { name, host, models, ackTimeout, store, storePath, durability, admission, askNewDevices } = properties;
  const port = portOf(properties.port) ?? DEFAULT_PORT;
  const tcpPort = portOf(properties.tcpPort);
  const tlsPort = portOf(properties.tlsPort);
  // Where any free port will do, it does for this one too.
  const securePort = properties.securePort === undefined ? (port === 0 ? 0 : DEFAULT_SECURE_PORT) : portOf(properties.securePort);
  return {
    name: name ?? '',
    host: (host ?? '').trim(),
    port,
    ...(securePort !== undefined && { securePort }),
    mayLackSecurePort: properties.securePort === undefined,
    ...(tcpPort !== undefined && { tcpPort }),
    ...(tlsPort !== undefined && { tlsPort }),
    keyFile: (properties.keyFile ?? '').trim(),
    certificateFile: (properties.certificateFile ?? '').trim(),
    authoritiesFile: (properties.authoritiesFile ?? '').trim(),
    certificateName: CERTIFICATE_NAMES.find((name) => name === properties.certificateName) ?? 'common-name',
    cbc: CBC.find((cbc) => cbc === properties.cbc) ?? false,
    models: (models ?? '').trim(),
    ackTimeoutMs: milliseconds(ackTimeout) ?? DEFAULT_ACK_TIMEOUT_MS,
    store: store === 'memory' ? 'memory' : 'level',
    storePath: (storePath ?? '').trim(),
    durability: durability === 'power' ? 'power' : 'process',
    largestImage: Number(properties.largestImage) * MIB || DEFAULT_IMAGE_LIMITS.imageBytes,
    imageSignersFile: (properties.imageSignersFile ?? '').trim(),
    publicHost: (properties.publicHost ?? '').trim(),
    imageBaseUrl: (properties.imageBaseUrl ?? '').trim(),
    asksNewDevices: askNewDevices !== false,
    // Whatever else is written there, an open door must have been asked for.
    admission: admission === 'open' || admission === 'listed' ? admission : 'secured',
  };
}

function portOf(given: number | string | undefined): number | undefined {
  return given === undefined || given === '' ? undefined : Number(given);
}

/** @param userDir where Node-RED keeps its own; absent where it keeps nothing */
function makeServer(settings: () => ServerSettings, log: ServerLog, id: string, userDir: string | undefined): MadeServer {
  const { host, port, tcpPort, models, ackTimeoutMs } = settings();
  const catalogue = Catalogue.registry();
  if (models !== '') {
    for (const { file, line, reason } of catalogue.addVendorFolder(models)) {
      log.warn(`object definition ${file}${line > 0 ? `, line ${line}` : ''}: ${reason}`);
    }
  }
  const clock = new SystemClock();
  const provisioning = new Provisioning(clock, (reason) => log.warn(reason));
  const admittance = new Admittance({ clock, provisioning, mode: () => settings().admission });
  const bootstrap = new BootstrapConfigurations(
    (configuration) => checkBootstrap(configuration, catalogue),
    provisioning.generated,
  );
  const folder = folderOf(settings(), id, userDir);
  const secure = secureTransports(secureSettingsOf(settings(), folder, userDir), provisioning, clock, (text) => log.warn(text));
  const server = new Lwm2mServer({
    clock,
    secure: secure.transports,
    bootstrap: bootstrap.source,
    listen: { port, ...(host !== '' && { host }), ...(tcpPort !== undefined && { tcpPort }) },
    catalogue,
    admission: admittance.admit,
    endpointOf: admittance.endpointOf,
    parameters: { ackTimeoutMs },
  });
  const images = {
    // Beside the store: a backup of that is no copy of every image.
    ...(folder !== undefined && { folder: `${folder}.images` }),
    limits: () => ({ imageBytes: settings().largestImage }),
    signers: () => signersIn(fileIn(settings().imageSignersFile, userDir))(),
  };
  const { state: secured } = secure;
  const places = placesOf(settings, () => server.listening);
  const asksNewDevices = (): boolean => settings().asksNewDevices;
  const parts = {
    catalogue,
    bootstrap,
    provisioning,
    admittance,
    images,
    places,
    asksNewDevices,
    ...(secured !== undefined && { secured }),
  };
  return { server, ...parts, ...keeping(folder, settings(), log) };
}

/** Where the state of a server is kept; undefined: in memory. */
function folderOf({ store, storePath }: ServerSettings, id: string, userDir: string | undefined): string | undefined {
  if (store === 'memory' || (storePath === '' && userDir === undefined)) return undefined;
  return storePath === '' ? path.join(userDir ?? '', STATE_FOLDER, id) : path.resolve(userDir ?? '', storePath);
}

function secureSettingsOf(settings: ServerSettings, folder: string | undefined, userDir: string | undefined): SecureSettings {
  return {
    ...settings,
    files: {
      key: fileIn(settings.keyFile, userDir),
      certificate: fileIn(settings.certificateFile, userDir),
      // Beside the folder, as the key of the store.
      made: folder === undefined ? undefined : `${folder}.pem`,
    },
    authorities: fileIn(settings.authoritiesFile, userDir),
  };
}

function fileIn(name: string, userDir: string | undefined): string {
  return name === '' ? '' : path.resolve(userDir ?? '', name);
}

function keeping(
  folder: string | undefined,
  { durability }: ServerSettings,
  log: ServerLog,
): Pick<MadeServer, 'openStore' | 'openSeal' | 'keepSeal'> {
  if (folder === undefined) return inMemory();
  const onRepaired = (reason: string): void =>
    log.warn(`the store in ${folder} was damaged (${reason}) and has been mended: what was in the damaged part is lost`);
  return {
    openStore: () => LevelStore.open({ folder, durability, onRepaired }),
    // Beside the folder and not in it: a copy of the store alone opens nothing.
    openSeal: () => sealFrom(`${folder}.key`),
    keepSeal: (seal) => replaceSeal(`${folder}.key`, seal),
  };
}

/** It ends with the process; until then a server with other settings goes on from it. */
function inMemory(): Pick<MadeServer, 'openStore' | 'openSeal' | 'keepSeal'> {
  let seal = Seal.random();
  return {
    openStore: () => Promise.resolve(new MemoryStore()),
    openSeal: () => Promise.resolve(seal),
    keepSeal: (brought) => {
      seal = brought;
      return Promise.resolve();
    },
  };
}

function tableOf(red: NodeAPI): RunningServers {
  // Node-RED hands every module an object of its own; the events are the same.
  const known = tables.get(red.events);
  if (known !== undefined) return known;
  const table = new RunningServers({
    events: red.events as FlowEvents,
    clock: new SystemClock(),
    make: (settings, log, id) => makeServer(settings, log, id, red.settings.userDir),
    log: (id) => ({
      warn: (text) => red.log.warn(`[lwm2m-server:${id}] ${text}`),
      info: (text) => red.log.info(`[lwm2m-server:${id}] ${text}`),
    }),
  });
  tables.set(red.events, table);
  return table;
}

export = (red: NodeAPI): void => {
  const table = tableOf(red);
  if (!served.has(red.httpAdmin)) {
    served.add(red.httpAdmin);
    serveAdminApi(red, table);
    serveBackups(red, table);
    serveDownloads(red.httpNode as Parameters<typeof serveDownloads>[0], table);
  }

  function ServerNode(this: Node & { running?: RunningServer }, properties: ServerProperties): void {
    red.nodes.createNode(this, properties);
    this.running = table.attach(this.id, settingsOf(properties));
    this.on('close', (removed: boolean, done: () => void) => {
      table.detach(this.id, removed).then(done, done);
    });
  }
  red.nodes.registerType('lwm2m-server', ServerNode);
};

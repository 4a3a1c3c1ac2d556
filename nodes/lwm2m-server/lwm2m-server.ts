/** lwm2m-server: the config node every other node points to. The server behind it outlives deploys (`running-servers.ts`). */
import path from 'node:path';
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { SystemClock } from '../../src/clock';
import type { Admission } from '../../src/device/admission';
import { Catalogue } from '../../src/device/models/catalogue';
import { Admittance } from '../../src/fleet/admittance';
import { BootstrapConfigurations } from '../../src/fleet/bootstrap-configurations';
import { Provisioning } from '../../src/fleet/provisioning';
import { checkBootstrap } from '../../src/lwm2m/server/bootstrap-plan';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { type Durability, LevelStore } from '../../src/store/level';
import { sealFrom } from '../../src/store/seal';
import { milliseconds } from '../runtime/operation-settings';
import type { RunningServer, ServerLog } from '../runtime/running-server';
import { type FlowEvents, type MadeServer, RunningServers, type ServerSettings } from '../runtime/running-servers';
import { serveAdminApi } from './admin-api';

interface ServerProperties extends NodeDef {
  readonly host?: string;
  readonly port?: number | string;
  /** Empty = no TCP. */
  readonly tcpPort?: number | string;
  readonly admission?: Admission;
  readonly models?: string;
  readonly ackTimeout?: number | string;
  readonly store?: 'level' | 'memory';
  readonly storePath?: string;
  readonly durability?: Durability;
}

const DEFAULT_PORT = 5683;
const DEFAULT_ACK_TIMEOUT_MS = 2_000;
/** In the user directory, with a folder for each server. */
const STATE_FOLDER = 'device-management';

/** One table for one Node-RED, however often this module is initialised. */
const tables = new WeakMap<object, RunningServers>();
const served = new WeakSet<object>();

function settingsOf(properties: ServerProperties): ServerSettings {
  const { name, host, port, tcpPort, admission, models, ackTimeout, store, storePath, durability } = properties;
  return {
    name: name ?? '',
    host: (host ?? '').trim(),
    port: port === undefined || port === '' ? DEFAULT_PORT : Number(port),
    ...(tcpPort !== undefined && tcpPort !== '' && { tcpPort: Number(tcpPort) }),
    models: (models ?? '').trim(),
    ackTimeoutMs: milliseconds(ackTimeout) ?? DEFAULT_ACK_TIMEOUT_MS,
    store: store === 'memory' ? 'memory' : 'level',
    storePath: (storePath ?? '').trim(),
    durability: durability === 'power' ? 'power' : 'process',
    // Whatever else is written there, an open door must have been asked for.
    admission: admission === 'open' || admission === 'listed' ? admission : 'secured',
  };
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
  const server = new Lwm2mServer({
    bootstrap: bootstrap.source,
    listen: { port, ...(host !== '' && { host }), ...(tcpPort !== undefined && { tcpPort }) },
    catalogue,
    admission: admittance.admit,
    endpointOf: admittance.endpointOf,
    parameters: { ackTimeoutMs },
  });
  return { server, catalogue, bootstrap, provisioning, admittance, ...keeping(settings(), log, id, userDir) };
}

/** Where the state of a server is kept; nowhere when it is to be in memory. */
function keeping(
  { store, storePath, durability }: ServerSettings,
  log: ServerLog,
  id: string,
  userDir: string | undefined,
): Pick<MadeServer, 'openStore' | 'openSeal'> {
  if (store === 'memory' || (storePath === '' && userDir === undefined)) return {};
  const folder = storePath === '' ? path.join(userDir ?? '', STATE_FOLDER, id) : path.resolve(userDir ?? '', storePath);
  const onRepaired = (reason: string): void =>
    log.warn(`the store in ${folder} was damaged (${reason}) and has been mended: what was in the damaged part is lost`);
  return {
    openStore: () => LevelStore.open({ folder, durability, onRepaired }),
    // Beside the folder and not in it: a copy of the store alone opens nothing.
    openSeal: () => sealFrom(`${folder}.key`),
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

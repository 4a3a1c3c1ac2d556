/**
 * Servers that outlive deploys. A full deploy makes every node anew; the sockets, registrations and requests of a server must not
 * care. So a server belongs to this table, under the id of its config node: a node that comes back with the same listen
 * and store settings finds it running. It is stopped when its node is removed, listens elsewhere, or does not come back.
 */
import type { Clock, Timer } from '../../src/clock';
import type { Admission } from '../../src/device/admission';
import { DeviceManagementError } from '../../src/errors';
import type { Restorable as Backup } from '../../src/store/backup';
import type { Durability } from '../../src/store/level';
import { type ManagedServer, RunningServer, type ServerLog, type ServerParts } from './running-server';

export interface ListenSettings {
  readonly host: string;
  /** UDP. */
  readonly port: number;
  /** DTLS over UDP; absent = none. */
  readonly securePort?: number;
  /** Whether it is to run without DTLS when that port is taken: nobody asked for it. */
  readonly mayLackSecurePort: boolean;
  /** Absent = no TCP. */
  readonly tcpPort?: number;
  /** TLS over TCP; absent = none. */
  readonly tlsPort?: number;
  /** Of the server's own key and certificate, and of the authorities it trusts; "" = none. */
  readonly keyFile: string;
  readonly certificateFile: string;
  readonly authoritiesFile: string;
  /** Where a certificate of theirs names its device. */
  readonly certificateName: 'common-name' | 'dns-name' | 'uri';
  /** CBC suites: off, with encrypt-then-MAC, or whatever a device knows. */
  readonly cbc: false | 'encrypt-then-mac' | 'any';
  readonly models: string;
  readonly ackTimeoutMs: number;
  readonly store: 'level' | 'memory';
  /** Empty: a folder of the server's own in the user directory. */
  readonly storePath: string;
  readonly durability: Durability;
}

export interface ServerSettings extends ListenSettings {
  readonly name: string;
  /** May change while it runs. */
  readonly admission: Admission;
  /** Whether devices are asked what they are when they come; may change as well. */
  readonly asksNewDevices: boolean;
  /** Bytes of a firmware image. */
  readonly largestImage: number;
  /** Public keys of those whose images are good; "" = images need no signature. */
  readonly imageSignersFile: string;
  /** The address of this machine as devices see it; "" = found for each device. */
  readonly publicHost: string;
  /** Where devices find Node-RED's HTTP; "" = images are not offered over HTTP. */
  readonly imageBaseUrl: string;
}

/** The part of Node-RED's events this table needs. */
export interface FlowEvents {
  on(event: 'flows:started' | 'flows:stopping', listener: () => void): unknown;
}

export interface MadeServer extends ServerParts {
  readonly server: ManagedServer;
}

export interface RunningServersOptions {
  readonly events: FlowEvents;
  readonly clock: Clock;
  /** @param settings as they are now: admission is asked for at every registration */
  readonly make: (settings: () => ServerSettings, log: ServerLog, id: string) => MadeServer;
  readonly log: (id: string) => ServerLog;
}

interface Entry {
  settings: ServerSettings;
  readonly server: RunningServer;
  /** Runs while its node is away. */
  leaving: Timer | undefined;
}

/** How long a server waits for its node to come back. */
const RETURN_MS = 5_000;
/** Node-RED gives up on a node that has not closed after 15 s. */
const LONGEST_STOP_MS = 10_000;

export class RunningServers {
  private readonly entries = new Map<string, Entry>();
  /** Servers on their way out; whoever begins waits for them, since they may have the port. */
  private readonly ending = new Set<Promise<void>>();
  private flowsRun = false;

  constructor(private readonly options: RunningServersOptions) {
    options.events.on('flows:started', () => void this.flowsStarted());
    options.events.on('flows:stopping', () => {
      this.flowsRun = false;
      for (const { server } of this.entries.values()) server.hold();
    });
  }

  get(id: string): RunningServer | undefined {
    return this.entries.get(id)?.server;
  }

  all(): readonly RunningServer[] {
    return [...this.entries.values()].map(({ server }) => server);
  }

  /** A config node has come: with a new server, or the one it left behind. */
  attach(id: string, settings: ServerSettings): RunningServer {
    const known = this.entries.get(id);
    if (known !== undefined && listensAlike(known.settings, settings) && !known.server.kept.hasTakenIn) {
      known.leaving?.cancel();
      known.leaving = undefined;
      known.settings = settings;
      known.server.name = settings.name;
      return known.server;
    }
    const inherited = known === undefined ? undefined : this.succeeded(id, known, settings);
    const log = this.options.log(id);
    const made = this.options.make(() => this.entries.get(id)?.settings ?? settings, log, id);
    const server = new RunningServer(id, made.server, this.options.clock, log, {
      ...made,
      ...(inherited !== undefined && { inherited }),
    });
    server.name = settings.name;
    this.entries.set(id, { settings, server, leaving: undefined });
    return server;
  }

  /** A config node has gone. Always ends in time; if it was removed, the port is free then. */
  async detach(id: string, removed: boolean): Promise<void> {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    if (removed) await this.stop(id);
    else entry.leaving ??= this.options.clock.after(RETURN_MS, () => void this.stop(id));
  }

  private async flowsStarted(): Promise<void> {
    this.flowsRun = true;
    // Every config node exists by now: who has not come back will not.
    for (const [id, { leaving }] of this.entries) if (leaving !== undefined) void this.stop(id);
    await Promise.all(this.ending);
    if (!this.flowsRun) return;
    const servers = this.all();
    for (const server of servers) {
      server.sweep();
      server.release();
    }
    // One after the other: of two with one port, who came first has it, and can be named.
    for (const server of servers) await server.begin((error) => this.blame(server, error));
  }

  /** Ends a server in favour of one with other settings. @returns what that goes on from, where it would not find it by itself */
  private succeeded(id: string, { server, settings }: Entry, next: ServerSettings): Promise<Backup | undefined> | undefined {
    const isSamePlace = settings.store === 'level' && next.store === 'level' && settings.storePath === next.storePath;
    if (isSamePlace) {
      void this.stop(id);
      return undefined;
    }
    const left = server.end(true);
    const ended = this.stop(id);
    // One that does not end in time leaves nothing.
    return Promise.race([left.catch(() => undefined), ended.then(() => undefined)]);
  }

  private stop(id: string): Promise<void> {
    const entry = this.entries.get(id);
    if (entry === undefined) return Promise.resolve();
    this.entries.delete(id);
    entry.leaving?.cancel();
    const ending = this.inTime(entry.server.end()).finally(() => this.ending.delete(ending));
    this.ending.add(ending);
    return ending;
  }

  /** A socket that does not close must not hold up the deploy. */
  private inTime(work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.options.clock.after(LONGEST_STOP_MS, resolve);
      const finish = (): void => {
        timer.cancel();
        resolve();
      };
      work.then(finish, finish);
    });
  }

  /** Of all who may have the port, the likeliest is another node of the same flows. */
  private blame(server: RunningServer, error: DeviceManagementError): DeviceManagementError {
    const settings = this.entries.get(server.id)?.settings;
    if (error.code !== 'port-in-use' || settings === undefined) return error;
    for (const { server: other, settings: its } of this.entries.values()) {
      const clash =
        other === server
          ? undefined
          : other.manager.listening.find(({ transport, port }) => portsOn(CARRIERS[transport], settings).includes(port));
      if (clash === undefined) continue;
      const name = its.name === '' ? other.id : `"${its.name}"`;
      const where = `${CARRIERS[clash.transport]} port ${clash.port}`;
      const text = `${where} is in use by the lwm2m-server node ${name}: let one node serve both, or give this one another port.`;
      return new DeviceManagementError('port-in-use', text, { cause: error });
    }
    return error;
  }
}

function listensAlike(a: ListenSettings, b: ListenSettings): boolean {
  return LISTEN_SETTINGS.every((name) => a[name] === b[name]);
}

/** What cannot change while a server runs. */
const LISTEN_SETTINGS = [
  'host',
  'port',
  'securePort',
  'tcpPort',
  'tlsPort',
  'keyFile',
  'certificateFile',
  'authoritiesFile',
  'certificateName',
  'cbc',
  'models',
  'ackTimeoutMs',
  'store',
  'storePath',
  'durability',
] as const;

/** Which ports a transport shares with others. */
const CARRIERS: Readonly<Record<string, 'UDP' | 'TCP'>> = { udp: 'UDP', dtls: 'UDP', tcp: 'TCP', tls: 'TCP' };

function portsOn(
  carrier: 'UDP' | 'TCP' | undefined,
  { port, securePort, tcpPort, tlsPort }: ListenSettings,
): readonly (number | undefined)[] {
  return carrier === 'TCP' ? [tcpPort, tlsPort] : [port, securePort];
}

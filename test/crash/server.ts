/**
 * One life of the server that the crash tests end: it keeps everything, one policy observes, and nodes ask. Tells what a flow would be told.
 */
import type { SecureTransports } from '../../nodes/lwm2m-server/secure-transports';
import type { KeptWhere } from '../../nodes/runtime/kept-state';
import { RunningServer } from '../../nodes/runtime/running-server';
import type { Clock } from '../../src/clock';
import { readDeviceChange } from '../../src/device/provisioned-device';
import { Admittance } from '../../src/fleet/admittance';
import type { Order, Outcome } from '../../src/fleet/outcomes';
import { Provisioning } from '../../src/fleet/provisioning';
import { Selector } from '../../src/fleet/selector';
import { Lwm2mServer, type Lwm2mServerOptions } from '../../src/lwm2m/server/server';
import { AWAKE_MS, CRASH_PARAMETERS, keyOf, OBSERVED, type Said, SECURED, type Wish } from './words';

export interface CrashServerOptions extends Required<Pick<KeptWhere, 'openStore' | 'openSeal'>> {
  readonly clock: Clock;
  readonly carriers: Pick<Lwm2mServerOptions, 'listen' | 'transport' | 'random'>;
  readonly secure: (provisioning: Provisioning, warn: (text: string) => void) => SecureTransports;
  readonly say: (said: Said) => void;
}

export class CrashServer {
  private readonly manager: Lwm2mServer;
  private readonly server: RunningServer;
  private readonly provisioning: Provisioning;
  private readonly say: (said: Said) => void;

  constructor({ clock, carriers, secure, say, ...kept }: CrashServerOptions) {
    const warn = (text: string): void => say({ trouble: text });
    this.say = say;
    this.provisioning = new Provisioning(clock, warn);
    const { provisioning } = this;
    const admittance = new Admittance({ clock, provisioning, mode: () => 'open' });
    const { transports, state } = secure(provisioning, warn);
    this.manager = new Lwm2mServer({
      ...carriers,
      admission: admittance.admit,
      endpointOf: admittance.endpointOf,
      secure: transports,
      parameters: CRASH_PARAMETERS,
      awakeMs: AWAKE_MS,
      clock,
    });
    const log = { warn, info: () => undefined };
    const parts = { provisioning, admittance, ...kept, ...(state !== undefined && { secured: state }) };
    this.server = new RunningServer('server', this.manager, clock, log, parts);
  }

  async begin(): Promise<void> {
    const { manager, provisioning, say, server } = this;
    const { policies, requests } = server.fleet;
    policies.listen('observer', {
      value: ({ device, values, initial }) => say({ value: values[0]?.value as number, device, initial }),
      refused: ({ message }) => say({ trouble: message }),
    });
    policies.set({ id: 'policy', owner: 'observer', devices: Selector.everyone, paths: [OBSERVED], attributes: {} });
    requests.outcomes.succeed('asker', (order, outcome) => this.settled(order, outcome));
    manager.events.on('lifecycle', ({ event, device }) => say({ lifecycle: event, device }));
    server.release();
    await server.begin((error) => error);
    for (const endpoint of SECURED) {
      if (provisioning.devices.get(endpoint) !== undefined) continue;
      const security = { mode: 'psk', identity: endpoint, key: keyOf(endpoint).toString('hex') };
      await provisioning.provision(readDeviceChange({ endpoint, security }));
    }
    say({ listening: [...manager.registrations()].map(({ endpoint, lifetime }) => ({ endpoint, lifetime })) });
  }

  ask({ number, device, request }: Wish): void {
    const order: Order = { owner: 'asker', device, request, whenAsleep: 'queue', kept: { _msgid: String(number) } };
    this.server.fleet.requests.submit(order, {
      queued: () => this.say({ queued: number }),
      settled: (outcome) => this.settled(order, outcome),
    });
  }

  /** Whatever it does now reaches nobody: lets go of its timers. */
  async bury(): Promise<void> {
    await this.server.end();
  }

  private settled({ kept }: Order, outcome: Outcome): void {
    this.say({ settled: Number(kept?._msgid), code: 'result' in outcome ? outcome.result.code : outcome.error.code });
  }
}

/**
 * The process of the crash test: a server that keeps everything, one policy that observes, and nodes that ask. Tells on its output, line by
 * line, what a flow would be told; takes requests on its input. Killed at any instant.
 *   node process.js <folder> <port> <secure port> <awake ms> <durability>
 */
import { createInterface } from 'node:readline';
import { secureTransports } from '../../nodes/lwm2m-server/secure-transports';
import { RunningServer } from '../../nodes/runtime/running-server';
import { SystemClock } from '../../src/clock';
import { readDeviceChange } from '../../src/device/provisioned-device';
import { Admittance } from '../../src/fleet/admittance';
import type { Order, Outcome } from '../../src/fleet/outcomes';
import { Provisioning } from '../../src/fleet/provisioning';
import { Selector } from '../../src/fleet/selector';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { type Durability, LevelStore } from '../../src/store/level';
import { sealFrom } from '../../src/store/seal';
import { CRASH_PARAMETERS, keyOf, OBSERVED, type Said, SECURED, type Wish } from './words';

function say(said: Said): void {
  // Synchronous to a pipe: what is said before the end has been said.
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

async function run(folder: string, ports: readonly [number, number], awakeMs: number, durability: Durability): Promise<void> {
  const [port, securePort] = ports;
  const clock = new SystemClock();
  const warn = (text: string): void => say({ trouble: text });
  const provisioning = new Provisioning(clock, warn);
  const admittance = new Admittance({ clock, provisioning, mode: () => 'open' });
  const secure = secureTransports(
    {
      host: '127.0.0.1',
      securePort,
      mayLackSecurePort: false,
      files: { key: '', certificate: '', made: `${folder}.pem` },
      authorities: '',
    },
    provisioning,
    clock,
    warn,
  );
  const manager = new Lwm2mServer({
    listen: { host: '127.0.0.1', port },
    admission: admittance.admit,
    endpointOf: admittance.endpointOf,
    secure: secure.transports,
    parameters: CRASH_PARAMETERS,
    awakeMs,
    clock,
  });
  const server = new RunningServer(
    'server',
    manager,
    clock,
    { warn, info: () => undefined },
    {
      provisioning,
      admittance,
      openStore: () => LevelStore.open({ folder, durability }),
      openSeal: () => sealFrom(`${folder}.key`, ''),
      ...(secure.state !== undefined && { secured: secure.state }),
    },
  );
  const { policies, requests } = server.fleet;
  policies.listen('observer', {
    value: ({ device, values, initial }) => say({ value: values[0]?.value as number, device, initial }),
    refused: ({ message }) => say({ trouble: message }),
  });
  policies.set({ id: 'policy', owner: 'observer', devices: Selector.everyone, paths: [OBSERVED], attributes: {} });
  const settled = ({ kept }: Order, outcome: Outcome): void =>
    say({ settled: Number(kept?._msgid), code: 'result' in outcome ? outcome.result.code : outcome.error.code });
  requests.outcomes.succeed('asker', settled);
  manager.events.on('lifecycle', ({ event, device }) => say({ lifecycle: event, device }));
  createInterface({ input: process.stdin }).on('line', (line) => {
    const { number, device, request } = JSON.parse(line) as Wish;
    const order: Order = { owner: 'asker', device, request, whenAsleep: 'queue', kept: { _msgid: String(number) } };
    requests.submit(order, {
      queued: () => say({ queued: number }),
      settled: (outcome) => settled(order, outcome),
    });
  });
  server.release();
  await server.begin((error) => error);
  for (const endpoint of SECURED) {
    if (provisioning.devices.get(endpoint) === undefined) {
      const security = { mode: 'psk', identity: endpoint, key: keyOf(endpoint).toString('hex') };
      await provisioning.provision(readDeviceChange({ endpoint, security }));
    }
  }
  say({ listening: [...manager.registrations()].map(({ endpoint, lifetime }) => ({ endpoint, lifetime })) });
}

const [folder = '', port, securePort, awakeMs, durability] = process.argv.slice(2);
void run(folder, [Number(port), Number(securePort)], Number(awakeMs), durability === 'power' ? 'power' : 'process');

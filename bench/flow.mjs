/**
 * A real Node-RED whose flow is slower than its devices: 20,000 notifications a second into an observe node with a slow function behind
 * it. Figures, no verdict: how long the event loop was held up, whether every notification was acknowledged, what memory did.
 *   node bench/flow.mjs SECONDS
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { OBSERVED_PATH } from './bodies.mjs';
import { Child } from './control.mjs';
import { distFolder } from './pack.mjs';

const RATE = 20_000;
const DEVICES = 1_000;
/** What the function behind the observe node keeps the loop busy with, per message. */
const SLOW_MS = 2;
const START_MS = 30_000;
const HOST = '127.0.0.1';
const here = path.dirname(fileURLToPath(import.meta.url));
const project = path.join(here, '..');

const FLOW = (port) => [
  { id: 'tab', type: 'tab', label: 'slow' },
  { id: 'server', type: 'lwm2m-server', version: 1, host: HOST, port, admission: 'open', models: '', ackTimeout: 2 },
  {
    id: 'observe',
    type: 'dm-observe',
    z: 'tab',
    version: 1,
    server: 'server',
    device: '',
    deviceType: 'str',
    path: OBSERVED_PATH,
    pathType: 'str',
    attributes: {},
    sends: true,
    keys: 'path',
    wires: [['slow']],
  },
  {
    id: 'slow',
    type: 'function',
    z: 'tab',
    func: `for (const end = Date.now() + ${SLOW_MS}; Date.now() < end; ) ;
flow.set('seen', (flow.get('seen') ?? 0) + 1);
flow.set('dropped', msg.dm.dropped ?? flow.get('dropped'));`,
    outputs: 0,
    wires: [],
  },
];

function userDirectory(adminPort, port) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'bench-flow-'));
  const manifest = JSON.parse(readFileSync(path.join(project, 'package.json'), 'utf8'));
  const installed = path.join(folder, 'node_modules', ...manifest.name.split('/'));
  mkdirSync(installed, { recursive: true });
  writeFileSync(path.join(installed, 'package.json'), JSON.stringify(manifest));
  symlinkSync(distFolder, path.join(installed, 'dist'));
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ dependencies: { [manifest.name]: manifest.version } }));
  writeFileSync(path.join(folder, 'flows.json'), JSON.stringify(FLOW(port)));
  writeFileSync(
    path.join(folder, 'settings.js'),
    `module.exports = ${JSON.stringify({
      uiHost: HOST,
      uiPort: adminPort,
      flowFile: 'flows.json',
      credentialSecret: false,
      logging: { console: { level: 'error' } },
      telemetry: { enabled: false },
    })};`,
  );
  return folder;
}

async function until(reached, what) {
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await sleep(100))
    if (await reached().catch(() => false)) return;
  throw new Error(`${what} did not happen within ${START_MS / 1000} s`);
}

export async function measureFlow(seconds) {
  const [adminPort, port] = [18_000 + (process.pid % 1000), 19_000 + (process.pid % 1000)];
  const folder = userDirectory(adminPort, port);
  const nodeRed = createRequire(import.meta.url).resolve('node-red/red.js');
  const server = new Child(nodeRed, {
    core: 0,
    pinned: process.platform === 'linux',
    nodeOptions: ['--require', path.join(here, 'loop-delay.cjs')],
    parameters: ['-u', folder, '-s', path.join(folder, 'settings.js')],
  });
  const generator = new Child('generator.mjs', { core: 1, pinned: process.platform === 'linux' });
  const get = async (route) => (await fetch(`http://${HOST}:${adminPort}/${route}`)).json();
  try {
    await until(async () => (await get('device-management/servers'))[0]?.state === 'listening', 'listening');
    await generator.ask('open', { host: HOST, port, count: DEVICES });
    await generator.ask('run', { kind: 'register', count: DEVICES });
    await until(async () => (await generator.ask('served')).observed === DEVICES, 'the observation of every device');
    await server.ask('start');
    const { sent, acknowledged, rate } = await generator.ask('pace', { rate: RATE, seconds });
    const { delay, memory } = await server.ask('stop');
    const { seen, dropped } = (await get('context/flow/tab')).memory;
    return {
      sent,
      acknowledged,
      rate,
      delay,
      rssMegabytes: Math.round(memory.rss / 1e6),
      heapMegabytes: Math.round(memory.heapUsed / 1e6),
      messages: Number(seen?.msg ?? 0),
      dropped: Number(dropped?.msg ?? 0),
    };
  } finally {
    await generator.stop();
    server.process.kill('SIGTERM');
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(await measureFlow(Number(process.argv[2] ?? 5)), null, 2)}\n`);
}

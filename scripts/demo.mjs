/**
 * The pack in a real Node-RED on 127.0.0.1:1880, with an example flow and a simulated fleet; nothing has to be done before.
 *   npm run demo                 the editor on port 1880
 *   PORT=1890 npm run demo       somewhere else
 *   COAP_PORT=5693 npm run demo  the devices' port, when another program has 5683; counts when the flow is made, see below
 * What you change in the editor is kept in .demo/; delete that folder to begin anew.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { setup } from './setup.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const userDir = path.join(root, '.demo');
const port = Number(process.env.PORT ?? 1880);
const coapPort = Number(process.env.COAP_PORT ?? 5683);
const editor = `http://127.0.0.1:${port}/`;
const READY_SECONDS = 90;

const say = (text) => process.stdout.write(`${text}\n`);

/** A user directory as `npm install` of the pack would leave it, with a link instead of a copy. */
function prepareUserDir() {
  const { name, version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const link = path.join(userDir, 'node_modules', ...name.split('/'));
  mkdirSync(path.dirname(link), { recursive: true });
  rmSync(link, { force: true, recursive: true });
  symlinkSync(root, link, 'junction');
  writeFileSync(
    path.join(userDir, 'package.json'),
    `${JSON.stringify({ name: 'demo', private: true, dependencies: { [name]: version } }, null, 2)}\n`,
  );
  writeFileSync(
    path.join(userDir, 'settings.js'),
    `module.exports = ${JSON.stringify(
      {
        uiHost: '127.0.0.1',
        uiPort: port,
        flowFile: 'flows.json',
        credentialSecret: false,
        telemetry: { enabled: false, updateNotification: false },
        editorTheme: { tours: false },
        logging: { console: { level: 'warn' } },
      },
      null,
      2,
    )};\n`,
  );
  const flows = path.join(userDir, 'flows.json');
  if (!existsSync(flows)) writeFileSync(flows, `${JSON.stringify(exampleFlow(), null, 2)}\n`);
}

function exampleFlow() {
  const nodes = JSON.parse(readFileSync(path.join(root, 'scripts', 'demo-flow.json'), 'utf8'));
  return nodes.map((node) => (node.type === 'lwm2m-server' ? { ...node, port: coapPort } : node));
}

/** What the server says of itself once the fleet has come. */
async function fleetReady(running) {
  for (let second = 0; second < READY_SECONDS && running(); second++) {
    await sleep(1000);
    try {
      const answer = await fetch(new URL('device-management/servers', editor));
      const [server] = answer.ok ? await answer.json() : [];
      if (server?.state === 'failed') return server;
      if (server?.devices >= 20) return server;
    } catch {
      // Node-RED is still starting.
    }
  }
  return undefined;
}

try {
  setup();
} catch (error) {
  say(error.message);
  process.exit(1);
}
prepareUserDir();
say(`Starting Node-RED on ${editor} …`);
const child = spawn(
  process.execPath,
  [path.join(root, 'node_modules', 'node-red', 'red.js'), '--userDir', userDir, '--settings', path.join(userDir, 'settings.js')],
  { stdio: ['ignore', 'inherit', 'inherit'] },
);
let ended = false;
child.on('exit', (code) => {
  ended = true;
  process.exitCode = code ?? 0;
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));

const server = await fleetReady(() => !ended);
if (ended) {
  say(`Node-RED ended. If port ${port} is taken, try: PORT=1890 npm run demo`);
} else if (server === undefined || server.state === 'failed') {
  say(`The simulated fleet did not come: ${server?.error.message ?? `see ${new URL('device-management/servers', editor)}`}`);
  if (server?.error.code === 'port-in-use') say('Another port for devices: rm -r .demo && COAP_PORT=5693 npm run demo');
} else {
  say('');
  say(`  ${server.devices} simulated devices are registered.`);
  say(`  Editor:   ${editor}   (values arrive in the Debug sidebar)`);
  say(`  Fleet:    ${new URL('device-management/servers', editor)}`);
  say(`  A device: ${new URL(`device-management/servers/${server.id}/devices/sim-001`, editor)}`);
  say('  Stop with Ctrl+C.');
}

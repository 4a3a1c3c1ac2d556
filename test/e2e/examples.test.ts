/** The packed pack in a real Node-RED: installed as a user installs it, and every example run through its scenario. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freeUdpPort } from '../free-port';
import { type FlowNode, NodeRed } from './node-red';
import { freshUserDirectory } from './package';
import { Sightings, tapped } from './probes';
import { projectRoot } from './project';
import { RUNTIMES } from './runtimes';
import { SCENARIOS } from './scenarios';

const PREPARE_MS = 420_000;
const EXAMPLE_MS = 120_000;
const FLEET_MS = 30_000;
/** Node-RED waits this long for nodes to close. */
const CLOSE_MS = 15_000;

const folder = path.join(projectRoot, 'examples');
const examples = readdirSync(folder).filter((file) => file.endsWith('.json'));
const { name: packName, 'node-red': pack } = JSON.parse(readFileSync(path.join(projectRoot, 'package.json'), 'utf8')) as {
  name: string;
  'node-red': { nodes: Record<string, string> };
};

interface NodeSet {
  readonly module: string;
  readonly name: string;
  readonly types: readonly string[];
  readonly enabled: boolean;
  readonly err?: string;
}

interface ServerState {
  readonly state: string;
  readonly devices: number;
  readonly listening: readonly { readonly port: number }[];
}

describe('examples', () => {
  it('each has a scenario that says what its reader must see', () => {
    assert.deepEqual(Object.keys(SCENARIOS).sort(), examples.sort());
  });
});

for (const runtime of RUNTIMES) {
  describe(`the packed pack in ${runtime.name}`, () => {
    let nodeRed: NodeRed;
    let userDirectory: string;

    before(async function () {
      this.timeout(PREPARE_MS);
      let programs: { node: string; nodeRed: string };
      try {
        programs = await runtime.prepare();
      } catch (error) {
        console.log(`    cannot be had here: ${String(error)}`);
        this.skip();
      }
      userDirectory = await freshUserDirectory();
      nodeRed = await NodeRed.start(programs, userDirectory);
    });

    after(async function () {
      this.timeout(CLOSE_MS * 2);
      await nodeRed?.stop();
    });

    it('loads every node of the pack without an error', async () => {
      const sets = (await nodeRed.get<NodeSet[]>('nodes')).filter(({ module }) => module === packName);
      assert.deepEqual(
        sets.filter(({ enabled, err }) => !enabled || err !== undefined).map(({ name, err }) => `${name}: ${err}`),
        [],
      );
      assert.deepEqual(sets.map(({ name }) => name).sort(), Object.keys(pack.nodes).sort());
    });

    for (const file of examples) {
      it(`runs the example "${path.basename(file, '.json')}"`, async function () {
        this.timeout(EXAMPLE_MS);
        const example = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as FlowNode[];
        const record = path.join(userDirectory, `${path.basename(file, '.json')}.jsonl`);
        const port = await freeUdpPort();
        await nodeRed.deploy(tapped(example, { file: record, port, securePort: await freeUdpPort() }));
        await fleetRegistered(nodeRed, port, devicesOf(example));

        const sightings = new Sightings(record);
        await SCENARIOS[file]?.({
          press: (button) => nodeRed.press(buttonNamed(example, button)),
          seen: (debug, fits = () => true, withinMs) =>
            sightings.first(`a message at "${debug}"`, (sighting) => sighting.at === debug && fits(sighting), withinMs),
        });
        const uncaught = (await sightings.all()).filter(({ at }) => at === 'uncaught');
        assert.deepEqual(uncaught, [], 'no error goes uncaught');
      });
    }

    it('ends in time when it is told to, without an uncaught exception', async function () {
      this.timeout(CLOSE_MS * 2);
      const took = await nodeRed.stop();
      assert.ok(took < CLOSE_MS, `took ${took} ms`);
      assert.doesNotMatch(nodeRed.output, /uncaught exception|unhandled/i);
    });
  });
}

/** How many devices an example brings: those of its simulator, and this Node-RED itself. */
function devicesOf(example: readonly FlowNode[]): number {
  const devices = example.map(({ type, count }) => (type === 'dm-simulator' ? Number(count) : type === 'lwm2m-client' ? 1 : 0));
  return devices.reduce((sum, more) => sum + more, 0);
}

/** They have registered: the admin API says so. */
async function fleetRegistered(nodeRed: NodeRed, port: number, expected: number): Promise<void> {
  let servers: ServerState[] = [];
  for (const deadline = Date.now() + FLEET_MS; Date.now() < deadline; await sleep(250)) {
    servers = await nodeRed.get<ServerState[]>('device-management/servers');
    const own = servers.find(({ listening }) => listening.some((at) => at.port === port));
    if (own?.devices === expected) return;
  }
  assert.fail(`The fleet did not register: ${JSON.stringify(servers)}\n${nodeRed.output.slice(-3000)}`);
}

function buttonNamed(example: readonly FlowNode[], name: string): string {
  const button = example.find((node) => node.type === 'inject' && node.name === name);
  assert.ok(button, `the example has a button "${name}"`);
  return button.id;
}

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { EXECUTE_PRESETS } from '../../../src/fleet/presets/execute-presets';
import type { Preset } from '../../../src/fleet/presets/preset';
import { READ_PRESETS } from '../../../src/fleet/presets/read-presets';
import { WRITE_PRESETS, type WritePreset } from '../../../src/fleet/presets/write-presets';
import type { ObjectTree } from '../../../src/lwm2m/client/objects';
import { around, deploy, device, endFlow, failureOf, inbox, send, serverNode, thermometer } from '../flow';

const EXECUTE = { type: 'dm-execute', device: 't-1', deviceType: 'str', failures: 'catch' };

/** A device that can be told everything; what it does is written down. */
function manageable(): ObjectTree {
  const tree = thermometer();
  const execute = { execute: () => undefined };
  const take = { write: () => undefined };
  tree.add(7, 0, {}, { 6: execute, 7: execute });
  tree.add(8, 0, { 0: 0, 5: 0 }, { 1: take, 3: execute, 4: take });
  tree.add(9, 1, { 13: '65535:65535' }, { 4: execute, 6: execute, 10: execute, 11: execute });
  tree.add(15, 3, { 0: 'camera', 4: true }, { 5: execute, 6: execute });
  tree.add(20, 0, { 4014: Buffer.alloc(0) }, { 4011: execute, 4012: execute });
  return tree;
}

/** @returns what the device has done so far: "execute /3/0/4", "write /8/0/0" */
async function given(properties: Readonly<Record<string, unknown>>): Promise<string[]> {
  await deploy([serverNode(), ...around({ ...EXECUTE, ...properties })]);
  const client = await device('t-1', { objects: manageable() });
  const done: string[] = [];
  client.events.on('executed', ({ path: at, arguments: map }) => done.push(`execute ${at}${map.size > 0 ? '?' : ''}`));
  client.events.on('written', ({ paths }) => done.push(`write ${paths.join()}`));
  return done;
}

describe('execute with a preset', () => {
  afterEach(endFlow);

  const CASES: readonly [string, Record<string, unknown>, readonly string[]][] = [
    ['reboot', {}, ['execute /3/0/4']],
    ['factory-reset', { confirmed: true }, ['execute /3/0/5']],
    ['reset-errors', {}, ['execute /3/0/12']],
    ['update', {}, ['execute /5/0/2']],
    ['registration-update', {}, ['execute /1/0/8']],
    ['lock', { confirmed: true }, ['write /8/0/0']],
    ['lock', { confirmed: true, targets: 'sensor' }, ['write /8/0/1', 'write /8/0/0']],
    ['unlock', {}, ['write /8/0/0']],
    ['wipe', { confirmed: true, targets: 'a, b' }, ['write /8/0/4', 'execute /8/0/3']],
    ['install', { instance: '1' }, ['execute /9/1/4']],
    ['activate', { instance: '1' }, ['execute /9/1/10']],
    ['peripheral-restart', {}, ['execute /15/3/6', 'execute /15/3/5']],
    ['start-log', {}, ['execute /20/0/4011']],
    ['stop-statistics', {}, ['execute /7/0/7']],
  ];
  for (const [preset, properties, expected] of CASES) {
    it(`${preset} ${JSON.stringify(properties)} is ${expected.join(', then ')}, whatever path and arguments the message has`, async () => {
      const done = await given({ preset, ...properties, arguments: '5', argumentsType: 'str' });
      send({ path: '/3303/0/5605', arguments: '1', payload: '2' });
      const message = await inbox('out').next();
      assert.deepEqual(done, expected);
      assert.equal(message.path, expected.at(-1)?.split(' ')[1]);
      assert.equal(message.payload, '2');
    });
  }

  it('disable takes its seconds from the message, and the device is gone for that time', async () => {
    await deploy([serverNode(), ...around({ ...EXECUTE, preset: 'disable' })]);
    const client = await device('t-1');
    send({ seconds: 600 });
    await inbox('out').next();
    assert.equal(client.objects.get('/1/0/5'), 600);
  });

  it('wipe does nothing unless it is confirmed, and says how', async () => {
    const done = await given({ preset: 'wipe' });
    send({});
    const { code, message } = failureOf(await inbox('caught').next());
    assert.equal(code, 'invalid-request');
    assert.match(
      message,
      /"wipe" was not confirmed, and nothing was sent: tick the confirmation in the node, or set msg\.confirm to "wipe"/,
    );
    send({ confirm: true });
    await inbox('caught').next();
    assert.deepEqual(done, []);
    send({ confirm: 'wipe' });
    await inbox('out').next();
    assert.deepEqual(done, ['execute /8/0/3']);
  });

  it('an instance is asked for where the device has several, and the failure is that of the device', async () => {
    const done = await given({ preset: 'deactivate', device: '*' });
    send({});
    const caught = await inbox('caught').next();
    assert.match(failureOf(caught).message, /which instance of object 9\? device 't-1' has 0, 1/);
    assert.equal(caught.device, 't-1');
    send({ instance: 1 });
    await inbox('out').next();
    assert.deepEqual(done, ['execute /9/1/11']);
  });

  it('a step that fails ends it', async () => {
    const done = await given({ preset: 'disable', seconds: '-5' });
    send({});
    assert.match(failureOf(await inbox('caught').next()).message, /for how many seconds/);
    assert.deepEqual(done, []);
  });
});

interface Option {
  readonly name: string;
  readonly takes: readonly string[];
}

/** Presets as a dialog offers them, with the fields it shows for each. */
function offered(node: string): Option[] {
  const html = readFileSync(path.join(process.cwd(), `nodes/${node}/${node}.html`), 'utf8');
  const select = /<select id="node-input-preset".*?<\/select>/s.exec(html)?.[0] ?? '';
  return [...select.matchAll(/<option value="([^"]+)"(?: data-takes="([^"]*)")?/g)].map(([, name = '', takes = '']) => ({
    name,
    takes: takes.split(' ').filter((field) => field !== ''),
  }));
}

function texts(node: string): { preset: Record<string, string>; 'preset-note': Record<string, string> } {
  return JSON.parse(readFileSync(path.join(process.cwd(), `nodes/${node}/locales/en-US/${node}.json`), 'utf8'));
}

const byName = (a: Option, b: Option): number => (a.name < b.name ? -1 : 1);
const sorted = (options: readonly Option[]): Option[] =>
  [...options].map(({ name, takes }) => ({ name, takes: [...takes].sort() })).sort(byName);

describe('the dialogs', () => {
  const wanted: readonly [string, readonly Option[]][] = [
    [
      'execute',
      (Object.entries(EXECUTE_PRESETS) as [string, Preset][]).map(([name, { takes = [], isDangerous }]) => ({
        name,
        takes: [...takes, ...(isDangerous === true ? ['confirmed'] : [])],
      })),
    ],
    [
      'write',
      (Object.entries(WRITE_PRESETS) as [string, WritePreset][]).map(([name, { path: at, isGuarded }]) => ({
        name,
        takes: [...(at.includes('*') ? ['instance'] : []), ...(isGuarded === true ? ['restore', 'wait'] : [])],
      })),
    ],
    ['read', Object.keys(READ_PRESETS).map((name) => ({ name, takes: [] }))],
  ];
  for (const [node, presets] of wanted) {
    it(`of ${node} offers every preset there is, explained, with the fields it takes`, () => {
      assert.deepEqual(sorted(offered(node)), sorted(presets));
      const { preset, 'preset-note': note } = texts(node);
      for (const { name } of presets) assert.ok(preset[name] && note[name], name);
      assert.equal(Object.keys(note).length, presets.length);
    });
  }
});

/**
 * Makes the pictures of the documentation with the real editor, and on request one of everything a user sees, to be looked at.
 *   npm run screenshots              docs/first-flow.png
 *   npm run screenshots -- --all     also the palette and every dialog, its picker open, into build/screenshots/
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setup } from './setup.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const all = path.join(root, 'build', 'screenshots');
/** Away from 5683, where a demo may be running. */
const COAP_PORT = 15_683;
const SETTLE_MS = 12_000;

/** Of each dialog: the node of the demo flow that has it, what is to be unfolded first, and whose picker is opened. */
const DIALOGS = [
  { name: 'register', type: 'dm-register', picker: 'device' },
  { name: 'read', type: 'dm-read', picker: 'path' },
  { name: 'read-device', type: 'dm-read', picker: 'device' },
  { name: 'read-delivery', type: 'dm-read', unfold: true },
  { name: 'write', type: 'dm-write', picker: 'path' },
  { name: 'write-attributes', type: 'dm-write', select: ['operation', 'write-attributes'] },
  { name: 'execute', type: 'dm-execute', picker: 'path' },
  { name: 'execute-guard', type: 'dm-execute', guard: true },
  { name: 'job', type: 'dm-job', guard: true },
  { name: 'alarm', type: 'dm-alarm' },
  { name: 'execute-preset', type: 'dm-execute', select: ['preset', 'wipe'] },
  { name: 'write-preset', type: 'dm-write', select: ['preset', 'wifi'] },
  { name: 'read-preset', type: 'dm-read', select: ['preset', 'wifi'] },
  { name: 'observe', type: 'dm-observe', picker: 'path' },
  { name: 'observe-attributes', type: 'dm-observe' },
  { name: 'simulator', type: 'dm-simulator' },
  { name: 'client', type: 'lwm2m-client' },
];

setup({ tests: true });
const { RunningEditor } = createRequire(import.meta.url)(path.join(root, 'build', 'test', 'editor', 'running-editor.js'));

const flow = JSON.parse(readFileSync(path.join(root, 'scripts', 'demo-flow.json'), 'utf8')).map((node) =>
  node.type === 'lwm2m-server' ? { ...node, port: COAP_PORT } : node,
);
const server = flow.find(({ type }) => type === 'lwm2m-server').id;
const tab = flow.find(({ type }) => type === 'tab').id;

const editor = await RunningEditor.open(flow, { width: 1320, height: 860 });
try {
  const { page } = editor;
  await page.evaluate(`RED.sidebar.show('debug')`);
  await page.evaluate(`document.querySelector('[data-palette-type="dm-execute"]').scrollIntoView({ block: 'center' })`);
  await page.waitForTimeout(SETTLE_MS);
  await page.screenshot({ path: path.join(root, 'docs', 'first-flow.png') });
  if (process.argv.includes('--all')) {
    mkdirSync(all, { recursive: true });
    await page.screenshot(picture('palette'));
    await serverDialog(page);
    await sidebar(page);
    for (const dialog of DIALOGS) await nodeDialog(dialog);
  }
} finally {
  await editor.close();
}

function picture(name) {
  return { path: path.join(all, `${name}.png`) };
}

async function serverDialog(page) {
  await page.evaluate(`RED.editor.editConfig('', 'lwm2m-server', '${server}')`);
  await page.waitForSelector('#node-config-input-admission');
  await page.waitForTimeout(800);
  await page.screenshot(picture('server'));
  await page.selectOption('#node-config-input-admission', 'open');
  await page.screenshot(picture('server-open'));
  await page.click('#node-config-dialog-cancel');
  await page.waitForTimeout(500);
}

async function sidebar(page) {
  await page.evaluate(`RED.sidebar.show('dm-devices')`);
  await page.click('.dm-sidebar-row[data-endpoint="sim-003"]');
  await page.click('.dm-sidebar-actions button');
  await page.waitForTimeout(1500);
  await page.screenshot(picture('sidebar'));
}

async function nodeDialog({ name, type, picker, unfold, guard, select }) {
  const { page } = editor;
  const id = (await page.evaluate(`(RED.nodes.filterNodes({ type: '${type}' })[0] || {}).id`)) ?? (await added(type));
  await editor.openDialog(id);
  // The help beside the dialog, as a user has it.
  await page.evaluate(`RED.sidebar.show('help')`);
  if (select) await page.selectOption(`#node-input-${select[0]}`, select[1]);
  if (unfold) await page.click('.dm-delivery > summary');
  if (guard) await page.click('.dm-guard > summary');
  if (picker) {
    await page.click(`[aria-controls="dm-picker-${picker}"]`);
    await page.waitForSelector(`#dm-picker-${picker}:not([aria-busy])`);
  }
  await page.waitForTimeout(500);
  await page.screenshot(picture(name));
  await editor.cancelDialog();
}

/** A node the demo does not have, as it comes from the palette, but with a server. */
async function added(type) {
  return page().evaluate(`(() => {
    const definition = RED.nodes.getType('${type}');
    const node = { id: RED.nodes.id(), type: '${type}', z: '${tab}', x: 100, y: 100, _def: definition, _config: {}, users: [],
      inputs: definition.inputs, outputs: definition.outputs, changed: true };
    for (const name of Object.keys(definition.defaults)) node[name] = structuredClone(definition.defaults[name].value);
    if ('server' in definition.defaults) node.server = '${server}';
    RED.nodes.add(node);
    return node.id;
  })()`);
}

function page() {
  return editor.page;
}

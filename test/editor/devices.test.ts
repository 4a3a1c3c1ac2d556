/** The dialog of devices and the selector builder of every Device field, in a real editor. */
import assert from 'node:assert/strict';
import { freeUdpPort } from '../free-port';
import { type FlowNode, RunningEditor, whyNoEditor } from './running-editor';

const SERVER = '5e4e400000000003';

function node(id: string, type: string, y: number, properties: object): FlowNode {
  return { id, type, z: 'f30', name: '', x: 200, y, wires: [[]], version: 1, server: SERVER, ...properties };
}

function flow(port: number): FlowNode[] {
  return [
    { id: 'f30', type: 'tab', label: 'devices' },
    {
      id: SERVER,
      type: 'lwm2m-server',
      name: '',
      version: 1,
      host: '127.0.0.1',
      port,
      securePort: '',
      admission: 'secured',
      store: 'memory',
    },
    node('devices', 'dm-devices', 60, {
      action: 'list',
      device: '',
      deviceType: 'str',
      tags: 'tags',
      tagsType: 'msg',
      fields: '',
      results: 'array',
    }),
    node('register', 'dm-register', 120, { device: '', deviceType: 'str', events: [] }),
    node('simulator', 'dm-simulator', 180, { count: 3, prefix: 'sim-', over: 'udp' }),
  ];
}

describe('choosing devices in a dialog', function () {
  this.timeout(120_000);
  let editor: RunningEditor;

  before(async function () {
    const reason = whyNoEditor();
    if (reason !== undefined) {
      console.log(`      skipped: ${reason}`);
      this.skip();
    }
    editor = await RunningEditor.open(flow(await freeUdpPort()));
    await editor.page.waitForFunction(
      `fetch('device-management/servers/${SERVER}/devices').then((answer) => answer.json()).then((list) => (list.devices || []).length === 3)`,
    );
  });

  after(() => editor?.close());

  afterEach(async () => {
    if (!editor) return;
    if (await editor.page.$('#dialog-form')) await editor.cancelDialog();
    assert.deepEqual(editor.problems.splice(0), []);
  });

  const chosen = (): Promise<unknown> => editor.page.evaluate(`$('#node-input-device').typedInput('value')`);

  async function typed(value: string): Promise<void> {
    await editor.page.evaluate(`$('#node-input-device').typedInput('type', 'str').typedInput('value', ${JSON.stringify(value)})`);
  }

  const complaint = (id: string): Promise<unknown> =>
    editor.page.evaluate(
      `RED.nodes.node('${id}')._def.defaults.device.validate.call(RED.nodes.node('${id}'), $('#node-input-device').val(), {})`,
    );

  async function addCondition(field: string, operator: string, value: string, join: 'and' | 'or'): Promise<void> {
    const { page } = editor;
    await page.selectOption('#dm-selector-field', field);
    await page.selectOption('#dm-selector-operator', operator);
    await page.fill('#dm-selector-value', value);
    await page.click(`#dm-selector-${join}`);
  }

  async function counted(): Promise<string> {
    await editor.page.waitForFunction(`document.querySelector('.dm-selector-count').textContent !== ''`);
    return editor.page.locator('.dm-selector-count').innerText();
  }

  for (const id of ['devices', 'register']) {
    it(`of ${id}: a selector is built of conditions, and how many devices it means is seen`, async () => {
      await editor.openDialog(id);
      await editor.page.click('[aria-controls="dm-picker-device"]');
      await addCondition('state', '=', 'online', 'and');
      await addCondition('object', '!=', '/3303/7', 'and');
      assert.equal(await chosen(), 'state=online & object!=/3303/7');
      assert.equal(await counted(), 'Matches 3 of 3 registered devices: sim-001, sim-002, sim-003');
      assert.equal(await complaint(id), true);
    });
  }

  it('"or" before "and" gets parentheses', async () => {
    await editor.openDialog('devices');
    await editor.page.click('[aria-controls="dm-picker-device"]');
    await addCondition('model', '=', 'T 1', 'or');
    await addCondition('tag', '=', 'floor-2', 'or');
    await addCondition('firmware', '<', '2.0', 'and');
    assert.equal(await chosen(), '(model="T 1" | tag=floor-2) & firmware<2.0');
    assert.equal(await counted(), 'Matches none of 3 registered devices.');
  });

  it('what is no value of a field is not taken, and it is said what would be', async () => {
    await editor.openDialog('devices');
    await editor.page.click('[aria-controls="dm-picker-device"]');
    await addCondition('lastSeen', '<', 'yesterday', 'and');
    assert.match(await editor.page.locator('.dm-selector-mistake').innerText(), /lastSeen must be an age such as/);
    assert.equal(await chosen(), '');
  });

  it('a typed selector that is wrong is told of with the place, as the server would', async () => {
    await editor.openDialog('register');
    await typed('model=x & modle=y');
    assert.match(String(await complaint('register')), /wrong at character 11: there is no field modle: did you mean model/);
    await typed('kitchen & co');
    assert.equal(await complaint('register'), true);
  });

  it('the dialog of devices shows what its action needs', async () => {
    await editor.openDialog('devices');
    const { page } = editor;
    const shows = (name: string): Promise<boolean> => page.locator(`.form-row:has(#node-input-${name})`).isVisible();
    const seen: Record<string, boolean[]> = {};
    for (const action of ['list', 'tag', 'provision', 'export', '']) {
      await page.selectOption('#node-input-action', action);
      seen[action] = await Promise.all(['device', 'tags', 'fields', 'passphrase'].map(shows));
    }
    assert.deepEqual(seen, {
      list: [true, false, true, false],
      tag: [true, true, false, false],
      provision: [false, false, false, false],
      export: [false, false, false, true],
      '': [true, true, true, true],
    });
    await page.fill('#node-input-fields', 'state, colour');
    const fields = await page.evaluate(
      `RED.nodes.node('devices')._def.defaults.fields.validate($('#node-input-fields').val(), {})`,
    );
    assert.match(String(fields), /There is no "colour" of a device; there are endpoint, state/);
  });
});

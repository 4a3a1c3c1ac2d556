/** The dialogs as a user meets them, in a real editor. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { freeUdpPort } from '../free-port';
import { example, type FlowNode, RunningEditor, whyNoEditor } from './running-editor';

const SERVER = '5e4e400000000001';
const TARGET = { version: 1, server: SERVER, device: 'device', deviceType: 'msg', path: 'path', pathType: 'msg' };
const DELIVERY = {
  timeout: '',
  whenAsleep: 'queue',
  ttl: '',
  priority: 'normal',
  failures: 'catch',
  collect: false,
  concurrency: 50,
  outputs: 1,
};

const PRESET = {
  preset: '',
  instance: '',
  instanceType: 'str',
  seconds: '',
  secondsType: 'str',
  targets: '',
  targetsType: 'str',
  confirmed: false,
};

function node(id: string, type: string, y: number, properties: object): FlowNode {
  return { id, type, z: 'f10', name: '', x: 200, y, wires: [[]], ...properties };
}

function flow(port: number): FlowNode[] {
  return [
    { id: 'f10', type: 'tab', label: 'dialogs' },
    {
      id: SERVER,
      type: 'lwm2m-server',
      name: '',
      version: 1,
      host: '127.0.0.1',
      port,
      securePort: '',
      admission: 'secured',
      models: '',
      ackTimeout: 2,
    },
    node('register', 'dm-register', 60, { version: 1, server: SERVER, device: '', deviceType: 'str', events: [] }),
    node('devices', 'dm-devices', 90, {
      version: 1,
      server: SERVER,
      action: 'list',
      device: 'tag=floor-2',
      deviceType: 'str',
      tags: 'tags',
      tagsType: 'msg',
      fields: '',
      results: 'array',
    }),
    node('read', 'dm-read', 120, {
      ...TARGET,
      ...DELIVERY,
      preset: '',
      operation: 'read',
      format: 'auto',
      keys: 'path',
      depth: 'auto',
      links: 'list',
    }),
    node('write', 'dm-write', 180, {
      ...TARGET,
      ...DELIVERY,
      guard: {},
      preset: '',
      operation: 'write',
      mode: 'auto',
      value: 'payload',
      valueType: 'msg',
      format: 'auto',
      instance: '',
      instanceType: 'str',
      restore: 'restore',
      restoreType: 'msg',
      wait: '',
      attributes: {},
    }),
    node('execute', 'dm-execute', 240, { ...TARGET, ...DELIVERY, guard: {}, ...PRESET, arguments: '', argumentsType: 'none' }),
    node('observe', 'dm-observe', 300, {
      ...TARGET,
      device: '',
      deviceType: 'str',
      path: '',
      pathType: 'str',
      attributes: {},
      sends: true,
      composite: false,
      history: false,
      keys: 'path',
    }),
    node('bootstrap', 'dm-bootstrap', 480, {
      version: 1,
      server: SERVER,
      device: '',
      deviceType: 'str',
      uri: `coap://127.0.0.1:${port}`,
      shortServerId: 1,
      lifetime: 90,
      binding: '',
      security: 'auto',
      sends: true,
      storing: false,
      deletes: '/0, /1',
      objects: '{}',
      verify: false,
    }),
    node('simulator', 'dm-simulator', 360, {
      version: 1,
      server: SERVER,
      count: 3,
      prefix: 'sim-',
      lifetime: 60,
      interval: 5,
      lwm2m: 'mixed',
      over: 'udp',
      asleep: 0,
      gateways: 0,
      bootstrap: false,
      faults: '',
    }),
    node('client', 'lwm2m-client', 420, {
      version: 1,
      endpoint: 'node-red',
      host: '127.0.0.1',
      port,
      security: 'none',
      isAuthority: false,
      bootstrap: false,
      lwm2m: '1.1',
      lifetime: 300,
      queueMode: false,
      objects: '{"3303":{"0":{"5700":21.5}}}',
      mayCreate: false,
      wires: [[], []],
    }),
  ];
}

/** Types by the ids of the flow above. */
const TYPES: Readonly<Record<string, string>> = {
  register: 'dm-register',
  devices: 'dm-devices',
  read: 'dm-read',
  write: 'dm-write',
  execute: 'dm-execute',
  observe: 'dm-observe',
  bootstrap: 'dm-bootstrap',
  simulator: 'dm-simulator',
  client: 'lwm2m-client',
};
const NODES = Object.keys(TYPES);

/** A translation that is missing shows as its key. */
const KEY =
  /\b(admission|attribute|event|format|label|mode|note|operation|option|output|picker|placeholder|preset|state|unit|validation)\.[a-z]/;

describe('the dialogs', function () {
  this.timeout(60_000);
  let editor: RunningEditor;

  before(async function () {
    const reason = whyNoEditor();
    if (reason) {
      console.log(`    skipped: ${reason}`);
      this.skip();
    }
    editor = await RunningEditor.open(flow(await freeUdpPort()));
  });

  after(async () => editor?.close());

  afterEach(async () => {
    if (!editor) return;
    if (await editor.page.$('#dialog-form')) await editor.cancelDialog();
    assert.deepEqual(editor.problems.splice(0), []);
  });

  const shows = (selector: string) => editor.page.locator(selector).isVisible();

  async function setTyped(name: string, type: string, value: string): Promise<void> {
    await editor.page.evaluate(
      `$('#node-input-${name}').typedInput('type', ${JSON.stringify(type)}).typedInput('value', ${JSON.stringify(value)})`,
    );
  }

  /** What the dialog holds against a field, as Node-RED shows it. */
  async function complaint(id: string, property: string): Promise<unknown> {
    return editor.page.evaluate(
      `(() => { const node = RED.nodes.node(${JSON.stringify(id)}); return node._def.defaults[${JSON.stringify(property)}]
        .validate.call(node, $('#node-input-${property}').val(), {}); })()`,
    );
  }

  /** Of the open dialog: how wide, which labels do not fit into a line, and where the fields begin. */
  async function layout(): Promise<{ width: number; labels: string[]; edges: number[] }> {
    return editor.page.evaluate(`(() => {
      const seen = (selector) => [...document.querySelectorAll('#dialog-form ' + selector)].filter((element) => element.offsetParent !== null);
      const left = (element) => Math.round(element.getBoundingClientRect().left);
      return {
        width: document.querySelector('#dialog-form').offsetWidth,
        labels: seen('.form-row > label:not(.dm-check)').filter((label) => label.offsetHeight > 30).map((label) => label.innerText),
        // A second field of a row stands where it finds room.
        edges: seen('.form-row').map((row) => [...row.querySelectorAll(':scope > input, :scope > select, :scope > .red-ui-typedInput-container')]
          .find((field) => field.offsetParent !== null)).filter(Boolean).map(left),
      };
    })()`);
  }

  async function openPicker(name: string): Promise<string[]> {
    await editor.page.click(`[aria-controls="dm-picker-${name}"]`);
    await editor.page.waitForSelector(`#dm-picker-${name}:not([aria-busy])`);
    return editor.page.locator(`#dm-picker-${name} .dm-tree-label`).allTextContents();
  }

  /** The three simulated devices and the client need a moment to register. */
  async function devicesRegistered(): Promise<void> {
    await editor.page.waitForFunction(
      `fetch('device-management/servers/${SERVER}/devices').then((answer) => answer.json()).then((list) => (list.devices || []).length >= 4)`,
    );
  }

  for (const name of NODES) {
    it(`of ${name} opens without a complaint, translated, and with help`, async () => {
      await editor.openDialog(name);
      const words = await editor.page.locator('#dialog-form').innerText();
      assert.doesNotMatch(words, KEY);
      const label = String(await editor.page.evaluate(`RED.utils.getNodeLabel(RED.nodes.node('${name}'))`));
      assert.doesNotMatch(label, KEY);
      assert.equal(await editor.page.locator('#dialog-form .input-error').count(), 0);
    });

    it(`of ${name} lines its fields up, and opens no wider than it must`, async () => {
      await editor.openDialog(name);
      const { width, labels, edges } = await layout();
      assert.ok(width <= 620, `${width} px`);
      assert.deepEqual(labels, [], 'labels of more than one line');
      assert.equal(new Set(edges).size, 1, `fields begin at ${edges.join(', ')}`);
    });

    it(`of ${name} has help in which every property stands in the list of properties`, async () => {
      const help = String(await editor.page.evaluate(`RED.utils.renderMarkdown(RED.nodes.getNodeHelp('${TYPES[name]}') ?? '')`));
      assert.match(help, /<h3[^>]*>Outputs/);
      assert.match(help, /<h3[^>]*>Details/);
      const outside = help.replace(/<dl class="message-properties">.*?<\/dl>/gs, '');
      // A line that breaks, or has a colon too many, falls out of the list.
      assert.doesNotMatch(outside, /<dt>|\((string|number|object|any)[^)]*\)\s*:/);
    });

    it(`of ${name} saves what it was given`, async () => {
      const before = await editor.page.evaluate(`JSON.stringify(RED.nodes.convertNode(RED.nodes.node('${name}'), false))`);
      await editor.openDialog(name);
      await editor.saveDialog();
      const after = await editor.page.evaluate(`JSON.stringify(RED.nodes.convertNode(RED.nodes.node('${name}'), false))`);
      const values = (json: unknown) =>
        JSON.parse(String(json), (_key, value: unknown) => (typeof value === 'number' ? String(value) : value));
      assert.deepEqual(values(after), values(before));
    });
  }

  it('of the server says whether it listens, and warns of an open port', async () => {
    await editor.page.evaluate(`RED.editor.editConfig('', 'lwm2m-server', '${SERVER}')`);
    await editor.page.waitForSelector('#node-config-input-admission');
    await editor.page.waitForFunction(`/Listening/.test(document.querySelector('#dm-server-state').textContent)`);
    assert.equal(await shows('#dm-admission-warning'), false);
    await editor.page.selectOption('#node-config-input-admission', 'open');
    assert.equal(await shows('#dm-admission-warning'), true);
    assert.doesNotMatch(await editor.page.locator('#node-config-dialog-edit-form').innerText(), KEY);
    await editor.page.click('#node-config-dialog-cancel');
    await editor.page.waitForSelector('#node-config-input-admission', { state: 'detached' });
  });

  it('of the server and the simulator tell what is wrong with where images are, and with faults', async () => {
    const judge = (node: string, field: string, value: string): Promise<unknown> =>
      editor.page.evaluate(
        `(() => { const node = RED.nodes.getType('${node}'); return node.defaults.${field}.validate.call({ _def: node }, '${value}', {}); })()`,
      );
    for (const [node, field, good, wrong, sentence] of [
      ['lwm2m-server', 'largestImage', '64', '0', /from 1 to 1024 MiB/],
      ['lwm2m-server', 'publicHost', 'fd00::1', 'coap://manager', /without scheme and port/],
      ['lwm2m-server', 'imageBaseUrl', 'https://m.example:1880/red', 'm.example', /http:\/\/192\.168\.1\.10:1880/],
      ['dm-simulator', 'faults', 'sim-00*=corrupt; sim-010=slow:2,defers', 'corrupt', /"corrupt": write device=fault/],
    ] as const) {
      assert.equal(await judge(node, field, good), true, field);
      assert.equal(await judge(node, field, ''), true, field);
      assert.match(String(await judge(node, field, wrong)), sentence);
    }
  });

  it('of the server wants another port for secured devices than for the others', async () => {
    await editor.page.evaluate(`RED.editor.editConfig('', 'lwm2m-server', '${SERVER}')`);
    await editor.page.waitForSelector('#node-config-input-securePort');
    const judge = async (field: string, port: string): Promise<unknown> => {
      await editor.page.fill(`#node-config-input-${field}`, port);
      return editor.page.evaluate(
        `(() => { const node = RED.nodes.node('${SERVER}'); return node._def.defaults.${field}.validate.call(node, '${port}', {}); })()`,
      );
    };
    await editor.page.fill('#node-config-input-port', '5690');
    await editor.page.fill('#node-config-input-tcpPort', '5690');
    for (const field of ['securePort', 'tlsPort']) {
      assert.match(String(await judge(field, '5690')), /port for unsecured devices/);
      assert.match(String(await judge(field, '70000')), /1 to 65535/);
      assert.equal(await judge(field, '5691'), true);
      assert.equal(await judge(field, ''), true);
    }
    await editor.page.click('#node-config-dialog-cancel');
    await editor.page.waitForSelector('#node-config-input-securePort', { state: 'detached' });
  });

  it('of the client shows what its security needs, and its key is in no export', async () => {
    const fields = ['identity', 'key', 'certificate', 'privateKey', 'serverKey', 'isAuthority'];
    const shown = async (): Promise<string[]> => {
      const visible = await Promise.all(fields.map((field) => shows(`#node-input-${field}`)));
      return fields.filter((_, index) => visible[index]);
    };
    await editor.openDialog('client');
    assert.deepEqual(await shown(), []);
    for (const [mode, expected] of [
      ['rpk', ['privateKey', 'serverKey']],
      ['x509', ['certificate', 'privateKey', 'serverKey', 'isAuthority']],
      ['psk', ['identity', 'key']],
    ] as const) {
      await editor.page.selectOption('#node-input-security', mode);
      assert.deepEqual(await shown(), expected);
    }
    await editor.page.fill('#node-input-identity', 'me');
    await editor.page.fill('#node-input-key', '5ec4e7');
    assert.doesNotMatch(await editor.page.locator('#dialog-form').innerText(), KEY);
    await editor.saveDialog();
    const saved = String(
      await editor.page.evaluate(`JSON.stringify(RED.nodes.createExportableNodeSet([RED.nodes.node('client')]))`),
    );
    assert.match(saved, /"security":"psk"/);
    assert.doesNotMatch(saved, /5ec4e7/);
    await editor.openDialog('client');
    await editor.page.selectOption('#node-input-security', 'none');
    await editor.saveDialog();
  });

  it('of the client takes the port that goes with its security, and leaves any other', async () => {
    await editor.openDialog('client');
    const port = '#node-input-port';
    for (const [before, security, after] of [
      ['5683', 'psk', '5684'],
      ['5684', 'none', '5683'],
      ['7000', 'psk', '7000'],
    ] as const) {
      await editor.page.selectOption('#node-input-security', security === 'none' ? 'psk' : 'none');
      await editor.page.fill(port, before);
      await editor.page.selectOption('#node-input-security', security);
      assert.equal(await editor.page.inputValue(port), after);
    }
    await editor.cancelDialog();
  });

  it('show only the fields that matter', async () => {
    await editor.openDialog('write');
    assert.equal(await shows('#node-input-mode'), true);
    assert.equal(await shows('#dm-attribute-pmin'), false);
    await editor.page.selectOption('#node-input-operation', 'write-attributes');
    assert.equal(await shows('#node-input-mode'), false);
    assert.equal(await shows('#dm-attribute-pmin'), true);
    await editor.cancelDialog();

    await editor.openDialog('execute');
    await editor.page.selectOption('#node-input-preset', 'reboot');
    assert.equal(await editor.page.locator('label[for=node-input-path]').isVisible(), false);
    assert.match(await editor.page.locator('#dm-preset-note').innerText(), /\/3\/0\/4/);
  });

  it('a preset shows what it does and the fields it takes, and hides what it knows itself', async () => {
    await editor.openDialog('execute');
    const fields = ['path', 'arguments', 'instance', 'seconds', 'targets', 'confirmed'];
    const shown = async (): Promise<string[]> => {
      const seen: string[] = [];
      for (const field of fields) if (await editor.page.locator(`label[for=node-input-${field}]`).isVisible()) seen.push(field);
      return seen;
    };
    const expected: readonly [string, readonly string[], RegExp][] = [
      ['disable', ['instance', 'seconds'], /\/1\/x\/5/],
      ['wipe', ['targets', 'confirmed'], /msg\.confirm = "wipe"/],
      ['peripheral-restart', ['instance'], /\/15\/x\/6.*then/],
      ['start-log', [], /\/20\/0\/4011/],
      ['', ['path', 'arguments'], /^$/],
    ];
    for (const [preset, wanted, note] of expected) {
      await editor.page.selectOption('#node-input-preset', preset);
      assert.deepEqual(await shown(), wanted, preset);
      assert.match(await editor.page.locator('#dm-preset-note').innerText(), note, preset);
    }
    await editor.page.selectOption('#node-input-preset', 'wipe');
    await editor.page.check('#node-input-confirmed');
    await editor.saveDialog();
    assert.equal(await editor.property('execute', 'confirmed'), true);
    assert.match(String(await editor.page.evaluate(`RED.utils.getNodeLabel(RED.nodes.node('execute'))`)), /wipe/);
    await editor.page.evaluate(`Object.assign(RED.nodes.node('execute'), { preset: '', confirmed: false })`);
  });

  it('a preset of write and of read takes the place of operation and path', async () => {
    await editor.openDialog('write');
    await editor.page.selectOption('#node-input-operation', 'write-attributes');
    await editor.page.selectOption('#node-input-preset', 'wifi');
    for (const field of ['operation', 'mode', 'format', 'wait'])
      assert.equal(await shows(`#node-input-${field}`), field === 'wait', field);
    assert.equal(await shows('#dm-attribute-pmin'), false);
    const { labels, edges } = await layout();
    assert.deepEqual(labels, []);
    assert.equal(new Set(edges).size, 1);
    assert.equal(await editor.page.locator('label[for=node-input-value]').isVisible(), true);
    assert.equal(await editor.page.locator('label[for=node-input-restore]').isVisible(), true);
    assert.equal(await editor.page.locator('label[for=node-input-path]').isVisible(), false);
    await editor.page.selectOption('#node-input-preset', '');
    assert.equal(await shows('#dm-attribute-pmin'), true);
    assert.equal(await editor.page.locator('label[for=node-input-value]').isVisible(), false);
    await editor.cancelDialog();
    await editor.openDialog('read');
    await editor.page.selectOption('#node-input-operation', 'discover');
    await editor.page.selectOption('#node-input-preset', 'wifi');
    assert.equal(await shows('#node-input-operation'), false);
    assert.equal(await shows('#node-input-keys'), true);
    assert.equal(await shows('#node-input-depth'), false);
    assert.match(await editor.page.locator('#dm-preset-note').innerText(), /WLAN Connectivity \(\/12\)/);
  });

  it('the path picker finds management objects and their resources by name', async () => {
    await devicesRegistered();
    await editor.openDialog('execute');
    await setTyped('device', 'str', 'sim-001');
    await openPicker('path');
    for (const [words, path] of [
      ['Lock and Wipe', '/8/0/3'],
      ['wipe', '/8/0/3'],
      ['opDisable', '/15/1/6'],
      ['log start', '/20/0/4011'],
    ] as const) {
      await editor.page.fill('#dm-picker-path .dm-picker-bar input', words);
      const found = await editor.page.locator('#dm-picker-path .dm-tree-choice:visible').allInnerTexts();
      const id = path.split('/').at(-1) as string;
      assert.ok(
        found.some((line) => line.trim().startsWith(id)),
        `${words}: ${found.join(' | ')}`,
      );
    }
    await editor.cancelDialog();
    await editor.openDialog('read');
    await openPicker('path');
    await editor.page.selectOption('#dm-picker-source', '');
    await editor.page.waitForSelector('#dm-picker-path:not([aria-busy])');
    for (const [words, object] of [
      ['WLAN', '12'],
      ['lock and wipe', '8'],
      ['software management', '9'],
      ['capmgmt', '15'],
    ] as const) {
      await editor.page.fill('#dm-picker-path .dm-picker-bar input', words);
      const found = await editor.page.locator('#dm-picker-path .dm-tree-label:visible').allTextContents();
      assert.ok(
        found.some((label) => label.startsWith(`${object} `)),
        `${words}: ${found.join(' | ')}`,
      );
    }
  });

  it('a path is judged by what the operation takes', async () => {
    await editor.openDialog('read');
    await setTyped('path', 'str', '3303/0');
    assert.match(String(await complaint('read', 'path')), /Write numbers after slashes/);
    await setTyped('path', 'str', '/3303/0/5700');
    assert.equal(await complaint('read', 'path'), true);
    await editor.cancelDialog();
    await editor.openDialog('execute');
    await setTyped('path', 'str', '/3/0');
    assert.match(String(await complaint('execute', 'path')), /takes a resource/);
  });

  it('a mistake marks its field, and the sentence says what is right', async () => {
    await editor.openDialog('observe');
    await setTyped('path', 'str', '/3303/x');
    assert.match(String(await complaint('observe', 'path')), /for example \/3303\/0\/5700/);
    await setTyped('device', 'jsonata', '(');
    assert.notEqual(await complaint('observe', 'device'), true);
    assert.equal(await editor.page.locator('#dialog-form .red-ui-typedInput-container.input-error').count(), 2);
    await editor.cancelDialog();

    await editor.openDialog('execute');
    await setTyped('arguments', 'str', '10=5');
    assert.match(String(await complaint('execute', 'arguments')), /single digits/);
    await editor.cancelDialog();

    await editor.openDialog('client');
    await setTyped('objects', 'json', '{');
    assert.notEqual(await complaint('client', 'objects'), true);
    await editor.page.fill('#node-input-endpoint', '');
    await editor.page.press('#node-input-endpoint', 'Tab');
    await editor.page.waitForSelector('#node-input-endpoint.input-error');
  });

  it('a setting that a node of an older version lacks has its default', async () => {
    await editor.page.evaluate(`delete RED.nodes.node('read').priority`);
    await editor.openDialog('read');
    assert.equal(await shows('#node-input-concurrency'), false);
    assert.equal(await editor.page.locator('#node-input-priority').inputValue(), 'normal');
    await editor.saveDialog();
    assert.equal(await editor.property('read', 'priority'), 'normal');
  });

  it('a number out of range says which range', async () => {
    await editor.openDialog('read');
    await editor.page.click('.dm-delivery > summary');
    await editor.page.fill('#node-input-concurrency', '0');
    await editor.page.press('#node-input-concurrency', 'Tab'); // Node-RED judges a field that has been left
    assert.match(String(await complaint('read', 'concurrency')), /1 to 1000/);
    await editor.page.waitForSelector('#node-input-concurrency.input-error');
  });

  it('the server a bootstrap gives is checked together with its security, and what is removed and written by itself', async () => {
    const { page } = editor;
    const leave = async (field: string, value: string): Promise<void> => {
      await page.fill(`#node-input-${field}`, value);
      await page.press(`#node-input-${field}`, 'Tab');
    };
    await editor.openDialog('bootstrap');
    await leave('uri', 'http://host');
    assert.match(String(await complaint('bootstrap', 'uri')), /coaps:\/\/host:5684/);
    await leave('uri', 'coap://host');
    assert.equal(await complaint('bootstrap', 'uri'), true);
    await page.selectOption('#node-input-security', 'generated');
    assert.match(String(await complaint('bootstrap', 'uri')), /coaps needs a key/);
    await page.selectOption('#node-input-security', 'auto');
    await page.selectOption('#node-input-binding', 'T');
    assert.match(String(await complaint('bootstrap', 'uri')), /binding/);
    await page.click('.dm-delivery > summary');
    await leave('deletes', '/0, /3/0/1');
    assert.match(String(await complaint('bootstrap', 'deletes')), /\/3\/0\/1/);
    await setTyped('objects', 'json', '{"3": 1}');
    assert.match(String(await complaint('bootstrap', 'objects')), /keyed by path/);
    await leave('uri', '');
    assert.equal(await shows('#node-input-lifetime'), false);
  });

  it('attributes are checked against each other while typing', async () => {
    await editor.openDialog('observe');
    await editor.page.fill('#dm-attribute-pmin', '60');
    await editor.page.fill('#dm-attribute-pmax', '10');
    assert.match(await editor.page.locator('#dm-attribute-problems').innerText(), /pmax must not be less than pmin/);
    await editor.page.fill('#dm-attribute-pmax', '600');
    await editor.page.fill('#dm-attribute-lt', '10');
    await editor.page.fill('#dm-attribute-gt', '12');
    await editor.page.fill('#dm-attribute-st', '1');
    assert.match(await editor.page.locator('#dm-attribute-problems').innerText(), /lt \+ 2/);
    await editor.page.fill('#dm-attribute-gt', '13');
    assert.equal(await shows('#dm-attribute-problems'), false);
    await editor.saveDialog();
    assert.deepEqual(await editor.property('observe', 'attributes'), { pmin: '60', pmax: '600', gt: '13', lt: '10', st: '1' });
  });

  it('a guard is checked while typing, and saved as rules', async () => {
    const { page } = editor;
    await editor.openDialog('execute');
    assert.equal(await shows('#dm-guard-battery'), false, 'folded while there is none');
    await page.click('.dm-guard > summary');
    await page.fill('#dm-guard-battery', '130');
    assert.match(await page.locator('#dm-guard-problems').innerText(), /from 0 to 100/);
    await page.fill('#dm-guard-battery', '30');
    await page.fill('#dm-guard-from', '02:00');
    assert.match(await page.locator('#dm-guard-problems').innerText(), /02:00 to 04:00/);
    await page.fill('#dm-guard-to', '04:00');
    await page.fill('#dm-guard-days', 'Sat, someday');
    assert.match(await page.locator('#dm-guard-problems').innerText(), /"someday" is no day/);
    await page.fill('#dm-guard-days', 'Sat, Sun');
    assert.equal(await shows('#dm-guard-problems'), false);
    await page.check('#dm-guard-notUpdating');
    await editor.saveDialog();
    const rules = { notUpdating: true, battery: 30, window: { from: '02:00', to: '04:00', days: ['sat', 'sun'] } };
    assert.deepEqual(await editor.property('execute', 'guard'), rules);
    await editor.openDialog('execute');
    assert.equal(await page.locator('#dm-guard-days').inputValue(), 'sat, sun');
    await editor.saveDialog();
    assert.deepEqual(await editor.property('execute', 'guard'), rules);
  });

  it('failures on a second output add that output', async () => {
    await editor.openDialog('read');
    await editor.page.click('.dm-delivery > summary');
    await editor.page.check('#dm-failures');
    await editor.saveDialog();
    assert.equal(await editor.property('read', 'failures'), 'output');
    assert.equal(Number(await editor.property('read', 'outputs')), 2);
    await editor.openDialog('read');
    await editor.page.uncheck('#dm-failures');
    await editor.saveDialog();
    assert.equal(Number(await editor.property('read', 'outputs')), 1);
  });

  it('events of the register node are saved as a list', async () => {
    await editor.openDialog('register');
    await editor.page.check('#dm-events input[value=expired]');
    await editor.saveDialog();
    assert.deepEqual(await editor.property('register', 'events'), ['expired']);
  });

  it('the device picker lists who is registered, finds, and fills the field', async () => {
    await devicesRegistered();
    await editor.openDialog('read');
    const names = await openPicker('device');
    assert.deepEqual(names, ['node-red', 'sim-001', 'sim-002', 'sim-003']);
    await editor.page.fill('#dm-picker-device input', '002');
    assert.equal(await editor.page.locator('#dm-picker-device li:visible').count(), 1);
    await editor.page.keyboard.press('ArrowDown');
    await editor.page.keyboard.press('Enter');
    assert.equal(await editor.page.evaluate(`$('#node-input-device').typedInput('value')`), 'sim-002');
    assert.equal(await editor.page.evaluate(`$('#node-input-device').typedInput('type')`), 'str');
    assert.equal(await shows('#dm-picker-device'), false);
  });

  it('the path picker shows what the device has and the operation can use', async () => {
    await devicesRegistered();
    await editor.openDialog('execute');
    await setTyped('device', 'str', 'sim-001');
    const labels = await openPicker('path');
    assert.ok(
      labels.some((label) => /Reboot/.test(label)),
      labels.join(),
    );
    assert.ok(!labels.some((label) => /Sensor Value/.test(label)), labels.join());
    await editor.page.fill('#dm-picker-path input', 'reboot');
    await editor.page.click('#dm-picker-path .dm-tree-choice:has-text("Reboot")');
    assert.equal(await editor.page.evaluate(`$('#node-input-path').typedInput('value')`), '/3/0/4');
  });

  it('the path picker adds to the list of an observe node', async () => {
    await devicesRegistered();
    await editor.openDialog('observe');
    await setTyped('path', 'str', '/3/0/9');
    await openPicker('path');
    await editor.page.fill('#dm-picker-path input', '/3303/0/5700');
    await editor.page.click('#dm-picker-path .dm-tree-choice:has-text("Sensor Value")');
    assert.equal(await editor.page.evaluate(`$('#node-input-path').typedInput('value')`), '/3/0/9, /3303/0/5700');
  });

  it('without a device the path picker offers what the registry knows', async () => {
    await editor.openDialog('read');
    await openPicker('path');
    await editor.page.selectOption('#dm-picker-source', '');
    await editor.page.waitForSelector('#dm-picker-path:not([aria-busy])');
    await editor.page.fill('#dm-picker-path .dm-picker-bar input', 'temperature');
    assert.ok((await editor.page.locator('#dm-picker-path li:visible').count()) >= 1);
  });

  it('a server that is not deployed says so, and keeps free text possible', async () => {
    await editor.page.evaluate(`RED.nodes.add({ id: 'undeployed', type: 'lwm2m-server', _def: RED.nodes.getType('lwm2m-server'), users: [],
      name: 'new one', version: 1, host: '', port: 5690, admission: 'secured', models: '', ackTimeout: 2 })`);
    await editor.openDialog('read');
    await editor.page.selectOption('#node-input-server', 'undeployed');
    await openPicker('device');
    assert.match(await editor.page.locator('#dm-picker-device .dm-picker-message').innerText(), /Deploy first/);
    await setTyped('device', 'str', 'anything');
    assert.equal(await complaint('read', 'device'), true);
    // The browser itself reports the 404 that says "not deployed".
    editor.problems.splice(0, editor.problems.length, ...editor.problems.filter((problem) => !/404/.test(problem)));
  });

  it('an unknown device is told from one that is not registered, and its path can be typed', async () => {
    await editor.openDialog('read');
    await setTyped('device', 'str', 'nobody');
    await openPicker('path');
    assert.match(await editor.page.locator('#dm-picker-path .dm-picker-message').innerText(), /not registered/);
    await setTyped('path', 'str', '/3/0/9');
    assert.equal(await complaint('read', 'path'), true);
    editor.problems.splice(0, editor.problems.length, ...editor.problems.filter((problem) => !/404/.test(problem)));
  });

  it('a search that finds nothing says that the name can be typed', async () => {
    await devicesRegistered();
    await editor.openDialog('register');
    await openPicker('device');
    await editor.page.fill('#dm-picker-device input', 'zzz');
    assert.match(await editor.page.locator('#dm-picker-device .dm-picker-message').innerText(), /type it into the field/);
  });

  it('a picker goes with its field', async () => {
    await editor.openDialog('execute');
    await openPicker('path');
    await editor.page.selectOption('#node-input-preset', 'reboot');
    assert.equal(await shows('#dm-picker-path'), false);
  });

  it('Escape closes the picker, not the dialog', async () => {
    await editor.openDialog('read');
    await openPicker('device');
    await editor.page.keyboard.press('Escape');
    assert.equal(await shows('#dm-picker-device'), false);
    assert.equal(await shows('#dialog-form'), true);
  });

  it('the palette shows every node, translated', async () => {
    for (const name of NODES) {
      const label = await editor.page.locator(`[data-palette-type="${TYPES[name]}"] .red-ui-palette-label`).innerText();
      assert.equal(label.trim().replace(/\s+/g, ' '), name === 'client' ? 'lwm2m client' : name);
    }
  });

  it('the examples can be deployed as they are: no node of theirs is marked', async () => {
    for (const name of readdirSync('examples').map((file) => path.basename(file, '.json'))) {
      const marked = await editor.page.evaluate(`(() => {
        const { nodes } = RED.nodes.import(${JSON.stringify(example(name))}, { generateIds: true, addFlow: true });
        for (const node of nodes) RED.editor.validateNode(node);
        return nodes.filter(({ valid }) => valid === false).map(({ type, name, validationErrors }) => [type, name, validationErrors]);
      })()`);
      assert.deepEqual(marked, [], name);
    }
  });

  it('the examples stand in the Import menu, in order', async () => {
    await editor.page.evaluate(`RED.actions.invoke('core:show-examples-import-dialog')`);
    const pack = editor.page.locator('.red-ui-treeList-label:visible', { hasText: 'node-red-device-management' });
    await pack.click();
    const examples = editor.page.locator('.red-ui-treeList-label:visible', { hasText: /^\s*\d+ / });
    await examples.first().waitFor();
    const titles = await examples.allInnerTexts();
    assert.deepEqual(
      titles.map((title) => title.trim()),
      readdirSync(path.join(process.cwd(), 'examples'))
        .map((file) => path.basename(file, '.json'))
        .sort(),
    );
    await editor.page.keyboard.press('Escape');
  });
});

/** The Devices sidebar as a user meets it, in a real editor. */
import assert from 'node:assert/strict';
import { freeUdpPort } from '../free-port';
import { type FlowNode, RunningEditor, whyNoEditor } from './running-editor';

const SERVER = '5e4e400000000002';

function flow(port: number): FlowNode[] {
  return [
    { id: 'f20', type: 'tab', label: 'sidebar' },
    {
      id: SERVER,
      type: 'lwm2m-server',
      name: 'plant',
      version: 1,
      host: '127.0.0.1',
      port,
      securePort: '',
      admission: 'secured',
      store: 'memory',
    },
    {
      id: 'register',
      type: 'dm-register',
      z: 'f20',
      name: '',
      x: 200,
      y: 60,
      wires: [[]],
      version: 1,
      server: SERVER,
      device: '',
      deviceType: 'str',
      events: [],
    },
    {
      id: 'simulator',
      type: 'dm-simulator',
      z: 'f20',
      name: '',
      x: 200,
      y: 120,
      wires: [[]],
      version: 1,
      server: SERVER,
      count: 3,
      prefix: 'sim-',
      security: 'none',
    },
  ];
}

describe('the Devices sidebar', function () {
  this.timeout(120_000);
  let editor: RunningEditor;

  before(async function () {
    const reason = whyNoEditor();
    if (reason !== undefined) {
      console.log(`      skipped: ${reason}`);
      this.skip();
    }
    editor = await RunningEditor.open(flow(await freeUdpPort()));
    await editor.page.evaluate(`RED.sidebar.show('dm-devices')`);
    await editor.page.waitForFunction(`document.querySelectorAll('.dm-sidebar-row').length === 3`);
  });

  after(() => editor?.close());

  const names = (): Promise<string[]> => editor.page.locator('.dm-sidebar-name').allInnerTexts();

  it('lists who is registered, and sums up', async () => {
    assert.deepEqual(await names(), ['sim-001', 'sim-002', 'sim-003']);
    assert.equal(await editor.page.locator('.dm-sidebar-summary').innerText(), '3 registered');
    assert.equal(await editor.page.locator('.dm-sidebar-row .dm-mark').first().getAttribute('aria-label'), 'reachable');
  });

  it('finds by a part of the name or a pattern, and says when nothing matches', async () => {
    const { page } = editor;
    await page.fill('.dm-sidebar-bar input', '002');
    await page.waitForFunction(`document.querySelectorAll('.dm-sidebar-row').length === 1`);
    assert.deepEqual(await names(), ['sim-002']);
    await page.fill('.dm-sidebar-bar input', 'kitchen-*');
    await page.waitForFunction(`document.querySelector('.dm-sidebar-list .dm-sidebar-message').textContent !== ''`);
    assert.equal(await page.locator('.dm-sidebar-list .dm-sidebar-message').innerText(), 'No registered device matches.');
    await page.fill('.dm-sidebar-bar input', '');
    await page.waitForFunction(`document.querySelectorAll('.dm-sidebar-row').length === 3`);
  });

  it('shows what is known of a device, and reads it', async () => {
    const { page } = editor;
    await page.click('.dm-sidebar-row[data-endpoint="sim-002"]');
    await page.waitForSelector('.dm-sidebar-device dd');
    assert.equal(await page.locator('.dm-sidebar-device h3').innerText(), 'sim-002');
    assert.match(await page.locator('.dm-sidebar-device').innerText(), /Security\s+none/);
    await page.click('text=Read device');
    await page.waitForFunction(`document.querySelector('.dm-sidebar-device').innerText.includes('Manufacturer')`);
    assert.match(await page.locator('.dm-sidebar-device').innerText(), /Battery Level\s+\d+/);
  });

  it('reboots it when that is confirmed, and not otherwise', async () => {
    const { page } = editor;
    const message = page.locator('.dm-sidebar-device > .dm-sidebar-message');
    page.once('dialog', (dialog) => void dialog.dismiss());
    await page.click('text=Reboot');
    assert.equal(await message.isVisible(), false);
    page.once('dialog', (dialog) => {
      assert.equal(dialog.message(), 'Reboot sim-002?');
      void dialog.accept();
    });
    await page.click('text=Reboot');
    await message.waitFor({ state: 'visible' });
    assert.equal(await message.innerText(), 'The device has accepted.');
  });

  it('is driven by the keyboard', async () => {
    const { page } = editor;
    await page.locator('.dm-sidebar-row').first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.dm-sidebar-device h3').innerText(), 'sim-003');
    assert.equal(await page.locator('.dm-sidebar-row[aria-selected="true"]').count(), 1);
    await page.click('text=Close');
    assert.equal(await page.locator('.dm-sidebar-device').isVisible(), false);
  });

  it('asks nothing while it is not seen', async () => {
    const { page } = editor;
    await page.evaluate(`RED.sidebar.show('info')`);
    await page.waitForTimeout(500);
    let asked = 0;
    page.on('request', (request) => {
      if (request.url().includes('device-management/')) asked++;
    });
    await page.waitForTimeout(6000);
    assert.equal(asked, 0);
  });

  it('is without an error of the browser', () => assert.deepEqual(editor.problems, []));
});

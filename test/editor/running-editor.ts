/** A real Node-RED with the pack, in a user directory of its own, and a Chromium that looks at its editor. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Browser, chromium, type Page } from 'playwright-core';
import { freeTcpPort } from '../free-port';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const START_SECONDS = 60;

/** Where the pack is: this project, after `npm run build`; elsewhere when a build beside it is to be looked at. */
const PACK = process.env.PACK_UNDER_TEST ?? process.cwd();
const PACK_NAME = '@fleetweave/node-red-device-management';

export interface FlowNode {
  readonly id: string;
  readonly type: string;
  readonly [property: string]: unknown;
}

function browserPath(): string | undefined {
  return CHROMIUM.find((file) => existsSync(file));
}

/** Why the editor cannot be looked at here; `undefined` when it can. */
export function whyNoEditor(): string | undefined {
  if (!browserPath()) return `no Chromium (${CHROMIUM[0]}): apt-get install chromium`;
  const entry = path.join(PACK, 'dist', 'nodes', 'lwm2m-server', 'lwm2m-server.js');
  return existsSync(entry) ? undefined : `the pack is not built (${entry} is missing): npm run build`;
}

function userDirectory(flow: readonly FlowNode[], port: number): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'editor-test-'));
  const link = path.join(folder, 'node_modules', PACK_NAME);
  mkdirSync(path.dirname(link), { recursive: true });
  symlinkSync(PACK, link, 'junction');
  const dependencies = { [PACK_NAME]: '*' };
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'editor-test', private: true, dependencies }));
  writeFileSync(path.join(folder, 'flows.json'), JSON.stringify(flow));
  const settings = {
    uiHost: '127.0.0.1',
    uiPort: port,
    flowFile: 'flows.json',
    credentialSecret: false,
    telemetry: { enabled: false, updateNotification: false },
    // The palette manager would ask the catalogue on the Internet.
    editorTheme: { tours: false, palette: { catalogues: [] } },
    logging: { console: { level: 'warn' } },
  };
  writeFileSync(path.join(folder, 'settings.js'), `module.exports = ${JSON.stringify(settings)};\n`);
  return folder;
}

async function answers(url: string, child: ChildProcess): Promise<void> {
  for (let tick = 0; tick < START_SECONDS * 5 && child.exitCode === null; tick++) {
    await sleep(200);
    try {
      if ((await fetch(new URL('nodes', url), { headers: { accept: 'application/json' } })).ok) return;
    } catch {
      // still starting
    }
  }
  throw new Error(`Node-RED did not start at ${url}`);
}

export class RunningEditor {
  /** What the browser's console called an error, and exceptions nobody caught. */
  readonly problems: string[] = [];

  private constructor(
    readonly url: string,
    readonly page: Page,
    private readonly browser: Browser,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {
    page.on('console', (message) => {
      if (message.type() === 'error') this.problems.push(message.text());
    });
    page.on('pageerror', (error) => this.problems.push(error.message));
  }

  static async open(flow: readonly FlowNode[], viewport = { width: 1280, height: 900 }): Promise<RunningEditor> {
    const port = await freeTcpPort();
    const url = `http://127.0.0.1:${port}/`;
    const folder = userDirectory(flow, port);
    const entry = path.join(process.cwd(), 'node_modules', 'node-red', 'red.js');
    const child = spawn(process.execPath, [entry, '--userDir', folder, '--settings', path.join(folder, 'settings.js')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await answers(url, child);
    const executablePath = browserPath();
    const browser = await chromium.launch({ ...(executablePath ? { executablePath } : {}), headless: true, args: FLAGS });
    const editor = new RunningEditor(url, await browser.newPage({ viewport }), browser, child, folder);
    await editor.load();
    return editor;
  }

  /** (Re)loads the page and waits until the flow is there. */
  async load(): Promise<void> {
    await this.page.goto(this.url);
    await this.page.waitForFunction('window.RED && RED.nodes.version() && $("#red-ui-loading-progress").is(":hidden")');
  }

  async close(): Promise<void> {
    await this.browser.close();
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill();
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  async openDialog(id: string): Promise<void> {
    await this.page.evaluate(`RED.editor.edit(RED.nodes.node(${JSON.stringify(id)}))`);
    await this.page.waitForSelector('#dialog-form');
    await this.page.waitForTimeout(400); // the tray slides in
  }

  async cancelDialog(): Promise<void> {
    await this.page.click('#node-dialog-cancel');
    await this.page.waitForSelector('#dialog-form', { state: 'detached' });
  }

  async saveDialog(): Promise<void> {
    await this.page.click('#node-dialog-ok');
    await this.page.waitForSelector('#dialog-form', { state: 'detached' });
  }

  /** A property of a node as the editor holds it. */
  property(id: string, name: string): Promise<unknown> {
    return this.page.evaluate(`RED.nodes.node(${JSON.stringify(id)})[${JSON.stringify(name)}]`);
  }
}

/** The examples of the pack, by file name. */
export function example(name: string): FlowNode[] {
  const nodes: FlowNode[] = JSON.parse(readFileSync(path.join(process.cwd(), 'examples', `${name}.json`), 'utf8'));
  return nodes;
}

/** A Node-RED process of its own, driven through its admin API. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freeTcpPort } from '../free-port';

const START_MS = 60_000;
/** Node-RED gives nodes 15 s to close; a process that takes longer hangs. */
const STOP_MS = 20_000;
const POLL_MS = 100;
const STARTED = 'Started flows';

export interface FlowNode {
  readonly id: string;
  readonly type: string;
  readonly [property: string]: unknown;
}

export class NodeRed {
  private log = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly origin: string,
  ) {
    const collect = (chunk: unknown): void => {
      this.log += String(chunk);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
  }

  static async start({ node, nodeRed }: { node: string; nodeRed: string }, userDirectory: string): Promise<NodeRed> {
    const port = await freeTcpPort();
    const settings = path.join(userDirectory, 'settings.js');
    await writeFile(
      settings,
      `module.exports = ${JSON.stringify({
        uiHost: '127.0.0.1',
        uiPort: port,
        flowFile: 'flows.json',
        credentialSecret: false,
        telemetry: { enabled: false, updateNotification: false },
        logging: { console: { level: 'info' } },
      })};\n`,
    );
    const child = spawn(node, [nodeRed, '-u', userDirectory, '-s', settings], {
      cwd: userDirectory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const started = new NodeRed(child, `http://127.0.0.1:${port}/`);
    await started.until(() => started.starts > 0);
    return started;
  }

  /** What the runtime has printed so far. */
  get output(): string {
    return this.log;
  }

  async get<T>(route: string): Promise<T> {
    const answer = await this.request(route, { headers: { accept: 'application/json' } });
    return (await answer.json()) as T;
  }

  /** A full deploy: every node is stopped and started anew. */
  async deploy(flow: readonly FlowNode[]): Promise<void> {
    const starts = this.starts;
    await this.request('flows', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'node-red-deployment-type': 'full' },
      body: JSON.stringify(flow),
    });
    // The answer comes before the new flows have started.
    await this.until(() => this.starts > starts);
  }

  /** Presses the button of an inject node. */
  async press(id: string): Promise<void> {
    await this.request(`inject/${id}`, { method: 'POST' });
  }

  /** Asks the process to end, as a service manager would. Resolves to how long that took. */
  async stop(): Promise<number> {
    const startedAt = performance.now();
    if (this.child.exitCode !== null) return 0;
    const ended = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    this.child.kill('SIGTERM');
    const killer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(killer);
    return performance.now() - startedAt;
  }

  private async request(route: string, init: RequestInit): Promise<Response> {
    const answer = await fetch(new URL(route, this.origin), init);
    if (!answer.ok)
      throw new Error(`${init.method ?? 'GET'} ${route}: ${answer.status} ${await answer.text()}\n${this.log.slice(-2000)}`);
    return answer;
  }

  /** How often the flows have started. The admin API answers earlier, so the log has to tell. */
  private get starts(): number {
    return this.log.split(STARTED).length - 1;
  }

  private async until(reached: () => boolean): Promise<void> {
    for (const deadline = Date.now() + START_MS; !reached(); await sleep(POLL_MS)) {
      if (this.child.exitCode !== null) throw new Error(`Node-RED ended:\n${this.log}`);
      if (Date.now() < deadline) continue;
      await this.stop();
      throw new Error(`The flows did not start within ${START_MS / 1000} s:\n${this.log}`);
    }
  }
}

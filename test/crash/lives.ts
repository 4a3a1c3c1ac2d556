/** All lives of the server of the crash test: begins its process and kills it, and remembers what it said. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { AWAKE_MS, type Listening, type ObservedValue, type Said, type Wish } from './words';

/** All lives of the server, as the flows see them. */
export class Lives {
  readonly queued = new Set<number>();
  readonly settled = new Map<number, string[]>();
  /** Devices whose first value has been told: their observation is kept. */
  readonly observed = new Set<string>();
  readonly values = new Map<string, number>();
  readonly mistakes: string[] = [];
  listening: Listening['listening'] | undefined;
  private child: ChildProcess | undefined;

  constructor(
    private readonly folder: string,
    private readonly ports: readonly [plain: number, secure: number],
    private readonly durability: 'process' | 'power',
  ) {}

  begin(): void {
    this.listening = undefined;
    const args = [path.join(__dirname, 'process.js'), this.folder, ...this.ports.map(String), String(AWAKE_MS), this.durability];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child = child;
    child.stdin?.on('error', () => undefined);
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => this.heard(JSON.parse(line) as Said));
  }

  ask(wish: Wish): void {
    this.child?.stdin?.write(`${JSON.stringify(wish)}\n`);
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    // `close` comes when its last word has been read.
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    const [, signal] = await ended;
    this.child = undefined;
    assert.equal(signal, 'SIGKILL', 'the server ended by itself');
  }

  private heard(said: Said): void {
    if ('listening' in said) this.listening = said.listening;
    else if ('queued' in said) this.queued.add(said.queued);
    else if ('settled' in said) this.settled.set(said.settled, [...(this.settled.get(said.settled) ?? []), said.code]);
    else if ('trouble' in said) this.mistakes.push(said.trouble);
    else if ('value' in said) this.valueOf(said);
    else if (said.lifecycle === 'expired') this.mistakes.push(`${said.device} expired`);
  }

  private valueOf({ device, value, initial }: ObservedValue): void {
    if (initial && this.observed.has(device)) this.mistakes.push(`${device} was observed again`);
    if (initial) this.observed.add(device);
    this.values.set(device, value);
  }
}

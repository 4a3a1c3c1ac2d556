/** All lives of the server of the crash test: begins its process and kills it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Witness } from './witness';
import type { Said, Wish } from './words';

export class Lives {
  private child: ChildProcess | undefined;

  constructor(
    private readonly folder: string,
    private readonly ports: readonly [plain: number, secure: number],
    private readonly witness: Witness,
  ) {}

  begin(): void {
    const { witness } = this;
    witness.listening = undefined;
    const args = [path.join(__dirname, 'process.js'), this.folder, ...this.ports.map(String)];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child = child;
    child.stdin?.on('error', () => undefined);
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) =>
      witness.heard(JSON.parse(line) as Said),
    );
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
}

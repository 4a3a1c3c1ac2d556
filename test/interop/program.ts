/** Programs that are not ours: whether they are here, and running them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** The first of these programs in PATH. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  return names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A test without its program is skipped, and says why. */
export function skipWithout(test: Mocha.Context, what: string, remedy: string): never {
  console.log(`    skipped: ${what} is not here; ${remedy}`);
  return test.skip() as never;
}

export interface Finished {
  readonly code: number | null;
  /** Standard output and standard error, as they came. */
  readonly output: string;
}

/** A running program, its output kept and its input open. */
export class Program {
  output = '';
  readonly ended: Promise<Finished>;
  private readonly child: ChildProcess;

  constructor(program: string, parameters: readonly string[], cwd?: string) {
    this.child = spawn(program, [...parameters], { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    const collect = (chunk: unknown): void => {
      this.output += String(chunk);
    };
    this.child.stdout?.on('data', collect);
    this.child.stderr?.on('data', collect);
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code) => resolve({ code, output: this.output }));
    });
  }

  /** One line to its standard input. */
  say(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Finished> {
    this.child.kill(signal);
    return this.ended;
  }
}

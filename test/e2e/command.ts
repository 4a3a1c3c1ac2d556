/** Runs a program to its end; what it said is in the error when it fails. */
import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly cwd?: string;
  readonly timeoutMs: number;
}

export function command(program: string, parameters: readonly string[], { cwd, timeoutMs }: CommandOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...parameters], { cwd, timeout: timeoutMs, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let complaint = '';
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      complaint += String(chunk);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${program} ${parameters.join(' ')} ended with ${code ?? signal}: ${complaint || output}`));
    });
  });
}

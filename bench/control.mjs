/** The two ends of the line between run.mjs and its child processes: numbered commands, one answer each. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));

/** Child's end. Every server can also be asked for its processor time. */
export function serve(commands) {
  const all = { cpu: () => process.cpuUsage(), memory: () => memory(), ...commands };
  process.on('message', async ({ id, command, parameters }) => {
    try {
      process.send({ id, result: await all[command](parameters ?? {}) });
    } catch (error) {
      process.send({ id, error: error.stack });
    }
  });
  process.on('disconnect', () => process.exit());
}

function memory() {
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { heapUsed, arrayBuffers, rss };
}

/** Parent's end: a child on a core of its own, where `taskset` exists. */
export class Child {
  constructor(script, { core, pinned, nodeOptions = [], parameters = [] }) {
    const [program, ...prefix] = pinned ? ['taskset', '-c', String(core), process.execPath] : [process.execPath];
    this.process = spawn(program, [...prefix, ...nodeOptions, path.resolve(here, script), ...parameters], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.waiting = new Map();
    this.sequence = 0;
    this.process.on('message', ({ id, result, error }) => {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(`${script}: ${error}`));
    });
    this.process.on('exit', (code) => {
      for (const { reject } of this.waiting.values()) reject(new Error(`${script} ended with code ${code}`));
      this.waiting.clear();
    });
  }

  ask(command, parameters) {
    const id = this.sequence++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.process.send({ id, command, parameters });
    });
  }

  stop() {
    if (this.process.connected) this.process.disconnect();
    return new Promise((resolve) => {
      if (this.process.exitCode !== null) resolve();
      else this.process.on('exit', resolve);
    });
  }
}

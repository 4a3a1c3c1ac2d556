/** A management server on Eclipse Leshan's server library: told what to ask, it says what it got (leshan-server/LeshanManager.java). */
import path from 'node:path';
import { freeUdpPort } from '../free-port';
import { Program } from './program';
import { eventually, HOST } from './server';

const START_MS = 40_000;

export class LeshanManager {
  private answers = 0;

  private constructor(
    private readonly program: Program,
    readonly port: number,
  ) {}

  /** @param options see LeshanManager.java */
  static async start(classPath: string, ...options: readonly string[]): Promise<LeshanManager> {
    const port = await freeUdpPort();
    const source = path.join(__dirname, 'leshan-server', 'LeshanManager.java');
    const models = path.join(__dirname, 'leshan', 'models');
    const leshan = new LeshanManager(new Program('java', ['-cp', classPath, source, String(port), models, ...options]), port);
    await leshan.line('Leshan starts', /^ready$/m, START_MS);
    return leshan;
  }

  get server(): { readonly host: string; readonly port: number } {
    return { host: HOST, port: this.port };
  }

  get output(): string {
    return this.program.output;
  }

  /** What it says by itself, past or to come. */
  line(what: string, pattern: RegExp, withinMs?: number): Promise<string> {
    return eventually(what, () => pattern.exec(this.output)?.[0], withinMs).catch((error: Error) => {
      throw new Error(`${error.message}; Leshan said: ${this.output.slice(-1_000)}`);
    });
  }

  /** Has Leshan do something, and gives what it got: "205 ReadResponse …". */
  async ask(command: string): Promise<string> {
    const before = this.answers++;
    this.program.say(command);
    return eventually(command, () =>
      this.output
        .split('\n')
        // What is not ended yet may be half of an answer.
        .slice(0, -1)
        .filter((text) => text.startsWith('= '))
        [before]?.slice(2),
    );
  }

  async stop(): Promise<void> {
    await this.program.stop();
  }
}

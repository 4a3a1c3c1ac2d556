/**
 * What a server goes through in the crash tests: many short lives, in which devices register, notify, sleep and are asked, each ended at a
 * random instant; and what must be true of all of it at the end.
 */
import assert from 'node:assert/strict';
import type { Device } from './device';
import type { RecordWatch } from './record-watch';
import type { Witness } from './witness';
import { OBSERVED, SECURED, type Wish } from './words';

const LONGEST_LIFE_MS = 400;

export interface Stage {
  readonly cycles: number;
  /** For the text of a failure. */
  readonly seed: number;
  /** 0 to 1. */
  readonly random: () => number;
  readonly devices: readonly Device[];
  readonly witness: Witness;
  readonly watch: RecordWatch;
  /** Begins a life of the server; `witness.listening` tells when it is there. */
  begin(): void;
  /** Ends it at once. */
  kill(): Promise<void>;
  ask(wish: Wish): void;
  now(): number;
  pause(ms: number): Promise<void>;
  /** For what must come sooner or later. */
  readonly patienceMs: number;
  /** Whether what was acknowledged may be gone: then only what is asked of every life is. */
  readonly mayForget?: boolean;
}

export class Ordeal {
  private readonly asked = new Map<number, Wish>();
  private number = 0;
  private value = 0;

  constructor(private readonly stage: Stage) {}

  /** Half of the devices are there from the start, the others come in the middle of it. */
  async run(): Promise<void> {
    const { stage } = this;
    const { devices, witness, cycles } = stage;
    const [early, late] = [devices.slice(0, devices.length / 2), devices.slice(devices.length / 2)];
    stage.begin();
    await this.eventually('the server listens', () => witness.listening !== undefined);
    for (const device of early) start(device);
    await this.eventually('the first are observed', () => early.every(({ name }) => witness.observed.has(name)));
    await stage.kill();
    for (let cycle = 0; cycle < cycles; cycle++) {
      const newcomer = cycle % 3 === 0 ? late.pop() : undefined;
      if (newcomer !== undefined) start(newcomer);
      await this.live(cycle);
    }
  }

  /** Everything goes on in the last life, and nothing went wrong in those before. */
  async end(): Promise<void> {
    const { stage } = this;
    const { devices, witness, watch, cycles } = stage;
    stage.begin();
    await this.eventually('all have registered', () => devices.every(({ registrations }) => registrations > 0));
    for (const device of devices) {
      await this.eventually('the Update on its way is acknowledged', () => device.lifetime === device.asked);
      device.update();
      await this.eventually(`an Update of ${device.name}`, () => device.lifetime === device.asked);
      device.client.setValue(OBSERVED, ++this.value);
      const last = this.value;
      await this.eventually(`a notification of ${device.name}`, () => witness.values.get(device.name) === last);
    }
    for (const waited of witness.queued) {
      await this.eventually(`an outcome of ${JSON.stringify(this.asked.get(waited))}`, () => witness.settled.has(waited));
    }
    assert.ok(witness.queued.size > 0 && devices.some(({ executed }) => executed.length > 0), 'nothing was tried');
    assert.deepEqual(witness.mistakes, [], this.seed);
    assert.ok(watch.records > cycles, 'little was said over DTLS');
    assert.deepEqual(watch.mistakes, [], this.seed);
    for (const { name, registrations, handshakes, executed } of devices) {
      assert.equal(registrations, 1, `${name} had to register again, ${this.seed}`);
      assert.equal(handshakes, SECURED.includes(name) ? 1 : 0, `${name} had to shake hands again, ${this.seed}`);
      assert.equal(new Set(executed).size, executed.length, `${name} executed twice: ${executed}, ${this.seed}`);
    }
  }

  private async live(cycle: number): Promise<void> {
    const { stage } = this;
    const { devices, witness } = stage;
    // As they were told before this life: what it acknowledges itself it need not have found.
    const known = devices
      .filter(({ registrations }) => registrations > 0)
      .map(({ name, lifetime, asked }) => ({ name, lifetime, asked }));
    stage.begin();
    // Some are killed while they begin.
    if (stage.random() < 0.2) {
      await stage.pause(this.below(400));
      return stage.kill();
    }
    await this.eventually('the server listens', () => witness.listening !== undefined);
    if (!this.mayForget) for (const device of known) this.mustBeKept(device, cycle);
    const end = stage.now() + this.below(LONGEST_LIFE_MS);
    while (stage.now() < end) {
      this.act();
      await stage.pause(this.below(15));
    }
    await stage.kill();
  }

  private mustBeKept({ name, lifetime, asked }: Pick<Device, 'name' | 'lifetime' | 'asked'>, cycle: number): void {
    const kept = this.stage.witness.listening?.find(({ endpoint }) => endpoint === name);
    assert.ok(kept !== undefined, `${name} was lost in life ${cycle}, ${this.seed}`);
    // An Update on its way may have arrived.
    assert.ok([lifetime, asked].includes(kept.lifetime), `${name} was told ${lifetime}, not ${kept.lifetime}, ${this.seed}`);
  }

  private act(): void {
    const { devices } = this.stage;
    const device = devices[this.below(devices.length)] as Device;
    const deeds = [
      () => device.client.setValue(OBSERVED, ++this.value),
      () => device.update(),
      () => this.ask(device.name, ++this.number),
    ];
    deeds[this.below(deeds.length)]?.();
  }

  private ask(device: string, number: number): void {
    const request =
      number % 2 === 0
        ? ({ operation: 'execute', path: '/3/0/4', arguments: `0='${number}'` } as const)
        : ({ operation: 'write', path: '/3/0/15', value: `zone ${number}` } as const);
    const wish = { number, device, request };
    this.asked.set(number, wish);
    this.stage.ask(wish);
  }

  private async eventually(what: string, isSo: () => boolean): Promise<void> {
    const { stage } = this;
    for (const end = stage.now() + stage.patienceMs; !isSo(); await stage.pause(10)) {
      if (stage.now() > end) throw new Error(`did not come true: ${what} (${this.seed})`);
    }
  }

  private below(limit: number): number {
    return Math.floor(this.stage.random() * limit);
  }

  private get seed(): string {
    return `seed ${this.stage.seed}`;
  }

  private get mayForget(): boolean {
    return this.stage.mayForget ?? false;
  }
}

function start({ client }: Device): void {
  client.start().catch(() => undefined);
}

/** What the flows of all lives of a server were told, and what of it must not have been. */
import type { Listening, ObservedValue, Said } from './words';

export class Witness {
  readonly queued = new Set<number>();
  readonly settled = new Map<number, string[]>();
  /** Devices whose first value has been told: their observation is kept. */
  readonly observed = new Set<string>();
  readonly values = new Map<string, number>();
  readonly mistakes: string[] = [];
  listening: Listening['listening'] | undefined;

  heard(said: Said): void {
    if ('listening' in said) this.listening = said.listening;
    else if ('queued' in said) this.queued.add(said.queued);
    else if ('settled' in said) this.settled.set(said.settled, [...(this.settled.get(said.settled) ?? []), said.code]);
    else if ('trouble' in said) this.mistakes.push(said.trouble);
    else if ('value' in said) this.valueOf(said);
    // Its Register was not answered, and came again. That none comes again that was answered, the device knows.
    else if (said.lifecycle === 'replaced') this.observed.delete(said.device);
    else if (said.lifecycle === 'expired') this.mistakes.push(`${said.device} expired`);
  }

  private valueOf({ device, value, initial }: ObservedValue): void {
    if (initial && this.observed.has(device)) this.mistakes.push(`${device} was observed again`);
    if (initial) this.observed.add(device);
    this.values.set(device, value);
  }
}

/** What a guarded write is told, and what it tells: plain data, because it outlives the process. */
import type { Setting, WritePresetName } from './presets/write-presets';

export interface GuardTerms {
  readonly preset: WritePresetName;
  /** Of the instance: "/12/0". */
  readonly path: string;
  readonly setting: Setting;
  /** Old values that the device would not tell: its keys. */
  readonly restore: Setting;
  /** How long the device may be silent after the change. */
  readonly waitMs: number;
}

/** Nothing in it is secret. */
export interface GuardReport {
  /** `kept`: the device was heard, and has the new setting. `restored`: it has the old one. `not restored yet`: it has been silent since. */
  readonly outcome: 'kept' | 'restored' | 'not restored yet';
  readonly written: Setting;
  /** What it had before, as far as it is known. */
  readonly before: Setting;
  /** Fields whose old values are not known: they cannot be restored. */
  readonly unrestorable: readonly string[];
}

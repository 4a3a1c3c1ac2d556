/** The rules of a guard as a dialog has them: fields of text, made into what is saved. Knows no browser. */
import type { Complaint } from './path-rules.js';

/** As the fields show it; "" = no rule. */
export interface GuardTexts {
  readonly notUpdating: boolean;
  readonly battery: string;
  readonly signal: string;
  readonly from: string;
  readonly to: string;
  /** "mon, tue". */
  readonly days: string;
  readonly missing: string;
}

interface SavedWindow {
  readonly from: string;
  readonly to: string;
  readonly days?: readonly string[];
}

/** As saved in a flow: the GuardRules of the runtime, as far as the dialog has fields for them. */
export interface SavedGuard {
  readonly notUpdating?: boolean;
  readonly battery?: number;
  readonly signal?: number;
  readonly window?: SavedWindow;
  readonly missing?: string;
}

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const TIME = /^([01]?\d|2[0-3]):[0-5]\d$|^24:00$/;
const RANGES = { battery: [0, 100], signal: [-200, 0] } as const;

/** What is saved; nothing at all where nothing was filled in. */
export function guardOf(texts: GuardTexts): SavedGuard {
  const days = daysOf(texts.days);
  const rules: SavedGuard = {
    ...(texts.notUpdating && { notUpdating: true }),
    ...(texts.battery !== '' && { battery: Number(texts.battery) }),
    ...(texts.signal !== '' && { signal: Number(texts.signal) }),
    ...(texts.from !== '' && { window: { from: texts.from, to: texts.to, ...(days.length > 0 && { days }) } }),
  };
  const asksAny = Object.keys(rules).length > 0;
  return asksAny && texts.missing === 'block' ? { ...rules, missing: 'block' } : rules;
}

export function textsOf({ notUpdating, battery, signal, window, missing }: SavedGuard): GuardTexts {
  return {
    notUpdating: notUpdating === true,
    battery: String(battery ?? ''),
    signal: String(signal ?? ''),
    from: window?.from ?? '',
    to: window?.to ?? '',
    days: (window?.days ?? []).join(', '),
    missing: missing ?? 'warn',
  };
}

/** Every complaint, by the field it is about. */
export function complainAboutGuard(texts: GuardTexts): ReadonlyMap<keyof GuardTexts, Complaint> {
  const complaints = new Map<keyof GuardTexts, Complaint>();
  for (const name of ['battery', 'signal'] as const) {
    const [least, most] = RANGES[name];
    const number = Number(texts[name]);
    if (texts[name] !== '' && !(number >= least && number <= most))
      complaints.set(name, { key: `validation.guard-${name}`, variables: { least: String(least), most: String(most) } });
  }
  for (const name of ['from', 'to'] as const) {
    const isAsked = texts.from !== '' || texts.to !== '' || texts.days !== '';
    if (isAsked && !TIME.test(texts[name])) complaints.set(name, { key: 'validation.guard-time' });
  }
  const strange = daysOf(texts.days).find((day) => !DAYS.includes(day));
  if (strange !== undefined) complaints.set('days', { key: 'validation.guard-days', variables: { day: strange } });
  return complaints;
}

function daysOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[\s,;]+/)
    .filter((day) => day !== '');
}

/** The rules among notification attributes (LwM2M Core 1.1.1 §5.1.2, 1.2 §7.3), as a dialog needs them. Knows no browser. */
import type { Complaint } from './path-rules.js';

export const ATTRIBUTES = ['pmin', 'pmax', 'gt', 'lt', 'st', 'epmin', 'epmax', 'edge', 'con', 'hqmax'] as const;
export type AttributeName = (typeof ATTRIBUTES)[number];
/** As saved: text, "" = left alone. */
export type AttributeTexts = Readonly<Partial<Record<AttributeName, string>>>;

const PERIODS: readonly AttributeName[] = ['pmin', 'pmax', 'epmin', 'epmax'];
/** Chosen from a list, unless written by hand. */
const FLAGS: readonly AttributeName[] = ['edge', 'con'];

const ENVIRONMENT = /^\$(\{\w+\}|\(\w+\))$/;

/** Every complaint, by the field it is about. */
export function complainAboutAttributes(texts: AttributeTexts): ReadonlyMap<AttributeName, Complaint> {
  const complaints = new Map<AttributeName, Complaint>();
  const numbers: Partial<Record<AttributeName, number>> = {};
  for (const name of ATTRIBUTES) {
    const shown = (texts[name] ?? '').trim();
    if (shown === '' || ENVIRONMENT.test(shown)) continue;
    const number = Number(shown);
    const isPeriod = PERIODS.includes(name);
    if (isPeriod && !/^\d+$/.test(shown)) complaints.set(name, { key: 'validation.period', variables: { name } });
    else if (FLAGS.includes(name) && shown !== '0' && shown !== '1')
      complaints.set(name, { key: 'validation.flag', variables: { name } });
    else if (name === 'hqmax' && !/^\d+$/.test(shown)) complaints.set(name, { key: 'validation.count-of', variables: { name } });
    else if (!Number.isFinite(number)) complaints.set(name, { key: 'validation.number', variables: { name } });
    else if (name === 'st' && number <= 0) complaints.set(name, { key: 'validation.step' });
    else numbers[name] = number;
  }
  const { pmin, pmax, gt, lt, st, epmin, epmax } = numbers;
  if (pmin !== undefined && pmax !== undefined && pmin > pmax) complaints.set('pmax', { key: 'validation.pmax' });
  if (epmin !== undefined && epmax !== undefined && epmin > epmax) complaints.set('epmax', { key: 'validation.epmax' });
  if (gt !== undefined && lt !== undefined && lt + 2 * (st ?? 0) >= gt) {
    complaints.set('gt', { key: st === undefined ? 'validation.gt' : 'validation.gt-st' });
  }
  return complaints;
}

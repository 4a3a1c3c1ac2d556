/** The fields of a guard: filled, checked while typing, and read back when saved. */
import { complainAboutGuard, type GuardTexts, guardOf, type SavedGuard, textsOf } from './guard-terms.js';
import { text } from './texts.js';

const TEXTS = ['battery', 'signal', 'from', 'to', 'days', 'missing'] as const;

function field(name: keyof GuardTexts): JQuery {
  return $(`#dm-guard-${name}`);
}

function shown(): GuardTexts {
  const entered = Object.fromEntries(TEXTS.map((name) => [name, String(field(name).val() ?? '').trim()]));
  return { ...(entered as unknown as GuardTexts), notUpdating: field('notUpdating').prop('checked') === true };
}

/** What the open dialog holds. */
export function readGuard(): SavedGuard {
  return guardOf(shown());
}

function showComplaints(): void {
  const complaints = complainAboutGuard(shown());
  for (const name of TEXTS)
    field(name)
      .toggleClass('input-error', complaints.has(name))
      .attr('aria-invalid', String(complaints.has(name)));
  const sentences = new Set([...complaints.values()].map(({ key, variables }) => text(key, variables)));
  $('#dm-guard-problems')
    .text([...sentences].join(' '))
    .toggle(sentences.size > 0);
}

/** Fills the fields of the open dialog, unfolded where there is a guard, and keeps an eye on them. */
export function prepareGuard(guard: SavedGuard | undefined): void {
  const texts = textsOf(guard ?? {});
  for (const name of TEXTS) field(name).val(texts[name]).on('input change', showComplaints);
  field('notUpdating').prop('checked', texts.notUpdating);
  $('.dm-guard').prop('open', Object.keys(guard ?? {}).length > 0);
  showComplaints();
}

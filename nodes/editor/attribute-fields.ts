/** The fields of notification attributes: filled, checked while typing, and read back when saved. */
import { ATTRIBUTES, type AttributeName, type AttributeTexts, complainAboutAttributes } from './attribute-rules.js';
import { text } from './texts.js';

function field(name: AttributeName): JQuery {
  return $(`#dm-attribute-${name}`);
}

/** What the open dialog holds; empty fields are left out. */
export function readAttributes(): AttributeTexts {
  const entered = ATTRIBUTES.map((name) => [name, String(field(name).val() ?? '').trim()] as const);
  return Object.fromEntries(entered.filter(([, shown]) => shown !== ''));
}

function showComplaints(): void {
  const complaints = complainAboutAttributes(readAttributes());
  for (const name of ATTRIBUTES) {
    const complaint = complaints.get(name);
    field(name)
      .toggleClass('input-error', complaint !== undefined)
      .attr('aria-invalid', String(complaint !== undefined));
  }
  const sentences = [...complaints.values()].map(({ key, variables }) => text(key, variables));
  $('#dm-attribute-problems')
    .text(sentences.join(' '))
    .toggle(sentences.length > 0);
}

/** Fills the fields of the open dialog and keeps an eye on them. */
export function prepareAttributes(attributes: AttributeTexts | undefined): void {
  for (const name of ATTRIBUTES) {
    field(name)
      .val(attributes?.[name] ?? '')
      .on('input change', showComplaints);
  }
  showComplaints();
}

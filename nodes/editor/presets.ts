/** The choice of a preset in the dialogs: what it does, in a sentence, and the fields it takes beside the device. */
import { follow, showRow } from './operation-dialog.js';

export interface PresetDialog {
  /** Fields that only presets take; which ones, an option says in `data-takes`. */
  readonly fields: readonly string[];
  /** Fields that mean nothing beside a preset. */
  readonly others: readonly string[];
  /** Shows those of the others that matter when no preset is chosen. */
  readonly otherwise: () => void;
}

/** The preset chosen in the open dialog; "" for none. */
export function chosenPreset(): string {
  return String($('#node-input-preset').val() ?? '');
}

export function preparePreset(node: EditorNode, { fields, others, otherwise }: PresetDialog): void {
  // Saved before there were presets.
  if (chosenPreset() === '') $('#node-input-preset').val('');
  follow('#node-input-preset', () => {
    const preset = chosenPreset();
    const takes = String($('#node-input-preset option:selected').attr('data-takes') ?? '').split(' ');
    for (const field of fields) showRow(`#node-input-${field}`, takes.includes(field));
    for (const field of others) showRow(`#${field}`, preset === '');
    if (preset === '') otherwise();
    $('#dm-preset-note')
      .text(preset === '' ? '' : node._(`preset-note.${preset}`))
      .toggle(preset !== '');
    $('#node-input-path').trigger('change');
  });
}

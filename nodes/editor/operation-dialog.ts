/** What the dialogs of read, write, execute and observe have in common. */
import { pathRule } from './path-rules.js';
import { devicePicker, pathPicker } from './pickers.js';
import { typedField } from './typed-fields.js';
import { opened } from './validation.js';

/** Shows or hides the row of a field. */
export function showRow(selector: string, shown: boolean): void {
  $(selector).closest('.form-row, .dm-section').toggle(shown);
}

/** Calls `update` now and whenever one of the fields changes. */
export function follow(selector: string, update: () => void): void {
  $(selector).on('change', update);
  update();
}

function value(id: string): string {
  return String($(`#node-input-${id}`).val() ?? '');
}

/** A wrong path for one operation is right for another: let the field be judged again. */
function judgeAgain(...names: string[]): void {
  for (const name of names) $(`#node-input-${name}`).trigger('change');
}

export interface OperationDialog {
  /** Type a new node begins with. */
  readonly device: 'msg' | 'str';
  readonly path: 'msg' | 'str';
  /** The node's one operation, unless its dialog has a select for it. */
  readonly operation?: string;
  /** The path field takes several paths. */
  readonly list?: boolean;
}

/** Device and path with their pickers. */
export function prepareTarget(node: EditorNode, { device, path, operation, list }: OperationDialog): void {
  opened(node);
  typedField('device', device);
  typedField('path', path);
  const paths = pathPicker({ rule: () => pathRule(operation ?? value('operation')), list: list ?? false });
  devicePicker(() => paths.refresh());
  if (operation === undefined) {
    $('#node-input-operation').on('change', () => {
      judgeAgain('path');
      paths.refresh();
    });
  }
}

/** Values a setting has while nobody touched it: then the folded part of the dialog stays folded. */
const STANDARD: Readonly<Record<string, string>> = {
  whenAsleep: 'queue',
  timeout: '',
  ttl: '',
  priority: 'normal',
  concurrency: '50',
  failures: 'catch',
};

function isTouched(): boolean {
  let touched = false;
  for (const [name, standard] of Object.entries(STANDARD)) {
    // A node saved by an older version lacks what was added since.
    if (value(name) === '') $(`#node-input-${name}`).val(standard);
    else if (value(name) !== standard) touched = true;
  }
  return touched;
}

/** The folded settings: waiting, failures, many devices. The checkbox for failures is saved as a word, and adds an output. */
export function prepareDelivery(): void {
  const box = $('#dm-failures');
  const failures = $('#node-input-failures');
  box.prop('checked', failures.val() === 'output');
  box.on('change', () => {
    const separate = box.prop('checked') === true;
    failures.val(separate ? 'output' : 'catch').trigger('change');
    $('#node-input-outputs').val(separate ? '2' : '1');
  });
  const touched = isTouched();
  follow('#node-input-whenAsleep', () => showRow('#node-input-ttl, #node-input-priority', value('whenAsleep') === 'queue'));
  $('.dm-delivery').prop('open', touched || $('#node-input-collect').prop('checked') === true);
}

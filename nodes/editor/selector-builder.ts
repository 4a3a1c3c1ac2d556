/**
 * Builds a selector from choices: a row for each condition above the list of devices, and always how many devices what stands in the field
 * means now. Text that is typed instead is as good.
 */
import { comparisonOf, FIELD_NAMES, FIELDS, type FieldName, fieldNamed, type Operator } from '../../src/fleet/selector-fields.js';
import { isExpression, printed } from '../../src/fleet/selector-syntax.js';
import { matchesOf } from './admin-api.js';
import { text } from './texts.js';

/** While somebody types. */
const COUNT_AFTER_MS = 400;
const FIRST: FieldName = 'tag';

export class SelectorBuilder {
  readonly element = document.createElement('div');
  private readonly field = document.createElement('select');
  private readonly operator = document.createElement('select');
  private readonly operand = document.createElement('input');
  private readonly mistake = document.createElement('p');
  private readonly count = document.createElement('p');
  private timer: number | undefined;
  /** Only the newest answer counts. */
  private asked = 0;

  /** @param target the typed input that holds the selector */
  constructor(
    private readonly target: JQuery,
    private readonly server: () => string,
    private readonly changed: () => void,
  ) {
    this.build();
    target.on('change', () => this.countSoon());
    $('#node-input-server').on('change', () => this.countSoon());
  }

  /** The panel it stands in is being shown. */
  opened(): void {
    this.countSoon();
  }

  private build(): void {
    this.element.className = 'dm-selector';
    const row = document.createElement('div');
    row.className = 'dm-selector-row';
    row.setAttribute('role', 'group');
    row.setAttribute('aria-label', text('selector.condition'));
    label(this.field, text('selector.field'));
    this.field.id = 'dm-selector-field';
    this.field.replaceChildren(...FIELD_NAMES.map((name) => new Option(text(`selector.of.${name}`), name)));
    this.field.value = FIRST;
    this.field.addEventListener('change', () => this.offerOperators());
    label(this.operator, text('selector.operator'));
    this.operator.id = 'dm-selector-operator';
    label(this.operand, text('selector.value'));
    this.operand.type = 'text';
    this.operand.id = 'dm-selector-value';
    this.operand.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter') return;
      event.preventDefault();
      this.add(' & ');
    });
    const lines = [
      [this.field, this.operator],
      [this.operand, this.button('and', ' & '), this.button('or', ' | ')],
    ].map((elements) => {
      const line = document.createElement('div');
      line.className = 'dm-selector-line';
      line.append(...elements);
      return line;
    });
    row.append(...lines);
    this.mistake.className = 'dm-selector-mistake';
    this.mistake.setAttribute('role', 'alert');
    this.mistake.hidden = true;
    this.count.className = 'dm-note dm-selector-count';
    this.count.setAttribute('role', 'status');
    this.element.append(row, this.mistake);
    // Below the field, where it is seen with the panel closed.
    this.target.closest('.form-row').after(this.count);
    this.offerOperators();
  }

  private button(name: 'and' | 'or', join: string): HTMLButtonElement {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'red-ui-button';
    button.id = `dm-selector-${name}`;
    button.textContent = text(`selector.${name}`);
    button.title = text(`selector.${name}-title`);
    button.addEventListener('click', () => this.add(join));
    return button;
  }

  private offerOperators(): void {
    const { operators, example } = FIELDS[this.fieldName()];
    this.operator.replaceChildren(...operators.map((operator) => new Option(text(`selector.is.${operator}`), operator)));
    this.operand.placeholder = example;
    this.operand.title = example;
  }

  private fieldName(): FieldName {
    return fieldNamed(this.field.value) ?? FIRST;
  }

  private add(join: string): void {
    const comparison = comparisonOf(this.fieldName(), this.operator.value as Operator, this.operand.value.trim());
    const isWrong = typeof comparison === 'string';
    this.mistake.textContent = isWrong ? comparison : '';
    this.mistake.hidden = !isWrong;
    if (isWrong) return;
    const before = this.target.typedInput('type') === 'str' ? this.target.typedInput('value').trim() : '';
    this.target.typedInput('type', 'str');
    this.target.typedInput('value', joined(before, join, printed(comparison)));
    this.operand.value = '';
    this.changed();
    this.countSoon();
  }

  private countSoon(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.countNow(), COUNT_AFTER_MS);
  }

  /** Only of what is known now, and may be more than one device. */
  private async countNow(): Promise<void> {
    // The dialog may have been closed meanwhile.
    if (!this.count.isConnected) return;
    const asked = ++this.asked;
    const select = this.target.typedInput('type') === 'str' ? this.target.typedInput('value').trim() : '';
    const isSeveral = select.includes('*') || isExpression(select);
    const shown = isSeveral ? await this.counted(select) : '';
    if (asked === this.asked) this.count.textContent = shown;
  }

  private async counted(select: string): Promise<string> {
    try {
      const { matches, registered, devices } = await matchesOf(this.server(), select);
      const more = matches > devices.length ? ' …' : '';
      return text(matches === 0 ? 'selector.none' : 'selector.matches', {
        matches,
        registered,
        devices: devices.join(', ') + more,
      });
    } catch {
      // Not deployed, or wrong: the field itself says so.
      return '';
    }
  }
}

/** Conditions joined by "or" are put in parentheses before "and" is said of all of them. */
function joined(before: string, join: string, condition: string): string {
  if (before === '') return condition;
  const isWhole = join !== ' & ' || !/[|,]/.test(before) || /^\([^()]*\)$/.test(before);
  return `${isWhole ? before : `(${before})`}${join}${condition}`;
}

function label(element: HTMLElement, name: string): void {
  element.setAttribute('aria-label', name);
  element.title = name;
}

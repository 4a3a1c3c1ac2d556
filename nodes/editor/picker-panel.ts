/** The search button beside a field, and the panel it opens below: search, refresh, a list to choose from, and a sentence when there is none. */
import { ListUnavailable } from './admin-api.js';
import { text } from './texts.js';
import { type TreeItem, TreeView } from './tree-view.js';

export interface PickerContent {
  readonly items: readonly TreeItem[];
  /** Said below the list, or instead of it when it is empty. */
  readonly hint?: string;
}

export interface PickerOptions {
  /** The text input of the field (under a typed input). */
  readonly field: HTMLElement;
  readonly name: string;
  /** What the button does, for its tooltip. */
  readonly title: string;
  load(): Promise<PickerContent>;
  choose(value: string): void;
  /** More controls above the list. */
  readonly header?: HTMLElement;
}

export class PickerPanel {
  private readonly button = document.createElement('button');
  private readonly panel = document.createElement('div');
  private readonly search = document.createElement('input');
  private readonly refreshButton = document.createElement('button');
  private readonly message = document.createElement('p');
  private readonly tree: TreeView;
  /** Only the newest answer counts, when the user refreshes twice. */
  private asked = 0;
  private hint = '';

  constructor(private readonly options: PickerOptions) {
    this.tree = new TreeView(options.title, (value) => {
      options.choose(value);
      this.close();
    });
    this.build();
  }

  get isOpen(): boolean {
    return !this.panel.hidden;
  }

  /** Loads the list anew, keeping the search. */
  refresh(): void {
    const asked = ++this.asked;
    this.panel.setAttribute('aria-busy', 'true');
    this.say(text('picker.loading'));
    this.options
      .load()
      .then((content) => {
        if (asked === this.asked) this.show(content);
      })
      .catch((failure: unknown) => {
        if (asked !== this.asked) return;
        const problem = failure instanceof ListUnavailable ? failure.problem : 'no-answer';
        this.show({ items: [], hint: text(`picker.problem.${problem}`) });
      });
  }

  private show({ items, hint }: PickerContent): void {
    this.panel.removeAttribute('aria-busy');
    this.hint = hint ?? '';
    this.tree.element.hidden = items.length === 0;
    this.tree.show(items);
    this.narrow();
  }

  private narrow(): void {
    const left = this.tree.search(this.search.value);
    const nothingFound = left === 0 && !this.tree.element.hidden;
    this.say(nothingFound ? text('picker.nothing-found') : this.hint);
  }

  private say(sentence: string): void {
    this.message.textContent = sentence;
    this.message.hidden = sentence === '';
  }

  private toggle(): void {
    if (this.isOpen) this.close();
    else {
      this.panel.hidden = false;
      this.button.setAttribute('aria-expanded', 'true');
      this.search.value = '';
      this.search.focus();
      this.refresh();
    }
  }

  private close(): void {
    this.panel.hidden = true;
    this.button.setAttribute('aria-expanded', 'false');
    this.button.focus();
  }

  private build(): void {
    const { field, name, title, header } = this.options;
    this.panel.id = `dm-picker-${name}`;
    this.panel.className = 'dm-picker';
    this.panel.hidden = true;
    this.panel.setAttribute('role', 'group');
    this.panel.setAttribute('aria-label', title);

    asIconButton(this.button, 'fa-search', title);
    this.button.classList.add('dm-picker-button');
    this.button.setAttribute('aria-expanded', 'false');
    this.button.setAttribute('aria-controls', this.panel.id);
    this.button.addEventListener('click', () => this.toggle());

    this.search.type = 'text';
    this.search.placeholder = text('picker.search');
    this.search.setAttribute('aria-label', text('picker.search'));
    this.search.autocomplete = 'off';
    this.search.addEventListener('input', () => this.narrow());
    this.search.addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowDown') return;
      event.preventDefault();
      this.tree.focus();
    });

    asIconButton(this.refreshButton, 'fa-refresh', text('picker.refresh'));
    this.refreshButton.addEventListener('click', () => this.refresh());

    this.message.className = 'dm-picker-message';
    this.message.setAttribute('role', 'status');

    const bar = document.createElement('div');
    bar.className = 'dm-picker-bar';
    bar.append(this.search, this.refreshButton);
    this.panel.append(bar, ...(header ? [header] : []), this.tree.element, this.message);
    this.panel.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation(); // else Node-RED closes the whole dialog
      this.close();
    });

    const row = field.closest('.form-row');
    row?.append(this.button);
    row?.after(this.panel);
  }
}

function asIconButton(button: HTMLButtonElement, icon: string, title: string): void {
  button.type = 'button';
  button.className = 'red-ui-button';
  button.title = title;
  button.setAttribute('aria-label', title);
  button.innerHTML = `<i class="fa ${icon}" aria-hidden="true"></i>`;
}

/** The list of registered devices: a page at a time, kept in place while it is refreshed. */
import type { DeviceEntry } from '../admin-api.js';
import { button, element, presenceMark } from './elements.js';
import { text } from './sidebar-texts.js';

export class DeviceList {
  readonly element = element('div', 'dm-sidebar-list');
  private readonly rows = element('ul', '');
  private readonly more = button(text('more'), 'fa-angle-down', () => this.onMore());
  private readonly message = element('p', 'dm-sidebar-message');
  private chosen: string | undefined;

  constructor(
    private readonly onChoose: (endpoint: string) => void,
    private readonly onMore: () => void,
  ) {
    this.rows.setAttribute('role', 'listbox');
    this.rows.setAttribute('aria-label', text('title'));
    this.message.setAttribute('role', 'status');
    this.more.hidden = true;
    this.element.append(this.rows, this.message, this.more);
    this.rows.addEventListener('keydown', (event) => this.key(event));
  }

  /** @param sentence instead of, or below, the devices */
  show(devices: readonly DeviceEntry[], hasMore: boolean, sentence = ''): void {
    const focused = this.focused();
    this.rows.replaceChildren(...devices.map((device) => this.row(device)));
    this.more.hidden = !hasMore;
    this.say(sentence);
    if (focused !== undefined) this.focus(focused);
  }

  say(sentence: string): void {
    this.message.textContent = sentence;
    this.message.hidden = sentence === '';
  }

  /** @param endpoint nobody: none is chosen any more */
  choose(endpoint: string | undefined): void {
    this.chosen = endpoint;
    for (const row of this.all()) row.setAttribute('aria-selected', String(row.dataset.endpoint === endpoint));
  }

  private row({ endpoint, address, presence }: DeviceEntry): HTMLElement {
    const line = element(
      'li',
      'dm-sidebar-row',
      presenceMark(presence, text(`presence.${presence}`)),
      element('span', 'dm-sidebar-name', endpoint),
      element('span', 'dm-sidebar-address', address),
    );
    line.tabIndex = 0;
    line.title = endpoint;
    line.dataset.endpoint = endpoint;
    line.setAttribute('role', 'option');
    line.setAttribute('aria-selected', String(endpoint === this.chosen));
    line.addEventListener('click', () => this.onChoose(endpoint));
    return line;
  }

  private key(event: KeyboardEvent): void {
    const row = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>('.dm-sidebar-row') : null;
    const endpoint = row?.dataset.endpoint;
    if (row === null || endpoint === undefined) return;
    const acts: Readonly<Record<string, () => void>> = {
      Enter: () => this.onChoose(endpoint),
      ' ': () => this.onChoose(endpoint),
      ArrowDown: () => (row.nextElementSibling as HTMLElement | null)?.focus(),
      ArrowUp: () => (row.previousElementSibling as HTMLElement | null)?.focus(),
    };
    const act = acts[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  }

  private all(): HTMLElement[] {
    return [...this.rows.querySelectorAll<HTMLElement>('.dm-sidebar-row')];
  }

  private focused(): string | undefined {
    const row = document.activeElement?.closest<HTMLElement>('.dm-sidebar-row');
    return row && this.rows.contains(row) ? row.dataset.endpoint : undefined;
  }

  private focus(endpoint: string): void {
    this.all()
      .find((row) => row.dataset.endpoint === endpoint)
      ?.focus();
  }
}

/** A tree to choose from: arrow keys, Enter, Home, End; a search narrows it. Follows the ARIA tree pattern. */

export interface TreeItem {
  /** What is chosen; without it the item only groups others. */
  readonly value?: string;
  readonly label: string;
  /** Small print at the right: type, operations, units. */
  readonly detail?: string;
  /** A class for a mark before the label, with what it means. */
  readonly mark?: { readonly className: string; readonly title: string };
  /** What a search looks at; by default label and value. */
  readonly search?: string;
  readonly children?: readonly TreeItem[];
  /** Children fetched when the item is first opened. */
  load?(): Promise<readonly TreeItem[]>;
  readonly open?: boolean;
}

interface Row {
  readonly item: TreeItem;
  readonly element: HTMLLIElement;
  readonly group: HTMLUListElement | undefined;
  rows: Row[];
  loaded: boolean;
}

export class TreeView {
  readonly element = document.createElement('ul');
  private rows: Row[] = [];
  /** Words that have to be there, in any order: "log start" finds "4011  LogStart". */
  private filter: readonly string[] = [];

  constructor(
    label: string,
    private readonly chosen: (value: string) => void,
  ) {
    this.element.className = 'dm-tree';
    this.element.setAttribute('role', 'tree');
    this.element.setAttribute('aria-label', label);
    this.element.addEventListener('keydown', (event) => this.key(event));
  }

  show(items: readonly TreeItem[]): void {
    this.rows = items.map((item) => this.row(item, 1));
    this.element.replaceChildren(...this.rows.map((row) => row.element));
    this.search(this.filter.join(' '));
  }

  /** Hides what does not match; says how many items are left. */
  search(words: string): number {
    this.filter = words
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    const left = this.rows.filter((row) => this.narrow(row, false)).length;
    this.moveTabStop(this.visible()[0]);
    return left;
  }

  focus(): void {
    this.element.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }

  private row(item: TreeItem, level: number): Row {
    const element = document.createElement('li');
    element.setAttribute('role', 'treeitem');
    element.setAttribute('aria-level', String(level));
    element.tabIndex = -1;
    const line = document.createElement('div');
    line.className = `dm-tree-line${item.value === undefined ? '' : ' dm-tree-choice'}`;
    line.style.paddingLeft = `${(level - 1) * 16 + 4}px`;
    line.append(this.toggle(item), ...this.mark(item), this.span('dm-tree-label', item.label));
    if (item.detail) line.append(this.span('dm-tree-detail', item.detail));
    element.append(line);
    const group = item.children || item.load ? document.createElement('ul') : undefined;
    const row: Row = { item, element, group, rows: [], loaded: !item.load };
    if (group) {
      group.setAttribute('role', 'group');
      row.rows = (item.children ?? []).map((child) => this.row(child, level + 1));
      group.append(...row.rows.map((child) => child.element));
      element.append(group);
      this.expand(row, item.open ?? false);
    }
    line.addEventListener('click', (event) => {
      const onToggle = event.target instanceof Element && event.target.closest('.dm-tree-toggle');
      if (item.value === undefined || (onToggle && group)) this.expand(row, !this.isOpen(row));
      else this.chosen(item.value);
    });
    return row;
  }

  private toggle(item: TreeItem): HTMLElement {
    const toggle = this.span('dm-tree-toggle', '');
    toggle.setAttribute('aria-hidden', 'true');
    if (item.children || item.load) toggle.innerHTML = '<i class="fa fa-angle-right"></i>';
    return toggle;
  }

  private mark({ mark }: TreeItem): HTMLElement[] {
    if (!mark) return [];
    const element = this.span(`dm-mark ${mark.className}`, '');
    element.title = mark.title;
    element.setAttribute('role', 'img');
    element.setAttribute('aria-label', mark.title);
    return [element];
  }

  private span(className: string, content: string): HTMLSpanElement {
    const span = document.createElement('span');
    span.className = className;
    span.textContent = content;
    return span;
  }

  private isOpen(row: Row): boolean {
    return row.element.getAttribute('aria-expanded') === 'true';
  }

  private expand(row: Row, open: boolean): void {
    if (!row.group) return;
    row.element.setAttribute('aria-expanded', String(open));
    row.group.hidden = !open;
    if (!open || row.loaded) return;
    row.loaded = true;
    row.element.setAttribute('aria-busy', 'true');
    row.item
      .load?.()
      .then((items) => {
        row.rows = items.map((child) => this.row(child, Number(row.element.getAttribute('aria-level')) + 1));
        row.group?.replaceChildren(...row.rows.map((child) => child.element));
      })
      .catch(() => {
        row.loaded = false;
        this.expand(row, false);
      })
      .finally(() => row.element.removeAttribute('aria-busy'));
  }

  /** An item stays when it, one of its parents or one of its children matches; parents of matches open. */
  private narrow(row: Row, parentMatches: boolean): boolean {
    const { label, value, search } = row.item;
    const searched = (search ?? `${label} ${value ?? ''}`).toLowerCase();
    const self = parentMatches || this.filter.every((word) => searched.includes(word));
    const below = row.rows.map((child) => this.narrow(child, self)).includes(true);
    row.element.hidden = !self && !below;
    // What can only be opened is of no use closed.
    const mustOpen = below && (!self || value === undefined);
    if (this.filter.length > 0 && mustOpen) this.expand(row, true);
    else if (this.filter.length === 0 && row.loaded) this.expand(row, row.item.open ?? false);
    return self || below;
  }

  private visible(rows: readonly Row[] = this.rows): Row[] {
    return rows
      .filter((row) => !row.element.hidden)
      .flatMap((row) => [row, ...(row.group && this.isOpen(row) ? this.visible(row.rows) : [])]);
  }

  /** One item is in the tab order, the arrow keys move among the others. */
  private moveTabStop(row: Row | undefined): void {
    for (const element of this.element.querySelectorAll<HTMLElement>('[tabindex="0"]')) element.tabIndex = -1;
    if (row) row.element.tabIndex = 0;
  }

  private key(event: KeyboardEvent): void {
    const shown = this.visible();
    const at = shown.findIndex((row) => row.element === document.activeElement);
    const row = shown[at];
    if (!row) return;
    const go = (to: Row | undefined) => {
      if (!to) return;
      this.moveTabStop(to);
      to.element.focus();
    };
    const parent = shown.find((candidate) => candidate.rows.includes(row));
    const keys: Record<string, () => void> = {
      ArrowDown: () => go(shown[at + 1]),
      ArrowUp: () => go(shown[at - 1]),
      Home: () => go(shown[0]),
      End: () => go(shown[shown.length - 1]),
      ArrowRight: () =>
        row.group && !this.isOpen(row) ? this.expand(row, true) : go(row.rows.find((child) => !child.element.hidden)),
      ArrowLeft: () => (row.group && this.isOpen(row) ? this.expand(row, false) : go(parent)),
      Enter: () => (row.item.value === undefined ? this.expand(row, !this.isOpen(row)) : this.chosen(row.item.value)),
      ' ': () => keys.Enter?.(),
    };
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }
}

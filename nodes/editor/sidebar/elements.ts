/** Elements of the sidebar. Text is always text: what a device calls itself is never read as HTML. */

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

export function button(label: string, icon: string, click: () => void): HTMLButtonElement {
  const made = element('button', 'red-ui-button red-ui-button-small');
  made.type = 'button';
  const mark = element('i', `fa ${icon}`);
  mark.setAttribute('aria-hidden', 'true');
  made.append(mark, ` ${label}`);
  made.addEventListener('click', click);
  return made;
}

/** The dot before a device's name; says what it means to who cannot see it. */
export function presenceMark(presence: string, title: string): HTMLElement {
  const mark = element('span', `dm-mark dm-mark-${presence}`);
  mark.title = title;
  mark.setAttribute('role', 'img');
  mark.setAttribute('aria-label', title);
  return mark;
}

/** Fills the table row by row, leaving out what is not known. */
export function definitions(rows: readonly (readonly [label: string, value: Node | string | undefined])[]): HTMLElement {
  const list = element('dl', 'dm-sidebar-facts');
  for (const [label, value] of rows) {
    if (value === undefined || value === '') continue;
    list.append(element('dt', '', label), element('dd', '', value));
  }
  return list;
}

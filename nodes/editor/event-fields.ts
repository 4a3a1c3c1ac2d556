/** The check boxes of the register node: none ticked means every event. */

export function prepareEvents(events: readonly string[]): void {
  for (const box of boxes()) box.checked = events.includes(box.value);
}

export function readEvents(): string[] {
  return boxes()
    .filter((box) => box.checked)
    .map((box) => box.value);
}

function boxes(): HTMLInputElement[] {
  return [...document.querySelectorAll<HTMLInputElement>('#dm-events input')];
}

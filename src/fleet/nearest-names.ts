/** Names that a misspelt one may have meant: few edits away, where letters that look alike count as half an edit. */

const SUGGESTED = 3;
/** Longer endpoint names are compared by their beginning; the cost of a comparison grows with the square. */
const LONGEST = 64;
const LOOK_ALIKES = ['0oO', '1lI|', '5sS', '8B', '2zZ', '-_ .'];
const TWIN_COST = 0.5;

/** @param compared how many candidates are looked at */
export function nearestNames(name: string, candidates: Iterable<string>, compared: number): readonly string[] {
  const wanted = name.slice(0, LONGEST);
  const tolerance = Math.max(1, Math.floor(wanted.length / 4));
  const found: { candidate: string; distance: number }[] = [];
  let left = compared;
  for (const candidate of candidates) {
    if (left-- === 0) break;
    if (Math.abs(candidate.length - name.length) > tolerance) continue;
    const distance = editDistance(wanted, candidate.slice(0, LONGEST));
    if (distance <= tolerance) found.push({ candidate, distance });
  }
  found.sort((a, b) => a.distance - b.distance || a.candidate.localeCompare(b.candidate));
  const best = found[0]?.distance ?? 0;
  return found
    .filter(({ distance }) => distance === best)
    .slice(0, SUGGESTED)
    .map(({ candidate }) => candidate);
}

/** Damerau-Levenshtein, restricted: insert, delete, replace, swap neighbours. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replace = (last[column - 1] as number) + replacement(a[row - 1] as string, b[column - 1] as string);
      let best = Math.min(replace, (last[column] as number) + 1, (current[column - 1] as number) + 1);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) best = Math.min(best, (beforeLast[column - 2] as number) + 1);
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] as number;
}

function replacement(a: string, b: string): number {
  if (a === b) return 0;
  const alike = a.toLowerCase() === b.toLowerCase() || LOOK_ALIKES.some((twins) => twins.includes(a) && twins.includes(b));
  return alike ? TWIN_COST : 1;
}

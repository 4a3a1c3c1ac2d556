/** Patterns in which `*` stands for anything, and everything else for itself. */

/** @param flags "i" where case makes no difference */
export function wildcard(pattern: string, flags = ''): RegExp {
  const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  // Adjacent stars are one: `a****b` must not make the expression backtrack.
  return new RegExp(`^${pattern.split(/\*+/).map(literal).join('.*')}$`, `s${flags}`);
}

/** Which paths each operation takes. The picker offers by these rules, and validation explains by them. Knows no browser. */

export interface PathRule {
  /** Fewest and most ids in the path: 1 object, 2 instance, 3 resource, 4 resource instance. */
  readonly levels: readonly [number, number];
  /** Letter of the object definition a resource must have to be offered. */
  readonly needs?: 'R' | 'W' | 'E';
  /** "/" may be given: everything, or what the values themselves say. */
  readonly root?: true;
}

/** LwM2M Core 1.1.1 §6.3 and §6.4. */
export const PATH_RULES: Readonly<Record<string, PathRule>> = {
  read: { levels: [1, 4], needs: 'R', root: true },
  discover: { levels: [1, 3] },
  write: { levels: [2, 4], needs: 'W', root: true },
  create: { levels: [1, 2] },
  delete: { levels: [2, 2] },
  'write-attributes': { levels: [1, 4], needs: 'R' },
  execute: { levels: [3, 3], needs: 'E' },
  observe: { levels: [1, 4], needs: 'R' },
};

const ANY: PathRule = { levels: [1, 4] };

export function pathRule(operation: string): PathRule {
  return PATH_RULES[operation] ?? ANY;
}

/** 65535 is reserved as "no instance" (LwM2M Core 1.1.1 §7.1). */
const HIGHEST_ID = 65534;

/** A sentence of the catalogue, to be translated where it is shown. */
export interface Complaint {
  readonly key: string;
  readonly variables?: Record<string, string | number>;
}

/** What is wrong with a path typed into a dialog, or `undefined`. */
export function complainAboutPath(path: string, operation: string): Complaint | undefined {
  const shown = path.trim();
  if (shown === '/' && pathRule(operation).root === true) return undefined;
  if (!/^(\/\d{1,5})+$/.test(shown) || shown.split('/').some((id) => Number(id) > HIGHEST_ID)) {
    return { key: 'validation.path', variables: { path: shown } };
  }
  const { levels } = pathRule(operation);
  const depth = shown.split('/').length - 1;
  if (depth >= levels[0] && depth <= levels[1]) return undefined;
  return { key: `validation.depth.${operation in PATH_RULES ? operation : 'read'}`, variables: { path: shown } };
}

/** The paths of a list separated by commas, white space or new lines. */
export function splitPaths(list: string): string[] {
  return list.split(/[\s,]+/).filter((path) => path !== '');
}

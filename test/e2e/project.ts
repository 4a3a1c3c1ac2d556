/** Where the project is, and a folder for what these tests fetch or make; neither is tracked nor packed. */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';

/** Compiled tests run from build/ or elsewhere below the project, so the way up is searched, not counted. */
function findRoot(from: string): string {
  if (existsSync(path.join(from, 'package.json'))) return from;
  const above = path.dirname(from);
  if (above === from) throw new Error('No package.json above the tests.');
  return findRoot(above);
}

export const projectRoot = findRoot(__dirname);

/** Kept between runs. */
export function cacheFolder(name: string): string {
  const folder = path.join(projectRoot, '.build', 'cache', name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * Several paths as one text, "/3/0/9,/1/0/1": what a composite operation is about (LwM2M Core 1.1.1 §6.3.8). Canonical: each path once, none
 * that lies below another, in the order in which they were named.
 */
import { DeviceManagementError } from '../errors';
import { Path } from './path';

/** More than anybody names one by one; an object or the root says more in fewer bytes. */
const MOST_PATHS = 256;

/** @throws DeviceManagementError `invalid-path` */
export function parsePathList(text: string): readonly Path[] {
  return withoutCovered(text.split(',').map((part) => Path.parse(part)));
}

/**
 * @param paths at least one
 * @throws DeviceManagementError `invalid-path`
 */
export function pathListText(paths: readonly string[]): string {
  return withoutCovered(paths.map((path) => Path.parse(path))).join(',');
}

/** Whether a text names more than one path. */
export function isPathList(text: string): boolean {
  return text.includes(',');
}

function withoutCovered(paths: readonly Path[]): readonly Path[] {
  if (paths.length > MOST_PATHS) {
    throw new DeviceManagementError(
      'invalid-path',
      `${paths.length} paths are more than the ${MOST_PATHS} that can be asked for at once: name whole instances or objects.`,
    );
  }
  return paths.filter((path, index) =>
    paths.every((other, at) => at === index || !other.contains(path) || (other.equals(path) && at > index)),
  );
}

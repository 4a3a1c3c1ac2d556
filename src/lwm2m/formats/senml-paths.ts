/**
 * Path lists, the payload of Read-Composite and Observe-Composite (LwM2M Core 1.1.1 §6.3.8, §6.4.4): SenML records with names and
 * nothing else, "/" for everything.
 */
import { isGatewayPrefix, Path } from '../../device/path';
import { beyondCap, malformed, shown } from './failure';
import { eachRecord, type Representation } from './senml';
import { cborRepresentation } from './senml-cbor';
import { jsonRepresentation } from './senml-json';

export interface ListedPath {
  readonly path: Path;
  /** The device behind a gateway. */
  readonly prefix?: string;
}

/** Each makes the other side look through its objects; whoever wants more reads an object instead. */
const MOST_PATHS = 256;

const REPRESENTATIONS: ReadonlyMap<number, Representation> = new Map([
  [110, jsonRepresentation('SenML JSON')],
  [112, cborRepresentation('SenML CBOR')],
  [320, jsonRepresentation('SenML-ETCH JSON')],
  [322, cborRepresentation('SenML-ETCH CBOR')],
]);

export function isPathListFormat(contentFormat: number | undefined): boolean {
  return contentFormat !== undefined && REPRESENTATIONS.has(contentFormat);
}

/** @param contentFormat one of those `isPathListFormat` says yes to */
export function encodePathList(contentFormat: number, paths: readonly ListedPath[]): Buffer {
  const { write } = REPRESENTATIONS.get(contentFormat) as Representation;
  return write(paths.map(({ path, prefix }) => ({ name: prefix === undefined ? path.toString() : `/${prefix}${path}` })));
}

/** @throws DeviceManagementError `decode-error`, `too-large` */
export function decodePathList(contentFormat: number, payload: Uint8Array): ListedPath[] {
  const { read, dialect } = REPRESENTATIONS.get(contentFormat) as Representation;
  const paths = eachRecord(read(payload), dialect, (record, index) => {
    const name = record.baseName + record.name;
    const listed = listedPath(name);
    if (listed === undefined) throw malformed(dialect.name, `record ${index}`, 'the name of a path', shown(name));
    if (record.valueFields > 0) throw malformed(dialect.name, `record ${index}`, 'a name only', `a value for ${name}`);
    return listed;
  });
  if (paths.length > MOST_PATHS) throw beyondCap(dialect.name, 'paths', MOST_PATHS);
  return paths;
}

function listedPath(name: string): ListedPath | undefined {
  const match = /^(?:\/([^/]*[^/\d][^/]*))?(\/|(?:\/(?:0|[1-9]\d{0,4})){1,4})$/.exec(name.slice(0, LONGEST_NAME));
  if (match === null || name.length > LONGEST_NAME) return undefined;
  const [, prefix, ids] = match as unknown as [string, string | undefined, string];
  const path = ids.split('/').every((id) => Number(id) <= 65_535) ? Path.parse(ids) : undefined;
  if (path === undefined || (prefix !== undefined && !isGatewayPrefix(prefix))) return undefined;
  return prefix === undefined ? { path } : { path, prefix };
}

/** A prefix and four ids. */
const LONGEST_NAME = 90;

/**
 * Devices as a table (CSV, RFC 4180): a header that names the columns, a line for each device. All that is wrong with it is told by line,
 * so that a file of thousands is mended in one go.
 */
import { type DeviceChange, readDeviceChange } from '../device/provisioned-device';
import { asDeviceManagementError } from '../errors';

export interface TableMistake {
  /** Counted from 1, as an editor shows it; of the first line of a record. */
  readonly line: number;
  /** For a person; quotes no secret. */
  readonly reason: string;
}

export type DeviceTable = { readonly changes: readonly DeviceChange[] } | { readonly mistakes: readonly TableMistake[] };

const COLUMNS = ['endpoint', 'tags', 'level', 'blockedUntil'] as const;
const SECURITY_COLUMNS = ['mode', 'identity', 'key', 'publicKey', 'certificate', 'fingerprint', 'name'] as const;
const MOST_DEVICES = 100_000;
/** More than anybody reads at once. */
const MOST_MISTAKES = 20;

interface Line {
  readonly line: number;
  readonly cells: readonly string[];
}

export function readDeviceTable(text: string): DeviceTable {
  const lines = linesOf(text);
  const [header, ...records] = lines;
  if (header === undefined || records.length === 0) {
    return wrong(1, 'a table has a header such as endpoint,identity,key,tags and a line for each device');
  }
  if (records.length > MOST_DEVICES) return wrong(1, `a table has at most ${MOST_DEVICES} devices, this has ${records.length}`);
  const names = header.cells.map((cell) => cell.trim());
  const all: readonly string[] = [...COLUMNS, ...SECURITY_COLUMNS];
  const stranger = names.find((name) => !all.includes(name));
  if (stranger !== undefined) {
    return wrong(header.line, `there is no column ${JSON.stringify(stranger.slice(0, 40))}: they are ${all.join(', ')}`);
  }
  if (!names.includes('endpoint')) return wrong(header.line, 'the column endpoint is missing');
  return devicesIn(names, records);
}

function devicesIn(names: readonly string[], records: readonly Line[]): DeviceTable {
  const changes: DeviceChange[] = [];
  const mistakes: TableMistake[] = [];
  const seen = new Map<string, number>();
  for (const { line, cells } of records) {
    try {
      if (cells.length !== names.length) throw new Error(`it has ${cells.length} cells, and the header ${names.length}`);
      const change = readDeviceChange(deviceOf(names, cells));
      const before = seen.get(change.endpoint);
      if (before !== undefined) throw new Error(`the endpoint stands in line ${before} already`);
      seen.set(change.endpoint, line);
      changes.push(change);
    } catch (caught) {
      mistakes.push({ line, reason: asDeviceManagementError(caught).message });
      if (mistakes.length === MOST_MISTAKES) break;
    }
  }
  return mistakes.length > 0 ? { mistakes } : { changes };
}

/** As JSON would say it; an empty cell says nothing. */
function deviceOf(names: readonly string[], cells: readonly string[]): Record<string, unknown> {
  const given = Object.fromEntries(
    names.map((name, index) => [name, (cells[index] as string).trim()]).filter(([, cell]) => cell !== ''),
  );
  const { endpoint, tags, level, blockedUntil, ...security } = given as Record<string, string>;
  const hasSecurity = Object.keys(security).length > 0;
  return {
    endpoint,
    ...(tags !== undefined && { tags: tags.split(/[;|]/).filter((tag) => tag.trim() !== '') }),
    ...(level !== undefined && { level }),
    ...(blockedUntil !== undefined && { blockedUntil }),
    ...(hasSecurity && { security: { mode: 'psk', ...security } }),
  };
}

/** Cells in quotes may hold separators, line ends and doubled quotes. The separator is what the header uses. */
function linesOf(text: string): Line[] {
  const source = text.replace(/^\ufeff/, '');
  const first = /^[^\r\n]*/.exec(source)?.[0] ?? '';
  const separator = first.includes(';') && !first.includes(',') ? ';' : ',';
  const lines: Line[] = [];
  let cells: string[] = [];
  let cell = '';
  let isQuoted = false;
  let line = 1;
  let startedAt = 1;
  const endLine = (): void => {
    cells.push(cell);
    if (cells.length > 1 || cell.trim() !== '') lines.push({ line: startedAt, cells });
    cells = [];
    cell = '';
    startedAt = line;
  };
  for (let at = 0; at < source.length; at++) {
    const character = source[at] as string;
    if (character === '\n') line++;
    if (isQuoted) {
      if (character !== '"') cell += character;
      else if (source[at + 1] === '"') {
        cell += '"';
        at++;
      } else isQuoted = false;
    } else if (character === '"' && cell.trim() === '') {
      isQuoted = true;
      cell = '';
    } else if (character === separator) {
      cells.push(cell);
      cell = '';
    } else if (character === '\n') endLine();
    else if (character !== '\r') cell += character;
  }
  endLine();
  return lines;
}

function wrong(line: number, reason: string): DeviceTable {
  return { mistakes: [{ line, reason }] };
}

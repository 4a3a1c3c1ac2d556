/** Reads a folder of vendor definitions (DDF XML). A wrong file is named with line and reason, and the others are used. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { MAX_DDF_BYTES, parseDdf } from './ddf';
import type { ObjectDefinition } from './definition';

/** Protects the start of the server from a folder chosen by mistake: the OMA registry itself has some 750 files. */
const MAX_FILES = 2000;

/** Why a file, or the folder, was not used. */
export interface DdfProblem {
  /** Path of the file, or of the folder. */
  readonly file: string;
  /** From 1; 0 where no line can be named. */
  readonly line: number;
  /** For a person. */
  readonly reason: string;
}

export interface VendorDefinitions {
  readonly definitions: readonly ObjectDefinition[];
  readonly problems: readonly DdfProblem[];
}

/** Files are read in the order of their names, so that which of two equal definitions wins does not depend on the file system. */
export function readVendorFolder(folder: string): VendorDefinitions {
  const problems: DdfProblem[] = [];
  const definitions: ObjectDefinition[] = [];
  const definedIn = new Map<string, string>();
  for (const file of listFiles(folder, problems)) {
    const content = readFile(file, problems);
    for (const definition of content) {
      const key = `${definition.id}/${definition.version}`;
      const first = definedIn.get(key);
      if (first !== undefined) {
        const reason = `object ${definition.id} version ${definition.version} is already defined in ${path.basename(first)}, which is used`;
        problems.push({ file, line: 0, reason });
        continue;
      }
      definedIn.set(key, file);
      definitions.push(definition);
    }
  }
  return { definitions, problems };
}

function listFiles(folder: string, problems: DdfProblem[]): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.toLowerCase().endsWith('.xml'));
    if (names.length > MAX_FILES) {
      problems.push({
        file: folder,
        line: 0,
        reason: `${names.length} XML files, more than ${MAX_FILES}: only the first ${MAX_FILES} are used`,
      });
    }
    return names
      .sort()
      .slice(0, MAX_FILES)
      .map((name) => path.join(folder, name));
  } catch (error) {
    problems.push({
      file: folder,
      line: 0,
      reason: `the folder cannot be read (${systemCode(error)}); check its path and permissions`,
    });
    return [];
  }
}

/** A file with any fault is not used: half an object would surprise its user later. */
function readFile(file: string, problems: DdfProblem[]): readonly ObjectDefinition[] {
  try {
    const { size } = statSync(file);
    if (size > MAX_DDF_BYTES) {
      problems.push({ file, line: 0, reason: `larger than ${MAX_DDF_BYTES / 1024} KiB` });
      return [];
    }
    const { definitions, faults } = parseDdf(readFileSync(file));
    problems.push(...faults.map((fault) => ({ file, ...fault })));
    return faults.length === 0 ? definitions : [];
  } catch (error) {
    problems.push({ file, line: 0, reason: `cannot be read (${systemCode(error)})` });
    return [];
  }
}

function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/**
 * A device on Eclipse Leshan's client library, run from its Java source. Leshan's demo client is not on Maven Central, its library is:
 * leshan/LeshanDevice.java gives it the demo client's objects. The class path is asked of Maven once and kept outside the sources.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { findProgram, Program } from './program';

/** Its client library, or its server library: each a folder here. */
export type LeshanPart = 'leshan' | 'leshan-server';

const folderOf = (part: LeshanPart): string => path.join(__dirname, part);

/** Kept between runs, one per version of pom.xml; the jars themselves are in Maven's own repository. */
function classPathFile(part: LeshanPart): string {
  const cache = path.join(process.cwd(), '.build', 'cache', 'leshan');
  mkdirSync(cache, { recursive: true });
  const version = createHash('sha256')
    .update(readFileSync(path.join(folderOf(part), 'pom.xml')))
    .digest('hex')
    .slice(0, 12);
  return path.join(cache, `classpath-${version}`);
}

/** @returns the class path; rejects with the reason when it cannot be had */
export async function leshanClassPath(part: LeshanPart = 'leshan'): Promise<string> {
  const maven = findProgram('mvn');
  if (maven === undefined || findProgram('javac') === undefined) throw new Error('a JDK (17 or newer) and Maven are needed');
  const file = classPathFile(part);
  const known = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (known !== '' && known.split(path.delimiter).every((jar) => existsSync(jar))) return known;
  const finished = await new Program(maven, [
    '-q',
    '-B',
    '-f',
    path.join(folderOf(part), 'pom.xml'),
    'dependency:build-classpath',
    `-Dmdep.outputFile=${file}`,
  ]).ended;
  if (finished.code !== 0) throw new Error(`Maven could not fetch Leshan: ${finished.output.slice(0, 500)}`);
  return readFileSync(file, 'utf8');
}

export interface LeshanDeviceOptions {
  readonly url: string;
  readonly endpoint: string;
  /** `bootstrap`: it asks there for its server. */
  readonly lifetime: number | 'bootstrap';
  /** How it proves who it is, and more: see LeshanDevice.java. */
  readonly options?: readonly string[];
}

export function startLeshan(classPath: string, { url, endpoint, lifetime, options = [] }: LeshanDeviceOptions): Program {
  const folder = folderOf('leshan');
  const program = path.join(folder, 'LeshanDevice.java');
  return new Program('java', [
    '-cp',
    classPath,
    program,
    url,
    endpoint,
    String(lifetime),
    path.join(folder, 'models'),
    ...options,
  ]);
}

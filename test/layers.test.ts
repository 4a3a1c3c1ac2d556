/** The order of the floors (ARCHITECTURE.md): every import runs downward, and no file imports itself in a circle. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** From the ground up. A place may import what stands before it, and its own floor unless that says otherwise. */
const FLOORS: readonly (readonly string[])[] = [
  ['src/errors.ts', 'src/events.ts', 'src/clock.ts', 'src/timer-wheel.ts', 'src/deadlines.ts', 'src/turns.ts'],
  ['src/store', 'src/device', 'src/dtls'],
  ['src/coap'],
  ['src/lwm2m/formats'],
  ['src/lwm2m/server', 'src/lwm2m/client'],
  ['src/fleet'],
  ['src/index.ts'],
  ['nodes', 'plugins'],
];

/** Rooms on one floor that must not know each other. */
const STRANGERS: readonly (readonly [string, string])[] = [
  ['src/store', 'src/device'],
  ['src/device', 'src/store'],
  ['src/dtls', 'src/device'],
  ['src/device', 'src/dtls'],
  ['src/lwm2m/server', 'src/lwm2m/client'],
  ['src/lwm2m/client', 'src/lwm2m/server'],
];

const root = process.cwd();

function sources(folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sources(name);
    return name.endsWith('.ts') && !name.endsWith('.d.ts') && !name.endsWith('.editor.ts') ? [name] : [];
  });
}

function importsOf(file: string): string[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|require\(|import\(|^import)\s*'([^']+)'/gm)].map((match) => match[1] as string);
}

function resolve(file: string, specifier: string): string {
  return path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier)).replace(/(\.js)?$/, '.ts');
}

function isBelow(file: string, place: string): boolean {
  return file === place || file.startsWith(`${place}/`);
}

function floorOf(file: string): number {
  return FLOORS.findIndex((floor) => floor.some((place) => isBelow(file, place)));
}

describe('the floors', () => {
  const files = ['src', 'nodes', 'plugins'].filter((folder) => existsSync(path.join(root, folder))).flatMap(sources);
  const edges = files.flatMap((file) =>
    importsOf(file)
      .filter((specifier) => specifier.startsWith('.') && !specifier.endsWith('.json'))
      .map((specifier) => ({ file, target: resolve(file, specifier) })),
  );

  it('every source file stands on one of them', () => {
    assert.deepEqual(
      files.filter((file) => floorOf(file) < 0),
      [],
    );
  });

  it('an import never runs upward', () => {
    const upward = edges.filter(({ file, target }) => floorOf(target) > floorOf(file));
    assert.deepEqual(upward, []);
  });

  it('rooms that are strangers to each other stay so', () => {
    const met = edges.filter(({ file, target }) => STRANGERS.some(([from, to]) => isBelow(file, from) && isBelow(target, to)));
    assert.deepEqual(met, []);
  });

  it('nothing in src knows Node-RED', () => {
    const known = files
      .filter((file) => file.startsWith('src/'))
      .filter((file) => importsOf(file).some((specifier) => /node-red/.test(specifier)));
    assert.deepEqual(known, []);
  });

  it('no circle of imports', () => {
    // Type-only imports vanish when compiled: a circle of those is a shared vocabulary, not a circle of modules.
    const next = new Map<string, string[]>();
    for (const file of files) {
      const text = readFileSync(path.join(root, file), 'utf8').replace(/^import type[\s\S]*?from '[^']+';$/gm, '');
      const targets = [...text.matchAll(/from '(\.[^']+)'/g)].map((match) => resolve(file, match[1] as string));
      next.set(file, targets);
    }
    const done = new Set<string>();
    const visit = (file: string, trail: readonly string[]): void => {
      assert.ok(!trail.includes(file), `circle: ${[...trail.slice(trail.indexOf(file)), file].join(' -> ')}`);
      if (done.has(file)) return;
      for (const target of next.get(file) ?? []) visit(target, [...trail, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
  });
});

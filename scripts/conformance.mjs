/**
 * Runs the conformance suite and writes docs/conformance.md from its results: with our own client and with recorded ones, and with Leshan's
 * where a JDK and Maven are.
 *   node scripts/conformance.mjs
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setup } from './setup.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const SELF = 'self';
const SUITES = [
  'build/test/conformance/*.test.js',
  'build/test/captures/bootstrap.test.js',
  'build/test/lwm2m/tls.test.js',
  'build/test/lwm2m/secured-client.test.js',
  'build/test/lwm2m/server/restart.test.js',
  'build/test/interop/leshan-conformance.test.js',
];

const INTRODUCTION = `# LwM2M conformance

Written by \`npm run conformance\` from the results of its run; not to be changed by hand.

Each row is a case of the OMA enabler test specifications (ETS) 1.0, 1.1 and 1.2 that concerns a server, or a behaviour beyond them (\`x-…\`).
The tests are in \`test/conformance/\` and \`test/interop/leshan-conformance.test.ts\`, named by the same ids.

- **shown**: a client that is not ours has shown it, alive (Leshan) or recorded: what the recorded device said is said again to our server, and
  a request of ours is answered only when the recorder asked the same.
- **in part**: such a client has shown a part of it, named behind it; the whole has been shown by our own client only.
- **self**: only our own client, or a device scripted by the test, has.
- **not shown**: with the reason.
- **failed**: a test of this id does not pass.
`;

function results(file) {
  const text = readFileSync(file, 'utf8').trim();
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line));
}

/** A client that shows a case in parts only, with the parts. */
function shownBy(client, own) {
  const mine = own.filter((result) => result.client === client);
  if (mine.some(({ part }) => part === undefined)) return { client, isWhole: true, text: client };
  return { client, isWhole: false, text: `${client}: ${[...new Set(mine.map(({ part }) => part))].join(', ')}` };
}

function rowOf({ id, versions, purpose, notShown }, all) {
  const own = all.filter((result) => result.id === id);
  const failed = own.filter(({ passed }) => !passed);
  const clients = [...new Set(own.filter(({ passed }) => passed).map(({ client }) => client))].sort();
  const shown = clients.map((client) => shownBy(client, own));
  const text = shown.map((one) => one.text).join('; ');
  const others = shown.filter(({ client }) => client !== SELF);
  const [result, by] =
    failed.length > 0
      ? ['**failed**', [...new Set(failed.map(({ client }) => client))].join(', ')]
      : notShown !== undefined
        ? ['not shown', notShown]
        : clients.length === 0
          ? ['not shown', 'no test has run']
          : others.some(({ isWhole }) => isWhole)
            ? ['shown', text]
            : others.length > 0
              ? ['in part', text]
              : [SELF, text];
  return { result, line: `| ${id} | ${versions} | ${purpose} | ${result} | ${by} |` };
}

function documentOf(matrix, all) {
  const counts = new Map();
  const chapters = new Map();
  for (const row of matrix.values()) {
    const { result, line } = rowOf(row, all);
    counts.set(result, (counts.get(result) ?? 0) + 1);
    const lines = chapters.get(row.chapter) ?? [];
    chapters.set(row.chapter, [...lines, line]);
  }
  const summary = [...counts].map(([result, count]) => `${count} ${result.replaceAll('*', '')}`).join(', ');
  const tables = [...chapters].map(
    ([chapter, lines]) =>
      `## ${chapter}\n\n| Id | ETS | Purpose | Result | Shown by, or why not |\n|---|---|---|---|---|\n${lines.join('\n')}\n`,
  );
  return `${INTRODUCTION}\n${matrix.size} cases: ${summary}.\n\n${tables.join('\n')}`;
}

setup({ tests: true });
const folder = mkdtempSync(path.join(tmpdir(), 'conformance-'));
const file = path.join(folder, 'results');
writeFileSync(file, '');
let passed = true;
try {
  const mocha = path.join(path.dirname(require.resolve('mocha/package.json')), 'bin', 'mocha.js');
  execFileSync(process.execPath, [mocha, ...SUITES, '--ignore', 'build/test/conformance/document.test.js'], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, CONFORMANCE_RESULTS: file },
  });
} catch {
  passed = false; // mocha has told which
}
const { MATRIX } = require(path.join(root, 'build', 'test', 'conformance', 'matrix.js'));
writeFileSync(path.join(root, 'docs', 'conformance.md'), documentOf(MATRIX, results(file)));
rmSync(folder, { recursive: true });
process.exitCode = passed ? 0 : 1;

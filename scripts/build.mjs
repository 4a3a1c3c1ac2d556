/**
 * Builds the pack: TypeScript to dist/, everything that is not TypeScript beside it, editor code inlined into each node's html.
 *   node scripts/build.mjs                the pack, into dist/
 *   node scripts/build.mjs --tests        pack sources and tests as CommonJS for mocha, into build/
 *   … --out DIR                           somewhere else
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const forTests = process.argv.includes('--tests');
const outAt = process.argv.indexOf('--out');
const out = path.resolve(root, outAt > 0 ? process.argv[outAt + 1] : forTests ? 'build' : 'dist');
const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');

function compile(project, outDir) {
  execFileSync(process.execPath, [tsc, '-p', path.join(root, project), '--outDir', outDir], { cwd: root, stdio: 'inherit' });
}

/** Every file below `folder`, as paths relative to the project. */
function filesBelow(folder) {
  const absolute = path.join(root, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(name) : [name];
  });
}

/**
 * Puts what dialogs share (nodes/editor/*.html) and the compiled editor code where the template says, readable and unminified, as the
 * Node-RED scorecard wants it.
 */
function inlineEditor(html, editorDir) {
  const script = path.join(editorDir, html.replace(/\.html$/, '.editor.js'));
  const template = readFileSync(path.join(root, html), 'utf8').replace(/^ *<!-- @include (\S+) -->\n/gm, (_line, part) =>
    readFileSync(path.join(root, 'nodes', 'editor', part), 'utf8'),
  );
  if (!existsSync(script)) return template;
  const code = readFileSync(script, 'utf8')
    .replace(/^export \{\};\n/m, '')
    .trim();
  return template.replace('<!-- @editor -->', () => `<script type="text/javascript">\n${code}\n</script>`);
}

/** Code and styles the dialogs share, as browser modules beside dist/: Node-RED serves `resources` of a package's root, and only that. */
function shareEditorModules(editorDir) {
  const shared = path.join(out, '..', 'resources', 'editor');
  rmSync(shared, { recursive: true, force: true });
  if (existsSync(path.join(editorDir, 'nodes', 'editor')))
    cpSync(path.join(editorDir, 'nodes', 'editor'), shared, { recursive: true });
  const source = path.join(editorDir, 'src');
  if (existsSync(source)) {
    // Rules that server and dialogs share stand in src/; a browser wants the endings of files, and finds nothing above `resources`.
    cpSync(source, path.join(shared, 'src'), { recursive: true });
    for (const name of readdirSync(shared, { recursive: true }).filter((file) => file.endsWith('.js'))) {
      const file = path.join(shared, name);
      const code = readFileSync(file, 'utf8').replace(/from '\.\.\/\.\.\/src\//g, "from './src/");
      writeFileSync(file, code.replace(/(from '\.[^']*?)(?:\.js)?'/g, "$1.js'"));
    }
  }
  for (const file of filesBelow('nodes/editor')) {
    if (file.endsWith('.css')) cpSync(path.join(root, file), path.join(shared, path.basename(file)));
  }
}

rmSync(out, { recursive: true, force: true });
let failed = false;
try {
  compile(forTests ? 'tsconfig.test.json' : 'tsconfig.json', out);
} catch {
  failed = true; // tsc has told what is wrong, and has written what it could
}

const editorDir = mkdtempSync(path.join(tmpdir(), 'editor-'));
if (!forTests && existsSync(path.join(root, 'nodes', 'editor'))) {
  try {
    compile('tsconfig.editor.json', editorDir);
  } catch {
    failed = true;
  }
  shareEditorModules(editorDir);
}

for (const folder of ['src', 'nodes', 'plugins', ...(forTests ? ['test', 'bench'] : [])]) {
  for (const file of filesBelow(folder)) {
    if (file.endsWith('.ts') || file.startsWith(path.join('nodes', 'editor'))) continue;
    const target = path.join(out, file);
    mkdirSync(path.dirname(target), { recursive: true });
    if (file.endsWith('.html') && !file.includes('locales')) writeFileSync(target, inlineEditor(file, editorDir));
    else cpSync(path.join(root, file), target);
  }
}
rmSync(editorDir, { recursive: true, force: true });
process.exitCode = failed ? 1 : 0;

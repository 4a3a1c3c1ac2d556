/** What the Node-RED scorecard asks of a pack, and what npm would publish of this one. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = process.cwd();
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

interface Manifest {
  readonly name: string;
  readonly license: string;
  readonly keywords: readonly string[];
  readonly bugs: { readonly url: string };
  readonly engines: { readonly node: string };
  readonly dependencies: Readonly<Record<string, string>>;
  readonly 'node-red': { readonly version: string; readonly nodes: Readonly<Record<string, string>> };
}

const manifest: Manifest = JSON.parse(read('package.json'));
const nodes = Object.entries(manifest['node-red'].nodes);
const htmlOf = (file: string): string => read(file.replace(/\.js$/, '.html'));

/** As the scorecard finds them: a literal call in an inline script. */
const REGISTERED = /RED\.nodes\.registerType\('([^']+)', \{\s*category: '([^']+)'/g;
const types = (): { type: string; category: string }[] =>
  nodes.flatMap(([, file]) => [...htmlOf(file).matchAll(REGISTERED)].map(([, type = '', category = '']) => ({ type, category })));

describe('the package', () => {
  it('says what it is for, under which licence, and where to complain', () => {
    assert.match(manifest.name, /^@[a-z]+\//);
    assert.equal(manifest.license, 'Apache-2.0');
    assert.ok(manifest.keywords.includes('node-red'));
    assert.match(manifest.bugs.url, /^https:/);
    assert.equal(manifest.engines.node, '>=20');
    assert.equal(manifest['node-red'].version, '>=4.1.0');
  });

  it('needs at most six packages, each from the registry', () => {
    const wanted = Object.entries(manifest.dependencies);
    assert.ok(wanted.length <= 6, wanted.join());
    for (const [name, range] of wanted) assert.match(range, /^\^\d+\.\d+\.\d+$/, name);
  });

  it('registers each node by a literal name of its own, readable in its html', () => {
    assert.equal(types().length, nodes.length);
    for (const { type } of types()) assert.match(type, /^(dm|lwm2m)-/);
  });

  it('shows every node in an example, and nothing of other packs', () => {
    const examples = readdirSync(path.join(root, 'examples')).map((file) => JSON.parse(read(`examples/${file}`)));
    const shown = new Set((examples.flat() as { type: string }[]).map(({ type }) => type));
    for (const { type, category } of types()) if (category !== 'config') assert.ok(shown.has(type), type);
    const CORE = ['tab', 'comment', 'inject', 'debug', 'change', 'switch', 'function', 'catch', 'lwm2m-server'];
    const own = types().map(({ type }) => type);
    assert.deepEqual(
      [...shown].filter((type) => !CORE.includes(type) && !own.includes(type)),
      [],
    );
  });

  it('has what each node needs beside its code: help, texts, an icon', () => {
    for (const [name, file] of nodes) {
      const folder = path.dirname(file);
      assert.match(read(`${folder}/locales/en-US/${name}.html`), /data-help-name/);
      assert.ok(JSON.parse(read(`${folder}/locales/en-US/${name}.json`)), name);
      const icon = /icon: '([^']+)'/.exec(htmlOf(file))?.[1];
      if (icon !== undefined) assert.ok(existsSync(path.join(root, folder, 'icons', icon)), icon);
    }
  });

  it('is published without tests, sources and maps, with what the editor fetches', function () {
    this.timeout(20_000);
    const answer = execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      shell: process.platform === 'win32',
    });
    const [{ files }] = JSON.parse(answer) as [{ files: { path: string }[] }];
    const paths = files.map((file) => file.path);
    assert.deepEqual(
      paths.filter((file) => /\.map$|^(test|build|bench|scripts|src|nodes)\/|(?<!\.d)\.ts$/.test(file)),
      [],
    );
    for (const needed of [
      'resources/editor/main.js',
      'resources/editor/dialogs.css',
      'docs/first-device.md',
      'docs/api.md',
      'LICENSE',
    ])
      assert.ok(paths.includes(needed), needed);
    for (const [, file] of nodes) assert.ok(paths.includes(file) && paths.includes(file.replace(/\.js$/, '.html')), file);
  });
});

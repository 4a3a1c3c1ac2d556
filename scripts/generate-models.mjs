/**
 * Writes the object definitions that the pack carries, from a folder of OMA registry XML and its version_history:
 *   node scripts/generate-models.mjs <folder> [--out FOLDER] [--compiled FOLDER]
 * --out       where registry.json and NOTICE go (src/device/models)
 * --compiled  a build of src/ to take the parser from (dist)
 * The same input gives the same bytes. What was left out is listed with file, line and reason.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { noticeOf } from './registry-notice.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

function option(name, otherwise) {
  const at = process.argv.indexOf(name);
  return path.resolve(root, at > 0 ? process.argv[at + 1] : otherwise);
}

function stop(message) {
  console.error(message);
  process.exit(1);
}

const folder = process.argv[2];
if (folder === undefined || folder.startsWith('--')) stop('usage: node scripts/generate-models.mjs <folder of registry XML>');
const out = option('--out', 'src/device/models');
const compiled = path.join(option('--compiled', 'dist'), 'src', 'device', 'models');
if (!existsSync(path.join(compiled, 'ddf.js'))) stop(`no parser in ${compiled}: run "npm run build" first`);
const require = createRequire(import.meta.url);
const { parseDdf } = require(path.join(compiled, 'ddf.js'));
const { encodeRegistry } = require(path.join(compiled, 'registry.js'));

/** Current files first: where a file of version_history says otherwise of the same version, the current one holds. */
function xmlFiles() {
  return ['.', 'version_history'].flatMap((part) => {
    const below = path.join(folder, part);
    if (!existsSync(below)) return [];
    const names = readdirSync(below).filter((name) => name.endsWith('.xml'));
    return names.sort().map((name) => path.join(part, name));
  });
}

const chosen = new Map();
const skipped = [];
const sources = [];
for (const file of xmlFiles()) {
  const xml = readFileSync(path.join(folder, file));
  const { definitions, faults } = parseDdf(xml);
  for (const fault of faults) skipped.push(`${file}:${fault.line}: ${fault.reason}`);
  for (const definition of definitions) {
    const key = `${definition.id}/${definition.version}`;
    const text = encodeRegistry([definition]);
    const earlier = chosen.get(key);
    if (earlier === undefined) {
      chosen.set(key, { definition, text, file });
      sources.push({ definition, xml: xml.toString('utf8') });
    } else if (earlier.text !== text) {
      skipped.push(`${file}:0: differs from ${earlier.file}, which is the current definition of ${key}`);
    }
  }
}

const definitions = [...chosen.values()].map((entry) => entry.definition);
const text = encodeRegistry(definitions);
writeFileSync(path.join(out, 'registry.json'), text);
writeFileSync(path.join(out, 'NOTICE'), noticeOf(sources));
for (const line of skipped) console.log(`skipped ${line}`);
const objects = new Set(definitions.map((definition) => definition.id)).size;
console.log(`${objects} objects in ${definitions.length} versions, ${text.length} characters, ${skipped.length} skipped`);

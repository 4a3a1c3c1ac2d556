/**
 * Who holds the rights in the definitions that generate-models.mjs takes over, under which licence: each XML file says it in its first
 * comment. The registry as a whole is BSD-3-Clause; some vendors chose Apache-2.0 or MIT for their objects.
 */

const LICENCES = [
  { name: 'Apache-2.0', marks: /Apache License/ },
  { name: 'MIT', marks: /Permission is hereby granted, free of charge/ },
  { name: 'BSD-3-Clause', marks: /Redistributions? of source code must retain/ },
];

const TEXTS = `BSD-3-Clause
------------

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the following
conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following disclaimer.
2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following disclaimer
   in the documentation and/or other materials provided with the distribution.
3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote products derived
   from this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT
LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE
COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES
(INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE)
ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.

MIT
---

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge,
publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so,
subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE
FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION
WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

Apache-2.0
----------

The text is that of the LICENSE file of this package.
`;

/** @param sources {definition, xml}[] */
export function noticeOf(sources) {
  const groups = new Map();
  for (const { definition, xml } of sources) {
    const comments = [...xml.matchAll(/<!--[\s\S]*?-->/g)].map((match) => match[0]).join('\n');
    const key = `${holderOf(comments)} (${licenceOf(comments)})`;
    groups.set(key, (groups.get(key) ?? new Set()).add(definition.id));
  }
  const lines = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, ids]) => `${key}:\n  ${inColumns(ids)}`);
  return `registry.json is derived from the OMA LwM2M object registry: names, types, operations, ranges and units, without descriptions.
The registry is published by the Open Mobile Alliance under BSD-3-Clause; the authors of its files are, with the ids of their objects:

${lines.join('\n')}

${TEXTS}`;
}

function licenceOf(comments) {
  return LICENCES.find((licence) => licence.marks.test(comments))?.name ?? 'under the licence of the registry';
}

function holderOf(comments) {
  // The Apache text itself speaks of copyright; a holder's line has a year.
  const lines = [...comments.matchAll(/Copyright\s+(?:\(c\)\s*)?\d{4}[^\r\n]*/gi)].map((match) =>
    match[0]
      .replace(/-->.*$/, '')
      .replace(/all rights reserved\.?/i, '')
      .replace(/\s+/g, ' ')
      .replace(/[\s.,]+$/, ''),
  );
  return lines.length === 0 ? 'No copyright line' : [...new Set(lines)].join('; ');
}

function inColumns(ids) {
  const sorted = [...ids].sort((a, b) => a - b).map(String);
  return sorted.join(' ').replace(/(.{100,110}) /g, '$1\n  ');
}

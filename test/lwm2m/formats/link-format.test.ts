import assert from 'node:assert/strict';
import { formatLinks, parseLinks } from '../../../src/lwm2m/formats/link-format';
import { failure } from './worked-example';

/** [path, attributes] of each link. */
function read(text: string): [string, Record<string, string | true>][] {
  return parseLinks(Buffer.from(text)).map(({ path, attributes }) => [path, { ...attributes }]);
}

describe('link format', () => {
  it('reads an object list', () => {
    assert.deepEqual(read('</>;rt="oma.lwm2m";ct=112,</1>;ver=1.1,</1/0>,</3/0>'), [
      ['/', { rt: 'oma.lwm2m', ct: '112' }],
      ['/1', { ver: '1.1' }],
      ['/1/0', {}],
      ['/3/0', {}],
    ]);
  });

  it('reads a Discover answer', () => {
    assert.deepEqual(read('</3>,</3/0>;pmin=10;pmax=200,</3/0/7>;dim=2;lt=1;gt=6.0;st=1'), [
      ['/3', {}],
      ['/3/0', { pmin: '10', pmax: '200' }],
      ['/3/0/7', { dim: '2', lt: '1', gt: '6.0', st: '1' }],
    ]);
  });

  for (const [what, text, expected] of [
    ['quoted lists of formats', '</>;ct="60 110 112"', [['/', { ct: '60 110 112' }]]],
    [
      'commas and semicolons in quotes',
      '</1>;x="a,b;c",</2>',
      [
        ['/1', { x: 'a,b;c' }],
        ['/2', {}],
      ],
    ],
    ['escapes in quotes', '</1>;x="a\\"b\\\\"', [['/1', { x: 'a"b\\' }]]],
    [
      'attributes without value',
      '</>;ct=11543;hb,</3/0>',
      [
        ['/', { ct: '11543', hb: true }],
        ['/3/0', {}],
      ],
    ],
    ['versions in quotes', '</3303>;ver="1.1"', [['/3303', { ver: '1.1' }]]],
    [
      'spaces after commas and semicolons',
      '</1/0>, </2/0> ,</3>; ver=1.2 , </4>',
      [
        ['/1/0', {}],
        ['/2/0', {}],
        ['/3', { ver: '1.2' }],
        ['/4', {}],
      ],
    ],
    [
      'doubled and trailing commas',
      '</1/0>,,</2/0>,,',
      [
        ['/1/0', {}],
        ['/2/0', {}],
      ],
    ],
    [
      'repeated links',
      '</3303/0>,</3303/0>',
      [
        ['/3303/0', {}],
        ['/3303/0', {}],
      ],
    ],
    ['a slash at the end', '</1/0/>', [['/1/0/', {}]]],
    [
      'another root',
      '</lwm2m>;rt="oma.lwm2m",</lwm2m/3/0>',
      [
        ['/lwm2m', { rt: 'oma.lwm2m' }],
        ['/lwm2m/3/0', {}],
      ],
    ],
    [
      'an odd short server id',
      '</0/1>;ssid=0,</1/0>;ssid=',
      [
        ['/0/1', { ssid: '0' }],
        ['/1/0', { ssid: '' }],
      ],
    ],
    ['addresses', '</0/1>;uri="coaps://example.com:5684";ssid=101', [['/0/1', { uri: 'coaps://example.com:5684', ssid: '101' }]]],
    ['a bare version in front (1.0)', 'lwm2m="1.0",</0/0>', [['/0/0', {}]]],
    ['the first of two equal attributes', '</1>;ver=1.1;ver=2.0', [['/1', { ver: '1.1' }]]],
    [
      'line breaks between links',
      '</1/0>,\r\n</2/0>',
      [
        ['/1/0', {}],
        ['/2/0', {}],
      ],
    ],
    ['text beyond ASCII', '</1>;title="żółć"', [['/1', { title: 'żółć' }]]],
    ['an unended quote', '</1>;x="a,</2>', [['/1', { x: 'a,</2>' }]]],
    ['an unended link after others', '</1/0>,</2', [['/1/0', {}]]],
    [
      'rubbish between links',
      '</1/0>,hello,</2/0>;;x',
      [
        ['/1/0', {}],
        ['/2/0', { x: true }],
      ],
    ],
    ['nothing at all', '', []],
    [
      'names of the object prototype',
      '</1>;__proto__=1;constructor=2',
      [
        [
          '/1',
          Object.fromEntries([
            ['__proto__', '1'],
            ['constructor', '2'],
          ]),
        ],
      ],
    ],
  ] as const) {
    it(`takes ${what}`, () => {
      assert.deepEqual(read(text), expected);
    });
  }

  it('refuses a payload in which no link remains', () => {
    for (const text of ['hello', '<', '<<<<', ',', '</1', '\xff\xfe']) {
      assert.throws(() => parseLinks(Buffer.from(text)), failure('decode-error', /link-format, offset 0: expected a link/));
    }
  });

  it('refuses more links or bytes than a list may have', () => {
    const list = (count: number) => Buffer.from(Array.from({ length: count }, (_, id) => `</3303/${id}>`).join(','));
    assert.equal(parseLinks(list(1000)).length, 1000);
    assert.throws(() => parseLinks(list(1001)), failure('too-large', /1000 links/));
    assert.equal(parseLinks(list(5), { links: 5 }).length, 5);
    assert.throws(() => parseLinks(list(6), { links: 5 }), failure('too-large', /5 links/));
    assert.throws(() => parseLinks(Buffer.alloc(65_537, '</1>,')), failure('too-large', /65536 bytes/));
  });

  it('writes numbers bare and all else in quotes', () => {
    const text = '</>;rt="oma.lwm2m";ct="60 110",</3303>;ver=1.1,</3303/0>,</3303/0/5700>;dim=2;gt=-20.5;hb;x="a\\"b"';
    const links = [
      { path: '/', attributes: { rt: 'oma.lwm2m', ct: '60 110' } },
      { path: '/3303', attributes: { ver: '1.1' } },
      { path: '/3303/0' },
      { path: '/3303/0/5700', attributes: { dim: 2, gt: -20.5, hb: true as const, x: 'a"b' } },
    ];
    assert.equal(formatLinks(links), text);
    assert.deepEqual(read(text)[3], ['/3303/0/5700', { dim: '2', gt: '-20.5', hb: true, x: 'a"b' }]);
  });
});

/** LwM2M Core 1.1.1 §6.1.7.3: what a Bootstrap-Discover tells. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Code } from '../../../src/coap/codes';
import { DeviceManagementError } from '../../../src/errors';
import { type Discovered, readDiscovered } from '../../../src/lwm2m/server/bootstrap-discovered';

function discovered(payload: string | Uint8Array, contentFormat: number | undefined = 40): Discovered {
  const none = { observe: undefined, locationPath: [], maxAge: undefined, etag: undefined };
  return readDiscovered({ code: Code.Content, contentFormat, payload: Buffer.from(payload as string), ...none });
}

describe('Bootstrap-Discover', () => {
  for (const [title, payload, version] of [
    ['1.0 in front of the links', 'lwm2m="1.0",</0>,</0/0>', '1.0'],
    ['1.0 in front, unquoted', 'lwm2m=1.0,</0/0>', '1.0'],
    ['1.1 in front', 'lwm2m=1.1,</0/0>', '1.1'],
    ['1.1 at the root link', '</>;lwm2m=1.1,</0/0>', '1.1'],
    ['1.2 in quotes', '</>;lwm2m="1.2",</0/0>', '1.2'],
    ['a version nobody knows', '</>;lwm2m=7.3,</0/0>', undefined],
    ['none', '</0/0>', undefined],
  ] as const) {
    it(`tells the version: ${title}`, () => assert.equal(discovered(payload).version, version));
  }

  it('tells the bootstrap account by its missing short server id, and the other instances', () => {
    const { bootstrapAccounts, instances, versions } = discovered(
      '</>;lwm2m=1.1,</0/0>;ssid=101;uri="coaps://a",</0/1>;uri="coap://bs",</0/2>;ssid=102,</1/0>;ssid=101,</10>;ver=1.1,</10/0>,</3/0>',
    );
    assert.deepEqual([...bootstrapAccounts], [1]);
    assert.deepEqual([...(instances?.get(0) ?? [])], [0, 1, 2]);
    assert.deepEqual([...(instances?.get(1) ?? [])], [0]);
    assert.deepEqual(versions, { 10: '1.1' });
  });

  it('passes over what is no object or instance', () => {
    const { instances } = discovered('</>;lwm2m=1.1,</a/b>,</70000/1>,</3/0/9>,</3/99999>,</5/0/>');
    assert.deepEqual([...(instances?.keys() ?? [])], [5]);
  });

  it('tells nothing when it is not a list of links', () => {
    assert.equal(discovered('{}', 50).instances, undefined);
  });

  it('is bounded', () => {
    assert.throws(() => discovered(Array.from({ length: 6_000 }, (_, id) => `</${id}>`).join()), { code: 'too-large' });
  });

  it('whatever comes, it is read or refused in time', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 400 }),
          fc.string().map((text) => Buffer.from(`</>;lwm2m=${text}`)),
        ),
        (bytes) => {
          try {
            discovered(bytes);
          } catch (error) {
            assert.ok(error instanceof DeviceManagementError);
          }
        },
      ),
    );
  });
});

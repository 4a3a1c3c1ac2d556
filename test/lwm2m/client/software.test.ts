/** A package of the Software Management object: its state table, row by row. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../../src/clock';
import { readFaults } from '../../../src/lwm2m/client/firmware-faults';
import { ObjectTree } from '../../../src/lwm2m/client/objects';
import type { FetchListener } from '../../../src/lwm2m/client/package-fetch';
import { Refusal } from '../../../src/lwm2m/client/refusal';
import { Software, type SoftwareOptions, SoftwareResult, SoftwareState } from '../../../src/lwm2m/client/software';

const { Initial, DownloadStarted, Downloaded, Delivered, Installed } = SoftwareState;
const INSTALL = 4;
const UNINSTALL = 6;
const ACTIVATE = 10;
const DEACTIVATE = 11;

function given(options: Partial<SoftwareOptions> = {}) {
  const clock = new VirtualClock();
  const tree = new ObjectTree();
  const verify = () => ({ result: SoftwareResult.Verified, name: 'filter', version: '2.0' });
  new Software(tree, { clock, instance: 3, verify, ...options });
  const instance = tree.instance(9, 3) ?? assert.fail();
  const code = (work: () => void): string => {
    try {
      work();
      return 'done';
    } catch (refused) {
      assert.ok(refused instanceof Refusal, String(refused));
      return `${refused.code >> 5}.0${refused.code & 31}`;
    }
  };
  return {
    clock,
    tree,
    push: (bytes: string) =>
      code(() => {
        const { check, write } = instance.behaviour(2);
        check?.(Buffer.from(bytes));
        write?.(Buffer.from(bytes));
      }),
    uri: (text: string) =>
      code(() => {
        const { check, write } = instance.behaviour(3);
        check?.(text);
        write?.(text);
      }),
    execute: (resource: number, argument?: number) =>
      code(() => instance.behaviour(resource).execute?.(new Map(argument === undefined ? [] : [[argument, true as const]]))?.()),
    /** [state, result, active] */
    shown: () => [7, 9, 12].map((resource) => tree.get(`/9/3/${resource}`)),
  };
}

describe('software of a device', () => {
  it('is pushed, checked, installed, activated, deactivated and uninstalled', () => {
    const { push, execute, shown, tree, clock } = given({ verifyMs: 1000 });
    assert.deepEqual(shown(), [Initial, 0, false]);
    assert.equal(push('package'), 'done');
    assert.deepEqual(shown(), [Downloaded, 1, false]);
    clock.advance(1000);
    assert.deepEqual(shown(), [Delivered, 3, false]);
    assert.equal(execute(INSTALL), 'done');
    assert.deepEqual([shown(), tree.get('/9/3/0'), tree.get('/9/3/1')], [[Installed, 2, false], 'filter', '2.0']);
    execute(ACTIVATE);
    assert.deepEqual(shown(), [Installed, 2, true]);
    execute(DEACTIVATE);
    assert.deepEqual(shown(), [Installed, 2, false]);
    assert.equal(execute(UNINSTALL), 'done');
    assert.deepEqual(shown(), [Initial, 0, false]);
  });

  it('is fetched from a URI', () => {
    let listener: FetchListener | undefined;
    const fetch = (_uri: string, given: FetchListener) => {
      listener = given;
      return () => undefined;
    };
    const { uri, shown } = given({ fetch });
    assert.equal(uri('coap://10.0.0.1/fw/token'), 'done');
    assert.deepEqual(shown(), [DownloadStarted, 1, false]);
    listener?.part(Buffer.from('pack'), 0, 7);
    listener?.part(Buffer.from('age'), 4, 7);
    listener?.done();
    assert.deepEqual(shown(), [Delivered, 3, false]);
  });

  for (const [why, result] of [
    ['connection-lost', 52],
    ['changed', 53],
    ['invalid-uri', 56],
    ['unsupported-protocol', 56],
  ] as const) {
    it(`that cannot be fetched (${why}) ends with ${result}`, () => {
      const fetch = (_uri: string, listener: FetchListener) => {
        queueMicrotask(() => listener.failed(why));
        return () => undefined;
      };
      const { uri, shown } = given({ fetch });
      uri('coap://10.0.0.1/x');
      return Promise.resolve().then(() => assert.deepEqual(shown(), [Initial, result, false]));
    });
  }

  for (const [fault, end] of [
    ['no-space', [Initial, 50, false]],
    ['out-of-memory', [Initial, 51, false]],
    ['connection-lost', [Initial, 52, false]],
    ['corrupt', [Initial, 53, false]],
    ['wrong-type', [Initial, 54, false]],
    ['aborts', [Initial, 57, false]],
    ['install-fails', [Delivered, 58, false]],
  ] as const) {
    it(`with the fault ${fault} ends with ${end[1]}`, () => {
      const { push, execute, shown } = given({ faults: () => readFaults(fault) });
      push('package');
      if (fault === 'install-fails') execute(INSTALL);
      assert.deepEqual(shown(), end);
    });
  }

  it('without a way to fetch, or that is too large, is refused with its result', () => {
    const { uri, shown } = given();
    uri('coap://10.0.0.1/x');
    assert.deepEqual(shown(), [Initial, 56, false]);
    const small = given({ mostBytes: 3 });
    small.push('package');
    assert.deepEqual(small.shown(), [Initial, 50, false]);
  });

  it('whatever is not to be done in a state is 4.05, or 4.00 for another package', () => {
    const { push, execute, shown } = given();
    for (const resource of [INSTALL, UNINSTALL, ACTIVATE, DEACTIVATE]) assert.equal(execute(resource), '4.05');
    assert.equal(push(''), '4.00');
    push('package');
    for (const resource of [ACTIVATE, DEACTIVATE]) assert.equal(execute(resource), '4.05');
    assert.equal(push('another'), '4.00');
    assert.equal(execute(UNINSTALL, 1), '4.05', 'nothing is installed that could be updated');
    assert.equal(execute(UNINSTALL), 'done', 'a reset');
    assert.deepEqual(shown(), [Initial, 0, false]);
  });

  it('makes room for its successor: Uninstall for an update', () => {
    const { execute, push, shown } = given({ installed: { name: 'filter', version: '1.0' } });
    assert.deepEqual(shown(), [Installed, 2, true]);
    assert.equal(execute(UNINSTALL, 1), 'done');
    assert.equal(push('package'), 'done');
    assert.deepEqual(shown(), [Delivered, 3, false]);
  });

  it('that brings objects has them announced where the server wants it (9/x/8)', () => {
    let announced = 0;
    const { tree, push, execute } = given({ announce: () => announced++ });
    tree.set('/9/3/8', true);
    push('package');
    execute(INSTALL);
    assert.equal(announced, 1);
  });
});

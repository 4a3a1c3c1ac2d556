/** wakatiwaiclient (LwM2M 1.0), which answers in a format of its own choice whatever is asked for. */
import assert from 'node:assert/strict';
import { readCapture } from './capture';
import { answerTo, linksOf, valuesOf } from './decode';

const capture = readCapture('wakatiwai');

describe('wakatiwaiclient', () => {
  it('registers with one instance listed twice', () => {
    const register = capture.requests[0];
    assert.deepEqual(register?.query, ['lwm2m=1.0', 'ep=wakatiwai-ep', 'b=U', 'lt=60']);
    assert.deepEqual(linksOf(register.payload), ['/;rt=oma.lwm2m', '/1/0', '/2/0', '/3/0', '/3303/0', '/3303/0']);
  });

  it('lists a created instance in its Update', () => {
    const update = capture.requests.find((request) => request.note === 'Update');
    assert.deepEqual(linksOf(update?.payload ?? Buffer.alloc(0)), [
      '/;rt=oma.lwm2m',
      '/1/0',
      '/2/0',
      '/3/0',
      '/3303/0',
      '/3303/7',
      '/3303/0',
    ]);
  });

  it('answers text or TLV to a wish for SenML; both say the same', () => {
    const formats = ['senmlj', 'senmlc', 'tlv', 'text'].map((accept) => answerTo(capture, `Read /3303/0/5700 accept=${accept}`));
    assert.ok(formats.some(({ contentFormat }) => contentFormat === 11542));
    for (const answer of formats) assert.deepEqual(valuesOf(answer), [{ path: '/3303/0/5700', value: 21.5 }]);
  });

  it('tells in TLV what was written', () => {
    const cancelled = capture.answers.find(({ request, code }) => request.note === 'Cancel Observe' && code === '2.05');
    assert.deepEqual(cancelled === undefined ? [] : valuesOf(cancelled), [{ path: '/3303/0/5700', value: 33.25 }]);
  });
});

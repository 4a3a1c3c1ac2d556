/** What a job is to do, and what is wrong with it. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readPlan, type WaveSize, waveSizes } from '../../../src/fleet/job/plan';

const JOB = { id: 'nightly', devices: '*' };

describe('The plan of a job', () => {
  it('has the usual where nothing is said', () => {
    assert.deepEqual(readPlan(JOB), {
      ...JOB,
      concurrency: 10,
      waves: [],
      soakMs: 0,
      approval: false,
      gate: {},
      retries: 0,
      backoffMs: 60_000,
      timeoutMs: 600_000,
      guard: {},
      onRestart: 'repeat',
      dryRun: false,
    });
  });

  const MISTAKES: readonly [unknown, string][] = [
    ['nightly', 'a job must be an object such as {"id": "nightly", "devices": "*"}'],
    [{ devices: '*' }, 'job.id must be 1 to 64 letters, digits or any of _ . : -, but is missing'],
    [{ ...JOB, id: 'a/b' }, 'job.id must be 1 to 64 letters, digits or any of _ . : -, but is "a/b"'],
    [{ id: 'nightly' }, 'job.devices is missing: which devices?'],
    [{ ...JOB, concurrency: 0 }, 'job.concurrency must be a number from 1 to 10000, but is 0'],
    [{ ...JOB, perMinute: 'fast' }, 'job.perMinute must be a number from 0.01 to 1000000, but is "fast"'],
    [{ ...JOB, waves: '10%' }, 'job.waves must be an array of at most 50 sizes such as [1, "10%"]'],
    [{ ...JOB, waves: [0] }, 'job.waves may have numbers and percentages such as 5 or "10%", but has 0'],
    [{ ...JOB, waves: ['60%', '60%'] }, 'job.waves are more than 100% together'],
    [{ ...JOB, gate: { success: 101 } }, 'job.gate.success must be a number from 0 to 100, but is 101'],
    [{ ...JOB, gate: 90 }, 'job.gate must be like {"success": 90, "error": 10, "minimum": 5}'],
    [{ ...JOB, approval: 'yes' }, 'job.approval must be true or false, but is "yes"'],
    [{ ...JOB, onRestart: 'again' }, 'job.onRestart must be repeat or fail, but is "again"'],
    [{ ...JOB, guard: { battery: 300 } }, 'job.guard.battery must be a number from 0 to 100 (%), but is 300'],
    [
      { ...JOB, waves: [1, 2], soakMs: 60_000, deadlineMs: 60_000 },
      'job.soakMs between the waves is longer than job.deadlineMs: no wave but the first would begin',
    ],
  ];
  for (const [plan, sentence] of MISTAKES)
    it(`tells what is wrong with ${JSON.stringify(plan)}`, () => assert.throws(() => readPlan(plan), { message: sentence }));

  it('has waves by number and by percent of all, and the rest in the last', () => {
    assert.deepEqual(waveSizes([1, '10%', '50%'], 200), [1, 20, 100, 79]);
    assert.deepEqual(waveSizes([], 5), [5]);
    assert.deepEqual(waveSizes([10], 3), [3]);
    assert.deepEqual(waveSizes(['1%'], 10), [1, 9], 'a percent of few devices is one of them');
  });

  it('gives every device to one wave, and leaves none empty', () => {
    const size: fc.Arbitrary<WaveSize> = fc.oneof(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 100 }).map((part): WaveSize => `${part}%`),
    );
    fc.assert(
      fc.property(fc.array(size, { maxLength: 10 }), fc.integer({ min: 1, max: 500 }), (waves, devices) => {
        const sizes = waveSizes(waves, devices);
        assert.equal(
          sizes.reduce((sum, one) => sum + one, 0),
          devices,
        );
        assert.ok(sizes.every((one) => one > 0));
      }),
    );
  });
});

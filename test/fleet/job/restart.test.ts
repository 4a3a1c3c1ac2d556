/** Jobs over a restart of the process. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../../src/clock';
import type { JobStep } from '../../../src/fleet/job/job';
import { MemoryStore } from '../../../src/store/memory';
import { HOUR, JobWorld, MINUTE, names, TICK } from './job-world';

async function given(count: number, plan: object) {
  const store = new MemoryStore();
  const first = new JobWorld(count);
  await first.fleet.restoreParts(store, assert.fail);
  const starting = first.start(plan);
  await first.later(10);
  await starting;
  await first.later(10);
  const next = async (): Promise<JobWorld> => {
    first.fleet.jobs.hold();
    await first.later(10);
    const world = new JobWorld(count, new VirtualClock(first.clock.wall()));
    world.fleet.jobs.hold();
    await world.fleet.restoreParts(store, assert.fail);
    world.fleet.jobs.release();
    await world.later(TICK * 2);
    return world;
  };
  return { first, next };
}

describe('A job over a restart', () => {
  it('repeats the step that was under way, and none that was done', async () => {
    const { first, next } = await given(6, { concurrency: 2 });
    first.fleet.jobs.returned('job', first.steps[0]?.token ?? '', { failed: false });
    await first.later(10);
    const world = await next();
    const job = world.fleet.jobs.get('job');
    while (job?.hasEnded === false) {
      await world.bringBack();
      await world.later(5);
    }
    assert.equal(job?.summary.counts.succeeded, 6);
    assert.equal(job?.summary.state, 'finished');
    assert.ok(!world.asked.includes('dev-001'));
    assert.ok(world.steps.every(({ attempt }) => attempt === 1));
  });

  it('or takes it for failed, where it is told to', async () => {
    const { next } = await given(1, { onRestart: 'fail' });
    const world = await next();
    assert.deepEqual(world.steps, []);
    assert.equal(world.fleet.jobs.get('job')?.report.devices[0]?.reason, 'the process ended in the middle of its step');
  });

  it('counts no return of an earlier life', async () => {
    const { first, next } = await given(1, {});
    const world = await next();
    assert.equal(world.fleet.jobs.returned('job', first.steps[0]?.token ?? '', { failed: true }), false);
    await world.bringBack();
    assert.equal(world.fleet.jobs.get('job')?.summary.counts.succeeded, 1);
  });

  it('soaks on', async () => {
    const { first, next } = await given(3, { waves: [1], soakMs: HOUR });
    await first.bringBack();
    await first.later(10 * MINUTE);
    const world = await next();
    assert.equal(world.fleet.jobs.get('job')?.summary.state, 'soaking');
    await world.later(49 * MINUTE);
    assert.equal(world.steps.length, 0);
    await world.later(MINUTE);
    assert.equal(world.steps.length, 2);
  });

  it('stopped at any moment, loses and repeats nothing that was done', async () => {
    for (let stop = 1; stop <= 11; stop++) {
      const { first, next } = await given(12, { concurrency: 3 });
      const done = new Set<string>();
      while (done.size < stop) {
        const step = first.steps.find(({ device }) => !done.has(device)) as JobStep;
        done.add(step.device);
        first.fleet.jobs.returned('job', step.token, { failed: false });
        await first.later(2);
      }
      const world = await next();
      while (world.fleet.jobs.get('job')?.hasEnded === false) {
        await world.bringBack();
        await world.later(5);
      }
      assert.deepEqual(
        [...world.asked].sort(),
        names(12).filter((device) => !done.has(device)),
        `stopped after ${stop}`,
      );
    }
  });
});

/** Jobs over many devices. */
import assert from 'node:assert/strict';
import { readPlan } from '../../../src/fleet/job/plan';
import { csvOf } from '../../../src/fleet/job/report';
import { HOUR, JobWorld, MINUTE, names, SECOND, TICK } from './job-world';

describe('A job', () => {
  it('takes every device through its step, so many at once', async () => {
    const world = new JobWorld(25);
    const job = await world.start({ concurrency: 4 });
    assert.equal(world.steps.length, 4);
    await world.bringBack();
    assert.deepEqual(world.asked, names(25));
    assert.equal(world.mostAtOnce, 4);
    assert.equal(job.report.state, 'finished');
    assert.deepEqual([job.report.counts.succeeded, job.report.percent, world.ended.length], [25, 100, 1]);
  });

  it('keeps its pace', async () => {
    const world = new JobWorld(10);
    await world.start({ perMinute: 6 });
    await world.bringBack();
    assert.equal(world.steps.length, 1);
    for (let count = 2; count <= 10; count++) {
      await world.later(10 * SECOND);
      await world.bringBack();
      assert.equal(world.steps.length, count);
    }
  });

  it('that is started twice is one job', async () => {
    const world = new JobWorld(3);
    const first = await world.start({});
    assert.equal(await world.start({ concurrency: 1 }), first);
    assert.equal(world.steps.length, 3);
  });

  it('begins a wave when the one before is done, and after its soak time', async () => {
    const world = new JobWorld(20);
    const job = await world.start({ waves: [1, '20%'], soakMs: HOUR });
    await world.bringBack();
    assert.deepEqual([world.steps.length, job.summary.state, job.summary.wave], [1, 'soaking', 1]);
    await world.later(HOUR - 1);
    assert.equal(world.steps.length, 1);
    await world.later(1);
    assert.equal(world.steps.length, 5);
    await world.bringBack();
    await world.later(HOUR);
    await world.bringBack();
    assert.deepEqual([world.steps.length, job.summary.state, job.summary.wave, job.summary.waves], [20, 'finished', 3, 3]);
  });

  it('waits for somebody’s word before each further wave, where it is told to', async () => {
    const world = new JobWorld(4);
    const job = await world.start({ waves: [1, 1], approval: true });
    await world.bringBack();
    assert.equal(job.summary.state, 'waiting-approval');
    assert.equal(job.approve(), true);
    await world.later(0);
    await world.bringBack();
    assert.equal(world.steps.length, 2);
    assert.equal(job.approve(), true);
    await world.later(0);
    await world.bringBack();
    assert.equal(job.summary.state, 'finished');
    assert.equal(job.approve(), false);
  });

  it('is aborted at once by too many failures among those that are done', async () => {
    const world = new JobWorld(100);
    const job = await world.start({ concurrency: 1, gate: { error: 20, minimum: 5 } });
    await world.bringBack(({ device }) => ({ failed: device <= 'dev-002' }));
    assert.equal(job.summary.state, 'aborted');
    assert.equal(job.summary.reason, '2 of 5 devices have failed (40 %), and 20 % are allowed');
    assert.equal(world.steps.length, 5);
    assert.deepEqual([job.summary.counts.cancelled, job.summary.counts.failed], [95, 2]);
  });

  it('is aborted after a wave of which too few have succeeded', async () => {
    const world = new JobWorld(100);
    const job = await world.start({ waves: [10], gate: { success: 90 } });
    await world.bringBack(({ device }) => ({ failed: device <= 'dev-002', reason: 'old version' }));
    assert.equal(job.summary.reason, '8 of 10 devices of the wave have succeeded (80 %), and 90 % are asked for');
    assert.equal(world.steps.length, 10);
  });

  it('tries again what failed, ever later, and then gives up with the reason', async () => {
    const world = new JobWorld(1);
    const job = await world.start({ retries: 2, backoffMs: MINUTE });
    const fail = () => world.bringBack(() => ({ failed: true, reason: '4.04' }));
    await fail();
    assert.match(job.report.devices[0]?.reason ?? '', /^4\.04; tried 1 of 3 times$/);
    await world.later(MINUTE - 1);
    assert.equal(world.steps.length, 1);
    await world.later(0.1 * MINUTE + 2 * TICK);
    assert.equal(world.steps.length, 2);
    await fail();
    await world.later(2.2 * MINUTE + 2 * TICK);
    assert.equal(world.steps.length, 3);
    assert.deepEqual(
      world.steps.map(({ attempt }) => attempt),
      [1, 2, 3],
    );
    await fail();
    assert.deepEqual([job.report.devices[0]?.state, job.report.devices[0]?.reason], ['failed', '4.04']);
    assert.equal(job.summary.state, 'finished');
  });

  it('counts the first return of a token, and no other', async () => {
    const world = new JobWorld(1);
    const job = await world.start({});
    const [{ token } = { token: '' }] = world.steps;
    assert.equal(world.fleet.jobs.returned('job', 'another', { failed: true }), false);
    assert.equal(world.fleet.jobs.returned('job', token, { failed: false }), true);
    assert.equal(world.fleet.jobs.returned('job', token, { failed: true }), false);
    await world.later(0);
    assert.equal(job.summary.counts.succeeded, 1);
  });

  it('does not wait for ever for a step that does not come back', async () => {
    const world = new JobWorld(1);
    const job = await world.start({ timeoutMs: 5 * MINUTE });
    await world.later(5 * MINUTE + 2 * TICK);
    const [device] = job.report.devices;
    assert.deepEqual([device?.state, device?.reason], ['timed-out', 'its step did not come back within 300 s']);
  });

  it('waits for a device that is not there, and goes on with the others', async () => {
    const world = new JobWorld(3);
    world.manager.leave('dev-002');
    const { job } = await world.fleet.jobs.start(readPlan({ id: 'job', devices: '*' }), 'node-1', names(3));
    await world.later(0);
    await world.bringBack();
    assert.deepEqual(world.states(job), { 'dev-001': 'succeeded', 'dev-002': 'waiting', 'dev-003': 'succeeded' });
    assert.equal(job.report.devices[1]?.reason, 'the device is not registered');
    world.manager.register('dev-002');
    await world.later(0);
    await world.bringBack();
    assert.equal(job.summary.state, 'finished');
  });

  it('begins no step outside the maintenance window', async () => {
    // From 2026-01-01T00:00Z.
    const world = new JobWorld(3);
    const window = { from: '02:00', to: '02:30', zone: 'UTC+00:00' };
    const job = await world.start({ guard: { window }, concurrency: 1, perMinute: 0.05 });
    for (let minute = 0; minute < 3 * 24 * 60 && !job.hasEnded; minute++) {
      const before = world.steps.length;
      await world.later(MINUTE);
      if (world.steps.length > before) {
        const at = new Date(world.clock.wall()).toISOString().slice(11, 16);
        assert.ok(at >= '02:00' && at <= '02:31', at);
      }
      await world.bringBack();
    }
    assert.equal(job.summary.counts.succeeded, 3);
  });

  it('puts off a device that is not to be disturbed, which costs no attempt', async () => {
    const world = new JobWorld(1);
    let state = 1;
    world.manager.behaviour = () => ({ values: [{ path: '/5/0/3', value: state }] });
    const job = await world.start({ guard: { notUpdating: true } });
    assert.equal(world.steps.length, 0);
    assert.match(job.report.devices[0]?.reason ?? '', /firmware update is under way/);
    state = 0;
    await world.later(5 * MINUTE + 2 * TICK);
    assert.deepEqual(
      world.steps.map(({ attempt }) => attempt),
      [1],
    );
  });

  it('asks a step again that was deferred on its way, when it is worth it', async () => {
    const world = new JobWorld(1);
    const job = await world.start({});
    await world.bringBack(() => ({ failed: true, reason: 'battery', retryAt: world.clock.wall() + HOUR }));
    assert.equal(job.report.devices[0]?.state, 'waiting');
    await world.later(HOUR + 2 * TICK);
    assert.deepEqual(
      world.steps.map(({ attempt }) => attempt),
      [1, 1],
    );
  });

  it('locks a device while its step is under way: another job waits', async () => {
    const world = new JobWorld(1);
    await world.start({});
    assert.equal(world.fleet.locks.holderOf('dev-001')?.holder, 'job job');
    const other = await world.start({ id: 'other' });
    assert.equal(world.steps.length, 1);
    assert.equal(other.report.devices[0]?.reason, 'job job works on the device (job)');
    await world.bringBack();
    await world.later(5 * MINUTE + 2 * TICK);
    assert.deepEqual(
      world.steps.map(({ job }) => job),
      ['job', 'other'],
    );
    assert.equal(world.fleet.locks.holderOf('dev-001')?.holder, 'job other');
  });

  it('pauses and goes on; what is under way comes back meanwhile', async () => {
    const world = new JobWorld(5);
    const job = await world.start({ concurrency: 1 });
    job.pause();
    await world.bringBack();
    assert.deepEqual([world.steps.length, job.summary.state], [1, 'paused']);
    job.resume();
    await world.later(0);
    await world.bringBack();
    assert.deepEqual([world.steps.length, job.summary.state], [5, 'finished']);
  });

  it('begins no step that was paused while its guard was being asked', async () => {
    const world = new JobWorld(1);
    world.manager.behaviour = () => ({ values: [{ path: '/5/0/3', value: 0 }] });
    const { job } = await world.fleet.jobs.start(
      readPlan({ id: 'job', devices: '*', guard: { notUpdating: true } }),
      'node-1',
      names(1),
    );
    job.pause();
    await world.later(0);
    assert.equal(world.steps.length, 0);
    job.resume();
    await world.later(0);
    await world.bringBack();
    assert.equal(job.summary.state, 'finished');
  });

  it('that is paused sees its deadline all the same', async () => {
    const world = new JobWorld(2);
    const job = await world.start({ concurrency: 1, deadlineMs: HOUR });
    job.pause();
    await world.bringBack();
    await world.later(HOUR);
    assert.deepEqual(world.states(job), { 'dev-001': 'succeeded', 'dev-002': 'timed-out' });
  });

  it('is cancelled: nothing new begins, and its locks are free when what is under way has come back', async () => {
    const world = new JobWorld(5);
    const job = await world.start({ concurrency: 2 });
    job.cancel('somebody said so');
    await world.later(0);
    assert.deepEqual([job.summary.state, world.fleet.locks.size], ['stopping', 2], 'what is under way stays locked');
    await world.bringBack(({ device }) => ({ failed: device === 'dev-002' }));
    await world.later(0);
    assert.equal(world.steps.length, 2);
    const { counts, state } = job.summary;
    assert.deepEqual(
      [state, counts.cancelled, counts.succeeded, counts.failed, world.fleet.locks.size],
      ['cancelled', 3, 1, 1, 0],
    );
  });

  it('ends at its deadline, but for what is under way', async () => {
    const world = new JobWorld(3);
    const job = await world.start({ concurrency: 1, deadlineMs: HOUR, timeoutMs: 2 * HOUR });
    await world.later(HOUR);
    assert.deepEqual(world.states(job), { 'dev-001': 'running', 'dev-002': 'timed-out', 'dev-003': 'timed-out' });
    await world.bringBack();
    assert.deepEqual([job.summary.state, job.summary.counts.succeeded], ['finished', 1]);
  });

  it('as a dry run does nothing, and says what it would do', async () => {
    const world = new JobWorld(2);
    world.manager.behaviour = ({ path }) => ({ values: path === '/5/0/3' ? [{ path, value: 0 }] : [] });
    const job = await world.start({ dryRun: true, guard: { notUpdating: true } });
    await world.later(0);
    assert.equal(world.steps.length, 0);
    assert.deepEqual(
      job.report.devices.map(({ state, reason }) => [state, reason]),
      [
        ['skipped', 'dry run: its step would begin now'],
        ['skipped', 'dry run: its step would begin now'],
      ],
    );
  });

  it('tells the audit log the end of each device, under its own id', async () => {
    const world = new JobWorld(2);
    await world.start({});
    await world.bringBack(({ device }) => ({ failed: device === 'dev-002', ...(device === 'dev-002' && { reason: '4.04' }) }));
    const { entries } = await world.fleet.audit.query({ thread: 'job' });
    assert.deepEqual(
      entries.map(({ device, outcome, detail }) => [device, outcome, detail]),
      [
        ['dev-002', 'failed', 'failed, attempts: 1, 4.04'],
        ['dev-001', 'done', 'succeeded, attempts: 1'],
      ],
    );
  });

  it('over 200 devices of which every tenth fails, in three ways: the report is exactly right', async () => {
    const world = new JobWorld(200);
    const job = await world.start({ concurrency: 20, waves: [1, '10%'], retries: 1, backoffMs: SECOND, timeoutMs: MINUTE });
    const numberOf = (device: string): number => Number(device.slice(4));
    for (let round = 0; round < 400 && !job.hasEnded; round++) {
      await world.bringBack((step) => {
        const number = numberOf(step.device);
        if (number % 10 !== 0) return { failed: false };
        // Always, or once.
        return { failed: number % 20 === 0 || step.attempt === 1, reason: 'refused' };
      });
      await world.later(SECOND);
    }
    const expected = (number: number): string => (number % 20 === 0 ? 'failed' : 'succeeded');
    assert.deepEqual(
      job.report.devices.map(({ device, state, attempts }) => [device, state, attempts]),
      names(200).map((device) => [device, expected(numberOf(device)), numberOf(device) % 10 === 0 ? 2 : 1]),
    );
    assert.deepEqual([job.report.counts.succeeded, job.report.counts.failed], [190, 10]);
    const lines = csvOf(job.report.devices).trimEnd().split('\r\n');
    assert.equal(lines.length, 201);
    assert.match(lines[20] as string, /^dev-020,failed,2,2,refused,2026-/);
  });
});

/** The job node in a real Node-RED runtime: a loop through the flow, over real devices. */
import assert from 'node:assert/strict';
import helper from 'node-red-node-test-helper';
import type { Message } from '../../../nodes/runtime/flow-host';
import type { JobReport } from '../../../src/fleet/job/report';
import { deploy, device, endFlow, inbox, logged, saying, send, serverNode, serverState } from '../flow';

const JOB = { type: 'dm-job', device: '*', deviceType: 'str', jobId: 'reboot', jobIdType: 'str' };

/** Steps go through an execute node, whose answers and failures come back. */
async function given(properties: object = {}, execute: object = {}): Promise<void> {
  await deploy([
    serverNode({ store: 'memory', ackTimeout: 0.05 }),
    { id: 'tab', type: 'tab', label: 'test' },
    {
      id: 'node',
      z: 'tab',
      server: 'server',
      ...JOB,
      ...properties,
      wires: [['reboot', 'steps'], ['progress'], ['end']],
    } as never,
    {
      id: 'reboot',
      z: 'tab',
      type: 'dm-execute',
      server: 'server',
      device: 'device',
      deviceType: 'msg',
      path: '/3/0/4',
      pathType: 'str',
      arguments: '',
      argumentsType: 'none',
      failures: 'output',
      whenAsleep: 'fail',
      ...execute,
      wires: [['node'], ['node']],
    } as never,
    ...['steps', 'progress', 'end'].map((id) => ({ id, z: 'tab', type: 'inbox', wires: [] }) as never),
  ]);
  await serverState('listening');
}

const end = async (): Promise<JobReport> => (await inbox('end').next()).payload as JobReport;

describe('job', () => {
  afterEach(endFlow);

  it('takes every device through the flow, and reports', async () => {
    await given({ concurrency: 2 });
    for (const name of ['t-1', 't-2', 't-3']) await device(name);
    send({ action: 'start' });
    const report = await end();
    assert.deepEqual([report.job, report.state, report.counts.succeeded], ['reboot', 'finished', 3]);
    const step = await inbox('steps').next();
    assert.deepEqual([step.topic, step.device, step.error], ['t-1', 't-1', undefined]);
    const { token, ...job } = step.job as { token: string };
    assert.deepEqual(job, { job: 'reboot', device: 't-1', step: 1, attempt: 1 });
    assert.ok(token.length > 8);
    await saying('finished · 3/3');
  });

  it('takes a failure that comes back for a failed step, with its reason', async () => {
    await given({}, { path: '/3/0/77' });
    await device('t-1');
    send({ action: 'start' });
    const [one] = (await end()).devices;
    assert.equal(one?.state, 'failed');
    assert.match(one?.reason ?? '', /t-1|77/);
    await saying('finished · 1/1 · 1 failed');
  });

  it('tells progress, and what a device waits for', async () => {
    await given({ guard: { signal: -100, missing: 'block' } });
    await device('t-1');
    send({ action: 'start' });
    const waiting = await inbox('progress').first(({ payload }) => {
      const { device: of } = payload as { device?: { state: string } };
      return of?.state === 'waiting';
    });
    const { device: of, counts } = waiting.payload as { device: { reason: string }; counts: { waiting: number } };
    assert.deepEqual([waiting.topic, of.reason, counts.waiting], ['reboot', 'its signal strength cannot be read', 1]);
    await saying('running · wave 1/1 · 0/1 · 0 failed');
    send({ action: 'cancel' });
    assert.equal((await end()).state, 'cancelled');
  });

  it('is started once by an id, and anew by another', async () => {
    await given({ jobId: '' });
    await device('t-1');
    send({ action: 'start', jobId: 'a' });
    await end();
    send({ action: 'start', jobId: 'a' });
    send({ action: 'start', jobId: 'b' });
    assert.equal((await end()).job, 'b');
    send({ action: 'list' });
    const { payload } = await inbox('end').next();
    assert.deepEqual(
      (payload as JobReport[]).map(({ job }) => job),
      ['a', 'b'],
    );
  });

  it('takes what a message says instead of the dialog', async () => {
    await given();
    await device('t-1');
    send({ action: 'start', plan: { dryRun: true } });
    assert.deepEqual(
      (await end()).devices.map(({ state }) => state),
      ['skipped'],
    );
  });

  it('warns once of what comes back twice, and counts it once; no Catch node that is wired back hears of it', async () => {
    await given({}, { wires: [[], []] });
    await device('t-1');
    send({ action: 'start' });
    const step = await inbox('steps').next();
    send({ ...step } as Message);
    assert.equal((await end()).counts.succeeded, 1);
    for (let count = 0; count < 3; count++) send({ ...step } as Message);
    send({ action: 'list' });
    await inbox('end').next();
    const warnings = logged('WARN').filter((text) => text.includes('has come back twice'));
    assert.equal(warnings.length, 1);
    assert.deepEqual(logged('ERROR'), []);
  });

  it('takes a step for its own although nodes on the way have left an action on it', async () => {
    await given({}, { wires: [[], []] });
    await device('t-1');
    send({ action: 'start' });
    send({ ...(await inbox('steps').next()), action: 'tag' } as Message);
    assert.equal((await end()).counts.succeeded, 1);
  });

  const MISTAKES: readonly [object, Message, RegExp][] = [
    [{}, { action: 'begin' } as Message, /msg\.action must be start, pause, resume, cancel, approve, report or list/],
    [{}, {} as Message, /msg\.action must be .* it is missing/],
    [{ concurrency: 'many' }, { action: 'start' } as Message, /job\.concurrency must be a number from 1 to 10000, but is "many"/],
    [{ device: 'nobody-*' }, { action: 'start' } as Message, /no devices: nobody matches/],
    [{}, { action: 'pause' } as Message, /which job\? say it in msg\.jobId; this node has: none/],
    [{}, { action: 'start', plan: 5 } as unknown as Message, /msg\.plan must be an object/],
  ];
  for (const [properties, message, expected] of MISTAKES) {
    it(`says what is wrong with ${JSON.stringify({ ...properties, ...message })}`, async () => {
      await given(properties);
      await device('t-1');
      assert.match(await failureOf(message), expected);
    });
  }

  it('goes on after a deploy: what was under way is still waited for', async () => {
    await given({}, { wires: [[], []] });
    await device('t-1');
    send({ action: 'start' });
    const step = await inbox('steps').next();
    await given({}, { wires: [[], []] });
    send({ ...step } as Message);
    assert.equal((await end()).counts.succeeded, 1);
  });
});

function failureOf(message: Message): Promise<string> {
  return new Promise((resolve) => {
    helper.getNode('node').error = (caught) => resolve(String((caught as Error).message ?? caught));
    send(message);
  });
}

/** Diagnosis and analysis over the admin API, of a real device on a real socket. */
import assert from 'node:assert/strict';
import type { AuditPage } from '../../../src/fleet/audit-log';
import type { Diagnosis } from '../../../src/fleet/diagnosis';
import type { Analysis } from '../../../src/fleet/series-analysis';
import { around, deploy, device, endFlow, inbox, serverNode, serverState } from '../flow';
import { call, type ToldProblem } from './api-client';

const OBSERVE = { type: 'dm-observe', device: '', deviceType: 'str', path: '/3/0/9', pathType: 'str', history: true };

async function given(): Promise<void> {
  await deploy([serverNode(), ...around(OBSERVE)]);
  await serverState('listening');
}

const diagnose = (name: string) => call<Diagnosis>('post', `servers/server/devices/${name}/diagnose`);

describe('admin HTTP API: diagnosis and analysis', () => {
  afterEach(endFlow);

  it('tells what a device says of itself, what the server has seen, and the likely cause', async () => {
    await given();
    const client = await device('t-1');
    client.setValue('/3/0/11/0', 2);
    const { status, body } = await diagnose('t-1');
    assert.equal(status, 200);
    assert.equal(body.readings['/3/0/11/0'], 2);
    assert.equal(body.cause, 'power');
    assert.equal(body.summary, "Device 't-1' is here. Likely cause: power: it reports external power supply off.");
    assert.ok((body.server.traffic?.received ?? 0) > 0);
    assert.deepEqual(
      body.server.journal.map(({ event }) => event),
      ['registered'],
    );
  });

  it('is one entry of the audit log', async () => {
    await given();
    await device('t-1');
    await diagnose('t-1');
    const { body } = await call<AuditPage>('get', 'servers/server/audit?device=t-1&actor=user (nobody asked)');
    assert.deepEqual(
      body.entries.map(({ action, outcome }) => [action, outcome]),
      [['diagnose', 'done']],
    );
  });

  it('says of a device that has left that it did', async () => {
    await given();
    const client = await device('t-1');
    await client.stop();
    const { body } = await diagnose('t-1');
    assert.deepEqual([body.presence, body.cause], ['gone', 'device']);
    assert.match(body.summary, /it has signed off by itself/);
  });

  it('analyses what is in the history', async () => {
    await given();
    const client = await device('t-1');
    await inbox('out').next();
    client.setValue('/3/0/9', 40);
    await inbox('out').next();
    const { body } = await call<Analysis>('get', 'servers/server/analysis?path=/3/0/9&select=t-*');
    assert.equal(body.devices['t-1']?.count, 2);
    assert.equal(body.devices['t-1']?.last, 40);
  });

  it('says which parameter of an analysis is wrong', async () => {
    await given();
    const problem = async (query: string) => (await call<ToldProblem>('get', `servers/server/analysis?${query}`)).body.detail;
    assert.equal(await problem(''), 'path must be that of a resource, such as /3/0/9');
    assert.equal(await problem('path=/3/0/9&reaches=soon'), 'reaches must be a number');
    assert.equal(await problem('path=/3/0/9&from=yesterday'), 'from must be a whole number');
  });
});

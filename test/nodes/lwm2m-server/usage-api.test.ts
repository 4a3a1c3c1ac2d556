/** Accounting over the admin API: the totals of a scripted run, by token, node and device. */
import assert from 'node:assert/strict';
import helper from 'node-red-node-test-helper';
import type { UsagePage } from '../../../src/fleet/usage';
import { around, deploy, device, endFlow, inbox, send, serverNode, serverState } from '../flow';
import { call, type ToldProblem } from './api-client';

const READ = { type: 'dm-read', device: 'device', deviceType: 'msg', path: 'path', pathType: 'msg' };

async function given(): Promise<void> {
  await deploy([serverNode(), ...around(READ)]);
  await serverState('listening');
}

const usage = async (query: string) => (await call<UsagePage>('get', `servers/server/usage?${query}`)).body;

describe('admin HTTP API: usage', () => {
  afterEach(endFlow);

  it('has the totals of what a token, a user and a node have asked, with its bytes', async () => {
    await given();
    await device('t-1');
    await device('t-2');
    const order = { name: 'billing', select: ['t-*'], operations: ['read'] };
    const { body } = await call<{ id: string; token: string }>('post', 'servers/server/tokens', order);
    for (const name of ['t-1', 't-2', 't-1']) {
      await call('post', `servers/server/devices/${name}/read`, { path: '/3/0/14' }, { token: body.token });
    }
    await call('post', 'servers/server/devices/t-1/write', { path: '/3/0/14', value: '+01:00' });
    await call('post', 'servers/server/devices/t-1/read', { path: '/3/0/999' });
    send({ device: 't-2', path: '/3/0/14' });
    await inbox('out').next();
    // The time offset is 19 bytes as SenML CBOR.
    const { records, total } = await usage('by=application');
    assert.deepEqual(
      records.map(({ name, requests, failed, bytesSent, bytesReceived, devices }) => [
        name.replace(/^token \S+/, 'token'),
        requests,
        failed,
        bytesSent,
        bytesReceived,
        devices,
      ]),
      [
        ['node node', 1, 0, 0, 19, 1],
        ['token (billing)', 3, 0, 0, 57, 2],
        ['user (nobody asked)', 2, 1, 19, 0, 1],
      ],
    );
    assert.deepEqual([total.requests, total.failed, total.bytesSent, total.bytesReceived], [6, 1, 19, 76]);
    const devices = await usage('by=device');
    assert.deepEqual(
      devices.records.map(({ name, requests }) => [name, requests]),
      [
        ['t-1', 4],
        ['t-2', 2],
      ],
    );
  });

  it('is a table where it is asked for one', async () => {
    await given();
    await device('t-1');
    await call('post', 'servers/server/devices/t-1/read', { path: '/3/0/14' });
    const { text, type } = await helper.request().get('/device-management/servers/server/usage?by=device&format=csv');
    assert.equal(type, 'text/csv');
    assert.match(text, /^period,kind,name,requests,.*\r\n\d{4}-\d\d,device,t-1,1,0,/);
  });

  it('says which parameter is wrong', async () => {
    await given();
    const problem = async (query: string) => (await call<ToldProblem>('get', `servers/server/usage?${query}`)).body.detail;
    assert.equal(await problem(''), 'by must be application or device');
    assert.equal(await problem('by=device&period=november'), 'period must be a month such as 2026-11');
    assert.equal(await problem('by=device&format=pdf'), 'format must be json or csv');
  });
});

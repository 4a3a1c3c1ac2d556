import assert from 'node:assert/strict';
import type { Alarm } from '../../../src/fleet/alarm/alarm';
import { around, deploy, device, endFlow, failureOf, inbox, lifecycle, running, saying, send, serverNode } from '../flow';

const HOT = { type: 'hot', severity: 'critical', path: '/3303/*/5700', raise: { above: 30 }, clear: { below: 28 } };
const ALARM = { type: 'dm-alarm', device: '', presets: ['device-expired'], wires: [['out'], ['remedy'], ['ticket']] };

async function given(rules: unknown = [HOT], more: object = {}): Promise<void> {
  const inboxes = ['remedy', 'ticket'].map((id) => ({ id, type: 'inbox', z: 'tab', wires: [] }));
  await deploy([serverNode(), ...around({ ...ALARM, rules: JSON.stringify(rules), ...more }), ...inboxes]);
}

describe('alarm', () => {
  afterEach(endFlow);

  it('tells of a value beyond its threshold once, and when it is back', async () => {
    await given();
    for (const payload of [31, 35, 29, 20]) send({ device: 't-1', path: '/3303/0/5700', payload });
    const { event, topic, payload, alarm } = await inbox('out').next();
    assert.deepEqual([event, topic, payload], ['raised', 't-1/hot', 'critical: hot of t-1 raised']);
    const { severity, instance, state, count, value } = alarm as Alarm;
    assert.deepEqual([severity, instance, state, count, value], ['critical', '/3303/0', 'unacknowledged', 1, 31]);
    assert.equal((await inbox('out').next()).event, 'returned');
    assert.equal(inbox('out').all.length, 2);
  });

  it('shows how many are active', async () => {
    await given();
    send({ device: 't-1', payload: { '/3303/0/5700': 31, '/3303/1/5700': 32 } });
    await saying('2 active · 2 critical');
    send({ device: 't-1', payload: { '/3303/0/5700': 1, '/3303/1/5700': 1 } });
    await saying('no alarm');
  });

  it('asks for a remedy, and opens and closes a ticket with one key', async () => {
    await given();
    send({ device: 't-1', path: '/3303/0/5700', payload: 31 });
    assert.equal((await inbox('remedy').next()).device, 't-1');
    const opened = (await inbox('ticket').next()).payload as { ticket: string; key: string };
    send({ device: 't-1', path: '/3303/0/5700', payload: 1 });
    const closed = (await inbox('ticket').next()).payload as { ticket: string; key: string };
    assert.deepEqual([opened.ticket, closed.ticket, opened.key], ['open', 'close', closed.key]);
  });

  it('is acknowledged and listed by message', async () => {
    await given();
    send({ device: 't-1', path: '/3303/0/5700', payload: 31 });
    const { alarm } = await inbox('out').next();
    send({ action: 'acknowledge', alarm });
    assert.equal(((await inbox('out').next()).alarm as Alarm).state, 'acknowledged');
    send({ action: 'list' });
    const [listed] = (await inbox('out').next()).payload as Alarm[];
    assert.equal(listed?.id, (alarm as Alarm).id);
  });

  it('hears by itself that a registration expires and is back', async () => {
    await given([], {});
    const client = await device('t-1', { lifetime: 300 });
    running().manager.events.emit('lifecycle', { event: 'expired', device: 't-1', at: 0 });
    assert.equal((await inbox('out').next()).event, 'raised');
    client.update();
    await lifecycle('updated', 't-1');
    assert.equal((await inbox('out').next()).event, 'returned');
  });

  it('rules are changed by message', async () => {
    await given([]);
    send({ action: 'rules', payload: [HOT] });
    assert.deepEqual((await inbox('out').next()).payload, ['device-expired', 'hot']);
    send({ device: 't-1', path: '/3303/0/5700', payload: 31 });
    assert.equal((await inbox('out').next()).event, 'raised');
  });

  it('rules that contradict themselves are told at deploy, naming the field', async () => {
    await given([{ ...HOT, clear: { below: 40 } }]);
    assert.match(failureOf(await inbox('caught').next()).message, /^"clear" of the rule "hot" contradicts "raise"/);
    await saying('a rule is wrong');
  });

  it('what a message lacks is said', async () => {
    await given();
    send({ path: '/3303/0/5700', payload: 31 });
    assert.match(failureOf(await inbox('caught').next()).message, /msg.device/);
    send({ device: 't-1', path: '/3303/0/5700', payload: 'warm' });
    assert.match(failureOf(await inbox('caught').next()).message, /wrong type for the rule "hot"/);
    send({ action: 'explode' });
    assert.match(failureOf(await inbox('caught').next()).message, /msg.action must be list, rules/);
  });
});

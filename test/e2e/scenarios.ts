/** What each example promises its reader: what to press, and what must then be seen. */
import assert from 'node:assert/strict';
import type { Sighting } from './probes';

export interface Stage {
  /** Presses the inject node with this name. */
  press(button: string): Promise<void>;
  /** Waits for a message on its way to the debug node with this name, some seconds unless told otherwise. */
  seen(debug: string, fits?: (sighting: Sighting) => boolean, withinMs?: number): Promise<Sighting>;
}

/** A simulated device falls back to its old network by itself within this time. */
const FALL_BACK_MS = 60_000;

/** Twenty devices shake hands and register, on a busy machine too. */
const START_MS = 30_000;

/** By file name. */
export const SCENARIOS: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  '1 first contact.json': async ({ press, seen }) => {
    const { topic, payload } = await seen('registration', ({ event }) => event === 'registered');
    assert.match(String(topic), /^sim-\d+$/);
    assert.equal((payload as { endpoint: string }).endpoint, topic);
    await seen('who');
    await press('fall silent');
    await press('come back');
  },

  '2 read and write.json': async ({ press, seen }) => {
    await press('temperature');
    assert.equal(typeof (await seen('degrees')).payload, 'number');
    await press('whole device');
    assert.equal(typeof ((await seen('by name')).payload as Record<string, unknown>).Manufacturer, 'string');
    await press('Europe/Berlin');
    assert.equal((await seen('time zone')).payload, 'Europe/Berlin');
    await press('what has it?');
    await seen('links');
    await press('a wrong path');
    const { error } = await seen('what went wrong');
    assert.ok(error?.message, 'a wrong path says what is wrong');
  },

  '3 observe with a threshold.json': async ({ press, seen }) => {
    const isTemperature = ({ payload, path }: Sighting): boolean => typeof payload === 'number' && path === '/3303/0/5700';
    const warm = seen('warm', isTemperature);
    const cold = seen('cold', isTemperature);
    assert.ok(Number((await warm).payload) > 21);
    assert.ok(Number((await cold).payload) <= 21);
    await press('what is observed?');
    await seen('observed');
  },

  '4 reboot on a condition.json': async ({ press, seen }) => {
    await press('drain the battery');
    const accepted = await seen('accepted');
    assert.equal(accepted.device, 'sim-003');
    await seen('is back', ({ event, dm }) => event === 'registered' && Number(dm?.at) > Number(accepted.dm?.at));
  },

  '9 reboot every night.json': async ({ press, seen }) => {
    await press('now');
    const { payload } = await seen('report');
    const { state, counts } = payload as { state: string; counts: { succeeded: number; total: number } };
    assert.equal(state, 'finished');
    assert.ok(counts.total > 0 && counts.succeeded === counts.total, JSON.stringify(counts));
  },

  '5 this Node-RED as a device.json': async ({ press, seen }) => {
    await seen('registration', ({ event }) => event === 'registered');
    const { payload } = await seen('temperature', ({ dm }) => dm?.operation === 'notify');
    assert.ok(Number(payload) >= 20 && Number(payload) <= 25, String(payload));
    await press('reboot');
    assert.equal((await seen('done by the server', ({ event }) => event === 'executed')).path, '/3/0/4');
    assert.equal((await seen('accepted')).device, 'node-red');
  },

  '6 bootstrap.json': async ({ press, seen }) => {
    const { payload, device } = await seen('bootstrap', ({ event }) => event === 'finished');
    assert.match(String(device), /^sim-\d+$/);
    assert.match(JSON.stringify(payload), /"\/1\/\d+\/1":90\b/);
    const registration = await seen('registration', ({ event }) => event === 'registered');
    assert.equal((registration.payload as { lifetime: number }).lifetime, 90);
    await press('what is declared?');
    await seen('bootstrap', ({ dm }) => dm?.operation === 'list');
    await press('set up anew');
    const triggered = await seen('bootstrap', ({ dm }) => dm?.operation === 'trigger');
    assert.equal(triggered.device, 'sim-001');
    const isLater = ({ dm }: Sighting): boolean => Number(dm?.at) >= Number(triggered.dm?.at);
    await seen('bootstrap', (sighting) => sighting.event === 'finished' && sighting.device === 'sim-001' && isLater(sighting));
  },

  '7 change Wi-Fi safely.json': async ({ press, seen }) => {
    const outcome = ({ payload }: Sighting): unknown => (payload as { outcome?: unknown }).outcome;
    await press('to the workshop');
    const kept = await seen('what became of it', (sighting) => outcome(sighting) === 'kept');
    assert.deepEqual(kept.payload, {
      outcome: 'kept',
      written: { ssid: 'workshop' },
      before: { ssid: 'plant-floor' },
      unrestorable: [],
    });
    await press('to a Wi-Fi that is not there');
    const gone = await seen('what became of it', (sighting) => outcome(sighting) === 'not restored yet');
    assert.deepEqual((gone.payload as { before: unknown }).before, { ssid: 'workshop' });
    await seen('what became of it', (sighting) => outcome(sighting) === 'restored', FALL_BACK_MS);
    await press('where is it?');
    const { payload } = await seen('Wi-Fi');
    assert.equal((payload as Record<string, Record<string, unknown>>)['0']?.SSID, 'workshop');
  },

  '8 devices by tag.json': async ({ press, seen }) => {
    type Records = readonly { endpoint: string; state?: string; groups?: readonly string[] }[];
    // Devices come one after the other.
    const names = async (): Promise<readonly string[]> => {
      await press('who is there?');
      return ((await seen('devices')).payload as Records).map(({ endpoint }) => endpoint);
    };
    while (!(await names()).includes('sim-003'));
    await press('tag three');
    assert.deepEqual((await seen('tagged')).payload, { 'sim-001': ['floor-2'], 'sim-002': ['floor-2'], 'sim-003': ['floor-2'] });
    await press('how warm is it on floor 2?');
    const { payload } = await seen('temperatures');
    assert.deepEqual(Object.keys(payload as object).sort(), ['sim-001', 'sim-002', 'sim-003']);
    await press('keep a group');
    assert.equal((await seen('group')).payload && ((await seen('members')).payload as Records).length, 3);
    await press('what was done?');
    assert.match(JSON.stringify((await seen('story')).payload), /"action":"tag"/);
  },

  '90 alarms.json': async ({ press, seen }) => {
    const isOfIt = ({ device, topic }: Sighting): boolean => device === 'sim-003' && topic === 'sim-003/battery-low';
    // Of a device that is not there yet no battery can be drained.
    await seen('status', ({ status }) => status?.text === '20 observed', START_MS);
    await press('drain the battery');
    await seen('alarm', (sighting) => sighting.event === 'raised' && isOfIt(sighting));
    await seen('to be remedied', isOfIt);
    const { payload } = await seen('ticket', isOfIt);
    assert.equal((payload as { ticket: string }).ticket, 'open');
    await press('acknowledge');
    await seen('alarm', (sighting) => sighting.event === 'acknowledged' && isOfIt(sighting));
    await press('which are open?');
    const listed = await seen('alarm', (sighting) => Array.isArray(sighting.payload));
    assert.ok((listed.payload as { device: string }[]).some(({ device }) => device === 'sim-003'));
  },
};

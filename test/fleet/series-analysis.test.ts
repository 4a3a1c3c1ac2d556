/** The history of a group of devices with known answers. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import { History } from '../../src/fleet/history';
import { type AnalysisQuery, analyse } from '../../src/fleet/series-analysis';

const DAY = 86_400_000;
const PATH = '/3/0/9';

async function given(batteries: Readonly<Record<string, readonly (number | string)[]>>) {
  const clock = new VirtualClock();
  const began = clock.wall();
  const history = new History(clock);
  for (const [device, values] of Object.entries(batteries)) {
    values.forEach((value, day) => {
      history.record(device, [{ path: PATH, value }], began - 10 * DAY + day * DAY);
    });
  }
  const devices = Object.keys(batteries);
  const analysed = (query: Partial<AnalysisQuery> = {}) => analyse(history, { devices, path: PATH, ...query }, began);
  return { history, began, analysed };
}

describe('An analysis of the history', () => {
  it('has summary, trend and days of battery left of each device', async () => {
    const { began, analysed } = await given({ 'meter-7': [100, 98, 96, 94] });
    const { devices } = await analysed({ reaches: 0 });
    assert.deepEqual(devices['meter-7'], {
      count: 4,
      min: 94,
      max: 100,
      mean: 97,
      p95: 100,
      last: 94,
      trend: { perDay: -2, now: 94, at: began - 7 * DAY, fit: 1 },
      reachesAt: began + 40 * DAY,
      daysLeft: 40,
    });
  });

  it('says null where the trend does not lead there, and nothing where nobody asked', async () => {
    const { analysed } = await given({ charging: [50, 60] });
    assert.deepEqual((await analysed({ reaches: 0 })).devices.charging?.daysLeft, null);
    assert.ok(!('daysLeft' in ((await analysed()).devices.charging ?? {})));
  });

  it('looks at the time it is asked for, and at numbers alone', async () => {
    const { began, analysed } = await given({ d: [1, 2, 'broken', 4] });
    assert.equal((await analysed()).devices.d?.count, 3);
    assert.equal((await analysed({ from: began - 9 * DAY, to: began - 8 * DAY })).devices.d?.count, 1);
  });

  it('names the device that is unlike its group, and leaves out those without values', async () => {
    const { analysed } = await given({ a: [20, 21], b: [21, 21], c: [21, 22], d: [20, 22], sick: [60, 64], empty: [] });
    const { devices, outliers } = await analysed();
    assert.deepEqual(Object.keys(devices), ['a', 'b', 'c', 'd', 'sick']);
    assert.deepEqual(
      outliers.map(({ device, value, median }) => [device, value, median]),
      [['sick', 62, 21]],
    );
  });

  it('refuses more devices than it can look at', async () => {
    const { history, began } = await given({});
    const devices = Array.from({ length: 1001 }, (_, index) => `d-${index}`);
    await assert.rejects(analyse(history, { devices, path: PATH }, began), { code: 'too-large' });
  });
});

/** From evidence to causes: for each rule the evidence and the exact sentence. */
import assert from 'node:assert/strict';
import type { Value } from '../../src/device/value';
import type { Evidence, ServerView } from '../../src/fleet/diagnosis-evidence';
import { findingsOf, summaryOf } from '../../src/fleet/diagnosis-rules';
import type { JournalEntry } from '../../src/fleet/registration-journal';

const NOW = Date.UTC(2026, 5, 1, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Given extends Partial<Omit<Evidence, 'server'>> {
  readonly server?: Partial<ServerView>;
}

function evidence({ server, ...given }: Given = {}): Evidence {
  return {
    device: 'meter-7',
    at: NOW,
    presence: 'reachable',
    registration: { lifetime: 3600, updatedAt: NOW - 10 * MINUTE, queueMode: false, address: '192.0.2.7:5683' },
    readings: { '/3/0/9': 80, '/3/0/11/0': 0 },
    refused: {},
    known: {},
    server: { journal: [], waiting: 0, others: { registered: 20, expired: 0 }, lastContact: NOW - 10 * MINUTE, ...server },
    ...given,
  };
}
const entries = (event: JournalEntry['event'], ...minutesAgo: number[]): JournalEntry[] =>
  minutesAgo.map((minutes) => ({ event, at: NOW - minutes * MINUTE }));
const reads = (readings: Record<string, Value>, server: Partial<ServerView> = {}): Given => ({ readings, server });
const gone = (server: Partial<ServerView> = {}, more: Given = {}): Given => {
  const { registration: _none, ...rest } = evidence({ ...more, presence: 'gone', readings: {}, server });
  return { ...rest, server: rest.server };
};

/** What was found, the likeliest first. */
const FIXTURES: readonly (readonly [title: string, given: Given, findings: readonly string[]])[] = [
  ['a device that is well', {}, []],
  [
    'a server nobody can reach',
    gone({ trouble: 'port 5683 is used by another program' }),
    ['server: port 5683 is used by another program'],
  ],
  [
    'a device that is refused',
    gone({
      journal: [
        ...entries('expired', 90),
        { event: 'refused', at: NOW - MINUTE, detail: 'the key of meter-7 is wrong. Provision it again.' },
      ],
    }),
    ['server: this server refuses it: the key of meter-7 is wrong. Provision it again'],
  ],
  [
    'a gateway that is gone',
    gone({ gateway: { endpoint: 'gw-1', presence: 'gone' } }),
    ["network: its gateway 'gw-1' is gone, and all behind it"],
  ],
  [
    'many that have gone together',
    gone({ others: { registered: 3, expired: 17 } }),
    ['network: 17 devices have fallen silent in a few minutes, and 3 are left: look at what they share'],
  ],
  [
    'a device that has signed off',
    gone({ journal: entries('deregistered', 180) }),
    ['device: it has signed off by itself 3 h ago'],
  ],
  [
    'one that is gone with an empty battery',
    gone({ journal: entries('expired', 5) }, { known: { batteryLevel: 4, powerSources: [1] } }),
    ['power: its battery was at 4 % when it was last heard, and is probably empty'],
  ],
  [
    'one that is gone and has mains',
    gone({}, { known: { batteryLevel: 4, powerSources: [6] } }),
    ['device: it has fallen silent, 10 min ago, and nothing that is known of it tells why: check its power and its network'],
  ],
  ['a low battery', reads({ '/3/0/6/0': 1, '/3/0/9': 12 }), ['power: its battery is at 12 %']],
  ['a low battery beside mains', reads({ '/3/0/6/0': 1, '/3/0/6/1': 6, '/3/0/9': 12 }), []],
  ['a low battery that is being charged', reads({ '/3/0/9': 12, '/3/0/20': 1 }), []],
  ['a battery that says it is low', reads({ '/3/0/20': 4 }), ['power: it says that its battery is low']],
  [
    'error codes',
    reads({ '/3/0/11/0': 2, '/3/0/11/1': 4, '/3/0/11/2': 7 }),
    [
      'power: it reports external power supply off',
      'radio: it reports low received signal strength',
      'network: it reports IP connectivity failure',
    ],
  ],
  [
    'errors of the device',
    reads({ '/3/0/11/0': 3, '/3/0/11/1': 8 }),
    ['device: it reports GPS module failure and peripheral malfunction'],
  ],
  ['an error of its maker', reads({ '/3/0/11/0': 17 }), ['application: it reports error 17 of its maker']],
  [
    'a weak cellular signal',
    reads({ '/4/0/0': 6, '/4/0/2': -118 }),
    ['radio: its signal is -118 dBm, where -110 dBm is about the least'],
  ],
  ['the same signal over NB-IoT', reads({ '/4/0/0': 7, '/4/0/2': -118 }), []],
  [
    'a weak signal of a house',
    reads({ '/4/0/0': 21, '/4/0/2': -85 }),
    ['radio: its signal is -85 dBm, where -80 dBm is about the least'],
  ],
  ['a wire', reads({ '/4/0/0': 41, '/4/0/2': -118 }), []],
  [
    'a rejected connection',
    reads({ '/11/0/10/0': 1, '/11/0/11/0': 33 }),
    ['network: the network has rejected a connection to its access point (cause 33)'],
  ],
  [
    'a device that does not answer',
    { readings: {}, refused: { '/3': 'timeout' } },
    [
      'network: it reports to the server (last 10 min ago) but does not answer: what is sent to it is lost, as behind a firewall or NAT that has closed its way; queue mode or a shorter lifetime helps',
    ],
  ],
  [
    'an address that changes',
    reads({}, { journal: entries('moved', 50, 30, 10) }),
    ['network: its address has changed 3 times in an hour'],
  ],
  ['one that changed long ago', reads({}, { journal: entries('moved', 500, 300, 100) }), []],
  [
    'losses',
    reads({}, { traffic: { received: 40, sent: 50, retransmitted: 15 } }),
    ['network: 30 % of the messages to it were repeated'],
  ],
  ['losses of too few messages', reads({}, { traffic: { received: 1, sent: 4, retransmitted: 3 } }), []],
  ['slow answers', reads({}, { roundTripMs: 14_000 }), ['network: its answers take 14 s']],
  [
    'restarts',
    reads({}, { journal: entries('registered', 55, 20, 15, 1) }),
    ['device: it has registered 4 times in an hour: it restarts, or loses what it knows of the server'],
  ],
  ['a full memory', reads({ '/3/0/10': 2, '/3/0/21': 128 }), ['device: 2 of its 128 kB of memory are left']],
  [
    'internal errors',
    reads({}, { codes: { '2.05': 90, '5.00': 8 } }),
    ['application: it has answered 8 requests with an internal error (5.00)'],
  ],
  [
    'a line that does not move',
    reads({}, { waiting: 6, waitingSince: NOW - 3 * HOUR }),
    ['server: 6 requests wait for it, the oldest for 3 h'],
  ],
  ['a line of one that sleeps', { presence: 'asleep', server: { waiting: 6, waitingSince: NOW - 3 * HOUR } }, []],
];

describe('A diagnosis finds', () => {
  for (const [title, given, expected] of FIXTURES) {
    it(title, () => {
      assert.deepEqual(
        findingsOf(evidence(given)).map(({ cause, text }) => `${cause}: ${text}`),
        expected,
      );
    });
  }
});

describe('The summary of a diagnosis', () => {
  const summary = (given: Given): string => summaryOf(evidence(given), findingsOf(evidence(given)));

  it('names the likeliest cause', () => {
    assert.equal(summary(reads({ '/3/0/9': 12 })), "Device 'meter-7' is here. Likely cause: power: its battery is at 12 %.");
  });

  it('says of a device that is well that nothing is wrong', () => {
    assert.equal(summary({}), "Device 'meter-7' is here, heard 10 min ago. Nothing is wrong that could be seen.");
  });

  it('says of one that sleeps when it should wake', () => {
    assert.equal(
      summary({ presence: 'asleep' }),
      "Device 'meter-7' is asleep, heard 10 min ago, as devices in queue mode do. It should wake within 50 min.",
    );
  });

  it('says of one that is gone what is known', () => {
    assert.equal(
      summary(gone({ journal: entries('deregistered', 180) })),
      "Device 'meter-7' is not registered. Likely cause: device: it has signed off by itself 3 h ago.",
    );
  });
});

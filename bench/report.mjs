/** The figures as tables for a person. */

const FALLEN = 0.85;
const say = (line = '') => process.stdout.write(`${line}\n`);
/** A handshake is worth dozens of echoes: its ratio needs more digits. */
const shown = (ratio) => ratio.toFixed(ratio < 0.1 ? 3 : 2);
const cells = (values, widths) =>
  values.map((value, at) => (at === 0 ? String(value).padEnd(widths[at]) : String(value).padStart(widths[at]))).join('  ');

function table(head, rows) {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => String(row[at]).length)));
  say(cells(head, widths));
  for (const row of rows) say(cells(row, widths));
  say();
}

const middle = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

export function printRounds({ rounds, machine, profile }, servers) {
  say(
    `Node ${machine.node}, ${machine.processor}, ${machine.pinned ? 'server and generator pinned to cores 0 and 1' : 'not pinned: taskset is missing'}`,
  );
  say(
    `${rounds.length} rounds kept, ${profile.discarded} discarded, at least ${profile.seconds} s per phase, ${profile.devices} devices, 64 outstanding, nothing lost\n`,
  );
  const rows = [];
  for (const server of servers) {
    for (const phase of Object.keys(rounds[0][server])) {
      const of = (figure) => middle(rounds.map((round) => figure(round[server][phase])));
      rows.push([
        `${server} ${phase}`,
        Math.round(of(({ rate }) => rate)),
        of(({ processor, done }) => (processor / done) * 1e6).toFixed(2),
        Math.round(of(({ processor, done }) => done / processor)),
        `${Math.round(of(({ processor, seconds }) => processor / seconds) * 100)} %`,
        of(({ p50 }) => p50).toFixed(2),
        of(({ p99 }) => p99).toFixed(2),
        of(({ max }) => max).toFixed(1),
      ]);
    }
  }
  table(['median of the rounds', 'per second', 'server µs each', 'per core', 'server busy', 'p50 ms', 'p99 ms', 'max ms'], rows);
}

export function printRatios({ rates, processor, baseline }) {
  const rows = Object.entries(rates).map(([name, ratio]) => {
    const recorded = baseline.ratios[name];
    const fallen = recorded !== undefined && ratio.median < recorded * FALLEN;
    return [
      name,
      shown(ratio.median),
      `${shown(ratio.least)} to ${shown(ratio.most)}`,
      shown(processor[name].median),
      recorded === undefined ? '-' : shown(recorded),
      fallen ? `below ${FALLEN * 100} % of what was recorded` : '',
    ];
  });
  table(['ours / peer', 'rate', 'spread', 'by processor time', 'recorded', ''], rows);
}

export function printMicro({ heap, sessions, micro, flow }) {
  say(
    `Heap per idle device at ${heap.devices}: ${heap.bytesPerIdleDevice} bytes (fresh, with deduplication: ${heap.bytesPerFreshDevice}); RSS ${heap.rssMegabytes} MB`,
  );
  say(
    `Heap per idle DTLS session at ${sessions.sessions}: ${sessions.bytesPerIdleSession} bytes (fresh, with its last flight: ${sessions.bytesPerFreshSession})`,
  );
  say();
  table(
    ['micro', 'ours ns', 'other ns', 'times faster', 'than'],
    Object.entries(micro).map(([name, { ours, other, than }]) => [
      name,
      Math.round(ours),
      Math.round(other),
      (other / ours).toFixed(1),
      than,
    ]),
  );
  if (flow === undefined) return;
  say(
    `Flow: ${flow.sent} notifications at ${Math.round(flow.rate)}/s into a slow flow, ${flow.acknowledged} acknowledged; loop delay p50 ${flow.delay.p50} ms, p99 ${flow.delay.p99} ms, max ${flow.delay.max} ms`,
  );
}

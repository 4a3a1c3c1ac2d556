/**
 * Speed as ratios to named peers of the same run, never as numbers on their own. See README.md for what is measured.
 *   npm run bench                      five rounds of at least 2 s per phase, then memory and the micro benchmarks
 *   npm run bench -- --quick           three short rounds; marks what fell below 85 % of baseline.json
 *   npm run bench -- --json FILE       the figures as JSON
 *   npm run bench -- --record          writes the ratios to baseline.json
 *   npm run bench -- --servers raw,ours --rounds 1 --only update --profile DIR
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureFlow } from './flow.mjs';
import { measureMemory } from './memory.mjs';
import { measureCodecs } from './micro.mjs';
import { printMicro, printRatios, printRounds } from './report.mjs';
import { measure, SERVERS } from './rounds.mjs';
import { measureSessions } from './sessions.mjs';

const { values: settings } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    record: { type: 'boolean', default: false },
    servers: { type: 'string', default: SERVERS.join(',') },
    rounds: { type: 'string' },
    only: { type: 'string' },
    profile: { type: 'string' },
  },
});

const PROFILE = settings.quick
  ? { rounds: 3, seconds: 0.6, warmUp: 0.4, devices: 1000, memoryDevices: 20_000, sessions: 5_000, flowSeconds: 5 }
  : { rounds: 5, seconds: 2, warmUp: 1, devices: 1000, memoryDevices: 100_000, sessions: 20_000, flowSeconds: 20 };
/** A round whose raw rate is further than this off the median says more about the machine than about us. */
const RAW_SPREAD = 0.15;
const MOST_REPEATED_ROUNDS = 5;
/** What is set against whom; `raw` has one phase, whatever ours is. */
const COMPARED = [
  { server: 'ours', phases: ['register', 'update', 'read', 'notification'], peers: ['raw', 'node-coap'] },
  { server: 'kept', phases: ['register'], peers: ['ours'] },
  { server: 'dtls', phases: ['handshake', 'secure-echo'], peers: ['raw'] },
];
const OURS = new Set(COMPARED.map(({ server }) => server));

const baselineFile = path.join(path.dirname(fileURLToPath(import.meta.url)), 'baseline.json');
const servers = settings.servers.split(',');
const rounds = Number(settings.rounds ?? PROFILE.rounds);

function canPin() {
  try {
    execFileSync('taskset', ['-c', '0,1', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

async function measureRounds(pinned) {
  const kept = [];
  let discarded = 0;
  for (;;) {
    while (kept.length < rounds) {
      const round = {};
      for (const server of servers) {
        const nodeOptions =
          settings.profile !== undefined && OURS.has(server) ? ['--cpu-prof', `--cpu-prof-dir=${settings.profile}`] : [];
        round[server] = await measure(server, { ...PROFILE, pinned, nodeOptions, only: settings.only });
      }
      kept.push(round);
      process.stderr.write(`round ${kept.length} of ${rounds}\n`);
    }
    if (!servers.includes('raw')) return { kept, discarded };
    const typical = median(kept.map((round) => round.raw.echo.rate));
    const odd = kept.filter((round) => Math.abs(round.raw.echo.rate / typical - 1) > RAW_SPREAD);
    if (odd.length === 0 || discarded + odd.length > MOST_REPEATED_ROUNDS) return { kept, discarded };
    discarded += odd.length;
    for (const round of odd) kept.splice(kept.indexOf(round), 1);
  }
}

/** Median over the rounds of (ours / peer), each ratio taken within its round. */
function ratiosOf(kept, figure) {
  const ratios = {};
  for (const { server, phases, peers } of COMPARED) {
    for (const [phase, peer] of phases.flatMap((name) => peers.map((peer) => [name, peer]))) {
      const values = kept.flatMap((round) => {
        const ours = round[server]?.[phase];
        const theirs = peer === 'raw' ? round.raw?.echo : round[peer]?.[phase];
        return ours === undefined || theirs === undefined ? [] : [figure(ours) / figure(theirs)];
      });
      if (values.length > 0)
        ratios[`${phase}/${peer}`] = { median: median(values), least: Math.min(...values), most: Math.max(...values) };
    }
  }
  return ratios;
}

const medians = (ratios) =>
  Object.fromEntries(Object.entries(ratios).map(([name, { median: value }]) => [name, Number(value.toFixed(3))]));

const pinned = canPin();
const { kept, discarded } = await measureRounds(pinned);
const rates = ratiosOf(kept, ({ rate }) => rate);
const processor = ratiosOf(kept, ({ done, processor: seconds }) => done / seconds);
const whole = settings.only === undefined && servers.includes('ours');
const results = {
  machine: { node: process.version, processor: os.cpus()[0]?.model, cores: os.cpus().length, pinned },
  profile: { ...PROFILE, rounds, discarded, quick: settings.quick },
  ratios: medians(rates),
  processorRatios: medians(processor),
  ...(whole
    ? {
        heap: await measureMemory(PROFILE.memoryDevices),
        sessions: await measureSessions(PROFILE.sessions),
        micro: measureCodecs(settings.quick),
        flow: await measureFlow(PROFILE.flowSeconds),
      }
    : {}),
  rounds: kept,
};

const baseline = existsSync(baselineFile) ? JSON.parse(readFileSync(baselineFile, 'utf8')) : { ratios: {} };
printRounds(results, servers);
printRatios({ rates, processor, baseline });
if (whole) printMicro(results);
if (settings.json !== undefined) writeFileSync(settings.json, `${JSON.stringify(results, null, 2)}\n`);
if (settings.record) {
  const { machine, ratios, processorRatios, heap, sessions, micro } = results;
  const recorded = { machine, ratios, processorRatios, heap, sessions, micro };
  writeFileSync(baselineFile, `${JSON.stringify(recorded, null, 2)}\n`);
}

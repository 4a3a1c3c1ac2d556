/** Interleaved rounds: in each, every server does every phase once, in a process of its own, with a load generator of its own. */
import { Child } from './control.mjs';

const HOST = '127.0.0.1';
const SERVER_CORE = 0;
const GENERATOR_CORE = 1;

/** What is warmed up and measured per server. `raw` can only echo. */
const PHASES = {
  raw: ['echo'],
  'node-coap': ['register', 'update', 'read', 'notification'],
  ours: ['register', 'update', 'read', 'notification'],
  kept: ['register'],
  dtls: ['handshake', 'secure-echo'],
};

/** Whose devices speak something else. */
const GENERATORS = { dtls: 'secure-generator.mjs' };

/** What makes the devices that the other phases of its server need: it always runs. */
const FIRST = new Set(['echo', 'register', 'handshake']);

export const SERVERS = Object.keys(PHASES);

/** @returns {Promise<Record<string, object>>} figures of each phase, for example `{register: {rate, cpu, p99 …}}` */
export async function measure(name, { devices, seconds, warmUp, pinned, nodeOptions, only }) {
  const server = new Child(`servers/${name}.mjs`, { core: SERVER_CORE, pinned, nodeOptions });
  const generator = new Child(GENERATORS[name] ?? 'generator.mjs', { core: GENERATOR_CORE, pinned });
  try {
    const { port } = await server.ask('listen');
    await generator.ask('open', { host: HOST, port, count: devices });
    const figures = {};
    for (const phase of PHASES[name]) {
      const wanted = only === undefined || only === phase || phase === 'echo';
      if (wanted || FIRST.has(phase))
        figures[phase] = await phases[phase]({ server, generator, devices, seconds: wanted ? seconds : 0, warmUp });
    }
    return figures;
  } finally {
    await generator.stop();
    await server.stop();
  }
}

const phases = {
  async echo(run) {
    await run.generator.ask('run', { kind: 'echo', seconds: run.warmUp });
    return charged(run.server, () => run.generator.ask('run', { kind: 'echo', seconds: run.seconds }));
  },

  /** Fresh registrations: when all devices have registered they leave, uncounted, and come again. */
  async register(run) {
    await registerAll(run, run.warmUp);
    const before = await run.server.ask('counts');
    const figures = await registerAll(run, run.seconds);
    const after = await run.server.ask('counts');
    prove('registrations stored', after.registrations, run.devices);
    prove('Registers handled', after.registered - before.registered, figures.done);
    return figures;
  },

  async update(run) {
    await run.generator.ask('run', { kind: 'update', seconds: run.warmUp });
    const before = await run.server.ask('counts');
    const figures = await charged(run.server, () => run.generator.ask('run', { kind: 'update', seconds: run.seconds }));
    const after = await run.server.ask('counts');
    prove('Updates handled', after.updated - before.updated, figures.done);
    return figures;
  },

  async read(run) {
    await run.server.ask('read', { seconds: run.warmUp });
    await run.generator.ask('served');
    const figures = await charged(run.server, () => run.server.ask('read', { seconds: run.seconds }));
    prove('reads answered by devices', (await run.generator.ask('served')).served, figures.done);
    return figures;
  },

  async notification(run) {
    await run.server.ask('observe');
    prove('devices observed', (await run.generator.ask('served')).observed, run.devices);
    await run.generator.ask('run', { kind: 'notify', seconds: run.warmUp });
    const before = await run.server.ask('counts');
    const figures = await charged(run.server, () => run.generator.ask('run', { kind: 'notify', seconds: run.seconds }));
    const after = await run.server.ask('counts');
    prove('notifications delivered', after.notified - before.notified, figures.done);
    prove('wrong values', after.wrong, 0);
    return figures;
  },

  /** Whole handshakes with a pre-shared key, over and over: each takes the place of the one before. */
  handshake: (run) =>
    secured(run, 'handshake', run.devices, (before, after, { done }) => {
      prove('sessions held', after.associations, run.devices);
      prove('handshakes made', after.handshakes - before.handshakes, done);
      prove('of them resumptions', after.resumptions, 0);
    }),

  'secure-echo': (run) =>
    secured(run, 'secure-echo', run.devices * SEALED_AHEAD, (before, after, { done }) => {
      prove('records heard', after.received - before.received, done);
      prove('records sent', after.sent - before.sent, done);
    }),
};

/** Records of each device that are sealed, uncounted, before a turn begins. */
const SEALED_AHEAD = 20;

async function secured({ generator, server, seconds, warmUp }, kind, count, check) {
  const turns = async (atLeast) => {
    let total;
    do total = sum(total, await charged(server, () => generator.ask('run', { kind, count })));
    while (total.seconds < atLeast);
    return total;
  };
  await turns(warmUp);
  const before = await server.ask('counts');
  const figures = await turns(seconds);
  check(before, await server.ask('counts'), figures);
  return figures;
}

async function registerAll({ generator, server, devices }, seconds) {
  let total;
  for (;;) {
    if ((await server.ask('counts')).registrations > 0)
      await proved(generator.ask('run', { kind: 'deregister', count: devices }));
    total = sum(total, await charged(server, () => generator.ask('run', { kind: 'register', count: devices })));
    if (total.seconds >= seconds) return total;
  }
}

function sum(total, figures) {
  if (total === undefined) return figures;
  const added = { ...figures };
  for (const count of ['done', 'lost', 'wrong', 'reset', 'separate', 'seconds', 'processor']) added[count] += total[count];
  for (const latency of ['p50', 'p90', 'p99', 'p999', 'max']) added[latency] = Math.max(figures[latency], total[latency]);
  added.rate = added.done / added.seconds;
  return added;
}

/** Runs a phase, proves that nothing was lost, and adds the server's own processor time in seconds. */
async function charged(server, phase) {
  const before = await server.ask('cpu');
  const figures = await proved(phase());
  const after = await server.ask('cpu');
  return { ...figures, processor: (after.user - before.user + after.system - before.system) / 1e6 };
}

async function proved(phase) {
  const figures = await phase;
  for (const count of ['lost', 'wrong', 'reset']) prove(`${figures.phase ?? 'requests'}: ${count}`, figures[count], 0);
  return figures;
}

/** A run with losses is not a result. */
function prove(what, found, expected) {
  if (found !== expected) throw new Error(`${what}: ${found} instead of ${expected}`);
}

/**
 * What is the matter with a device: asks it for what its objects 3, 4, 7, 11 and 20 say, puts beside it what the server has seen of it,
 * and concludes (`diagnosis-rules`). Of a device that sleeps or is gone it goes by what is known.
 */
import type { Clock } from '../clock';
import type { DeviceManager, Registration } from '../device/manager';
import type { ResourceValue, Value } from '../device/value';
import type { Evidence, ServerView } from './diagnosis-evidence';
import { type Cause, type Finding, findingsOf, summaryOf } from './diagnosis-rules';
import type { Outcome } from './outcomes';
import type { RegistrationJournal } from './registration-journal';
import type { RequestQueue } from './request-queue';

/** Where a diagnosis looks. */
export interface DiagnosisSources {
  readonly manager: Pick<DeviceManager, 'registration' | 'presence' | 'size'>;
  readonly requests: Pick<RequestQueue, 'submit' | 'line'>;
  readonly journal: Pick<RegistrationJournal, 'of' | 'expiredSince'>;
  readonly clock: Clock;
  /** What became of each question. */
  readonly heard: (outcome: Outcome) => void;
  /** What the device was known for before. */
  readonly known: (device: string) => (Evidence['known'] & { readonly lastSeen?: number }) | undefined;
  /** Counters of its messages, and of its response codes. */
  readonly statistics: (device: string) => (NonNullable<ServerView['traffic']> & Pick<ServerView, 'codes'>) | undefined;
  /** Why no device can reach the server. */
  readonly trouble?: string;
}

export interface Diagnosis extends Omit<Evidence, 'known'> {
  /** In a sentence or two, for a person. */
  readonly summary: string;
  /** The likeliest; `null`: nothing is wrong that could be seen. */
  readonly cause: Cause | null;
  /** All that was found, the likeliest first. */
  readonly findings: readonly Finding[];
}

/** Device, Connectivity Monitoring, Connectivity Statistics, APN Connection Profile, Event Log. */
const OBJECTS = ['/3', '/4', '/7', '/11', '/20'] as const;
/** User name and secret of an APN. */
const SECRET = /^\/11\/\d+\/[56]$/;
/** A person waits; a device that takes longer has the answer to the question in that. */
const TIMEOUT_MS = 20_000;
/** Devices that have gone within this time have gone together. */
const TOGETHER_MS = 600_000;
/** Codes after which the next question would be in vain too. */
const SILENT: ReadonlySet<string> = new Set(['timeout', 'asleep', 'not-registered', 'disconnected', 'server-unavailable']);

export async function diagnose(sources: DiagnosisSources, device: string): Promise<Diagnosis> {
  const registration = sources.manager.registration(device);
  const asked = await askAll(sources, device, registration);
  // Whether it is there shows when it is asked.
  const presence = sources.manager.presence(device);
  const evidence: Evidence = {
    device,
    at: sources.clock.wall(),
    presence,
    ...(registration !== undefined && { registration }),
    readings: asked.readings,
    refused: asked.refused,
    known: sources.known(device) ?? {},
    server: serverView(sources, device, registration, asked.roundTrips),
  };
  const findings = findingsOf(evidence);
  const { known: _known, ...told } = evidence;
  return { ...told, summary: summaryOf(evidence, findings), cause: findings[0]?.cause ?? null, findings };
}

interface Asked {
  readonly readings: Record<string, Value>;
  readonly refused: Record<string, string>;
  readonly roundTrips: number[];
}

/** One after the other: a constrained device holds no more. */
async function askAll(sources: DiagnosisSources, device: string, registration: Registration | undefined): Promise<Asked> {
  const asked: Asked = { readings: {}, refused: {}, roundTrips: [] };
  if (registration === undefined) return asked;
  for (const path of OBJECTS) {
    if (sources.manager.presence(device) !== 'reachable') break;
    if (!registration.objects.some((announced) => announced === path || announced.startsWith(`${path}/`))) continue;
    const outcome = await ask(sources, device, path);
    sources.heard(outcome);
    if ('error' in outcome) {
      asked.refused[path] = outcome.error.code;
      if (SILENT.has(outcome.error.code)) break;
    } else {
      asked.roundTrips.push(outcome.result.rtt);
      for (const value of outcome.result.values) keep(asked.readings, value);
    }
  }
  return asked;
}

function ask({ requests }: DiagnosisSources, device: string, path: string): Promise<Outcome> {
  return new Promise((settled) => {
    // Whoever wants the diagnosis tells the audit log of it as a whole.
    requests.submit(
      {
        owner: 'diagnosis',
        device,
        request: { operation: 'read', path },
        whenAsleep: 'fail',
        timeoutMs: TIMEOUT_MS,
        audited: true,
      },
      { queued: () => undefined, settled },
    );
  });
}

/** A log may be long, and says nothing to a person as bytes. */
function keep(readings: Record<string, Value>, { path, value, prefix }: ResourceValue): void {
  if (prefix !== undefined || SECRET.test(path)) return;
  readings[path] = Buffer.isBuffer(value) ? `${value.length} bytes` : value;
}

function serverView(
  { manager, requests, journal, clock, known, statistics, trouble }: DiagnosisSources,
  device: string,
  registration: Registration | undefined,
  roundTrips: readonly number[],
): ServerView {
  const counted = statistics(device);
  const waiting = requests.line(device);
  const told = journal.of(device);
  const gateway = registration?.gateway?.endpoint;
  const contacts = [
    registration?.updatedAt,
    known(device)?.lastSeen,
    ...told.flatMap(({ event, at }) => (event === 'expired' ? [] : [at])),
  ];
  const lastContact = Math.max(...contacts.map((at) => at ?? 0));
  const roundTripMs = [...roundTrips].sort((a, b) => a - b)[roundTrips.length >> 1];
  return {
    ...(trouble !== undefined && { trouble }),
    ...(lastContact > 0 && { lastContact }),
    ...(counted !== undefined && { traffic: trafficOf(counted), ...(counted.codes !== undefined && { codes: counted.codes }) }),
    ...(roundTripMs !== undefined && { roundTripMs }),
    journal: told,
    waiting: waiting.length,
    ...(waiting[0] !== undefined && { waitingSince: Math.min(...waiting.map(({ since }) => since)) }),
    ...(gateway !== undefined && { gateway: { endpoint: gateway, presence: manager.presence(gateway) } }),
    others: { registered: manager.size, expired: journal.expiredSince(clock.wall() - TOGETHER_MS) },
  };
}

function trafficOf({ received, sent, retransmitted }: NonNullable<ServerView['traffic']>): NonNullable<ServerView['traffic']> {
  return { received, sent, retransmitted };
}

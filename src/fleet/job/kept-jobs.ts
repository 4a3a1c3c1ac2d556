/** Jobs as they are kept: the frame of each, and one record for each device of it, so that a step costs one small write. */
import type { Clock } from '../../clock';
import { GroupCommit } from '../../store/group-commit';
import { type DamagedRecord, type RecordKind, Records } from '../../store/records';
import type { Change, Store } from '../../store/store';
import type { Execution } from './execution';
import type { JobFrame } from './job';

const FRAMES: RecordKind<JobFrame> = { prefix: 'job/', version: 1, read: readFrame };
const EXECUTIONS: RecordKind<Execution> = { prefix: 'job-device/', version: 1, read: readExecution };

export interface KeptJob {
  readonly frame: JobFrame;
  /** In their order. */
  readonly executions: readonly Execution[];
}

export class JobStore {
  private readonly frames: Records<JobFrame>;
  private readonly executions: Records<Execution>;
  private readonly commits: GroupCommit;

  constructor(
    private readonly store: Store,
    clock: Clock,
  ) {
    this.frames = new Records(store, FRAMES);
    this.executions = new Records(store, EXECUTIONS);
    this.commits = new GroupCommit(store, clock);
  }

  /** Resolves when it is kept. @throws DeviceManagementError `store-failed` */
  keepFrame(frame: JobFrame): Promise<void> {
    return this.commits.commit([this.frames.change(frame.plan.id, frame)]);
  }

  keep(job: string, executions: readonly Execution[]): Promise<void> {
    return this.commits.commit(executions.map((one) => this.executions.change(idOf(job, one.device), one)));
  }

  forget(job: string, devices: Iterable<string>): Promise<void> {
    const changes: Change[] = [this.frames.change(job, undefined)];
    for (const device of devices) changes.push(this.executions.change(idOf(job, device), undefined));
    return this.commits.commit(changes);
  }

  flush(): Promise<void> {
    return this.commits.flush();
  }

  async *all(onDamaged: (record: DamagedRecord) => void): AsyncIterable<KeptJob> {
    for await (const { id, value: frame } of this.frames.all(onDamaged)) {
      const own = new Records(this.store, { ...EXECUTIONS, prefix: EXECUTIONS.prefix + idOf(id, '') });
      const executions: Execution[] = [];
      for await (const { value } of own.all(onDamaged)) executions.push(value);
      yield { frame, executions: executions.sort((a, b) => a.order - b.order) };
    }
  }
}

/** Job ids hold no slash. */
function idOf(job: string, device: string): string {
  return `${job}/${device}`;
}

/** @throws Error when it is none */
function readFrame(value: unknown): JobFrame {
  const { plan, owner, state, wave, waves, startedAt } = (value ?? {}) as Partial<JobFrame>;
  const isFrame =
    typeof plan?.id === 'string' &&
    typeof owner === 'string' &&
    typeof state === 'string' &&
    [wave, waves, startedAt].every((number) => typeof number === 'number');
  if (!isFrame) throw new Error('it is no job');
  return value as JobFrame;
}

function readExecution(value: unknown): Execution {
  const { device, order, wave, state, attempt } = (value ?? {}) as Partial<Execution>;
  const isExecution =
    typeof device === 'string' &&
    typeof state === 'string' &&
    [order, wave, attempt].every((number) => typeof number === 'number');
  if (!isExecution) throw new Error('it is no device of a job');
  return value as Execution;
}

/** The Server object (1) as the client lives by it: lifetime, default periods, mute, update trigger, disable (LwM2M Core 1.1.1 Appendix E.2). */
import type { DefaultPeriods } from './conditions';
import type { Content } from './content';
import type { ObjectInstance, ObjectTree } from './objects';
import { badRequest } from './refusal';

const OBJECT = 1;

const Resource = {
  ShortServerId: 0,
  Lifetime: 1,
  DefaultMinimumPeriod: 2,
  DefaultMaximumPeriod: 3,
  Disable: 4,
  DisableTimeout: 5,
  NotificationStoring: 6,
  Binding: 7,
  UpdateTrigger: 8,
  MuteSend: 23,
  DefaultNotificationMode: 26,
} as const;

/** 86,400 s by default (LwM2M Core 1.1.1 Appendix E.2). */
const DEFAULT_DISABLE_SECONDS = 86_400;

export interface ServerObjectOptions {
  /** Seconds. */
  readonly lifetime: number;
  readonly binding: string;
  /** Whether Send is disabled until the server allows it; the specification's default. */
  readonly mute: boolean;
  readonly instance?: number;
}

export interface ServerActions {
  update(): void;
  disable(seconds: number): void;
}

export class ServerObject {
  private readonly instance: ObjectInstance;

  constructor(tree: ObjectTree, { lifetime, binding, mute, instance = 0 }: ServerObjectOptions, actions: ServerActions) {
    const isOld = tree.version === '1.0';
    this.instance = tree.add(
      OBJECT,
      instance,
      {
        [Resource.ShortServerId]: 1,
        [Resource.Lifetime]: lifetime,
        [Resource.NotificationStoring]: false,
        [Resource.Binding]: binding,
        ...(!isOld && { [Resource.MuteSend]: mute }),
      },
      {
        [Resource.Lifetime]: { check: (content) => checkLifetime(content, tree.version) },
        [Resource.Binding]: { check: (content) => checkBinding(content, binding) },
        [Resource.Disable]: {
          execute: () => () => actions.disable(this.number(Resource.DisableTimeout) ?? DEFAULT_DISABLE_SECONDS),
        },
        [Resource.UpdateTrigger]: { execute: () => () => actions.update() },
      },
    );
    this.instance.support([Resource.DefaultMinimumPeriod, Resource.DefaultMaximumPeriod, Resource.DisableTimeout]);
    if (tree.version >= '1.2') this.instance.support([Resource.DefaultNotificationMode]);
  }

  /** Seconds. */
  get lifetime(): number {
    return this.number(Resource.Lifetime) ?? 0;
  }

  get defaultPeriods(): DefaultPeriods {
    return { pmin: this.number(Resource.DefaultMinimumPeriod), pmax: this.number(Resource.DefaultMaximumPeriod) };
  }

  /** Absent counts as muted (LwM2M Core 1.1.1 Appendix E.2). */
  get isMuted(): boolean {
    return this.instance.content(Resource.MuteSend) !== false;
  }

  /** 1.2: 1 = every notification is confirmable. */
  get wantsConfirmable(): boolean {
    return this.number(Resource.DefaultNotificationMode) === 1;
  }

  get muteSendPath(): string {
    return `${this.instance.path}/${Resource.MuteSend}`;
  }

  /** Whether this resource holds what the registration or the observations depend on. */
  isSetting(path: { toString(): string }): boolean {
    return path.toString().startsWith(`${this.instance.path}/`);
  }

  private number(resource: number): number | undefined {
    const content = this.instance.content(resource);
    return typeof content === 'number' ? content : undefined;
  }
}

/** 0 is "never expires", and came with 1.2. */
function checkLifetime(content: Content, version: string): void {
  const least = version >= '1.2' ? 0 : 1;
  if (typeof content !== 'number' || content < least) throw badRequest(`a lifetime is at least ${least} s`);
}

/** It speaks over the transport it was started with, and no other. */
function checkBinding(content: Content, binding: string): void {
  if (content !== binding) throw badRequest(`the binding of this device is ${binding}`);
}

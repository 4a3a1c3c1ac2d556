/** The Server object (1) as the client lives by it: lifetime, default periods, mute, update trigger, disable (LwM2M Core 1.1.1 Appendix E.2). */
import type { DefaultPeriods } from './conditions';
import type { Content } from './content';
import type { Behaviours, ObjectInstance, ObjectTree } from './objects';
import { badRequest, notAllowed } from './refusal';
import { hasBootstrapAccount } from './security-object';

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
  BootstrapTrigger: 9,
  BootstrapOnFailure: 16,
  RetryCount: 17,
  MuteSend: 23,
  DefaultNotificationMode: 26,
} as const;

/** 86,400 s by default (LwM2M Core 1.1.1 Appendix E.2). */
const DEFAULT_DISABLE_SECONDS = 86_400;
/** Failed attempts before the next step (LwM2M Core 1.1.1 Appendix E.2, Communication Retry Count). */
const DEFAULT_RETRY_COUNT = 5;
const DEFAULT_BINDING = 'U';

export interface ServerObjectOptions {
  /** Seconds. */
  readonly lifetime: number;
  readonly binding: string;
  /** Whether Send is disabled until the server allows it; the specification's default. */
  readonly mute: boolean;
}

export interface ServerActions {
  update(): void;
  disable(seconds: number): void;
  /** Absent: this client has no bootstrap account. */
  bootstrap?(): void;
}

export class ServerObject {
  private instance: ObjectInstance | undefined;

  constructor(
    private readonly tree: ObjectTree,
    private readonly actions: ServerActions,
  ) {}

  /** Adds the server that is known from the factory, as /1/0 with the short id 1. */
  addFactory({ lifetime, binding, mute }: ServerObjectOptions): void {
    const isOld = this.tree.version === '1.0';
    this.tree.add(
      OBJECT,
      0,
      {
        [Resource.ShortServerId]: 1,
        [Resource.Lifetime]: lifetime,
        [Resource.NotificationStoring]: false,
        [Resource.Binding]: binding,
        ...(!isOld && { [Resource.MuteSend]: mute }),
      },
      this.behaviours,
    );
    this.adopt(0);
  }

  /** The client lives by this instance from now on. */
  adopt(instance: number): void {
    this.instance = this.tree.instance(OBJECT, instance);
    const { version } = this.tree;
    const later = version >= '1.2' ? [Resource.DefaultNotificationMode] : [];
    this.instance?.support([Resource.DefaultMinimumPeriod, Resource.DefaultMaximumPeriod, Resource.DisableTimeout, ...later]);
  }

  /** What the resources of any instance of it do. */
  get behaviours(): Behaviours {
    const { tree, actions } = this;
    return {
      [Resource.Lifetime]: { check: (content) => checkLifetime(content, tree.version) },
      [Resource.Binding]: { check: (content) => checkBinding(content, this.binding) },
      [Resource.Disable]: {
        execute: () => () => actions.disable(this.number(Resource.DisableTimeout) ?? DEFAULT_DISABLE_SECONDS),
      },
      [Resource.UpdateTrigger]: { execute: () => () => actions.update() },
      ...(actions.bootstrap !== undefined && tree.version !== '1.0' && this.bootstrapTrigger()),
    };
  }

  /** Seconds. */
  get lifetime(): number {
    return this.number(Resource.Lifetime) ?? 0;
  }

  get defaultPeriods(): DefaultPeriods {
    return { pmin: this.number(Resource.DefaultMinimumPeriod), pmax: this.number(Resource.DefaultMaximumPeriod) };
  }

  /** Letters of the transports. */
  get binding(): string {
    const content = this.instance?.content(Resource.Binding);
    return typeof content === 'string' ? content : DEFAULT_BINDING;
  }

  /** Whether a registration that fails is a reason to ask the bootstrap server (1/x/16; absent counts as yes). */
  get bootstrapsOnFailure(): boolean {
    return this.instance?.content(Resource.BootstrapOnFailure) !== false;
  }

  get retryCount(): number {
    return this.number(Resource.RetryCount) ?? DEFAULT_RETRY_COUNT;
  }

  /** Absent counts as muted (LwM2M Core 1.1.1 Appendix E.2). */
  get isMuted(): boolean {
    return this.instance?.content(Resource.MuteSend) !== false;
  }

  /** 1.2: 1 = every notification is confirmable. */
  get wantsConfirmable(): boolean {
    return this.number(Resource.DefaultNotificationMode) === 1;
  }

  /** Whether what cannot be told now is kept (hqmax says how much of it). */
  get storesNotifications(): boolean {
    return this.instance?.content(Resource.NotificationStoring) === true;
  }

  get muteSendPath(): string {
    return `${this.instance?.path ?? `/${OBJECT}`}/${Resource.MuteSend}`;
  }

  /** Whether this resource holds what the registration or the observations depend on. */
  isSetting(path: { toString(): string }): boolean {
    return this.instance !== undefined && path.toString().startsWith(`${this.instance.path}/`);
  }

  /** Only while the bootstrap account is there (LwM2M Core 1.1.1 §6.1.6). */
  private bootstrapTrigger(): Behaviours {
    return {
      [Resource.BootstrapTrigger]: {
        execute: () => {
          if (!hasBootstrapAccount(this.tree)) throw notAllowed('this device has no account of a bootstrap server');
          return () => this.actions.bootstrap?.();
        },
      },
    };
  }

  private number(resource: number): number | undefined {
    const content = this.instance?.content(resource);
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

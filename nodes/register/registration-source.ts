/** Lifecycle events of the chosen devices as messages. */
import type { LifecycleEvent, LifecycleEventName, Registration } from '../../src/device/manager';
import type { Unsubscribe } from '../../src/events';
import type { Selector } from '../../src/fleet/selector';
import type { Message } from '../runtime/flow-host';
import type { RunningServer } from '../runtime/running-server';
import type { SourceRules } from '../runtime/source-buffer';
import type { SourceKind } from '../runtime/source-node';
import { type Status, status, type Texts } from '../runtime/status';

/** What a later "still there" must not hide. */
const WEIGHTY: ReadonlySet<LifecycleEventName> = new Set(['registered', 'objects-changed']);
const LIGHT: ReadonlySet<LifecycleEventName> = new Set(['updated', 'awake']);

/** Made one per device when a flow is far behind; none is forgotten without its successor telling how things stand. */
export const LIFECYCLE_RULES: SourceRules<LifecycleEvent> = {
  keyOf: ({ event, device }) => (event === 'refused' ? `refused ${device}` : `device ${device}`),
  merge: (older, newer) => (WEIGHTY.has(older.event) && LIGHT.has(newer.event) ? { ...newer, event: older.event } : newer),
};

export class RegistrationSource implements SourceKind<LifecycleEvent> {
  readonly rules = LIFECYCLE_RULES;
  readonly tellsRefused = true;

  /** @param events none = all */
  constructor(
    private readonly server: RunningServer,
    private readonly texts: Texts,
    private readonly devices: Selector,
    private readonly events: ReadonlySet<LifecycleEventName>,
  ) {}

  subscribe(push: (event: LifecycleEvent) => void): readonly Unsubscribe[] {
    const unsubscribe = this.server.manager.events.on('lifecycle', (event) => {
      if (this.events.size > 0 && !this.events.has(event.event)) return;
      if (this.server.fleet.matches(this.devices, event.device)) push(event);
    });
    return [unsubscribe];
  }

  messages({ event, device, registration, previous, refusal, at }: LifecycleEvent): readonly Message[] {
    const payload = refusal === undefined ? ownRegistration(registration) : { endpoint: device, ...refusal };
    const dm = {
      server: this.server.id,
      operation: 'register',
      at,
      ...(previous !== undefined && { previous: ownRegistration(previous) }),
    };
    return [{ topic: device, event, device, payload, dm }];
  }

  status(): Status {
    const { manager, refusedCount: refused } = this.server;
    const n = manager.size;
    if (this.server.admittance.pairing.openUntil !== undefined) return status(this.texts, 'pairing', { n });
    return refused > 0 ? status(this.texts, 'refused', { n, refused }) : status(this.texts, 'registered', { n });
  }
}

/** The server shares these lists between devices; a flow may do with its message what it likes. */
function ownRegistration(registration: Registration | undefined): unknown {
  return registration === undefined ? undefined : structuredClone(registration);
}

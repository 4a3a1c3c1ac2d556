/** Typed events. A listener that throws harms neither the emitter nor the other listeners. */

export type Listener<T> = (event: T) => void;
/** Ends a subscription. */
export type Unsubscribe = () => void;

export class Events<Map extends object> {
  private readonly listeners = new globalThis.Map<keyof Map, Listener<never>[]>();

  /** @param onListenerError where the exception of a listener goes */
  constructor(private readonly onListenerError: (error: unknown) => void = reportLater) {}

  on<Name extends keyof Map>(name: Name, listener: Listener<Map[Name]>): Unsubscribe {
    // Copied on change, so that an emission under way keeps its own list.
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener]);
    let subscribed = true;
    return () => {
      if (!subscribed) return;
      subscribed = false;
      // One place of it only: the same listener may have subscribed twice.
      const rest = [...(this.listeners.get(name) ?? [])];
      rest.splice(rest.indexOf(listener), 1);
      this.listeners.set(name, rest);
    };
  }

  emit<Name extends keyof Map>(name: Name, event: Map[Name]): void {
    const listeners = this.listeners.get(name) as Listener<Map[Name]>[] | undefined;
    if (listeners === undefined) return;
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        this.onListenerError(error);
      }
    }
  }

  /** Whether anyone would hear `name`: lets a hot path skip making the event. */
  has(name: keyof Map): boolean {
    return (this.listeners.get(name)?.length ?? 0) > 0;
  }
}

/** Out of the emitter's way, yet not swallowed: a bug in a listener reaches the process as a warning. */
function reportLater(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), 'ListenerError');
}

/** What becomes of a simulated device, told to whoever runs the simulation. */

export type SimulatedEventName =
  | 'bootstrapped'
  | 'registered'
  | 'failed'
  | 'executed'
  | 'written'
  | 'rebooted'
  | 'firmware-updated'
  | 'firmware-failed'
  | 'network-changed'
  | 'wiped'
  | 'offline'
  | 'online';

export interface SimulatedEvent {
  readonly event: SimulatedEventName;
  readonly device: string;
  /** By event: {location}, {code, message, retryMs}, {path, arguments}, {paths}, {version}, {fault, version}, {how, uri}, {works}, {targets}. */
  readonly payload: Readonly<Record<string, unknown>>;
  /** Unix milliseconds. */
  readonly at: number;
}

/** The server of this project at 10.0.0.1, on virtual time, over a network that loses a fifth of all datagrams and repeats some. */
import { VirtualClock } from '../../../src/clock';
import { MemoryNetwork } from '../../../src/coap/transports/memory';
import type { LifecycleEvent, NotificationEvent, SendEvent } from '../../../src/device/manager';
import type { OperationRequest, OperationResult } from '../../../src/device/operation';
import { Lwm2mServer, type Lwm2mServerOptions } from '../../../src/lwm2m/server/server';
import { testRandom } from '../../coap/world';

const PATIENCE_SECONDS = 900;

export function lossyWorld(seed: number, options: Pick<Lwm2mServerOptions, 'bootstrap'> = {}) {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock, { delayMs: 5, loss: 0.2, duplicate: 0.05, seed });
  network.record = false;
  const server = new Lwm2mServer({
    transport: network.transport('10.0.0.1', 5683),
    clock,
    random: testRandom(7),
    admission: 'open',
    ...options,
  });
  const lifecycle: LifecycleEvent[] = [];
  const notifications: NotificationEvent[] = [];
  const sends: SendEvent[] = [];
  server.events.on('lifecycle', (event) => lifecycle.push(event));
  server.events.on('notification', (event) => notifications.push(event));
  server.events.on('send', (event) => sends.push(event));
  const perform = (device: string, request: OperationRequest): Promise<OperationResult> =>
    eventually(clock, server.perform(device, request, { timeoutMs: 200_000 }));
  /** Of a client at 10.0.0.2. */
  const ofClient = () => ({ transport: network.transport('10.0.0.2', 40_000), clock, random: testRandom(8) });
  return { clock, network, server, lifecycle, notifications, sends, perform, ofClient };
}

/** What a promise comes to, while the time goes by that it needs. */
export async function eventually<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  for (let second = 0; second < PATIENCE_SECONDS && !settled; second++) await clock.advanceAsync(1_000);
  if (!settled) throw new Error(`nothing within ${PATIENCE_SECONDS} s`);
  return promise;
}

export const valuesOf = (result: OperationResult): Record<string, unknown> =>
  Object.fromEntries(result.values.map(({ path, value }) => [path, value]));

/** An LwM2M server that admits secured devices only, devices `dev` and `thief` provisioned with keys, and a network that moves devices about. */
import assert from 'node:assert/strict';
import { VirtualClock } from '../../src/clock';
import { DtlsTransport } from '../../src/coap/transports/dtls';
import { MemoryNetwork, type NetworkFaults } from '../../src/coap/transports/memory';
import type { LifecycleEvent, NotificationEvent } from '../../src/device/manager';
import { readDeviceChange } from '../../src/device/provisioned-device';
import { Admittance } from '../../src/fleet/admittance';
import { Provisioning } from '../../src/fleet/provisioning';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { dtlsCredentials } from '../../src/lwm2m/server/dtls-credentials';
import { Lwm2mServer } from '../../src/lwm2m/server/server';
import { MovingCarrier } from '../coap/transports/moving-carrier';
import { testRandom } from '../coap/world';
import { testBytes } from '../dtls/world';

export const SERVER = '10.0.0.1';
export const PORT = 5684;
export const keyOf = (identity: string): Buffer => Buffer.from(`the key of ${identity}`);

export interface Device {
  readonly client: Lwm2mClient;
  readonly carrier: MovingCarrier;
  readonly transport: DtlsTransport;
}

export async function givenServer(faults: NetworkFaults = {}) {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock, faults);
  network.record = false;
  const provisioning = new Provisioning(clock);
  const admittance = new Admittance({ clock, provisioning, mode: () => 'secured' });
  for (const endpoint of ['dev', 'thief']) {
    const security = { mode: 'psk', identity: `key-${endpoint}`, key: keyOf(`key-${endpoint}`).toString('hex') };
    await provisioning.provision(readDeviceChange({ endpoint, security }));
  }
  const secure = new DtlsTransport({
    carrier: network.transport(SERVER, PORT),
    clock,
    random: testBytes(5),
    credentials: dtlsCredentials({
      keyOf: (identity) => provisioning.keyOf(identity),
      holderOf: (identity) => provisioning.devices.holderOf(identity),
      authorities: [],
      now: () => clock.wall(),
    }),
  });
  const server = new Lwm2mServer({
    transport: network.transport(SERVER, 5683),
    secure,
    clock,
    random: testRandom(7),
    admission: admittance.admit,
    endpointOf: admittance.endpointOf,
  });
  provisioning.events.on('ended', ({ device, names }) => {
    for (const name of names) server.revoke(name);
    server.dismiss(device);
  });
  const lifecycle: LifecycleEvent[] = [];
  const notifications: NotificationEvent[] = [];
  server.events.on('lifecycle', (event) => lifecycle.push(event));
  server.events.on('notification', (event) => notifications.push(event));
  await server.start();
  let devices = 0;
  const makeDevice = (endpoint: string, identity = `key-${endpoint}`, key = keyOf(identity)): Device => {
    const carrier = new MovingCarrier(network, `10.${++devices}.0`);
    const transport = new DtlsTransport({
      carrier,
      clock,
      random: testBytes(100 + devices),
      credentials: {},
      serve: false,
      connectWith: () => ({ psk: { identity, key } }),
    });
    const objects = new ObjectTree({ version: '1.1' });
    objects.add(3, 0, { 0: 'Acme' });
    objects.add(3303, 0, { 5700: 0 });
    const client = new Lwm2mClient({
      endpoint,
      server: { host: SERVER, port: PORT },
      objects,
      lifetime: 300,
      transport,
      clock,
      random: testRandom(200 + devices),
      confirmableNotifications: true,
    });
    return { client, carrier, transport };
  };
  const start = async (device: Device): Promise<Device> => {
    let isStarted = false;
    void device.client.start().then(() => {
      isStarted = true;
    });
    for (let second = 0; second < 100 && !isStarted; second++) await clock.advanceAsync(1_000);
    assert.ok(isStarted, 'registered');
    return device;
  };
  return { clock, network, secure, server, provisioning, lifecycle, notifications, makeDevice, start };
}

/** The last segment of its Location-Path, which only the device knows. */
export function locationOf(server: Lwm2mServer, endpoint: string): string {
  const { known } = server as unknown as { known: { byEndpoint(name: string): { id: string } | undefined } };
  return known.byEndpoint(endpoint)?.id ?? assert.fail('not registered');
}

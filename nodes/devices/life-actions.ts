/** The life of devices here: provisioned, blocked for a while, out of service, back again; and what the network knows of them. */
import { readDeviceChange } from '../../src/device/provisioned-device';
import { asDeviceManagementError, DeviceManagementError } from '../../src/errors';
import { readDeviceTable } from '../../src/fleet/device-table';
import { mergedNetworkFacts } from '../../src/fleet/network-facts';
import { EXECUTE_PRESETS } from '../../src/fleet/presets/execute-presets';
import { requestsOf } from '../../src/fleet/presets/preset';
import { retireDevice } from '../runtime/retirement';
import { deviceRecord, everyDevice } from './device-record';
import type { ActionContext, Actions } from './devices-action';

export const LIFE: Actions = {
  provision: async ({ server, payload, actor }) => {
    const changes =
      typeof payload === 'string' ? tableOf(payload) : (Array.isArray(payload) ? payload : [payload]).map(readDeviceChange);
    await server.provisioning.provisionAll(changes);
    for (const { endpoint } of changes) server.audit({ actor, action: 'provision', device: endpoint, outcome: 'done' });
    return changes.map(({ endpoint }) => deviceRecord(server, endpoint, ['endpoint', 'state', 'tags', 'provisioned']));
  },
  block: (context) => blocked(context, context.message.until ?? true),
  permit: (context) => blocked(context, null),
  retire: async (context) => {
    const { server, message, devices, actor } = context;
    const selector = await devices();
    requireConfirmation(context, selector.single !== undefined && message.wipe !== true);
    const chosen = chosenOf(selector.text, server.fleet.choose(selector, everyDevice(server)));
    return eachOf(chosen, async (device) => {
      const report = { ...deviceRecord(server, device), retired: true, ...(message.wipe === true && { wiped: true }) };
      if (message.wipe === true) await wiped(context, device);
      await retireDevice(server, device);
      server.audit({ actor, action: message.wipe === true ? 'wipe and retire' : 'retire', device, outcome: 'done' });
      return report;
    });
  },
  restore: async (context) => {
    const { server, devices, actor } = context;
    const selector = await devices();
    const chosen = chosenOf(selector.text, server.fleet.choose(selector, everyDevice(server)));
    return eachOf(chosen, async (device) => {
      if (!(await server.provisioning.readmit(device))) {
        throw new DeviceManagementError('invalid-request', `device '${device}' was not retired`, { device });
      }
      server.audit({ actor, action: 'restore', device, outcome: 'done' });
      return deviceRecord(server, device);
    });
  },
  inform: async ({ server, message, payload, devices, actor }) => {
    const { fleet, clock } = server;
    const selector = await devices();
    const chosen = fleet.choose(selector);
    const merged = chosen.map((device) => {
      const before = fleet.facts.of(device)?.network ?? {};
      return [device, mergedNetworkFacts(before, payload, message.source, clock.wall())] as const;
    });
    for (const [device, facts] of merged) {
      fleet.facts.informed(device, facts);
      server.audit({ actor, action: 'inform', device, outcome: 'done', detail: `by ${String(message.source)}` });
    }
    return Object.fromEntries(chosen.map((device) => [device, structuredClone(fleet.facts.of(device))]));
  },
};

function tableOf(text: string) {
  const table = readDeviceTable(text);
  if ('changes' in table) return table.changes;
  const [first] = table.mistakes;
  throw new DeviceManagementError('invalid-value', `nothing was provisioned: line ${first?.line}: ${first?.reason}`);
}

async function blocked({ server, devices, actor }: ActionContext, until: unknown): Promise<unknown> {
  const selector = await devices();
  const chosen = server.fleet.choose(selector, everyDevice(server));
  const changes = chosen.map((endpoint) =>
    readDeviceChange({ endpoint, blockedUntil: until instanceof Date ? until.getTime() : until }),
  );
  await server.provisioning.provisionAll(changes);
  for (const device of chosen) {
    const detail = until === null ? undefined : `until ${until === true ? 'it is permitted' : String(until)}`;
    server.audit({ actor, action: until === null ? 'permit' : 'block', device, outcome: 'done', ...(detail && { detail }) });
  }
  return chosen.map((device) => deviceRecord(server, device, ['endpoint', 'state', 'provisioned']));
}

function chosenOf(text: string, chosen: readonly string[]): readonly string[] {
  if (chosen.length > 0) return chosen;
  throw new DeviceManagementError('not-registered', `no device matches "${text}"`);
}

function requireConfirmation({ message }: ActionContext, isHarmless: boolean): void {
  if (isHarmless || message.confirm === 'retire') return;
  throw new DeviceManagementError(
    'invalid-request',
    'nothing was retired: to wipe a device, or retire several at once, set msg.confirm to "retire"',
  );
}

/** One that fails leaves the others alone, and is told of in its place. */
async function eachOf(devices: readonly string[], act: (device: string) => Promise<object>): Promise<unknown> {
  if (devices.length === 1) return [await act(devices[0] as string)];
  const results: object[] = [];
  for (const device of devices) {
    try {
      results.push(await act(device));
    } catch (caught) {
      const { code, message } = asDeviceManagementError(caught);
      results.push({ endpoint: device, error: { code, message } });
    }
  }
  return results;
}

/** @throws DeviceManagementError when it could not be done: then the device stays in service, so that it can be tried again */
function wiped({ server }: ActionContext, device: string): Promise<void> {
  const { fleet, manager } = server;
  return new Promise((resolve, reject) => {
    const [request, ...further] = requestsOf(EXECUTE_PRESETS.wipe, {}, manager.registration(device));
    const order = {
      owner: `wipe ${device}`,
      device,
      request,
      whenAsleep: 'fail' as const,
      ...(further.length > 0 && { further }),
    };
    fleet.submit(order, {
      queued: () => undefined,
      settled: (outcome) => {
        if ('result' in outcome) return resolve();
        const { code, message } = outcome.error;
        const text = `device '${device}' was neither wiped nor retired: ${message}`;
        reject(new DeviceManagementError(code, text, { device, cause: outcome.error }));
      },
    });
  });
}

/** Makes a store say what is known here: when it could not be written to for a while, or is a new one. */
import { Turns } from '../../turns';
import type { DeviceKeeper } from './device-keeper';
import type { Observations } from './observations';
import type { Registrations } from './registrations';

export async function keepAll(keeper: DeviceKeeper, registrations: Registrations, observations: Observations): Promise<void> {
  const turns = new Turns();
  for (const record of registrations.all()) {
    // One that has gone by the time of its turn is not there any more.
    keeper.keep(record);
    observations.keepAll(record, keeper);
    await turns.next();
  }
  // What came and went meanwhile.
  for await (const { id: device } of keeper.registrations()) {
    if (registrations.byEndpoint(device) === undefined) keeper.forget(device);
    await turns.next();
  }
  for await (const { value } of keeper.observations()) {
    const record = registrations.byEndpoint(value.device);
    if (record === undefined || !observations.isKnown(record, value.token)) keeper.forgetObservation(value.token);
    await turns.next();
  }
}

/**
 * A device that answers from another address than it was asked at: a NAT has given it another one, in the middle of a transfer, an observation
 * or a bootstrap. The token proves as much as the id of a registration does, eight bytes that nobody guesses, so the device is met there
 * from now on (against RFC 7252 §5.3.2, which would have it lose everything until its next Update). Where something is proved of it,
 * the same must be proved at the new address.
 */
import type { Endpoint } from '../../coap/endpoint';
import { type Identity, identityKey } from '../../device/identity';
import type { BootstrapInterface } from './bootstrap-interface';
import type { DeviceKeeper } from './device-keeper';
import { addressOf } from './peers';
import type { Registrations } from './registrations';

export interface StraysContext {
  readonly registrations: Registrations;
  readonly bootstrap: () => Pick<BootstrapInterface, 'isWith'> | undefined;
  readonly identityOf: (peer: Endpoint) => Identity;
  readonly carry: (from: Endpoint, to: Endpoint) => void;
  readonly keeper: () => DeviceKeeper | undefined;
}

export class Strays {
  constructor(private readonly context: StraysContext) {}

  /** Whether `to` is the device known at `from`, which has been moved then. */
  follow(from: Endpoint, to: Endpoint): boolean {
    const { registrations, bootstrap, identityOf, carry } = this.context;
    // Others live there, or a proxy speaks for many: an address as a whole cannot be moved to theirs.
    if (from.reliable || to === from || registrations.at(to).length > 0) return false;
    const [record, another] = registrations.at(from);
    // What was proved at `from` may have ended since; the registration remembers.
    if ((record?.identity ?? identityKey(identityOf(from))) !== identityKey(identityOf(to))) return false;
    if (record === undefined) {
      if (bootstrap()?.isWith(from) !== true) return false;
      carry(from, to);
      return true;
    }
    if (another !== undefined || record.displaced || registrations.meet(record, to, carry).outcome !== 'moved') return false;
    // It has told nothing, so its lifetime does not begin anew.
    record.value = { ...record.value, address: addressOf(record.peer) };
    this.context.keeper()?.keep(record);
    return true;
  }
}

/** Who is let in, with all that is known: mode, provisioned devices, pairing, load, positions. What a server is constructed with is `admit`. */
import type { Clock } from '../clock';
import {
  ADMITTED,
  type Admission,
  type AdmissionDecision,
  type Admit,
  decide,
  type Occasion,
  printable,
} from '../device/admission';
import { type Identity, isPrivate } from '../device/identity';
import { Load, type LoadLimits } from './load';
import { Pairing } from './pairing';
import type { Positions } from './positions';
import type { Provisioning } from './provisioning';

export interface AdmittanceOptions {
  readonly clock: Clock;
  readonly provisioning: Provisioning;
  /** As it is now. */
  readonly mode: () => Admission;
  readonly loadLimits?: LoadLimits;
}

/** When the server has more to do than it should, the ones that are sent away are to come again after about so many seconds. */
const BUSY_RETRY_SECONDS = 60;

export class Admittance {
  readonly pairing: Pairing;
  /** Set when there is a manager that tells of them. */
  positions: Pick<Positions, 'of'> | undefined;
  private readonly load: Load;

  constructor(private readonly options: AdmittanceOptions) {
    this.pairing = new Pairing(options.clock);
    this.load = new Load(options.clock, options.loadLimits);
  }

  readonly admit: Admit = (endpoint, identity, occasion) => {
    const isComing = occasion === 'register' || occasion === 'bootstrap';
    if (isComing) this.load.came();
    const decision = this.decide(endpoint, identity, occasion);
    const refusal = decision.admitted
      ? isComing
        ? this.busy(endpoint, identity)
        : undefined
      : this.paired(endpoint, identity, occasion, decision);
    if (refusal !== undefined && !refusal.admitted) return refusal;
    if (occasion === 'register') this.options.provisioning.proved(identity);
    return ADMITTED;
  };

  /** Whose the credentials are: for devices that leave their name out. */
  readonly endpointOf = (identity: Identity): string | undefined => this.options.provisioning.ownerOf(identity);

  private decide(endpoint: string, identity: Identity, occasion: Occasion): AdmissionDecision {
    const { provisioning, mode, clock } = this.options;
    const { devices } = provisioning;
    const wanted = mode();
    return decide(
      {
        endpoint,
        identity,
        occasion,
        owner: provisioning.ownerOf(identity),
        device: devices.get(endpoint),
        isHolder: provisioning.holderOf(identity) !== undefined,
        isSecured: provisioning.isSecured(endpoint),
        retiredAt: devices.retiredAt(endpoint),
        position: this.positions?.of(endpoint),
      },
      // With the list unread, whoever comes unsecured may have the name of one that has credentials.
      { mode: wanted === 'open' && !provisioning.isWhole ? 'secured' : wanted, now: clock.wall() },
    );
  }

  /** Lets in whom only the mode keeps out, while that is permitted. */
  private paired(endpoint: string, identity: Identity, occasion: Occasion, refusal: AdmissionDecision): AdmissionDecision {
    const { provisioning } = this.options;
    const isNew = provisioning.devices.get(endpoint) === undefined && provisioning.devices.retiredAt(endpoint) === undefined;
    const mayPair = isNew && identity.security === 'none' && isPrivate(identity.address) && !provisioning.isSecured(endpoint);
    if (!mayPair || (occasion !== 'register' && occasion !== 'bootstrap') || !this.pairing.take()) return refusal;
    provisioning.pair(endpoint);
    return this.decide(endpoint, identity, occasion);
  }

  private busy(endpoint: string, { address }: Identity): AdmissionDecision | undefined {
    const level = this.options.provisioning.devices.get(endpoint)?.level ?? 'normal';
    if (!this.load.isTooMuchFor(level)) return undefined;
    return {
      admitted: false,
      reason: `${printable(endpoint)} from ${address} sent away: more devices come than its level of service (${level}) may add to`,
      remedy: 'It comes again by itself; give it a higher level if it must not wait.',
      retryAfter: BUSY_RETRY_SECONDS,
    };
  }
}

/** Firmware of a simulated device: fetched or pushed, checked, installed with a reboot, and everything that can go wrong with it. */
import type { Clock } from '../../clock';
import type { Lwm2mClient } from '../../lwm2m/client/client';
import type { Scheme } from '../../lwm2m/client/client-options';
import { Firmware } from '../../lwm2m/client/firmware';
import { type FirmwareFaults, NO_FAULTS } from '../../lwm2m/client/firmware-faults';
import { FirmwareResult, FirmwareState, Protocol } from '../../lwm2m/client/firmware-object';
import type { ObjectTree } from '../../lwm2m/client/objects';
import { FIRST_FIRMWARE } from './models';
import type { Outages, Span } from './outages';
import { judge } from './simulated-image';

export interface SimulatedFirmwareContext {
  readonly tree: ObjectTree;
  readonly clock: Clock;
  /** Of 3/0/1. */
  readonly model: string;
  /** How it speaks to its server; it fetches over the same. */
  readonly scheme: Scheme;
  readonly client: () => Lwm2mClient;
  readonly outages: () => Outages;
  /** Its next registration comes from elsewhere. */
  readonly moveSocket: () => void;
  readonly tell: (event: 'firmware-updated' | 'firmware-failed', payload: Readonly<Record<string, unknown>>) => void;
}

/** A device writes flash before it starts again. */
const INSTALL_MS: Span = { shortest: 5_000, longest: 10_000 };
const VERIFY_MS = 1_500;
const MOST_BYTES = 8 * 1024 * 1024;
const PROTOCOLS: Readonly<Record<Scheme, number>> = {
  coap: Protocol.Coap,
  coaps: Protocol.Coaps,
  'coap+tcp': Protocol.CoapTcp,
  'coaps+tcp': Protocol.CoapsTcp,
};

export class SimulatedFirmware {
  /** What is to go wrong from now on. */
  faults: FirmwareFaults = NO_FAULTS;
  private readonly firmware: Firmware;
  private version = FIRST_FIRMWARE;

  constructor(private readonly context: SimulatedFirmwareContext) {
    const { tree, clock, model, scheme, client } = context;
    this.firmware = new Firmware(tree, {
      clock,
      mostBytes: MOST_BYTES,
      verifyMs: VERIFY_MS,
      verify: (image) => judge(image, model),
      install: (image) => this.install(image),
      fetch: (uri, listener, options) => client().fetch(uri, listener, options),
      protocols: [PROTOCOLS[scheme]],
      faults: () => this.faults,
    });
  }

  private install(bytes: Buffer): void {
    const { context } = this;
    const { image } = judge(bytes, context.model);
    const faults: FirmwareFaults = new Map([...(image?.faults ?? NO_FAULTS), ...this.faults]);
    if (faults.has('stuck')) return;
    if (faults.has('install-fails')) return this.fail('install-fails');
    const outages = context.outages();
    outages.restart(INSTALL_MS, () => {
      if (faults.has('other-port')) context.moveSocket();
      // Whoever rolls back has the version it had, and tells it or not.
      if (faults.has('old-version')) return this.fail('old-version', FirmwareState.Idle);
      if (faults.has('claims-success')) return this.fail('claims-success', FirmwareState.Idle, FirmwareResult.Success);
      if (image !== undefined) this.version = image.version;
      context.tree.set('/3/0/3', this.version);
      this.firmware.finish(FirmwareResult.Success);
      context.tell('firmware-updated', { version: this.version });
    });
    if (faults.has('silent')) outages.begin();
  }

  /** 5/1.0 keeps a package that could not be installed; later versions drop it. */
  private fail(
    fault: string,
    state: number = this.context.tree.model.resource(5, 10) === undefined ? FirmwareState.Downloaded : FirmwareState.Idle,
    result: FirmwareResult = FirmwareResult.UpdateFailed,
  ): void {
    this.firmware.finish(result, state);
    this.context.tell('firmware-failed', { fault, version: this.version });
  }
}

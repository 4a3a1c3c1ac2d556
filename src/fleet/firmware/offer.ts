/** An image that devices may fetch: under which name, who, and until when. */
import type { Clock } from '../../clock';
import { asDeviceManagementError } from '../../errors';
import { GroupCommit } from '../../store/group-commit';
import { type DamagedRecord, type RecordKind, Records } from '../../store/records';
import type { Store } from '../../store/store';
import type { Trouble } from '../durable';
import { isImageId } from './image';

export interface Offer {
  /** Whoever knows it may fetch: a secret of those it is for. */
  readonly token: string;
  readonly image: string;
  /** Whom it is for; absent: whoever knows the token. */
  readonly devices?: readonly string[];
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

const KIND: RecordKind<Offer> = { prefix: 'image-offer/', version: 1, read };

/** Offers in the store: a device goes on with its download after a restart. */
export class KeptOffers {
  private readonly records: Records<Offer>;
  private readonly commits: GroupCommit;

  constructor(
    store: Store,
    clock: Clock,
    private readonly trouble: Trouble,
  ) {
    this.records = new Records(store, KIND);
    this.commits = new GroupCommit(store, clock);
  }

  async *load(): AsyncIterable<Offer> {
    const onDamaged = ({ reason }: DamagedRecord): void => {
      this.trouble(`an offer of an image cannot be read: ${reason}; a device that was fetching it has to be told anew`);
    };
    for await (const { value } of this.records.all(onDamaged)) yield value;
  }

  /** Resolves when it is kept, or cannot be. */
  async keep(token: string, offer: Offer | undefined): Promise<void> {
    try {
      await this.commits.commit([this.records.change(token, offer)]);
    } catch (caught) {
      const { message } = asDeviceManagementError(caught);
      this.trouble(`what devices may fetch is in memory only and would not survive a restart: ${message}`);
    }
  }

  flush(): Promise<void> {
    return this.commits.flush();
  }
}

/** @throws Error when it is none */
function read(value: unknown): Offer {
  const { token, image, devices, expiresAt } = (value ?? {}) as Partial<Offer>;
  const isOffer =
    typeof token === 'string' &&
    isImageId(image) &&
    typeof expiresAt === 'number' &&
    (devices === undefined || (Array.isArray(devices) && devices.every((device) => typeof device === 'string')));
  if (!isOffer) throw new Error('it is no offer');
  return value as Offer;
}

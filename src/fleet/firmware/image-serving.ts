/**
 * Images for devices that fetch by themselves (pull): each offer is a token nobody can guess, good for one image, for a time, for one device or
 * some. Who presents it gets any part of the image, whatever the address, protocol or session.
 */
import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../../clock';
import type { Download, DownloadSource } from '../../device/download';
import type { DeviceManager } from '../../device/manager';
import { DeviceManagementError } from '../../errors';
import { Events } from '../../events';
import type { Store } from '../../store/store';
import type { Durable, Trouble } from '../durable';
import { type ImageUrls, imageUrls, type Places } from './image-urls';
import type { ImageInventory } from './inventory';
import { KeptOffers, type Offer } from './offer';

export interface OfferOptions {
  /** Whom it is for; absent: whoever knows the URL. */
  readonly devices?: readonly string[];
  /** Unix milliseconds; a week from now unless told. */
  readonly expiresAt?: number;
}

export interface MadeOffer {
  readonly token: string;
  readonly expiresAt: number;
  readonly urls: ImageUrls;
}

export interface ServedEvent {
  readonly token: string;
  readonly image: string;
  /** Whom the offer is for. */
  readonly devices: readonly string[];
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
  readonly size: number;
}

export interface ImageServingContext {
  readonly clock: Clock;
  readonly manager: DeviceManager;
  readonly images: ImageInventory;
  /** Absent: nobody can reach it. */
  readonly places: Places | undefined;
}

/** 128 random bits in 22 characters: a Package URI has 255 at most (LwM2M Core 1.1.1 Appendix E.6). */
const TOKEN_BYTES = 16;
/** Of the hash; CoAP has no longer ones (RFC 7252 §5.10.6). */
const ETAG_BYTES = 8;
/** A device in queue mode on a slow link may take days. */
const GOOD_FOR_MS = 7 * 24 * 3_600_000;
const SWEEP_MS = 3_600_000;
/** One for each device of a large fleet. */
const MOST_OFFERS = 200_000;

export class ImageServing implements Durable {
  readonly events = new Events<{ served: ServedEvent }>();
  private readonly offers = new Map<string, Offer>();
  /** Tokens by what they are for. */
  private readonly tokens = new Map<string, string>();
  /** By token, made with the first part that is fetched. */
  private readonly downloads = new Map<string, Download>();
  private kept: KeptOffers | undefined;
  private sweeping: Timer | undefined;

  constructor(private readonly context: ImageServingContext) {}

  /**
   * An image to be fetched. The same image for the same devices keeps its URLs, so that a download begun goes on.
   * @throws DeviceManagementError `invalid-request` when there is no such image; `store-failed` when it is damaged; `invalid-value` for its
   *   signature; `too-large`
   */
  async offer(image: string, { devices, expiresAt }: OfferOptions = {}): Promise<MadeOffer> {
    const { images, clock, places, manager } = this.context;
    await images.verify(image);
    const known = this.tokens.get(purposeOf({ image, devices }));
    if (known === undefined && this.offers.size >= MOST_OFFERS) {
      throw new DeviceManagementError('too-large', `${MOST_OFFERS} offers of images stand, which is all that can be`);
    }
    const token = known ?? randomBytes(TOKEN_BYTES).toString('base64url');
    const offer: Offer = {
      token,
      image,
      ...(devices !== undefined && { devices }),
      expiresAt: expiresAt ?? clock.wall() + GOOD_FOR_MS,
    };
    this.enter(offer);
    this.sweepLater();
    await this.kept?.keep(token, offer);
    const [device, ...others] = devices ?? [];
    const registration = device === undefined || others.length > 0 ? undefined : manager.registration(device);
    const urls = places === undefined ? {} : await imageUrls(places, token, registration);
    return { token, expiresAt: offer.expiresAt, urls };
  }

  /** Nothing more is given under this token. */
  async withdraw(token: string): Promise<void> {
    const offer = this.offers.get(token);
    if (offer === undefined) return;
    this.offers.delete(token);
    this.tokens.delete(purposeOf(offer));
    this.downloads.delete(token);
    await this.kept?.keep(token, undefined);
  }

  /** For every protocol that devices fetch by. */
  readonly source: DownloadSource = (token, device) => {
    const offer = this.offers.get(token);
    if (offer === undefined || offer.expiresAt <= this.context.clock.wall() || !this.isFor(offer, device)) return undefined;
    return this.download(offer);
  };

  /** The same for HTTP, where nothing is proved; nothing unless somebody has switched it on. */
  overHttp(token: string): Download | undefined {
    return this.context.places?.httpBase() === undefined ? undefined : this.source(token, undefined);
  }

  async restore(store: Store, trouble: Trouble): Promise<void> {
    this.kept = new KeptOffers(store, this.context.clock, trouble);
    for await (const offer of this.kept.load()) this.enter(offer);
    this.sweep();
  }

  async flush(): Promise<void> {
    await this.kept?.flush();
  }

  async keepAll(): Promise<void> {
    await Promise.all([...this.offers].map(([token, offer]) => this.kept?.keep(token, offer)));
  }

  close(): void {
    this.sweeping?.cancel();
  }

  private enter(offer: Offer): void {
    this.offers.set(offer.token, offer);
    this.tokens.set(purposeOf(offer), offer.token);
  }

  /** Who is proved to be another device has got the token by a leak. A device behind a gateway may be fetched for by that. */
  private isFor({ devices }: Offer, device: string | undefined): boolean {
    if (devices === undefined || device === undefined || devices.includes(device)) return true;
    const { manager } = this.context;
    return devices.some((one) => manager.registration(one)?.gateway?.endpoint === device);
  }

  private download({ token, image, devices = [] }: Offer): Download | undefined {
    const { images } = this.context;
    const found = images.find(image);
    const reader = images.reader(image);
    if (found === undefined || reader === undefined) return undefined;
    let download = this.downloads.get(token);
    if (download !== undefined) return download;
    const { size } = found;
    download = {
      ...reader,
      etag: Buffer.from(found.sha256.slice(0, 2 * ETAG_BYTES), 'hex'),
      served: (offset, length) => this.events.emit('served', { token, image, devices, offset, length, size }),
    };
    this.downloads.set(token, download);
    return download;
  }

  private sweepLater(): void {
    this.sweeping ??= this.context.clock.after(SWEEP_MS, () => {
      this.sweeping = undefined;
      this.sweep();
    });
  }

  /** What has expired, and what is of images that are gone. */
  private sweep(): void {
    const now = this.context.clock.wall();
    for (const [token, { image, expiresAt }] of this.offers) {
      if (expiresAt <= now || this.context.images.find(image) === undefined) void this.withdraw(token);
    }
    if (this.offers.size > 0) this.sweepLater();
  }
}

function purposeOf({ image, devices }: { readonly image: string; readonly devices?: readonly string[] | undefined }): string {
  return JSON.stringify([image, devices ?? null]);
}

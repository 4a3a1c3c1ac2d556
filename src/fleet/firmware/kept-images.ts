/** What is known of images, in the store: a record each. */
import type { Clock } from '../../clock';
import { asDeviceManagementError } from '../../errors';
import { GroupCommit } from '../../store/group-commit';
import { type DamagedRecord, type RecordKind, Records } from '../../store/records';
import type { Store } from '../../store/store';
import type { Trouble } from '../durable';
import { type Image, readImage } from './image';

const KIND: RecordKind<Image> = { prefix: 'image/', version: 1, read: readImage };

export class KeptImages {
  private readonly records: Records<Image>;
  private readonly commits: GroupCommit;

  constructor(
    store: Store,
    clock: Clock,
    private readonly trouble: Trouble,
  ) {
    this.records = new Records(store, KIND);
    this.commits = new GroupCommit(store, clock);
  }

  /** @returns those that can be read, oldest first, and whether those are all @throws DeviceManagementError `store-failed` */
  async load(): Promise<{ readonly images: readonly Image[]; readonly isWhole: boolean }> {
    let isWhole = true;
    const images: Image[] = [];
    const onDamaged = (record: DamagedRecord): void => {
      isWhole = false;
      this.trouble(unreadable(record));
    };
    for await (const { value } of this.records.all(onDamaged)) images.push(value);
    return { images: images.sort((a, b) => a.created - b.created), isWhole };
  }

  /** What is found out anew in each life is not kept: what came before, and whether the file is good. Never rejects. */
  async keep(id: string, image: Image | undefined): Promise<void> {
    const { previous: _previous, damaged: _damaged, ...kept } = image ?? {};
    try {
      await this.commits.commit([this.records.change(id, image === undefined ? undefined : (kept as Image))]);
    } catch (caught) {
      const { message } = asDeviceManagementError(caught);
      this.trouble(`what is known of images is in memory only and would not survive a restart: ${message}`);
    }
  }

  flush(): Promise<void> {
    return this.commits.flush();
  }
}

function unreadable({ key, reason, movedTo }: DamagedRecord): string {
  const where = movedTo === undefined ? 'it was left where it is' : `it was set aside as ${movedTo}`;
  return `an image (${key}) cannot be read: ${reason}; ${where}`;
}

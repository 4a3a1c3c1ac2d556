/** Associations of an endpoint, stored as they change, in memory. */
import type { DtlsEndpoint } from '../../src/dtls/dtls';
import type { AssociationSnapshot } from '../../src/dtls/snapshot';

export class Shelf {
  readonly stored = new Map<number, AssociationSnapshot>();
  /** Resolves when storing may come to its end. */
  gate: Promise<void> = Promise.resolve();

  /** For one life of an endpoint: takes up what is there, and stores what comes. */
  begin(endpoint: DtlsEndpoint, life: number): void {
    const { outliving, events } = endpoint;
    outliving.begin(life, {
      keep: async (snapshot) => {
        await this.gate;
        this.stored.set(snapshot.id, snapshot);
      },
    });
    for (const { id, secret, place } of [...this.stored.values()]) {
      if (outliving.takeUp(id, secret, place) === undefined) this.stored.delete(id);
    }
    events.on('closed', ({ association }) => this.stored.delete(association.id));
  }

  /** The places of all are stored. */
  write(endpoint: DtlsEndpoint): void {
    for (const [id, snapshot] of this.stored) {
      const place = endpoint.outliving.place(id);
      if (place !== undefined) this.stored.set(id, { ...snapshot, place });
    }
  }
}

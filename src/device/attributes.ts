/** Notification attributes (LwM2M Core 1.1.1 §5.1.2). */

/** Absent: left alone. `null`: cleared. Times in seconds. */
export interface NotificationAttributes {
  readonly pmin?: number | null;
  readonly pmax?: number | null;
  readonly gt?: number | null;
  readonly lt?: number | null;
  readonly st?: number | null;
  readonly epmin?: number | null;
  readonly epmax?: number | null;
}

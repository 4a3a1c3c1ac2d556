/** Cellular Connectivity (10) and APN Connection Profile (11) of a simulated device. */
import type { ObjectTree } from '../../lwm2m/client/objects';
import type { LockAndWipe } from './lock-and-wipe';
import { NetworkLink, type NetworkLinkOptions } from './network-link';

interface Subscription {
  readonly user: string;
  readonly secret: string;
}

/** APNs that its subscription is good for. */
export const SUBSCRIBED_APNS: Readonly<Record<string, Subscription>> = {
  'iot.example': { user: 'meter', secret: 'seven sparrows' },
  'telemetry.example': { user: 'meter', secret: 'quiet harbour' },
};
const FIRST = 'iot.example';
/** Connection Establishment Result (11/x/10). */
const Result = { Accepted: 0, Rejected: 1 } as const;
const APN_SETTINGS: readonly string[] = ['/11/0/1', '/11/0/5'];

export function addCellular(
  tree: ObjectTree,
  lock: LockAndWipe,
  link: Pick<NetworkLinkOptions, 'clock' | 'away' | 'arrived'>,
): NetworkLink {
  const { user, secret: firstSecret } = SUBSCRIBED_APNS[FIRST] as Subscription;
  let secret = firstSecret;
  const network = new NetworkLink({
    ...link,
    works: () => {
      const apn = String(tree.get('/11/0/1'));
      const subscription = Object.hasOwn(SUBSCRIBED_APNS, apn) ? SUBSCRIBED_APNS[apn] : undefined;
      return subscription?.secret === secret && subscription.user === tree.get('/11/0/5');
    },
    arrived: (works) => {
      tree.set('/11/0/10', [works ? Result.Accepted : Result.Rejected]);
      link.arrived(works);
    },
  });
  // PSM Timer and Active Timer in seconds.
  tree.add(10, 0, { 4: 3_600, 5: 30, 11: ['11:0'] }, lock.over('network', { 4: {}, 5: {} }));
  tree.add(
    11,
    0,
    // Authentication 1: CHAP.
    { 0: 'operator', 1: FIRST, 3: true, 4: 1, 5: user, 10: [Result.Accepted], 13: 0, 14: 0 },
    lock.over('network', {
      1: {},
      4: {},
      5: {},
      // Kept to itself, although the definition would let it be read.
      6: {
        write: (content) => {
          secret = String(content);
          network.changed();
        },
      },
    }),
  );
  tree.events.on('changed', (paths) => {
    if (paths.some((path) => APN_SETTINGS.includes(path.toString()))) network.changed();
  });
  return network;
}

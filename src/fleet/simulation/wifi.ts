/** WLAN Connectivity (12) of a simulated device, and the two networks in its reach. */
import type { Behaviours, ObjectTree } from '../../lwm2m/client/objects';
import { badRequest } from '../../lwm2m/client/refusal';
import type { LockAndWipe } from './lock-and-wipe';
import { NetworkLink, type NetworkLinkOptions } from './network-link';

/** By SSID, with the pass phrase of each. */
export const NETWORKS_IN_REACH: Readonly<Record<string, string>> = {
  'plant-floor': 'copper kettle 12',
  workshop: 'blue ladder 77',
};
const FIRST = 'plant-floor';
/** Status (12/x/3). */
const Status = { Up: 1, Error: 2 } as const;
/** Of a WPA pass phrase (IEEE 802.11i Annex H.4). */
const SHORTEST_PHRASE = 8;

export function addWifi(
  tree: ObjectTree,
  lock: LockAndWipe,
  link: Pick<NetworkLinkOptions, 'clock' | 'away' | 'arrived'>,
): NetworkLink {
  let phrase: string = NETWORKS_IN_REACH[FIRST] ?? '';
  const network = new NetworkLink({
    ...link,
    works: () => {
      const ssid = String(tree.get('/12/0/5'));
      return Object.hasOwn(NETWORKS_IN_REACH, ssid) && NETWORKS_IN_REACH[ssid] === phrase;
    },
    arrived: (works) => {
      tree.set('/12/0/3', works ? Status.Up : Status.Error);
      link.arrived(works);
    },
  });
  const behaviours: Behaviours = {
    5: {},
    15: {},
    18: {
      check: (content) => {
        if (String(content).length < SHORTEST_PHRASE)
          throw badRequest(`a pass phrase has ${SHORTEST_PHRASE} characters at least`);
      },
      write: (content) => {
        phrase = String(content);
        network.changed();
      },
    },
  };
  tree.add(
    12,
    0,
    // Mode 1: client. Standard 6: 802.11n. Authentication 3: WPA2-Personal.
    { 0: 'wlan0', 1: true, 3: Status.Up, 4: '02004c4f4f50', 5: FIRST, 8: 1, 9: 6, 14: 6, 15: 3, 33: 0, 34: 0 },
    lock.over('network', behaviours),
  );
  tree.events.on('changed', (paths) => {
    if (paths.some((path) => path.toString() === '/12/0/5')) network.changed();
  });
  return network;
}

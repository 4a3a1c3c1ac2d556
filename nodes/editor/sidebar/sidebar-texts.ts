/** Texts of the sidebar: its own catalogue, for a plugin is shown before the catalogues of nodes are there. */

const OWN = '@fleetweave/node-red-device-management/sidebar:';

export function text(key: string, variables?: Record<string, string | number>): string {
  return RED._(OWN + key, variables);
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** From the longest down. */
const UNITS = [
  ['days', DAY_MS],
  ['hours', HOUR_MS],
  ['minutes', MINUTE_MS],
] as const;

/** "5 min ago". @param at Unix milliseconds */
export function age(at: number, now = Date.now()): string {
  const unit = UNITS.find(([, length]) => now - at >= length);
  return unit === undefined ? text('age.now') : text(`age.${unit[0]}`, { n: Math.floor((now - at) / unit[1]) });
}

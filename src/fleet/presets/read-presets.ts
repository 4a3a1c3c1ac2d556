/** What can be read of a device, by name: the management objects of the OMA registry. */
export const READ_PRESETS = {
  device: '/3/0',
  connectivity: '/4/0',
  statistics: '/7/0',
  software: '/9',
  cellular: '/10/0',
  apn: '/11',
  wifi: '/12',
  capabilities: '/15',
  portfolio: '/16',
  'event-log': '/20/0',
} as const satisfies Readonly<Record<string, string>>;

export type ReadPresetName = keyof typeof READ_PRESETS;

export function isReadPreset(name: string | undefined): name is ReadPresetName {
  return name !== undefined && Object.hasOwn(READ_PRESETS, name);
}

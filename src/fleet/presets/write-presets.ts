/**
 * Settings of a device, by name. A setting has fields with names of their own, so that a flow says {ssid, passphrase} where the wire says
 * /12/0/5 and /12/0/18. Those that can cut the device off are written under guard (`guarded-write.ts`).
 */
import type { Registration } from '../../device/manager';
import type { OperationRequest } from '../../device/operation';
import { isPlainObject } from '../../device/scalars';
import { DeviceManagementError } from '../../errors';
import { placed } from './instance-choice';

export interface SettingField {
  readonly resource: number;
  /** Told to the device and to nobody else. */
  readonly isSecret?: true;
}

export interface WritePreset {
  /** Of the instance; `*` stands for its number. */
  readonly path: string;
  /** One field alone takes its value bare. */
  readonly fields: Readonly<Record<string, SettingField>>;
  readonly isGuarded?: true;
  /** A resource that says, by this value, that the setting does not work. */
  readonly failure?: { readonly resource: number; readonly value: number };
}

const field = (resource: number): SettingField => ({ resource });
const secret = (resource: number): SettingField => ({ resource, isSecret: true });

export const WRITE_PRESETS = {
  wifi: {
    path: '/12/*',
    fields: { ssid: field(5), passphrase: secret(18), psk: secret(17), authentication: field(15), encryption: field(16) },
    isGuarded: true,
    // Status (12/x/3): error.
    failure: { resource: 3, value: 2 },
  },
  apn: {
    path: '/11/*',
    fields: { apn: field(1), user: field(5), secret: secret(6), authentication: field(4) },
    isGuarded: true,
  },
  'report-periods': { path: '/1/*', fields: { pmin: field(2), pmax: field(3) } },
  lifetime: { path: '/1/*', fields: { lifetime: field(1) } },
  'mute-send': { path: '/1/*', fields: { mute: field(23) } },
  time: { path: '/3/0', fields: { time: field(13), offset: field(14), zone: field(15) } },
  'power-saving': { path: '/10/0', fields: { psm: field(4), active: field(5) } },
  portfolio: { path: '/16/*', fields: { identity: field(0) } },
  'log-class': { path: '/20/0', fields: { class: field(4010) } },
} as const satisfies Readonly<Record<string, WritePreset>>;

export type WritePresetName = keyof typeof WRITE_PRESETS;

export function isWritePreset(name: string | undefined): name is WritePresetName {
  return name !== undefined && Object.hasOwn(WRITE_PRESETS, name);
}

/** By field. */
export type Setting = Readonly<Record<string, unknown>>;

/**
 * What a message says of a setting.
 * @throws DeviceManagementError `invalid-value`, naming the fields there are; never with a value of a secret
 */
export function settingOf({ fields }: WritePreset, value: unknown, source: string): Setting {
  const names = Object.keys(fields);
  const [only] = names;
  if (names.length === 1 && only !== undefined && value !== undefined && !hasFields(value, fields)) return { [only]: value };
  const given = isPlainObject(value) ? Object.entries(value).filter(([, member]) => member !== undefined) : [];
  const stranger = given.find(([name]) => !Object.hasOwn(fields, name))?.[0];
  if (given.length === 0 || stranger !== undefined) {
    const but = stranger === undefined ? 'none of them came' : `"${stranger}" came`;
    throw new DeviceManagementError('invalid-value', `${source} must be an object with ${names.join(', ')}, but ${but}`);
  }
  for (const [name, member] of given) {
    if (fields[name]?.isSecret !== true || (typeof member === 'string' && member !== '')) continue;
    throw new DeviceManagementError('invalid-value', `${name} must be a text that is not empty`);
  }
  return Object.fromEntries(given);
}

/** {"lifetime": 300} says the same as 300. */
function hasFields(value: unknown, fields: WritePreset['fields']): boolean {
  return isPlainObject(value) && Object.keys(value).length > 0 && Object.keys(value).every((name) => Object.hasOwn(fields, name));
}

/** Without its secrets: what may be shown. */
export function shownSetting({ fields }: WritePreset, setting: Setting): Setting {
  return Object.fromEntries(Object.entries(setting).filter(([name]) => fields[name]?.isSecret !== true));
}

/** Where the instance of a setting is in a device; see `placed` for errors. */
export function settingPath({ path }: WritePreset, instance: unknown, registration: Registration | undefined): string {
  return placed(path, instance, registration);
}

/** All of a setting in one Write, so that no device is left with half of it. */
export function settingRequest(
  { fields }: WritePreset,
  path: string,
  setting: Setting,
): OperationRequest & { readonly operation: 'write' } {
  const written = Object.entries(setting).map(([name, value]) => [fields[name]?.resource, value] as const);
  const [first] = written;
  // One resource is replaced: even clients that know no partial update of an instance can do that.
  if (first !== undefined && written.length === 1) return { operation: 'write', path: `${path}/${first[0]}`, value: first[1] };
  return { operation: 'write', path, value: Object.fromEntries(written), mode: 'update' };
}

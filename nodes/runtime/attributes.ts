/** Notification attributes as dialogs save them: text, empty = left alone. */
import type { NotificationAttributes } from '../../src/device/attributes';
import { DeviceManagementError } from '../../src/errors';

const NAMES = [
  'pmin',
  'pmax',
  'gt',
  'lt',
  'st',
  'epmin',
  'epmax',
  'edge',
  'con',
  'hqmax',
] as const satisfies readonly (keyof NotificationAttributes)[];

export type AttributeTexts = Readonly<Partial<Record<keyof NotificationAttributes, string | number>>>;

/** @throws DeviceManagementError `invalid-request`; the dialog has checked them, but an environment variable may hold anything */
export function attributesOf(texts: AttributeTexts | undefined): NotificationAttributes {
  const given = NAMES.map((name) => [name, String(texts?.[name] ?? '').trim()] as const).filter(([, text]) => text !== '');
  return Object.fromEntries(
    given.map(([name, text]) => {
      const number = Number(text);
      if (Number.isFinite(number)) return [name, number];
      throw new DeviceManagementError('invalid-request', `the attribute ${name} must be a number, but it is "${text}"`);
    }),
  );
}

/** What can be done to a device, by name (objects 1, 3, 5, 7, 8, 9, 15 and 20 of the OMA registry). */
import { DeviceManagementError } from '../../errors';
import type { Preset, PresetStep, PresetValues } from './preset';

const execute = (path: string): PresetStep => ({ execute: path });

/** Lock and Wipe (8/0/0). */
const LockState = { Unlocked: 0, Partially: 1, Fully: 2 } as const;

export const EXECUTE_PRESETS = {
  reboot: { steps: [execute('/3/0/4')] },
  'factory-reset': { steps: [execute('/3/0/5')], isDangerous: true },
  'reset-errors': { steps: [execute('/3/0/12')] },
  update: { steps: [execute('/5/0/2')] },

  'registration-update': { steps: [execute('/1/*/8')], takes: ['instance'] },
  bootstrap: { steps: [execute('/1/*/9')], takes: ['instance'] },
  disable: {
    steps: [{ write: '/1/*/5', value: secondsOf }, execute('/1/*/4')],
    takes: ['instance', 'seconds'],
  },

  lock: {
    steps: [
      { write: '/8/0/1', value: targetsOf },
      { write: '/8/0/0', value: (inputs) => (targetsOf(inputs) === undefined ? LockState.Fully : LockState.Partially) },
    ],
    takes: ['targets'],
    isDangerous: true,
  },
  unlock: { steps: [{ write: '/8/0/0', value: () => LockState.Unlocked }] },
  wipe: { steps: [{ write: '/8/0/4', value: targetsOf }, execute('/8/0/3')], takes: ['targets'], isDangerous: true },

  install: { steps: [execute('/9/*/4')], takes: ['instance'] },
  uninstall: { steps: [execute('/9/*/6')], takes: ['instance'] },
  activate: { steps: [execute('/9/*/10')], takes: ['instance'] },
  deactivate: { steps: [execute('/9/*/11')], takes: ['instance'] },

  'peripheral-on': { steps: [execute('/15/*/5')], takes: ['instance'] },
  'peripheral-off': { steps: [execute('/15/*/6')], takes: ['instance'] },
  'peripheral-restart': { steps: [execute('/15/*/6'), execute('/15/*/5')], takes: ['instance'] },

  'start-log': { steps: [execute('/20/0/4011')] },
  'stop-log': { steps: [execute('/20/0/4012')] },
  'start-statistics': { steps: [execute('/7/0/6')] },
  'stop-statistics': { steps: [execute('/7/0/7')] },
} as const satisfies Readonly<Record<string, Preset>>;

export type ExecutePresetName = keyof typeof EXECUTE_PRESETS;

export function isExecutePreset(name: string | undefined): name is ExecutePresetName {
  return name !== undefined && Object.hasOwn(EXECUTE_PRESETS, name);
}

function secondsOf({ seconds }: PresetValues): number | undefined {
  if (seconds === undefined || seconds === null || seconds === '') return undefined;
  const number = Number(seconds);
  if (Number.isInteger(number) && number >= 0) return number;
  throw new DeviceManagementError(
    'invalid-value',
    `for how many seconds? ${JSON.stringify(seconds)} is no whole number from 0 on: set Seconds in the node, or msg.seconds`,
  );
}

/** A list, or a text with commas. */
function targetsOf({ targets }: PresetValues): readonly string[] | undefined {
  if (targets === undefined || targets === null || targets === '') return undefined;
  const list: readonly unknown[] =
    typeof targets === 'string' ? targets.split(',') : Array.isArray(targets) ? targets : [targets];
  if (list.length > 0 && list.every((target) => typeof target === 'string' && target.trim() !== '')) {
    return list.map((target) => String(target).trim());
  }
  throw new DeviceManagementError(
    'invalid-value',
    'which targets? give names as the device lists them in /8/0/2, in a list or separated by commas; none for everything',
  );
}

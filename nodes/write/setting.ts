/** The presets of dm-write: settings of a device by name, some of them under guard. */
import { DeviceManagementError } from '../../src/errors';
import type { GuardTerms } from '../../src/fleet/guard-terms';
import {
  type Setting,
  settingOf,
  settingPath,
  settingRequest,
  shownSetting,
  WRITE_PRESETS,
  type WritePreset,
  type WritePresetName,
} from '../../src/fleet/presets/write-presets';
import type { Message } from '../runtime/flow-host';
import { type InputRow, sourceOf } from '../runtime/inputs';
import type { OperationKind } from '../runtime/operation-kind';
import { inputRow } from '../runtime/operation-settings';

/** As saved in a flow. */
export interface SettingProperties {
  readonly instance?: string;
  readonly instanceType?: string;
  /** Old values that the device does not tell. */
  readonly restore?: string;
  readonly restoreType?: string;
  /** Seconds. */
  readonly wait?: string | number;
}

const DEFAULT_WAIT_SECONDS = 120;
const LONGEST_WAIT_SECONDS = 7 * 86_400;

/** @param row where the setting comes from */
export function settingKind(name: WritePresetName, properties: SettingProperties, row: InputRow): OperationKind {
  const preset: WritePreset = WRITE_PRESETS[name];
  const { instance, instanceType, restore, restoreType } = properties;
  const restoreRow = inputRow('restore', restore ?? '', restoreType);
  const guardRows = preset.isGuarded === true ? [restoreRow, inputRow('wait', String(properties.wait ?? ''), 'str')] : [];
  return {
    fixedPath: settingPath(preset, undefined, undefined),
    inputs: [row, inputRow('instance', instance ?? '', instanceType), ...guardRows],
    request: (path) => ({ operation: 'write', path, value: undefined }),
    task: (values, message) => {
      const secretive = preset.isGuarded === true;
      if (secretive) delete message.restore;
      const setting = secretive ? takenOut(preset, values.value, row, message) : settingOf(preset, values.value, sourceOf(row));
      const terms = secretive ? termsOf(name, preset, values, setting, restoreRow) : undefined;
      return (registration) => {
        const path = settingPath(preset, values.instance, registration);
        return { request: settingRequest(preset, path, setting), ...(terms !== undefined && { guard: { ...terms, path } }) };
      };
    },
    // What was written is the message's payload already; of a guarded write a report comes in its place.
    payload: () => undefined,
  };
}

/** The setting, and a message in which its secrets are no more: it goes on to other nodes, and to Catch nodes when this fails. */
function takenOut(preset: WritePreset, value: unknown, row: InputRow, message: Message): Setting {
  const [property = ''] = row.type === 'msg' ? row.value.split(/[.[]/) : [];
  const conceal = (shown: unknown): void => {
    if (property !== '') message[property] = property === row.value ? shown : undefined;
  };
  conceal(undefined);
  const setting = settingOf(preset, value, sourceOf(row));
  conceal(shownSetting(preset, setting));
  return setting;
}

function termsOf(
  name: WritePresetName,
  preset: WritePreset,
  { restore, wait }: Readonly<Record<string, unknown>>,
  setting: Setting,
  row: InputRow,
): Omit<GuardTerms, 'path'> {
  const isGiven = restore !== undefined && restore !== null && restore !== '';
  return {
    preset: name,
    setting,
    restore: isGiven ? settingOf(preset, restore, sourceOf(row)) : {},
    waitMs: waitSeconds(wait) * 1000,
  };
}

function waitSeconds(wait: unknown): number {
  if (wait === undefined || wait === null || wait === '') return DEFAULT_WAIT_SECONDS;
  const seconds = Number(wait);
  if (seconds >= 1 && seconds <= LONGEST_WAIT_SECONDS) return seconds;
  throw new DeviceManagementError(
    'invalid-value',
    `how long may the device be silent? ${JSON.stringify(wait)} is not 1 to ${LONGEST_WAIT_SECONDS} seconds: set it in the node, or msg.wait`,
  );
}

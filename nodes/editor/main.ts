/**
 * The entry of the code that the dialogs share. Each node's html loads it as a module before its own script runs; a browser
 * evaluates a module once, however often it is named. What the dialogs call stands in one global, because their own scripts
 * are plain scripts that the Node-RED scorecard can read.
 */
import { prepareAttributes, readAttributes } from './attribute-fields.js';
import { prepareEvents, readEvents } from './event-fields.js';
import { prepareGuard, readGuard } from './guard-fields.js';
import { labelStyle, operationLabel } from './node-labels.js';
import { follow, prepareDelivery, prepareTarget, showRow } from './operation-dialog.js';
import { devicePicker } from './pickers.js';
import { chosenPreset, preparePreset } from './presets.js';
import { showServerState } from './server-state.js';
import { settledField, typedField } from './typed-fields.js';
import {
  checkArguments,
  checkAttributes,
  checkDeletes,
  checkDevice,
  checkFaults,
  checkGuard,
  checkHost,
  checkHttpUrl,
  checkNumber,
  checkObjects,
  checkPath,
  checkRecordFields,
  checkSecurePort,
  checkServerUri,
  checkTyped,
  checkWaves,
  closed,
  opened,
  property,
} from './validation.js';

export const DeviceManagement = {
  checkArguments,
  checkAttributes,
  checkDeletes,
  checkDevice,
  checkFaults,
  checkGuard,
  checkHost,
  checkHttpUrl,
  checkNumber,
  checkObjects,
  checkPath,
  checkRecordFields,
  checkSecurePort,
  checkServerUri,
  checkTyped,
  checkWaves,
  chosenPreset,
  closed,
  devicePicker,
  follow,
  labelStyle,
  opened,
  operationLabel,
  prepareAttributes,
  prepareDelivery,
  prepareEvents,
  prepareGuard,
  preparePreset,
  prepareTarget,
  property,
  readAttributes,
  readEvents,
  readGuard,
  settledField,
  showRow,
  showServerState,
  typedField,
};

Object.assign(globalThis, { DeviceManagement });

const styles = document.createElement('link');
styles.rel = 'stylesheet';
styles.href = new URL('./dialogs.css', import.meta.url).href;
document.head.append(styles);

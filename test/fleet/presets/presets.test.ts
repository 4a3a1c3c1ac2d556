/** The tables of presets against the object definitions: every path must be what its operation needs. */
import assert from 'node:assert/strict';
import { Catalogue } from '../../../src/device/models/catalogue';
import { Path } from '../../../src/device/path';
import { EXECUTE_PRESETS, isExecutePreset } from '../../../src/fleet/presets/execute-presets';
import { type Preset, requestsOf, requireConfirmation } from '../../../src/fleet/presets/preset';
import { READ_PRESETS } from '../../../src/fleet/presets/read-presets';
import {
  isWritePreset,
  settingOf,
  settingRequest,
  shownSetting,
  WRITE_PRESETS,
  type WritePreset,
} from '../../../src/fleet/presets/write-presets';

const model = Catalogue.registry().forDevice({ version: '1.2', versions: {} });

function operations(path: string): string {
  const { object, resource } = Path.parse(path);
  return model.resource(object as number, resource as number)?.operations ?? `no ${path}`;
}

describe('presets that execute', () => {
  const all = Object.entries(EXECUTE_PRESETS) as [string, Preset][];
  for (const [name, preset] of all) {
    it(`${name}: each of its paths can be executed or written, as it asks`, () => {
      for (const request of requestsOf(preset, { instance: 0, seconds: 60, targets: 'a' }, undefined)) {
        assert.match(operations(request.path), request.operation === 'execute' ? /E/ : /W/, request.path);
      }
    });
  }

  it('what costs a device its data or its service needs a confirmation', () => {
    const dangerous = all.filter(([, { isDangerous }]) => isDangerous === true).map(([name]) => name);
    assert.deepEqual(dangerous, ['factory-reset', 'lock', 'wipe']);
    const { wipe } = EXECUTE_PRESETS;
    assert.throws(
      () => requireConfirmation('wipe', wipe, false, undefined),
      /nothing was sent: tick .* or set msg.confirm to "wipe"/,
    );
    assert.throws(() => requireConfirmation('wipe', wipe, false, true), /not confirmed/);
    assert.throws(() => requireConfirmation('wipe', wipe, false, 'lock'), /not confirmed/);
    requireConfirmation('wipe', wipe, false, 'wipe');
    requireConfirmation('wipe', wipe, true, undefined);
    requireConfirmation('reboot', EXECUTE_PRESETS.reboot, false, undefined);
  });

  const sequences: readonly [string, Preset, Record<string, unknown>, readonly string[]][] = [
    ['disable for a time', EXECUTE_PRESETS.disable, { seconds: '60' }, ['write /1/0/5 60', 'execute /1/0/4']],
    ['disable as the device has it', EXECUTE_PRESETS.disable, {}, ['execute /1/0/4']],
    ['lock', EXECUTE_PRESETS.lock, {}, ['write /8/0/0 2']],
    ['lock a part', EXECUTE_PRESETS.lock, { targets: ['sensor'] }, ['write /8/0/1 ["sensor"]', 'write /8/0/0 1']],
    ['unlock', EXECUTE_PRESETS.unlock, {}, ['write /8/0/0 0']],
    ['wipe', EXECUTE_PRESETS.wipe, {}, ['execute /8/0/3']],
    ['wipe some', EXECUTE_PRESETS.wipe, { targets: 'a, b' }, ['write /8/0/4 ["a","b"]', 'execute /8/0/3']],
    ['restart a peripheral', EXECUTE_PRESETS['peripheral-restart'], { instance: 1 }, ['execute /15/1/6', 'execute /15/1/5']],
  ];
  for (const [name, preset, inputs, expected] of sequences) {
    it(`${name}: ${expected.join(', then ')}`, () => {
      const asked = requestsOf(preset, inputs, undefined).map((request) =>
        request.operation === 'write'
          ? `write ${request.path} ${JSON.stringify(request.value)}`
          : `${request.operation} ${request.path}`,
      );
      assert.deepEqual(asked, expected);
    });
  }

  it('inputs that make no sense are refused', () => {
    for (const seconds of [-1, 1.5, 'soon']) {
      assert.throws(
        () => requestsOf(EXECUTE_PRESETS.disable, { seconds }, undefined),
        /^DeviceManagementError: for how many seconds/,
      );
    }
    for (const targets of [[], [1], { a: 1 }, ' ']) {
      assert.throws(() => requestsOf(EXECUTE_PRESETS.wipe, { targets }, undefined), /^DeviceManagementError: which targets/);
    }
  });

  it('a name every object has is no preset', () => {
    assert.equal(isExecutePreset('toString'), false);
    assert.equal(isWritePreset('constructor'), false);
  });
});

describe('presets that write', () => {
  const all = Object.entries(WRITE_PRESETS) as [string, WritePreset][];
  for (const [name, { path, fields, failure }] of all) {
    it(`${name}: each of its fields can be written, and is secret where it cannot be read`, () => {
      for (const [field, { resource, isSecret }] of Object.entries(fields)) {
        const can = operations(`${path.replace('*', '0')}/${resource}`);
        assert.match(can, /W/, field);
        assert.ok(isSecret || can.includes('R'), `${field} is ${can}`);
      }
      if (failure !== undefined) assert.match(operations(`${path.replace('*', '0')}/${failure.resource}`), /R/);
    });
  }

  it('a setting of several fields is one Write of their instance, of one field a Write of its resource', () => {
    const { wifi } = WRITE_PRESETS;
    assert.deepEqual(settingRequest(wifi, '/12/3', { ssid: 'a', passphrase: 'b' }), {
      operation: 'write',
      path: '/12/3',
      value: { 5: 'a', 18: 'b' },
      mode: 'update',
    });
    assert.deepEqual(settingRequest(wifi, '/12/3', { ssid: 'a' }), { operation: 'write', path: '/12/3/5', value: 'a' });
  });

  it('one field alone may come bare', () => {
    assert.deepEqual(settingOf(WRITE_PRESETS.lifetime, 300, 'msg.payload'), { lifetime: 300 });
    assert.deepEqual(settingOf(WRITE_PRESETS.lifetime, { lifetime: 300 }, 'msg.payload'), { lifetime: 300 });
    assert.deepEqual(settingOf(WRITE_PRESETS.portfolio, { 0: 'a' }, 'msg.payload'), { identity: { 0: 'a' } });
    assert.deepEqual(settingOf(WRITE_PRESETS['mute-send'], false, 'msg.payload'), { mute: false });
  });

  it('says which fields there are, and shows no secret', () => {
    const { wifi } = WRITE_PRESETS;
    assert.throws(
      () => settingOf(wifi, { SSID: 'a' }, 'msg.payload'),
      /msg.payload must be an object with ssid, passphrase, .*but "SSID" came/,
    );
    assert.throws(() => settingOf(wifi, 'plant', 'msg.payload'), /but none of them came/);
    assert.throws(() => settingOf(wifi, { toString: 'a' }, 'msg.payload'), /"toString" came/);
    assert.throws(
      () => settingOf(wifi, { ssid: 'a', passphrase: ['sesame'] }, 'msg.payload'),
      (error: Error) => /passphrase must be a text/.test(error.message) && !/sesame/.test(error.message),
    );
    assert.deepEqual(shownSetting(wifi, { ssid: 'a', passphrase: 'sesame', psk: 'x' }), { ssid: 'a' });
  });
});

describe('presets that read', () => {
  for (const [name, path] of Object.entries(READ_PRESETS)) {
    it(`${name}: reads an object there is`, () => assert.ok(model.definition(Path.parse(path).object as number), path));
  }
});

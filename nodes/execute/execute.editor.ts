RED.nodes.registerType('dm-execute', {
  category: 'device management',
  color: '#d9c2a7',
  icon: 'dm-execute.svg',
  inputs: 1,
  outputs: 1,
  defaults: {
    name: { value: '' },
    version: { value: 1 },
    server: { value: '', type: 'lwm2m-server', required: true },
    device: {
      value: 'device',
      validate(value, _options) {
        return DeviceManagement.checkDevice(this, value);
      },
    },
    deviceType: { value: 'msg' },
    path: {
      value: 'path',
      validate(value, _options) {
        return DeviceManagement.property(this, 'preset') ? true : DeviceManagement.checkPath(this, value, 'execute');
      },
    },
    pathType: { value: 'msg' },
    preset: { value: '' },
    instance: { value: '' },
    instanceType: { value: 'str' },
    seconds: { value: '' },
    secondsType: { value: 'str' },
    targets: { value: '' },
    targetsType: { value: 'str' },
    confirmed: { value: false },
    arguments: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.property(this, 'preset') ? true : DeviceManagement.checkArguments(this, value);
      },
    },
    argumentsType: { value: 'none' },
    timeout: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'timeout', { least: 1, most: 86400, mayBeEmpty: true });
      },
    },
    whenAsleep: { value: 'queue' },
    ttl: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'ttl', { least: 1, most: 31536000, mayBeEmpty: true });
      },
    },
    priority: { value: 'normal' },
    concurrency: {
      value: 50,
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'concurrency', { least: 1, most: 1000, whole: true });
      },
    },
    guard: {
      value: {} as Record<string, unknown>,
      validate(_value, _options) {
        return DeviceManagement.checkGuard(this.guard);
      },
    },
    collect: { value: false },
    failures: { value: 'catch' },
    outputs: { value: 1 },
  },
  paletteLabel() {
    return this._('palette');
  },
  label() {
    if (this.preset) return this.name || this._(`preset.${this.preset}`);
    return DeviceManagement.operationLabel(this.name, this._('palette'), this.path, this.pathType);
  },
  labelStyle() {
    return DeviceManagement.labelStyle(this.name);
  },
  inputLabels() {
    return this._('input');
  },
  outputLabels(index) {
    return this._(index === 0 ? 'output.result' : 'output.failure');
  },
  oneditprepare() {
    DeviceManagement.typedField('arguments', 'none');
    DeviceManagement.prepareTarget(this, { device: 'msg', path: 'msg', operation: 'execute' });
    DeviceManagement.prepareGuard(this.guard);
    DeviceManagement.prepareDelivery();
    for (const input of ['instance', 'seconds', 'targets']) DeviceManagement.typedField(input, 'str');
    DeviceManagement.preparePreset(this, {
      fields: ['instance', 'seconds', 'targets', 'confirmed'],
      others: ['node-input-path', 'node-input-arguments'],
      otherwise() {},
    });
  },
  oneditsave() {
    this.guard = { ...DeviceManagement.readGuard() };
    DeviceManagement.closed();
  },
  oneditcancel() {
    DeviceManagement.closed();
  },
});

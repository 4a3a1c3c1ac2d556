RED.nodes.registerType('dm-job', {
  category: 'device management',
  color: '#c9c3a6',
  icon: 'dm-job.svg',
  inputs: 1,
  outputs: 3,
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
    jobId: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkTyped(this, 'jobId', value);
      },
    },
    jobIdType: { value: 'str' },
    concurrency: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'job-number', { least: 1, most: 10000, whole: true, mayBeEmpty: true });
      },
    },
    perMinute: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'job-number', { least: 0.01, most: 1000000, mayBeEmpty: true });
      },
    },
    stepTimeout: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'job-number', { least: 1, most: 31536000, mayBeEmpty: true });
      },
    },
    retries: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'job-number', { least: 0, most: 100, whole: true, mayBeEmpty: true });
      },
    },
    backoff: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'job-number', { least: 0, most: 86400, mayBeEmpty: true });
      },
    },
    waves: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkWaves(value);
      },
    },
    soak: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'job-number', { least: 0, most: 525600, mayBeEmpty: true });
      },
    },
    success: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'job-number', { least: 0, most: 100, mayBeEmpty: true });
      },
    },
    error: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'job-number', { least: 0, most: 100, mayBeEmpty: true });
      },
    },
    minimum: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'job-number', { least: 1, most: 1000000, whole: true, mayBeEmpty: true });
      },
    },
    deadline: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'job-number', { least: 1, most: 525600, mayBeEmpty: true });
      },
    },
    approval: { value: false },
    guard: {
      value: {} as Record<string, unknown>,
      validate(_value, _options) {
        return DeviceManagement.checkGuard(this.guard);
      },
    },
    onRestart: { value: 'repeat' },
    dryRun: { value: false },
  },
  paletteLabel() {
    return this._('palette');
  },
  label() {
    return this.name || this._('palette');
  },
  labelStyle() {
    return DeviceManagement.labelStyle(this.name);
  },
  inputLabels() {
    return this._('input');
  },
  outputLabels(index) {
    return this._(`output.${['step', 'progress', 'end'][index]}`);
  },
  oneditprepare() {
    DeviceManagement.opened(this);
    DeviceManagement.typedField('device', 'msg');
    DeviceManagement.typedField('jobId', 'str');
    DeviceManagement.devicePicker(() => undefined);
    DeviceManagement.prepareGuard(this.guard);
    const isStaged = ['waves', 'soak', 'success', 'error', 'deadline'].some((name) => $(`#node-input-${name}`).val() !== '');
    $('.dm-waves').prop('open', isStaged || this.approval);
  },
  oneditsave() {
    this.guard = { ...DeviceManagement.readGuard() };
    DeviceManagement.closed();
  },
  oneditcancel() {
    DeviceManagement.closed();
  },
});

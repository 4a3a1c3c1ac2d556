RED.nodes.registerType('dm-read', {
  category: 'device management',
  color: '#a9c5d1',
  icon: 'dm-read.svg',
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
        if (DeviceManagement.property(this, 'preset')) return true;
        return DeviceManagement.checkPath(this, value, DeviceManagement.property(this, 'operation'));
      },
    },
    pathType: { value: 'msg' },
    preset: { value: '' },
    operation: { value: 'read' },
    format: { value: 'auto' },
    keys: { value: 'path' },
    depth: { value: 'auto' },
    links: { value: 'list' },
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
    collect: { value: false },
    failures: { value: 'catch' },
    outputs: { value: 1 },
  },
  paletteLabel() {
    return this._('palette');
  },
  label() {
    if (this.preset) return this.name || this._('label.of-preset', { preset: this._(`preset.${this.preset}`) });
    return DeviceManagement.operationLabel(this.name, this._(`operation.${this.operation}`), this.path, this.pathType);
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
    DeviceManagement.prepareTarget(this, { device: 'msg', path: 'msg' });
    DeviceManagement.prepareDelivery();
    const ofOperation = () => {
      const reads = DeviceManagement.chosenPreset() !== '' || $('#node-input-operation').val() === 'read';
      DeviceManagement.showRow('#node-input-format', reads);
      DeviceManagement.showRow('#node-input-keys', reads);
      DeviceManagement.showRow('#node-input-depth', !reads);
      DeviceManagement.showRow('#node-input-links', !reads);
    };
    DeviceManagement.preparePreset(this, {
      fields: [],
      others: ['node-input-operation', 'node-input-path'],
      otherwise() {},
    });
    DeviceManagement.follow('#node-input-operation, #node-input-preset', ofOperation);
  },
  oneditsave() {
    DeviceManagement.closed();
  },
  oneditcancel() {
    DeviceManagement.closed();
  },
});

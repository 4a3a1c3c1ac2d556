RED.nodes.registerType('dm-write', {
  category: 'device management',
  color: '#c6bfd6',
  icon: 'dm-write.svg',
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
    operation: { value: 'write' },
    mode: { value: 'auto' },
    value: {
      value: 'payload',
      validate(value, _options) {
        return DeviceManagement.checkTyped(this, 'value', value);
      },
    },
    valueType: { value: 'msg' },
    instance: { value: '' },
    instanceType: { value: 'str' },
    restore: {
      value: 'restore',
      validate(value, _options) {
        return DeviceManagement.checkTyped(this, 'restore', value);
      },
    },
    restoreType: { value: 'msg' },
    wait: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'wait', { least: 1, most: 604800, mayBeEmpty: true });
      },
    },
    format: { value: 'auto' },
    attributes: {
      value: {} as Record<string, string>,
      validate(_value, _options) {
        return this.operation === 'write-attributes' ? DeviceManagement.checkAttributes(this.attributes) : true;
      },
    },
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
    DeviceManagement.typedField('value', 'msg');
    DeviceManagement.prepareTarget(this, { device: 'msg', path: 'msg' });
    DeviceManagement.prepareGuard(this.guard);
    DeviceManagement.prepareDelivery();
    DeviceManagement.prepareAttributes(this.attributes);
    DeviceManagement.typedField('instance', 'str');
    // Saved before there were presets.
    if (!$('#node-input-restore').val()) $('#node-input-restore').val('restore');
    DeviceManagement.typedField('restore', 'msg');
    const ofOperation = () => {
      if (DeviceManagement.chosenPreset() !== '') return;
      const operation = String($('#node-input-operation').val());
      const carriesValue = operation === 'write' || operation === 'create';
      DeviceManagement.showRow('#node-input-mode', operation === 'write');
      DeviceManagement.showRow('#node-input-value', carriesValue);
      DeviceManagement.showRow('#node-input-format', carriesValue);
      DeviceManagement.showRow('#dm-attribute-pmin', operation === 'write-attributes');
    };
    $('#node-input-operation').on('change', ofOperation);
    DeviceManagement.preparePreset(this, {
      fields: ['instance', 'restore', 'wait'],
      others: ['node-input-operation', 'node-input-path', 'node-input-mode', 'node-input-format', 'dm-attribute-pmin'],
      otherwise: ofOperation,
    });
    DeviceManagement.follow('#node-input-preset', () => {
      if (DeviceManagement.chosenPreset() !== '') DeviceManagement.showRow('#node-input-value', true);
    });
  },
  oneditsave() {
    this.attributes = { ...DeviceManagement.readAttributes() };
    this.guard = { ...DeviceManagement.readGuard() };
    DeviceManagement.closed();
  },
  oneditcancel() {
    DeviceManagement.closed();
  },
});

function isJsonArray(text: string): boolean {
  try {
    return Array.isArray(JSON.parse(text));
  } catch {
    return false;
  }
}

RED.nodes.registerType('dm-alarm', {
  category: 'device management',
  color: '#e2b7a5',
  icon: 'dm-alarm.svg',
  inputs: 1,
  outputs: 3,
  defaults: {
    name: { value: '' },
    version: { value: 1 },
    server: { value: '', type: 'lwm2m-server', required: true },
    device: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkDevice(this, value);
      },
    },
    deviceType: { value: 'str' },
    presets: { value: ['device-expired', 'battery-low', 'error-code'] as readonly string[] },
    rules: {
      value: '[]',
      validate(value, _options) {
        return isJsonArray(String(value)) || this._('error.rules');
      },
    },
  },
  paletteLabel() {
    return this._('palette');
  },
  label() {
    return this.name || (this.device ? `${this._('palette')} ${this.device}` : this._('palette'));
  },
  labelStyle() {
    return DeviceManagement.labelStyle(this.name);
  },
  inputLabels() {
    return this._('input.value');
  },
  outputLabels(index) {
    return this._(['output.change', 'output.remediation', 'output.ticket'][index] ?? 'output.change');
  },
  oneditprepare() {
    DeviceManagement.opened(this);
    // Its rules hold from the deploy on: there is no message to take the devices from.
    DeviceManagement.typedField('device', 'str', () => ['str']);
    DeviceManagement.devicePicker(() => {});
    DeviceManagement.prepareEvents(this.presets);
    $('#node-input-rules').typedInput({ default: 'json', types: ['json'], typeField: $('<input type="hidden">') });
  },
  oneditsave() {
    this.presets = DeviceManagement.readEvents();
    DeviceManagement.closed();
  },
  oneditcancel() {
    DeviceManagement.closed();
  },
});

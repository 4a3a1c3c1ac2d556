RED.nodes.registerType('dm-observe', {
  category: 'device management',
  color: '#b5cbb7',
  icon: 'dm-observe.svg',
  inputs: 1,
  outputs: 1,
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
    path: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkPath(this, value, 'observe');
      },
    },
    pathType: { value: 'str' },
    attributes: {
      value: {} as Record<string, string>,
      validate(_value, _options) {
        return DeviceManagement.checkAttributes(this.attributes);
      },
    },
    sends: { value: true },
    keys: { value: 'path' },
    composite: { value: false },
    history: { value: false },
  },
  paletteLabel() {
    return this._('palette');
  },
  label() {
    return DeviceManagement.operationLabel(this.name, this._('palette'), this.path, this.pathType);
  },
  labelStyle() {
    return DeviceManagement.labelStyle(this.name);
  },
  inputLabels() {
    return this._('input');
  },
  outputLabels() {
    return this._('output.value');
  },
  oneditprepare() {
    DeviceManagement.prepareTarget(this, { device: 'str', path: 'str', operation: 'observe', list: true });
    DeviceManagement.prepareAttributes(this.attributes);
  },
  oneditsave() {
    this.attributes = { ...DeviceManagement.readAttributes() };
    DeviceManagement.closed();
  },
  oneditcancel() {
    DeviceManagement.closed();
  },
});

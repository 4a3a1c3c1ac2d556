RED.nodes.registerType('dm-register', {
  category: 'device management',
  color: '#b5cbb7',
  icon: 'dm-register.svg',
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
    events: { value: [] as readonly string[] },
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
    return this._('input.pairing');
  },
  outputLabels() {
    return this._('output.event');
  },
  oneditprepare() {
    DeviceManagement.opened(this);
    DeviceManagement.settledField('device');
    DeviceManagement.devicePicker(() => {});
    DeviceManagement.prepareEvents(this.events);
  },
  oneditsave() {
    this.events = DeviceManagement.readEvents();
    DeviceManagement.closed();
  },
  oneditcancel() {
    DeviceManagement.closed();
  },
});

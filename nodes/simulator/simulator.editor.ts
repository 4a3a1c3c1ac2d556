RED.nodes.registerType('dm-simulator', {
  category: 'device management',
  color: '#d3cdbb',
  icon: 'dm-simulator.svg',
  inputs: 1,
  outputs: 1,
  defaults: {
    name: { value: '' },
    version: { value: 1 },
    server: { value: '', type: 'lwm2m-server', required: true },
    count: {
      value: 20,
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'count', { least: 1, most: 10000, whole: true });
      },
    },
    gateways: {
      value: 0,
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'gateways', { least: 0, most: 1000, whole: true, mayBeEmpty: true });
      },
    },
    prefix: { value: 'sim-', required: true },
    lifetime: {
      value: 60,
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'lifetime', { least: 1, most: 4294967295, whole: true });
      },
    },
    interval: {
      value: 5,
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'interval', { least: 0.1, most: 86400 });
      },
    },
    lwm2m: { value: 'mixed' },
    over: { value: 'dtls' },
    asleep: {
      value: 0,
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'percent', { least: 0, most: 100, mayBeEmpty: true });
      },
    },
    bootstrap: { value: false },
    faults: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkFaults(value);
      },
    },
  },
  paletteLabel() {
    return this._('palette');
  },
  label() {
    return this.name || this._('node', { count: this.count });
  },
  labelStyle() {
    return DeviceManagement.labelStyle(this.name);
  },
  inputLabels() {
    return this._('input');
  },
  outputLabels() {
    return this._('output.event');
  },
  oneditprepare() {
    DeviceManagement.opened(this);
    // Saved before there was a choice.
    for (const [name, standard] of [
      ['lwm2m', 'mixed'],
      ['over', 'udp'],
    ]) {
      const field = $(`#node-input-${name}`);
      if (!field.val()) field.val(String(standard));
    }
  },
  oneditsave() {
    DeviceManagement.closed();
  },
  oneditcancel() {
    DeviceManagement.closed();
  },
});

RED.nodes.registerType('dm-bootstrap', {
  category: 'device management',
  color: '#b5cbb7',
  icon: 'dm-bootstrap.svg',
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
    uri: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkServerUri(this, value);
      },
    },
    shortServerId: {
      value: 1,
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'short-server-id', { least: 1, most: 65534, whole: true });
      },
    },
    lifetime: {
      value: 86400,
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'lifetime', { least: 1, most: 4294967295, whole: true });
      },
    },
    binding: { value: '' },
    security: { value: 'auto' },
    sends: { value: true },
    storing: { value: false },
    deletes: {
      value: '/0, /1',
      validate(value, _options) {
        return DeviceManagement.checkDeletes(value);
      },
    },
    objects: {
      value: '{}',
      validate(value, _options) {
        return DeviceManagement.checkObjects(value);
      },
    },
    verify: { value: false },
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
    return this._('input');
  },
  outputLabels() {
    return this._('output.event');
  },
  oneditprepare() {
    DeviceManagement.opened(this);
    DeviceManagement.settledField('device');
    DeviceManagement.devicePicker(() => {});
    $('#node-input-objects').typedInput({ default: 'json', types: ['json'], typeField: $('<input type="hidden">') });
    const shown = '#node-input-shortServerId, #node-input-lifetime, #node-input-binding, #node-input-security, #node-input-sends';
    DeviceManagement.follow('#node-input-uri', () => {
      DeviceManagement.showRow(shown, String($('#node-input-uri').val() ?? '').trim() !== '');
    });
    // What is right for one URI is wrong for another.
    $('#node-input-security, #node-input-binding').on('change', () => {
      $('#node-input-uri').trigger('change');
    });
  },
  oneditsave() {
    DeviceManagement.closed();
  },
  oneditcancel() {
    DeviceManagement.closed();
  },
});

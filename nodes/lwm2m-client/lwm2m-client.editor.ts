RED.nodes.registerType('lwm2m-client', {
  category: 'device management',
  color: '#d3cdbb',
  icon: 'lwm2m-client.svg',
  inputs: 1,
  outputs: 2,
  defaults: {
    name: { value: '' },
    version: { value: 1 },
    endpoint: { value: '', required: true },
    host: { value: '', required: true },
    port: {
      value: 5683,
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'port', { least: 1, most: 65535, whole: true });
      },
    },
    transport: { value: 'udp' },
    bootstrap: { value: false },
    lwm2m: { value: '1.1' },
    lifetime: {
      value: 300,
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'lifetime', { least: 1, most: 4294967295, whole: true });
      },
    },
    queueMode: { value: false },
    objects: {
      value: '{"3303": {"0": {"5700": 21.5, "5701": "Cel"}}}',
      validate(value, _options) {
        const valid = RED.utils.validateTypedProperty(value, 'json');
        return valid === true ? true : String(valid || this._('validation.objects'));
      },
    },
    mayCreate: { value: false },
  },
  paletteLabel() {
    return this._('palette');
  },
  label() {
    return this.name || this.endpoint || this._('palette');
  },
  labelStyle() {
    return DeviceManagement.labelStyle(this.name);
  },
  inputLabels() {
    return this._('input');
  },
  outputLabels(index) {
    return this._(index === 0 ? 'output.operation' : 'output.registration');
  },
  oneditprepare() {
    DeviceManagement.opened(this);
    $('#node-input-objects').typedInput({ default: 'json', types: ['json'], typeField: $('<input type="hidden">') });
  },
  oneditsave() {
    DeviceManagement.closed();
  },
  oneditcancel() {
    DeviceManagement.closed();
  },
});

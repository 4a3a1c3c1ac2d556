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
    security: { value: 'none' },
    isAuthority: { value: false },
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
  credentials: {
    identity: { type: 'text' },
    key: { type: 'password' },
    privateKey: { type: 'password' },
    certificate: { type: 'text' },
    serverKey: { type: 'text' },
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
    const security = '#node-input-security';
    // A client made before there was a choice.
    if (!$(security).val()) $(security).val('none');
    DeviceManagement.follow(security, () => {
      const mode = String($(security).val());
      const rows: Readonly<Record<string, readonly string[]>> = {
        identity: ['psk'],
        key: ['psk'],
        certificate: ['x509'],
        privateKey: ['rpk', 'x509'],
        serverKey: ['rpk', 'x509'],
        isAuthority: ['x509'],
      };
      for (const [field, modes] of Object.entries(rows)) DeviceManagement.showRow(`#node-input-${field}`, modes.includes(mode));
      // The usual port of the one becomes that of the other; any other stays.
      const [port, usual, other] = mode === 'none' ? ['#node-input-port', '5684', '5683'] : ['#node-input-port', '5683', '5684'];
      if ($(port).val() === usual) $(port).val(other).trigger('change');
    });
    $('#node-input-objects').typedInput({ default: 'json', types: ['json'], typeField: $('<input type="hidden">') });
  },
  oneditsave() {
    DeviceManagement.closed();
  },
  oneditcancel() {
    DeviceManagement.closed();
  },
});

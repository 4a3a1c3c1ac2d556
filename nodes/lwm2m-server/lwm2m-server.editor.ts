RED.nodes.registerType('lwm2m-server', {
  category: 'config',
  defaults: {
    name: { value: '' },
    version: { value: 1 },
    host: { value: '' },
    port: {
      value: 5683,
      required: true,
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'port', { least: 1, most: 65535, whole: true });
      },
    },
    securePort: {
      value: 5684,
      validate(value, _options) {
        return DeviceManagement.checkSecurePort(value, 'port', this.port);
      },
    },
    tcpPort: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'port', { least: 1, most: 65535, whole: true, mayBeEmpty: true });
      },
    },
    tlsPort: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkSecurePort(value, 'tcpPort', this.tcpPort);
      },
    },
    keyFile: { value: '' },
    certificateFile: { value: '' },
    authoritiesFile: { value: '' },
    certificateName: { value: 'common-name' },
    cbc: { value: 'off' },
    admission: { value: 'secured' },
    askNewDevices: { value: true },
    store: { value: 'level' },
    storePath: { value: '' },
    durability: { value: 'process' },
    largestImage: {
      value: 64,
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'largest-image', { least: 1, most: 1024, whole: true, mayBeEmpty: true });
      },
    },
    imageSignersFile: { value: '' },
    publicHost: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkHost(value);
      },
    },
    imageBaseUrl: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkHttpUrl(value);
      },
    },
    models: { value: '' },
    ackTimeout: {
      value: 2,
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'ack-timeout', { least: 0.1, most: 60, mayBeEmpty: true });
      },
    },
  },
  label() {
    return this.name || this._('name', { port: this.port });
  },
  oneditprepare() {
    const authorities = '#node-config-input-authoritiesFile';
    DeviceManagement.follow(authorities, () => {
      DeviceManagement.showRow('#node-config-input-certificateName', String($(authorities).val()).trim() !== '');
    });
    const admission = '#node-config-input-admission';
    DeviceManagement.follow(admission, () => $('#dm-admission-warning').toggle($(admission).val() === 'open'));
    // A server made before it had one: the usual port, as it has it now.
    const secure = '#node-config-input-securePort';
    if (this.securePort === undefined) $(secure).val('5684');
    const store = '#node-config-input-store';
    // A server made before there was a choice.
    if (!$(store).val()) $(store).val('level');
    // A server made before these could be chosen.
    for (const [name, standard] of [
      ['certificateName', 'common-name'],
      ['cbc', 'off'],
    ] as const) {
      const field = `#node-config-input-${name}`;
      if (!$(field).val()) $(field).val(standard);
    }
    if (this.askNewDevices === undefined) $('#node-config-input-askNewDevices').prop('checked', true);
    const durability = '#node-config-input-durability';
    if (!$(durability).val()) $(durability).val('process');
    DeviceManagement.follow(store, () => {
      const isOnDisk = $(store).val() === 'level';
      for (const setting of ['#node-config-input-storePath', durability]) DeviceManagement.showRow(setting, isOnDisk);
    });
    DeviceManagement.showServerState(this);
  },
});

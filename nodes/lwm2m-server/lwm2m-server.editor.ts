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
    tcpPort: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkNumber(value, 'port', { least: 1, most: 65535, whole: true, mayBeEmpty: true });
      },
    },
    admission: { value: 'secured' },
    store: { value: 'level' },
    storePath: { value: '' },
    durability: { value: 'process' },
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
    const admission = '#node-config-input-admission';
    DeviceManagement.follow(admission, () => $('#dm-admission-warning').toggle($(admission).val() === 'open'));
    const store = '#node-config-input-store';
    // A server made before there was a choice.
    if (!$(store).val()) $(store).val('level');
    const durability = '#node-config-input-durability';
    if (!$(durability).val()) $(durability).val('process');
    DeviceManagement.follow(store, () => {
      const isOnDisk = $(store).val() === 'level';
      for (const setting of ['#node-config-input-storePath', durability]) DeviceManagement.showRow(setting, isOnDisk);
    });
    DeviceManagement.showServerState(this);
  },
});

RED.nodes.registerType('dm-devices', {
  category: 'device management',
  color: '#b5cbb7',
  icon: 'dm-devices.svg',
  inputs: 1,
  outputs: 1,
  defaults: {
    name: { value: '' },
    version: { value: 1 },
    server: { value: '', type: 'lwm2m-server', required: true },
    action: { value: 'list' },
    device: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkDevice(this, value);
      },
    },
    deviceType: { value: 'str' },
    tags: {
      value: 'tags',
      validate(value, _options) {
        return DeviceManagement.checkTyped(this, 'tags', value);
      },
    },
    tagsType: { value: 'msg' },
    fields: {
      value: '',
      validate(value, _options) {
        return DeviceManagement.checkRecordFields(value);
      },
    },
    results: { value: 'array' },
  },
  credentials: {
    passphrase: { type: 'password' },
  },
  paletteLabel() {
    return this._('palette');
  },
  label() {
    if (this.name) return this.name;
    return this.action ? this._('label.of-action', { action: this._(`action.${this.action}`) }) : this._('palette');
  },
  labelStyle() {
    return DeviceManagement.labelStyle(this.name);
  },
  inputLabels() {
    return this._('input');
  },
  outputLabels() {
    return this._('output');
  },
  oneditprepare() {
    DeviceManagement.opened(this);
    DeviceManagement.typedField('device', 'str');
    DeviceManagement.typedField('tags', 'msg');
    DeviceManagement.devicePicker(() => {});
    const action = '#node-input-action';
    DeviceManagement.follow(action, () => {
      const chosen = String($(action).val() ?? '');
      const is = (...names: string[]): boolean => chosen === '' || names.includes(chosen);
      DeviceManagement.showRow(
        '#node-input-device',
        !['provision', 'groups', 'set-group', 'remove-group', 'export', 'import'].includes(chosen),
      );
      DeviceManagement.showRow('#node-input-tags', is('tag', 'untag'));
      DeviceManagement.showRow('#node-input-fields, #node-input-results', is('list'));
      DeviceManagement.showRow('#node-input-passphrase', is('export', 'import'));
      $('#dm-action-note').text(this._(`note.${chosen || 'message'}`));
    });
  },
  oneditsave() {
    DeviceManagement.closed();
  },
  oneditcancel() {
    DeviceManagement.closed();
  },
});

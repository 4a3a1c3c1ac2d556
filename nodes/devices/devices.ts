/** dm-devices: asks what is known of devices, tags and groups them, takes them into service and out of it. */
import type { NodeAPI, NodeDef } from 'node-red';
import { inputRow } from '../runtime/operation-settings';
import { registerNode } from '../runtime/register-node';
import { DevicesNode } from './devices-node';

interface DevicesProperties extends NodeDef {
  readonly server: string;
  readonly action?: string;
  readonly device?: string;
  readonly deviceType?: string;
  readonly tags?: string;
  readonly tagsType?: string;
  /** Names with commas between them; empty: all. */
  readonly fields?: string;
  readonly results?: 'array' | 'each';
}

export = (red: NodeAPI): void =>
  registerNode(
    red,
    'dm-devices',
    (host, server, properties: DevicesProperties, { passphrase = '' }) =>
      new DevicesNode(host, server, {
        action: properties.action ?? '',
        device: inputRow('device', properties.device, properties.deviceType),
        tags: inputRow('tags', properties.tags, properties.tagsType),
        fields: inputRow('fields', properties.fields, 'str'),
        results: properties.results === 'each' ? 'each' : 'array',
        passphrase,
        folder: red.settings.userDir ?? process.cwd(),
      }),
    { passphrase: { type: 'password' } },
  );

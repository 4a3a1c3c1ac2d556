/** The pickers of the dialogs: which device, and which object, instance or resource. Free text stays possible in both. */
import { isExpression } from '../../src/fleet/selector-syntax.js';
import { allObjects, DEVICES_LISTED, type DeviceEntry, devices, objectModel, objectsOf, servers } from './admin-api.js';
import { modelItem, objectItem } from './object-tree.js';
import { type PathRule, splitPaths } from './path-rules.js';
import { type PickerContent, PickerPanel } from './picker-panel.js';
import { SelectorBuilder } from './selector-builder.js';
import { text } from './texts.js';
import type { TreeItem } from './tree-view.js';

const DEFAULT_PORT = 5683;
/** Choice of the path picker: not what a device has, but what the registry knows. */
const REGISTRY = '';

function value(id: string): string {
  return String($(`#${id}`).val() ?? '');
}

function chosenServer(): string {
  return value('node-input-server');
}

/** The one device named in the dialog, if it names one. */
function namedDevice(): string | undefined {
  const field = $('#node-input-device');
  if (field.length === 0 || field.typedInput('type') !== 'str') return undefined;
  const device = field.typedInput('value');
  return device === '' || device.includes('*') || isExpression(device) ? undefined : device;
}

function deviceItem({ endpoint, address, version, presence }: DeviceEntry): TreeItem {
  return {
    value: endpoint,
    label: endpoint,
    detail: [version && `LwM2M ${version}`, address].filter(Boolean).join(' · '),
    mark: { className: `dm-mark-${presence}`, title: text(`picker.presence.${presence}`) },
    search: `${endpoint} ${address}`,
  };
}

/** Where a first device has to go; asked only when none has come. */
async function noDeviceYet(server: string): Promise<string> {
  const running = (await servers()).find(({ id }) => id === server);
  if (running?.state === 'failed') {
    const { error } = running;
    return text('picker.server-failed', { reason: (typeof error === 'string' ? error : error?.message) ?? '' });
  }
  const port = running?.listening[0]?.port ?? DEFAULT_PORT;
  return text('picker.no-device', { address: `coap://${location.hostname}:${port}` });
}

async function deviceList(): Promise<PickerContent> {
  const server = chosenServer();
  const found = await devices(server);
  if (found.devices.length === 0) return { items: [], hint: await noDeviceYet(server) };
  const hint = found.more ? { hint: text('picker.more-devices', { listed: DEVICES_LISTED }) } : {};
  return { items: found.devices.map(deviceItem), ...hint };
}

/** A picker of registered devices beside `#node-input-device`. */
export function devicePicker(changed: () => void): void {
  const field = $('#node-input-device');
  const [element] = field.get();
  if (!element) return;
  const builder = new SelectorBuilder(field, chosenServer, changed);
  new PickerPanel({
    field: element,
    name: 'device',
    title: text('picker.device'),
    header: builder.element,
    load() {
      builder.opened();
      return deviceList();
    },
    choose(endpoint) {
      field.typedInput('type', 'str');
      field.typedInput('value', endpoint);
      changed();
    },
  });
}

/** Whose objects are shown: the device of the dialog, another one, or all that the registry knows. */
class ObjectSource {
  readonly element = document.createElement('div');
  private readonly select = document.createElement('select');

  constructor(changed: () => void) {
    const label = document.createElement('label');
    this.select.id = 'dm-picker-source';
    label.htmlFor = this.select.id;
    label.textContent = text('picker.objects-of');
    this.element.className = 'dm-picker-source';
    this.element.append(label, this.select);
    this.select.addEventListener('change', changed);
  }

  /** Offers the registered devices; keeps the choice made before. */
  async offer(): Promise<string> {
    const kept = this.select.options.length > 0 ? this.select.value : undefined;
    const named = namedDevice();
    const endpoints = await registeredDevices();
    const options = [...new Set([...(named ? [named] : []), ...endpoints])].map((endpoint) => new Option(endpoint, endpoint));
    this.select.replaceChildren(...options, new Option(text('picker.registry'), REGISTRY));
    this.select.value = named ?? kept ?? endpoints[0] ?? REGISTRY;
    if (this.select.selectedIndex < 0) this.select.selectedIndex = 0;
    // A device named in the dialog is the device meant.
    this.select.disabled = named !== undefined;
    return this.select.value;
  }
}

/** No server, or none running: the registry can still be shown. */
async function registeredDevices(): Promise<string[]> {
  try {
    return (await devices(chosenServer())).devices.map(({ endpoint }) => endpoint);
  } catch {
    return [];
  }
}

async function objectItems(endpoint: string, rule: PathRule): Promise<TreeItem[]> {
  if (endpoint === REGISTRY) return (await allObjects()).map((object) => modelItem(object, rule, objectModel));
  const objects = await objectsOf(chosenServer(), endpoint);
  return objects.map((object) => objectItem(object, rule)).filter((item) => item !== undefined);
}

export interface PathPickerOptions {
  /** Asked each time the picker opens: the operation may have been changed. */
  rule(): PathRule;
  /** The field holds several paths: a chosen one is added. */
  readonly list?: boolean;
}

/** A picker of objects, instances and resources beside `#node-input-path`. */
export function pathPicker({ rule, list }: PathPickerOptions): { refresh(): void } {
  const field = $('#node-input-path');
  const [element] = field.get();
  if (!element) return { refresh() {} };
  const source = new ObjectSource(() => panel.refresh());
  const panel = new PickerPanel({
    field: element,
    name: 'path',
    title: text('picker.path'),
    header: source.element,
    async load() {
      const current = rule();
      const items = await objectItems(await source.offer(), current);
      if (items.length === 0) return { items, hint: text('picker.no-objects') };
      return { items, hint: text(current.needs ? `picker.only.${current.needs}` : 'picker.free-text') };
    },
    choose(path) {
      const before = list && field.typedInput('type') === 'str' ? splitPaths(field.typedInput('value')) : [];
      field.typedInput('type', 'str');
      field.typedInput('value', [...new Set([...before, path])].join(', '));
    },
  });
  return {
    refresh() {
      if (panel.isOpen) panel.refresh();
    },
  };
}

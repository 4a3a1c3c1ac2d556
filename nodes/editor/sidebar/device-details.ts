/** What is known of one device, and what can be done with it at once. */
import { type DeviceDetails, device, type OperationAnswer, objectModel, operate, RequestFailed, withdraw } from '../admin-api.js';
import { button, definitions, element } from './elements.js';
import { age, text } from './sidebar-texts.js';

const DEVICE = 3;
const DEVICE_OBJECT = `/${DEVICE}/0`;
const REBOOT = '/3/0/4';

export class DevicePane {
  readonly element = element('section', 'dm-sidebar-device');
  private readonly heading = element('h3', '');
  private readonly facts = element('div', '');
  private readonly values = element('div', '');
  private readonly message = element('p', 'dm-sidebar-message');
  private shown: { readonly server: string; readonly endpoint: string } | undefined;

  constructor(onClose: () => void) {
    this.element.hidden = true;
    this.message.setAttribute('role', 'status');
    const actions = element(
      'div',
      'dm-sidebar-actions',
      button(text('action.read'), 'fa-download', () => void this.read()),
      button(text('action.reboot'), 'fa-power-off', () => void this.reboot()),
      button(text('detail.close'), 'fa-times', onClose),
    );
    this.element.append(this.heading, actions, this.message, this.values, this.facts);
  }

  open(server: string, endpoint: string): void {
    this.shown = { server, endpoint };
    this.heading.textContent = endpoint;
    this.facts.replaceChildren();
    this.values.replaceChildren();
    this.say('');
    this.element.hidden = false;
    void this.refresh();
  }

  close(): void {
    this.shown = undefined;
    this.element.hidden = true;
  }

  async refresh(): Promise<void> {
    await this.about(async ({ server, endpoint }) => {
      const details = await device(server, endpoint);
      return () => this.facts.replaceChildren(factsOf(details), ...this.waitingOf(details));
    });
  }

  private async read(): Promise<void> {
    await this.about(async ({ server, endpoint }) => {
      const [answer, names] = await Promise.all([operate(server, endpoint, 'read', { path: DEVICE_OBJECT }), resourceNames()]);
      return () => this.showValues(answer, names);
    });
  }

  private async reboot(): Promise<void> {
    const endpoint = this.shown?.endpoint ?? '';
    if (!window.confirm(text('action.confirm-reboot', { device: endpoint }))) return;
    await this.about(async ({ server }) => {
      const { request } = await operate(server, endpoint, 'execute', { path: REBOOT });
      return () => this.say(text(request === undefined ? 'action.rebooted' : 'action.waits'));
    });
    await this.refresh();
  }

  private showValues({ value, request }: OperationAnswer, names: ReadonlyMap<string, string>): void {
    if (request !== undefined) return this.say(text('action.waits'));
    const rows = Object.entries(value ?? {}).map(([path, of]) => {
      const [, , , resource = '', instance] = path.split('/');
      const name = names.get(resource) ?? path;
      const shown = typeof of === 'object' ? JSON.stringify(of) : String(of);
      return [instance === undefined ? name : `${name} ${instance}`, shown] as const;
    });
    this.values.replaceChildren(definitions(rows));
  }

  private waitingOf({ endpoint, requests }: DeviceDetails): Node[] {
    if (requests.length === 0) return [];
    const items = requests.map(({ id, operation, path, since }) =>
      element(
        'li',
        '',
        `${operation} ${path}, ${age(since)} `,
        button(text('detail.withdraw'), 'fa-undo', () => void this.withdraw(endpoint, id)),
      ),
    );
    return [element('h4', '', text('detail.waiting')), element('ul', '', ...items)];
  }

  private async withdraw(endpoint: string, id: number): Promise<void> {
    await this.about(async ({ server }) => {
      await withdraw(server, endpoint, id);
      return () => undefined;
    });
    await this.refresh();
  }

  /** Does something and shows it, unless another device is shown by then; what fails is said. */
  private async about(
    act: (shown: { readonly server: string; readonly endpoint: string }) => Promise<() => void>,
  ): Promise<void> {
    const { shown } = this;
    if (shown === undefined) return;
    try {
      const show = await act(shown);
      if (this.shown === shown) show();
    } catch (failure) {
      if (this.shown === shown) this.say(failure instanceof RequestFailed ? failure.message : text('problem.no-answer'));
    }
  }

  private say(sentence: string): void {
    this.message.textContent = sentence;
    this.message.hidden = sentence === '';
  }
}

/** Of the Device object, by resource id. */
async function resourceNames(): Promise<ReadonlyMap<string, string>> {
  const { resources = [] } = await objectModel(DEVICE);
  return new Map(resources.map(({ id, name }) => [String(id), name]));
}

function factsOf({
  presence,
  address,
  gateway,
  security,
  version,
  lifetime,
  updatedAt,
  objects,
  observations,
}: DeviceDetails): HTMLElement {
  return definitions([
    [text('detail.presence'), text(`presence.${presence}`)],
    [text('detail.address'), address],
    [text('detail.gateway'), gateway?.endpoint],
    [text('detail.security'), security],
    [text('detail.version'), version],
    [text('detail.lifetime'), lifetime === undefined ? undefined : text('detail.seconds', { n: lifetime })],
    [text('detail.heard'), updatedAt === undefined ? undefined : age(updatedAt)],
    [text('detail.objects'), objects?.join(' ')],
    [text('detail.observed'), observations?.join(' ')],
  ]);
}

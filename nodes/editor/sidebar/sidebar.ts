/** The Devices sidebar: which devices are registered, how each stands, and the first things one does with one. It asks while it is seen, and not otherwise. */
import { type DeviceEntry, devicePage, ListUnavailable, type ServerEntry, servers } from '../admin-api.js';
import { DevicePane } from './device-details.js';
import { DeviceList } from './device-list.js';
import { button, element } from './elements.js';
import { text } from './sidebar-texts.js';

const ID = 'dm-devices';
const REFRESH_MS = 5000;
/** Of a page; "show more" adds as many. */
const PAGE = 100;
const DEFAULT_PORT = 5683;

class Sidebar {
  readonly element = element('div', 'dm-sidebar');
  private readonly select = element('select', '');
  private readonly search = element('input', '');
  private readonly summary = element('p', 'dm-sidebar-summary');
  private readonly list = new DeviceList(
    (endpoint) => this.choose(endpoint),
    () => this.showMore(),
  );
  private readonly pane = new DevicePane(() => this.unchoose());
  private listed = PAGE;
  /** Only the newest answer counts. */
  private asked = 0;
  private timer: number | undefined;

  constructor() {
    this.select.setAttribute('aria-label', text('server'));
    this.select.addEventListener('change', () => this.begin());
    this.search.type = 'text';
    this.search.placeholder = text('search');
    this.search.setAttribute('aria-label', text('search'));
    this.search.addEventListener('input', () => this.begin());
    const refresh = button('', 'fa-refresh', () => void this.refresh());
    refresh.title = text('refresh');
    refresh.setAttribute('aria-label', text('refresh'));
    this.element.append(
      element('div', 'dm-sidebar-bar', this.select, this.search, refresh),
      this.summary,
      this.list.element,
      this.pane.element,
    );
  }

  /** It is seen from now on, or no longer. */
  seen(isSeen: boolean): void {
    window.clearInterval(this.timer);
    if (!isSeen) return;
    void this.refresh();
    this.timer = window.setInterval(() => {
      if (!document.hidden) void this.refresh();
    }, REFRESH_MS);
  }

  private begin(): void {
    this.listed = PAGE;
    this.unchoose();
    void this.refresh();
  }

  private showMore(): void {
    this.listed += PAGE;
    void this.refresh();
  }

  private choose(endpoint: string): void {
    this.list.choose(endpoint);
    this.pane.open(this.select.value, endpoint);
  }

  private unchoose(): void {
    this.list.choose(undefined);
    this.pane.close();
  }

  private async refresh(): Promise<void> {
    const asked = ++this.asked;
    try {
      const all = await servers();
      if (asked !== this.asked) return;
      const server = this.offer(all);
      if (server === undefined) return this.empty(text('no-server'));
      this.summary.textContent = summaryOf(server);
      if (server.state === 'failed') return this.empty(text('failed', { reason: reasonOf(server) }));
      const { devices, more } = await devicePage(server.id, { select: patternOf(this.search.value), limit: this.listed });
      if (asked !== this.asked) return;
      this.list.show(devices, more, devices.length === 0 ? this.nothing(server) : '');
      await this.pane.refresh();
    } catch (failure) {
      if (asked !== this.asked) return;
      const problem = failure instanceof ListUnavailable && failure.problem === 'no-permission' ? failure.problem : 'no-answer';
      this.empty(text(`problem.${problem}`));
    }
  }

  /** Servers by name; the one that was chosen stays chosen. */
  private offer(all: readonly ServerEntry[]): ServerEntry | undefined {
    const before = this.select.value;
    this.select.replaceChildren(...all.map((server) => new Option(labelOf(server), server.id)));
    this.select.hidden = all.length < 2;
    const chosen = all.find(({ id }) => id === before) ?? all[0];
    if (chosen !== undefined) this.select.value = chosen.id;
    return chosen;
  }

  private nothing({ devices, listening }: ServerEntry): string {
    if (devices > 0) return text('nothing');
    return text('no-device', { host: location.hostname, port: listening[0]?.port ?? DEFAULT_PORT });
  }

  private empty(sentence: string): void {
    const none: readonly DeviceEntry[] = [];
    this.list.show(none, false, sentence);
    this.unchoose();
  }
}

function labelOf({ name, id, listening }: ServerEntry): string {
  return name || listening.map(({ port }) => `:${port}`).join(' ') || id;
}

function reasonOf({ error }: ServerEntry): string {
  return (typeof error === 'string' ? error : error?.message) ?? '';
}

function summaryOf({ devices, refused, waiting, store }: ServerEntry): string {
  const parts = [text('summary', { devices })];
  if (waiting > 0) parts.push(text('summary-waiting', { n: waiting }));
  if (refused > 0) parts.push(text('summary-refused', { n: refused }));
  if (store.trouble !== undefined) parts.push(text('not-kept', { reason: store.trouble }));
  return parts.join(' · ');
}

/** Part of a name is enough; who writes a pattern means it. */
function patternOf(search: string): string | undefined {
  const wanted = search.trim();
  if (wanted === '') return undefined;
  return /[*=,&|]/.test(wanted) ? wanted : `*${wanted}*`;
}

RED.plugins.registerPlugin(ID, {
  type: 'device-management-sidebar',
  onadd() {
    const sidebar = new Sidebar();
    RED.sidebar.addTab({
      id: ID,
      name: text('title'),
      label: text('tab'),
      iconClass: 'fa fa-microchip',
      content: sidebar.element,
      enableOnEdit: true,
      action: `core:show-${ID}-tab`,
    });
    RED.actions.add(`core:show-${ID}-tab`, () => RED.sidebar.show(ID));
    // Whether it is seen depends on tabs, on the width of the window, on whether the sidebar is folded: ask the browser.
    new IntersectionObserver((entries) => sidebar.seen(entries[entries.length - 1]?.isIntersecting === true)).observe(
      sidebar.element,
    );
  },
});

const styles = document.createElement('link');
styles.rel = 'stylesheet';
styles.href = new URL('../sidebar.css', import.meta.url).href;
document.head.append(styles);

/** dm-alarm: rules that make alarms of values and events, changes of alarms as messages, and what flows and people do with them. */
import type { NodeAPI, NodeDef } from 'node-red';
import type { AlarmChange } from '../../src/fleet/alarm/alarm';
import { Selector } from '../../src/fleet/selector';
import { flowError } from '../runtime/failure';
import { registerNode } from '../runtime/register-node';
import { StatusLine, serverStatus, status } from '../runtime/status';
import { alarmInput } from './alarm-input';
import { messagesOf } from './alarm-messages';
import { parsed, rulesOf } from './alarm-rules';

interface AlarmProperties extends NodeDef {
  readonly server: string;
  readonly device?: string;
  readonly presets?: readonly string[];
  /** JSON. */
  readonly rules?: string;
}

/** Counting the alarms of a large fleet costs. */
const STATUS_MS = 500;

export = (red: NodeAPI): void =>
  registerNode(red, 'dm-alarm', (host, server, { device = '', presets = [], rules = '' }: AlarmProperties) => {
    const { alarms } = server.fleet;
    const selector = device === '' ? Selector.everyone : Selector.of(device);
    const matches = (endpoint: string): boolean => server.fleet.matches(selector, endpoint);
    let types: ReadonlySet<string> = new Set();
    let hasWrongRules = false;
    const change = (own: unknown) => {
      const wanted = rulesOf(presets, own);
      const before = types;
      // The end of alarms whose rule is gone is told, too.
      types = new Set([...before, ...wanted.map(({ type }) => type)]);
      alarms.declare(host.id, wanted, matches);
      types = new Set(wanted.map(({ type }) => type));
      hasWrongRules = false;
      return wanted;
    };
    const line = new StatusLine(server.clock, (shown) => host.show(shown), STATUS_MS);
    const refresh = (): void =>
      line.tell(() => {
        const trouble = serverStatus(host.texts, server);
        if (trouble !== undefined) return trouble;
        if (hasWrongRules) return status(host.texts, 'wrong-rules');
        const mine = alarms.active().filter((alarm) => types.has(alarm.type) && matches(alarm.device));
        const critical = mine.filter(({ severity }) => severity === 'critical').length;
        if (critical > 0) return status(host.texts, 'alarms-critical', { n: mine.length, critical });
        return status(host.texts, mine.length > 0 ? 'alarms' : 'no-alarms', { n: mine.length });
      });
    const emit = (happened: AlarmChange): void => {
      const messages = messagesOf(happened, server.id, server.clock.wall());
      if (messages.some((message) => message !== null)) host.send(messages);
      refresh();
    };
    server.sources.attach<AlarmChange>(
      host.id,
      // What has become of one alarm meanwhile is told by its newest change.
      { keyOf: ({ alarm }) => alarm.id, merge: (_older, newer) => newer },
      emit,
      (push) => [
        alarms.events.on('changed', (happened) => {
          if (types.has(happened.alarm.type) && matches(happened.alarm.device)) push(happened);
        }),
      ],
    );
    try {
      change(parsed(rules));
    } catch (caught) {
      hasWrongRules = true;
      server.whenFlowsRun(() => host.raise(flowError(caught), {}));
    }
    const unsubscribe = server.onState(refresh);
    refresh();
    return {
      input(message, send, done) {
        try {
          const answer = alarmInput(message, { host, server, matches, change });
          if (answer !== undefined) send([answer, null, null]);
          done();
        } catch (caught) {
          done(flowError(caught));
        }
        refresh();
      },
      close(removed) {
        unsubscribe();
        line.close();
        if (removed) {
          alarms.removeOwner(host.id);
          server.sources.remove(host.id);
        } else server.sources.detach(host.id);
      },
    };
  });

/** Changes of alarms as messages: the change itself, a request to remedy, a ticket. */
import type { AlarmChange } from '../../src/fleet/alarm/alarm';
import type { Message } from '../runtime/flow-host';

const TICKETS: Readonly<Partial<Record<AlarmChange['change'], 'open' | 'update' | 'close'>>> = {
  raised: 'open',
  shown: 'open',
  upgraded: 'update',
  flapping: 'update',
  acknowledged: 'update',
  commented: 'update',
  assigned: 'update',
  latched: 'update',
  shelved: 'update',
  returned: 'close',
  cleared: 'close',
};

/** One for each output; `null` where it has nothing to say. What is hidden is told only that it has been hidden. */
export function messagesOf({ change, alarm }: AlarmChange, server: string, at: number): (Message | null)[] {
  const isHidden = alarm.hiding !== 'shown' && change !== alarm.hiding;
  if (isHidden) return [null, null, null];
  const about = (): Omit<Message, '_msgid'> => ({
    topic: `${alarm.device}/${alarm.type}`,
    device: alarm.device,
    alarm: structuredClone(alarm),
    dm: { server, operation: 'alarm', at },
  });
  const isRaised = change === 'raised' || change === 'shown';
  const isWrong = alarm.state === 'unacknowledged' || alarm.state === 'acknowledged';
  const ticket = isRaised && alarm.count > 1 ? 'update' : TICKETS[change];
  return [
    { ...about(), event: change, payload: `${alarm.severity}: ${alarm.type} of ${alarm.device} ${change}` } as Message,
    isRaised && isWrong ? ({ ...about(), payload: alarm.type } as Message) : null,
    ticket === undefined ? null : ({ ...about(), payload: { ticket, key: alarm.id, severity: alarm.severity } } as Message),
  ];
}

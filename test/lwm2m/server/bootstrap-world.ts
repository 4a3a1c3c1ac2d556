/** A bootstrap server and a scripted device that wants its servers: what the device says in its answers, the test decides. */
import { Code } from '../../../src/coap/codes';
import type { Message } from '../../../src/coap/message';
import { Option } from '../../../src/coap/options';
import type { BootstrapConfiguration, BootstrapEvent, ServerAccount } from '../../../src/device/bootstrap';
import type { Lwm2mServerOptions } from '../../../src/lwm2m/server/server';
import { type Answer, givenServer, pathOf, ScriptedDevice, type World } from './world';

export const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

export const PLAIN: ServerAccount = {
  shortServerId: 101,
  uri: 'coap://10.0.0.1:5683',
  security: { mode: 'none' },
  lifetime: 60,
  binding: 'U',
};

export const SECURED: ServerAccount = {
  shortServerId: 102,
  uri: 'coaps://10.0.0.1:5684',
  security: { mode: 'psk', identity: 'dev-1', key: KEY },
  lifetime: 300,
  binding: 'U',
  muteSend: false,
};

export function configured(changes: Partial<BootstrapConfiguration> = {}): BootstrapConfiguration {
  return { deletes: ['/0', '/1'], servers: [PLAIN], objects: {}, verify: false, ...changes };
}

export interface BootstrapWorld {
  readonly world: World;
  readonly device: ScriptedDevice;
  readonly events: BootstrapEvent[];
  /** Asks for a bootstrap, and lets it run. */
  begin(query?: readonly string[], ms?: number): Promise<Message>;
  /** "PUT /0/1" of every request so far. */
  asked(): string[];
}

export async function givenBootstrap(
  configuration: BootstrapConfiguration | Lwm2mServerOptions['bootstrap'],
  options: Lwm2mServerOptions = {},
): Promise<BootstrapWorld> {
  const source = typeof configuration === 'function' ? configuration : () => configuration;
  const world = await givenServer({ ...options, bootstrap: source as NonNullable<Lwm2mServerOptions['bootstrap']> });
  const events: BootstrapEvent[] = [];
  world.server.events.on('bootstrap', (event) => events.push(event));
  const device = new ScriptedDevice(world);
  device.answers = obedient();
  return {
    world,
    device,
    events,
    begin: async (query = ['ep=dev-1'], ms = 200) => {
      const answer = await device.request({ code: Code.Post, path: ['bs'], query });
      await world.settle(ms);
      return answer;
    },
    asked: () => device.asked.map(nameOf),
  };
}

/** Does what it is told. @param except answers to "PUT /0/1", before all else */
export function obedient(
  except: Readonly<Record<string, Answer | undefined>> = {},
  links = '</>;lwm2m=1.1,</0/0>,</1/0>;ssid=123,</3/0>',
): (request: Message) => Answer | undefined {
  return (request) => {
    const name = nameOf(request);
    if (name in except) return except[name];
    if (name === 'GET /') return { code: Code.Content, contentFormat: 40, payload: links };
    return { code: request.code === Code.Delete ? Code.Deleted : Code.Changed };
  };
}

const METHODS: Readonly<Record<number, string>> = {
  [Code.Get]: 'GET',
  [Code.Post]: 'POST',
  [Code.Put]: 'PUT',
  [Code.Delete]: 'DELETE',
};

export function nameOf(message: Message): string {
  return `${METHODS[message.code]} ${pathOf(message)}`;
}

export function formatIn(message: Message | undefined): number | undefined {
  return message?.uint(Option.ContentFormat);
}

/** Notifications that we send (RFC 7641 §4): what becomes of each is told. */
import assert from 'node:assert/strict';
import { decodeBlock, encodeBlock } from '../../src/coap/block/option';
import { Code } from '../../src/coap/codes';
import { type Message, MessageType } from '../../src/coap/message';
import type { NotificationOutcome } from '../../src/coap/notifier';
import { Option } from '../../src/coap/options';
import { datagram } from './datagram';
import { givenLayer, ScriptedPeer } from './world';

const { Confirmable, NonConfirmable, Acknowledgement, Reset } = MessageType;
const TOKEN = Buffer.from('0badcafe', 'hex');

async function given(react: (message: Message, peer: ScriptedPeer) => void = () => undefined) {
  const world = await givenLayer();
  const observer = new ScriptedPeer(world.network, '10.0.0.2', 5683, react);
  const endpoint = world.layer.endpoint('10.0.0.2', 5683);
  const outcomes: NotificationOutcome[] = [];
  const notify = (confirmable: boolean, payload: Uint8Array = Buffer.from('x'), servingKey?: string): void => {
    const response = { code: Code.Content, observe: 7, contentFormat: 112, payload };
    const options = servingKey === undefined ? { confirmable } : { confirmable, servingKey };
    world.layer.notify(endpoint, TOKEN, response, options, (outcome) => outcomes.push(outcome));
    world.clock.advance(50);
  };
  return { ...world, observer, endpoint, outcomes, notify };
}

const replyWith =
  (type: number) =>
  ({ messageId }: Message, peer: ScriptedPeer): void =>
    peer.send(datagram({ type, code: Code.Empty, messageId }));

describe('a notification that we send', () => {
  it('carries token, Observe and format, under message IDs of its own', async () => {
    const { notify, observer } = await given();
    notify(false);
    notify(false);
    const [first, second] = observer.inbox as [Message, Message];
    assert.equal(first.type, NonConfirmable);
    assert.deepEqual(first.token, TOKEN);
    assert.deepEqual([first.uint(Option.Observe), first.uint(Option.ContentFormat)], [7, 112]);
    assert.notEqual(first.messageId, second.messageId);
  });

  it('is told as sent when it is non-confirmable, and as reset should the observer answer so later', async () => {
    const { notify, outcomes, observer, clock } = await given();
    notify(false);
    assert.deepEqual(outcomes, ['sent']);
    clock.advance(10_000);
    replyWith(Reset)(observer.last as Message, observer);
    clock.advance(50);
    assert.deepEqual(outcomes, ['sent', 'reset']);
  });

  for (const [title, type, outcome] of [
    ['acknowledged', Acknowledgement, 'acknowledged'],
    ['reset', Reset, 'reset'],
  ] as const) {
    it(`is told as ${title} when it is confirmable, once`, async () => {
      const { notify, outcomes, observer, clock } = await given(replyWith(type));
      notify(true);
      replyWith(type)(observer.last as Message, observer);
      clock.advance(200_000);
      assert.deepEqual(outcomes, [outcome]);
      assert.equal(observer.inbox.length, 1);
    });
  }

  it('is sent five times and then told as timed out when it is confirmable and nobody answers', async () => {
    const { notify, outcomes, observer, clock } = await given();
    notify(true);
    clock.advance(93_100);
    assert.deepEqual(outcomes, ['timeout']);
    assert.deepEqual(
      observer.inbox.map(({ type }) => type),
      Array(5).fill(Confirmable),
    );
  });

  it('is not reset by another peer', async () => {
    const { notify, outcomes, network, observer, clock } = await given();
    notify(false);
    notify(true);
    const other = new ScriptedPeer(network, '10.0.0.3');
    for (const message of observer.inbox) replyWith(Reset)(message, other);
    clock.advance(50);
    assert.deepEqual(outcomes, ['sent']);
  });

  it('is forgotten after a thousand others: what can be reset late is bounded', async () => {
    const { notify, outcomes, observer, clock } = await given();
    for (let count = 0; count < 1_025; count++) notify(false);
    const [first, second] = observer.inbox as [Message, Message];
    replyWith(Reset)(first, observer);
    clock.advance(50);
    assert.ok(!outcomes.includes('reset'));
    replyWith(Reset)(second, observer);
    clock.advance(50);
    assert.equal(outcomes.filter((outcome) => outcome === 'reset').length, 1);
  });

  it('in blocks is block 0 with the token; the rest is served to whoever began the observation', async () => {
    const { notify, observer, requests, layer, clock } = await given();
    const options = [[Option.Observe, 0] as const, [Option.UriPath, 'a'] as const];
    observer.send(datagram({ code: Code.Get, messageId: 1, token: TOKEN, options }));
    clock.advance(50);
    const body = Buffer.from(Array.from({ length: 1_500 }, (_, index) => index & 255));
    notify(true, body, layer.servingKey(requests[0] as (typeof requests)[number]));
    const first = observer.last as Message;
    assert.deepEqual(decodeBlock(first.uint(Option.Block2) as number), { number: 0, more: true, szx: 6 });
    assert.equal(first.uint(Option.Observe), 7);
    replyWith(Acknowledgement)(first, observer);
    // The same request without Observe and with another token (RFC 7959 §2.6).
    const rest = [[Option.UriPath, 'a'] as const, [Option.Block2, encodeBlock(1, false, 6)] as const];
    observer.send(datagram({ code: Code.Get, messageId: 2, token: Buffer.of(1), options: rest }));
    clock.advance(50);
    const second = observer.last as Message;
    assert.deepEqual(Buffer.concat([first.payload, second.payload]), body);
    assert.deepEqual(second.opaque(Option.ETag), first.opaque(Option.ETag));
    assert.equal(second.has(Option.Observe), false);
    assert.equal(requests.length, 1);
  });

  it('whose listener throws is told to the owner of the layer', async () => {
    const { layer, endpoint } = await given();
    layer.notify(endpoint, TOKEN, { code: Code.Content }, { confirmable: false }, () => {
      throw new Error('a bug above');
    });
    assert.equal(layer.statistics.handlerErrors, 1);
  });
});

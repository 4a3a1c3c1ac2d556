/** The link lists of Discover, to the letter (LwM2M Core 1.1.1 §6.3.2). */
import assert from 'node:assert/strict';
import { Code } from '../../../src/coap/codes';
import { givenClient, textOf, thermometer } from './world';

const LINKS = 40;

async function givenAttributes(version: string) {
  const world = await givenClient({ objects: thermometer(version) });
  await world.server.ask('/3', { code: Code.Put, query: ['pmin=5'] });
  await world.server.ask('/3/0', { code: Code.Put, query: ['pmin=10', 'pmax=200'] });
  await world.server.ask('/3/0/7', { code: Code.Put, query: ['lt=1', 'gt=6', 'st=1'] });
  return async (path: string, query: readonly string[] = []): Promise<string> =>
    textOf(await world.server.ask(path, { accept: LINKS, query }));
}

describe('Discover', () => {
  it('lists an object with its instances, resources, dimensions and the attributes of each', async () => {
    const discover = await givenAttributes('1.1');
    assert.equal(
      await discover('/3'),
      '</3>;pmin=5,</3/0>;pmin=10;pmax=200,</3/0/0>,</3/0/4>,</3/0/6>;dim=2,</3/0/7>;dim=2;gt=6;lt=1;st=1,' +
        '</3/0/9>,</3/0/11>;dim=1,</3/0/14>,</3/0/15>,</3/0/16>',
    );
  });

  it('shows what the target inherits, and below it only what is attached there', async () => {
    const discover = await givenAttributes('1.1');
    assert.equal(await discover('/3/0/7'), '</3/0/7>;dim=2;pmin=10;pmax=200;gt=6;lt=1;st=1,</3/0/7/0>,</3/0/7/1>');
    assert.match(await discover('/3/0'), /^<\/3\/0>;pmin=10;pmax=200,<\/3\/0\/0>,/);
    assert.equal(await discover('/3/0/9'), '</3/0/9>;pmin=10;pmax=200');
  });

  it('in 1.0 lists no resource instances', async () => {
    const discover = await givenAttributes('1.0');
    assert.equal(await discover('/3/0/7'), '</3/0/7>;dim=2;pmin=10;pmax=200;gt=6;lt=1;st=1');
  });

  it('goes as deep as a 1.2 server asks, and a 1.1 client passes over the wish', async () => {
    const newer = await givenAttributes('1.2');
    assert.equal(await newer('/3', ['depth=0']), '</3>;pmin=5');
    assert.equal(await newer('/3', ['depth=1']), '</3>;pmin=5,</3/0>;pmin=10;pmax=200');
    assert.match(await newer('/3', ['depth=3']), /<\/3\/0\/7\/1>/);
    const older = await givenAttributes('1.1');
    assert.match(await older('/3', ['depth=0']), /<\/3\/0\/9>/);
  });

  it('shows the version of an object that is announced', async () => {
    const { server } = await givenClient({ objects: thermometer('1.1', { 3303: '1.1' }) });
    assert.equal(textOf(await server.ask('/3303', { accept: LINKS })), '</3303>;ver=1.1,</3303/0>,</3303/0/5700>,</3303/0/5701>');
  });

  it('answers 4.04 for what is absent, 4.00 for the root, 4.05 for a resource instance', async () => {
    const { server } = await givenClient();
    for (const path of ['/9', '/3/1', '/3/0/13', '/x'])
      assert.equal((await server.ask(path, { accept: LINKS })).code, Code.NotFound);
    assert.equal((await server.ask('/', { accept: LINKS })).code, Code.NotFound);
    assert.equal((await server.ask('', { accept: LINKS })).code, Code.BadRequest);
    assert.equal((await server.ask('/3/0/7/0', { accept: LINKS })).code, Code.MethodNotAllowed);
  });
});

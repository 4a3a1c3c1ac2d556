import assert from 'node:assert/strict';
import { around, deploy, device, endFlow, failureOf, inbox, saying, send, serverNode } from '../flow';

const EXECUTE = {
  type: 'dm-execute',
  device: 't-1',
  deviceType: 'str',
  path: 'path',
  pathType: 'msg',
  failures: 'catch',
  preset: '',
  arguments: '',
  argumentsType: 'none',
};

interface Executed {
  readonly path: string;
  readonly arguments: readonly (readonly [number, string | true])[];
}

/** @returns what the device has executed so far */
async function given(properties: Readonly<Record<string, unknown>> = {}): Promise<Executed[]> {
  await deploy([serverNode(), ...around({ ...EXECUTE, ...properties })]);
  const client = await device('t-1');
  const executed: Executed[] = [];
  client.events.on('executed', ({ path, arguments: map }) => executed.push({ path, arguments: [...map] }));
  return executed;
}

describe('execute', () => {
  afterEach(endFlow);

  it('executes, sends no arguments though there is a payload, and leaves the payload alone', async () => {
    const executed = await given();
    send({ _msgid: 'a', topic: 'mine', path: '3303/0/5605', payload: 'mine' });
    const { dm, ...message } = await inbox('out').next();
    assert.deepEqual(message, { _msgid: 'a', topic: 'mine', device: 't-1', path: '/3303/0/5605', payload: 'mine' });
    const { rtt, at, ...rest } = dm as { rtt: number; at: number };
    assert.deepEqual(rest, { server: 'server', operation: 'execute', code: '2.04' });
    assert.ok(rtt >= 0 && at > 0);
    await inbox('completed').next();
    await saying('ok');
    assert.deepEqual(executed, [{ path: '/3303/0/5605', arguments: [] }]);
    assert.equal(inbox('completed').all.length, 1);
  });

  it('arguments are where the dialog says', async () => {
    const executed = await given({ path: '/3/0/12', pathType: 'str', arguments: "0='15',1", argumentsType: 'str' });
    send({ arguments: '9' });
    await inbox('out').next();
    assert.deepEqual(executed[0]?.arguments, [
      [0, '15'],
      [1, true],
    ]);
  });

  it('or in the message, where it says so', async () => {
    const executed = await given({ path: '/3/0/12', pathType: 'str', arguments: 'how', argumentsType: 'msg' });
    send({ how: 5 });
    await inbox('out').next();
    send({});
    await inbox('out').next();
    assert.deepEqual(
      executed.map(({ arguments: list }) => list),
      [[[5, true]], []],
    );
  });

  const mistakes: readonly [string, Record<string, unknown>, string, RegExp][] = [
    ['arguments that are none', { path: '/3/0/12', how: 'now' }, 'invalid-value', /Write them like 0='on',1/],
    ['arguments in a list', { path: '/3/0/12', how: ['1'] }, 'invalid-request', /but a list came/],
    ['a resource that is not executable', { path: '/3/0/0' }, '4.05', /does not allow Execute \/3\/0\/0: it cannot be executed/],
    ['a resource that is not there', { path: '/3303/0/5822' }, '4.04', /has no \/3303\/0\/5822/],
    ['an instance', { path: '/3/0' }, 'invalid-path', /\/3\/0/],
  ];
  it('says what is wrong', async () => {
    const executed = await given({ arguments: 'how', argumentsType: 'msg' });
    for (const [what, message, code, text] of mistakes) {
      send(message);
      const { code: actual, message: told } = failureOf(await inbox('caught').next());
      assert.equal(actual, code, `${what}: ${told}`);
      assert.match(told, text, what);
    }
    assert.deepEqual(executed, []);
    assert.deepEqual(inbox('completed').all, []);
  });
});

import assert from 'node:assert/strict';
import { Events } from '../src/events';

interface TestEvents {
  came: string;
  left: number;
}

describe('Events', () => {
  it('tells every listener of that name, in order, and no other', () => {
    const events = new Events<TestEvents>();
    const heard: unknown[] = [];
    events.on('came', (name) => heard.push(`a ${name}`));
    events.on('came', (name) => heard.push(`b ${name}`));
    events.on('left', (count) => heard.push(count));
    events.emit('came', 'dev-1');
    assert.deepEqual(heard, ['a dev-1', 'b dev-1']);
  });

  it('shields emitter and other listeners from one that throws, and does not swallow its error', () => {
    const errors: unknown[] = [];
    const events = new Events<TestEvents>((error) => errors.push(error));
    const heard: string[] = [];
    const bug = new Error('a bug in a listener');
    events.on('came', () => {
      throw bug;
    });
    events.on('came', (name) => heard.push(name));
    events.emit('came', 'dev-1');
    assert.deepEqual(heard, ['dev-1']);
    assert.deepEqual(errors, [bug]);
  });

  it('reports an unhandled listener error as a warning of the process', async () => {
    const events = new Events<TestEvents>();
    events.on('came', () => {
      throw new Error('nobody minds me');
    });
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    events.emit('came', 'dev-1');
    assert.match((await warned).message, /nobody minds me/);
  });

  it('lets listeners come and go during an emission, which keeps its own list', () => {
    const events = new Events<TestEvents>();
    const heard: string[] = [];
    const endSecond: (() => void)[] = [];
    events.on('came', () => {
      heard.push('first');
      endSecond[0]?.();
      events.on('came', () => heard.push('late'));
    });
    endSecond.push(events.on('came', () => heard.push('second')));
    events.emit('came', 'x');
    assert.deepEqual(heard, ['first', 'second']);
    heard.length = 0;
    events.emit('came', 'x');
    assert.deepEqual(heard, ['first', 'late']);
  });

  it('says whether anyone would hear', () => {
    const events = new Events<TestEvents>();
    assert.equal(events.has('came'), false);
    const end = events.on('came', () => {});
    assert.equal(events.has('came'), true);
    end();
    end();
    assert.equal(events.has('came'), false);
    events.emit('came', 'to nobody');
  });

  it('ends one subscription of a listener that subscribed twice', () => {
    const events = new Events<TestEvents>();
    let heard = 0;
    const listener = (): void => {
      heard++;
    };
    const end = events.on('came', listener);
    events.on('came', listener);
    end();
    end();
    events.emit('came', 'x');
    assert.equal(heard, 1);
  });
});

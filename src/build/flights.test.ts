import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flights } from './flights.ts';

const never = new AbortController().signal;

test('what several ask for at once is done once, and all are told all of it', async () => {
  const flights = new Flights<number, string>();
  const gate = Promise.withResolvers<number>();
  let begun = 0;
  const work = (_signal: AbortSignal, tell: (event: string) => void) => {
    begun++;
    tell('begun');
    return gate.promise;
  };
  const heard: string[][] = [[], []];
  const first = flights.join('key', work, { signal: never, listener: (event) => heard[0]!.push(event) });
  await Promise.resolve();
  const second = flights.join('key', work, { signal: never, listener: (event) => heard[1]!.push(event) });
  gate.resolve(7);
  assert.deepEqual(await Promise.all([first, second]), [7, 7]);
  assert.equal(begun, 1);
  assert.deepEqual(heard, [['begun'], ['begun']]);
  // it is over: the next one does it again
  assert.equal(await flights.join('key', async () => 8, { signal: never, listener: () => {} }), 8);
});

test('who gives up leaves the others; the last one ends the work and waits for its end', async () => {
  const flights = new Flights<number, string>();
  const ended = Promise.withResolvers<void>();
  let stopped = false;
  const work = (signal: AbortSignal) =>
    new Promise<number>((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        stopped = true;
        void ended.promise.then(() => reject(new Error('stopped')));
      });
    });
  const [one, two] = [new AbortController(), new AbortController()];
  const first = flights.join('key', work, { signal: one.signal, listener: () => {} });
  const second = flights.join('key', work, { signal: two.signal, listener: () => {} });
  one.abort();
  await assert.rejects(first, { kind: 'cancelled' });
  assert.equal(stopped, false);
  two.abort();
  let settled = false;
  const over = second.then(
    () => assert.fail('it has a result'),
    (error: { kind?: string }) => {
      settled = true;
      assert.equal(error.kind, 'cancelled');
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([stopped, settled], [true, false]);
  ended.resolve();
  await over;
  // one that is being given up is not joined
  await assert.rejects(
    flights.join('key', async () => 1, { signal: two.signal, listener: () => {} }),
    { kind: 'cancelled' },
  );
});

test('a failure is everybody’s', async () => {
  const flights = new Flights<number, string>();
  const work = async () => {
    throw new TypeError('no');
  };
  const join = () => flights.join('key', work, { signal: never, listener: () => {} });
  await Promise.all([assert.rejects(join(), TypeError), assert.rejects(join(), TypeError)]);
});

test('a failure after the one who began it has left: who is left does it once more, together', async () => {
  const flights = new Flights<number, string>();
  const broken = Promise.withResolvers<number>();
  const one = new AbortController();
  const first = flights.join('key', () => broken.promise, { signal: one.signal, listener: () => {} });
  let begun = 0;
  const own = async () => ++begun;
  const others = [1, 2].map(() => flights.join('key', own, { signal: never, listener: () => {} }));
  one.abort();
  await assert.rejects(first, { kind: 'cancelled' });
  broken.reject(new Error('he has gone'));
  assert.deepEqual(await Promise.all(others), [1, 1]);
});

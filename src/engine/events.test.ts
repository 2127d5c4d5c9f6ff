import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventBus } from './events.ts';

test('a reader that does not come for its events is let go, and costs no more from then on', async () => {
  const bus = new EventBus();
  const reading = bus.read({}, () => true);
  const first = reading.next();
  bus.emit('container', 'create', 'a');
  await first;
  // it is busy with that one; meanwhile:
  for (let count = 0; count < 30_000; count++) bus.emit('container', 'start', 'a');
  let kept = 0;
  for await (const { Action } of reading) if (Action === 'start') kept++;
  assert.equal(kept, 10_000);
  assert.equal(bus.readers, 0);
});

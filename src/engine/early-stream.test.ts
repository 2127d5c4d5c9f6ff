import assert from 'node:assert/strict';
import { test } from 'node:test';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { EarlyStream } from './early-stream.ts';
import { LiveContainers } from './live.ts';

test('who waits for the process of a container that is removed is told that there will be none', { timeout: 10_000 }, async () => {
  const live = new LiveContainers();
  const streams = [1, 2, 3].map(() => new EarlyStream({ stdin: true, stdout: true, stderr: false }));
  for (const stream of streams) live.attachEarly('a', stream);
  // one has said something already, one all that it has to say
  streams[1]!.write('input');
  streams[2]!.end('input');
  live.removed('a', undefined);
  for (const stream of streams) {
    assert.equal(await text(stream), '');
    await finished(stream);
  }
  assert.deepEqual(live.takeEarly('a'), []);
});

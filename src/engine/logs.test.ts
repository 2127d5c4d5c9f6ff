import assert from 'node:assert/strict';
import { appendFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { tempFor } from '../../test/support/temp.ts';
import { readLog } from './logs.ts';

const line = (log: string) => `${JSON.stringify({ log, stream: 'stdout', time: '2026-01-01T00:00:00Z' })}\n`;
const write = (path: string, ...logs: string[]) => writeFileSync(path, logs.map(line).join(''));
async function all(entries: AsyncIterable<{ log: string }>): Promise<string[]> {
  const out: string[] = [];
  for await (const { log } of entries) out.push(log);
  return out;
}

test('rotated files come oldest first; a tail goes over their borders; what a full disk cut is left out', async (t) => {
  const path = `${tempFor(t)}/x.log`;
  write(`${path}.2`, 'a', 'b');
  write(`${path}.1`, 'c');
  writeFileSync(path, `{"log":"cu\n${line('d')}{"log":"not yet`);
  const read = (tail?: number) => all(readLog(path, { tail }, () => false));
  assert.deepEqual(await read(), ['a', 'b', 'c', 'd']);
  // as in Docker, the cut one counts
  assert.deepEqual(await read(4), ['b', 'c', 'd']);
  assert.deepEqual(await read(0), []);
  assert.deepEqual(await read(-1), ['a', 'b', 'c', 'd']);
  assert.deepEqual(await all(readLog(`${path}.none`, {}, () => false)), []);
});

test('followed over several rotations between two looks, with a hole, and over an emptied file', async (t) => {
  const path = `${tempFor(t)}/x.log`;
  const rotate = () => {
    for (const n of [4, 3, 2, 1]) {
      try {
        renameSync(n === 1 ? path : `${path}.${n - 1}`, `${path}.${n}`);
      } catch {
        // not that many yet
      }
    }
  };
  write(path, 'a');
  const steps = [
    () => {
      appendFileSync(path, line('b'));
      rotate();
      write(path, 'c');
      rotate();
      write(path, 'd');
    },
    () => {
      // rotation was killed between two renames: .1 is missing, the file itself not yet made
      rotate();
      write(path, 'e');
      rotate();
      write(path, 'f');
      renameSync(`${path}.1`, `${path}.gone`);
    },
    () => truncateSync(path),
    () => appendFileSync(path, line('g')),
  ];
  const got = await all(
    readLog(path, { follow: true }, () => {
      const step = steps.shift();
      step?.();
      return step !== undefined;
    }),
  );
  assert.deepEqual(got, ['a', 'b', 'c', 'd', 'f', 'g']);
});

test('while the last lines of a huge log are looked for, everything else goes on, and who has had enough is let go', async (t) => {
  const path = `${tempFor(t)}/x.log`;
  write(path, 'a', 'b');
  // with holes: an hour's reading
  truncateSync(path, 2 ** 40);
  const enough = new AbortController();
  const reading = all(readLog(path, { tail: 5, signal: enough.signal }, () => false));
  await turn();
  enough.abort();
  assert.deepEqual(await reading, []);
});

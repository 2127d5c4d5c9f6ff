import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { linuxRawFiles } from '../kernel/linux/files.ts';
import { tempFor } from '../../test/support/temp.ts';
import { LargeFile } from './large-file.ts';

const MB = 1 << 20;

test('from some place on, whole, and without room that was not used', async (t) => {
  const path = `${tempFor(t)}/file`;
  writeFileSync(path, 'abc');
  const fd = openSync(path, 'r+');
  const file = new LargeFile(linuxRawFiles(), fd, 3);
  for (let at = 0; at < 20; at++) {
    file.write(Buffer.alloc(MB, 0x61 + at));
    await turn();
  }
  assert.equal(statSync(path).size, 3 + 20 * MB, 'room that is taken ahead does not show');
  file.end();
  closeSync(fd);
  const bytes = readFileSync(path);
  assert.equal(bytes.toString('latin1', 0, 4), 'abca');
  for (let at = 0; at < 20; at++) assert.ok(bytes.subarray(3 + at * MB, 3 + (at + 1) * MB).equals(Buffer.alloc(MB, 0x61 + at)));
  assert.ok(statSync(path).blocks * 512 < 22 * MB);
});

test('what the system cannot do ahead is no error', (t) => {
  const path = `${tempFor(t)}/file`;
  const fd = openSync(path, 'w');
  const raw = linuxRawFiles();
  const broken = {
    ...raw,
    reserve: () => raw.reserve(-1, 0, 1),
    startWriteback: (...[, , , done]: Parameters<typeof raw.startWriteback>) => raw.startWriteback(-1, 0, 1, done),
  };
  const file = new LargeFile(broken, fd);
  for (let at = 0; at < 9; at++) file.write(Buffer.alloc(MB, at));
  file.end();
  closeSync(fd);
  assert.equal(statSync(path).size, 9 * MB);
});

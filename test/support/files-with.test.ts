import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { filesWith } from './files-with.ts';
import { tempFor } from './temp.ts';

test('files with one of the texts, also among bytes; places that are not there are none', (t) => {
  const folder = tempFor(t);
  mkdirSync(`${folder}/a/b`, { recursive: true });
  writeFileSync(`${folder}/a/b/one`, Buffer.from('\0\xff.*hush\0', 'latin1'));
  writeFileSync(`${folder}/a/two`, 'aHVzaA==');
  writeFileSync(`${folder}/a/three`, 'quiet');
  assert.deepEqual(filesWith(['.*hush', 'aHVzaA=='], folder, `${folder}/none`), [`${folder}/a/b/one`, `${folder}/a/two`]);
  assert.deepEqual(filesWith(['loud'], folder), []);
});

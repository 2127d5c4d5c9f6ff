import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { TarReader } from '../../src/tar/reader.ts';
import { openDriver } from '../support/snapshot-drivers.ts';
import { tempFor } from '../support/temp.ts';

test('an archive of digests: each file has its own, and everything else is as it is', async (t) => {
  const folder = tempFor(t);
  const driver = openDriver('overlay', `${folder}/driver`);
  t.after(() => driver.close());
  const large = randomBytes(700_001);
  mkdirSync(`${folder}/root/in`, { recursive: true });
  writeFileSync(`${folder}/root/in/empty`, '');
  writeFileSync(`${folder}/root/in/large`, large, { mode: 0o755 });
  linkSync(`${folder}/root/in/large`, `${folder}/root/in/other`);
  symlinkSync('large', `${folder}/root/in/to`);
  const found: string[] = [];
  let content = Buffer.alloc(0);
  const reader = new TarReader({
    entry: ({ name, type, size, mode, linkName }) => void found.push(`${name.toString()} ${type} ${size} ${(mode & 0o777).toString(8)} ${linkName.toString()}`),
    data: (chunk) => void (content = Buffer.concat([content, chunk])),
    entryEnd: () => {
      if (content.length > 0) found.push(content.toString('hex'));
      content = Buffer.alloc(0);
    },
  });
  for await (const chunk of driver.rooted.archive(`${folder}/root`, '/in', { digests: true })) reader.push(chunk);
  reader.end();
  const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  assert.deepEqual(found, [
    'in/ dir 0 755 ',
    'in/empty file 32 644 ',
    digest(Buffer.alloc(0)),
    'in/large file 32 755 ',
    digest(large),
    'in/other link 0 755 in/large',
    'in/to symlink 0 777 large',
  ]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { file, layerTar } from '../../test/support/layers.ts';
import { archiveKind } from './build-archive.ts';

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

const kindOf = (bytes: Buffer) => archiveKind(once(bytes));

test('archives are told by what they unpack to', async () => {
  const tar = layerTar([file('f', Buffer.alloc(300_000, 'x'))]);
  const other = Buffer.alloc(300_000, 'no archive ');
  assert.deepEqual([await kindOf(tar), await kindOf(gzipSync(tar)), await kindOf(zstdCompressSync(tar))], ['none', 'gzip', 'zstd']);
  for (const bytes of [
    other,
    gzipSync(other),
    zstdCompressSync(other),
    gzipSync(tar).subarray(0, 20),
    zstdCompressSync(tar).subarray(0, 12),
    Buffer.alloc(0),
  ]) {
    assert.equal(await kindOf(bytes), undefined);
  }
  for (const bytes of [gzipSync(tar), zstdCompressSync(tar)]) assert.equal(await kindOf(bytes.fill(0xff, 12)), undefined);
});

test('of what unpacks to gigabytes only the beginning is unpacked', async () => {
  // blocks of 128 KiB of one byte each, in four bytes (RFC 8878)
  const block = Buffer.from([0x02, 0x00, 0x10, 0x00]);
  const bomb = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]), ...Array.from({ length: 16_000 }, () => block)]);
  const before = process.resourceUsage().maxRSS;
  assert.equal(await kindOf(bomb), undefined);
  const grown = process.resourceUsage().maxRSS - before;
  assert.ok(grown < 256 * 1024, `${grown} KiB`);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { Compression } from './contract.ts';
import { decompressor } from './decompress.ts';

async function unpack(bytes: Buffer, piece = bytes.length || 1, compression: Compression = 'auto'): Promise<Buffer> {
  const out: Buffer[] = [];
  const stream = decompressor(compression, (chunk) => void out.push(Buffer.from(chunk)));
  try {
    for (let at = 0; at < bytes.length; at += piece) await stream.write(bytes.subarray(at, at + piece));
    await stream.end();
  } finally {
    stream.destroy();
  }
  return Buffer.concat(out);
}

const TEXT = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * index) % 251));
const damaged = (message: RegExp) => ({ name: 'EngineError', kind: 'invalid', message });

for (const [name, pack] of [
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
] as const) {
  test(`${name}: one member, several, in pieces of any size`, async () => {
    const parts = [TEXT.subarray(0, 70_000), TEXT.subarray(70_000, 70_001), Buffer.alloc(0), TEXT.subarray(70_001)];
    const several = Buffer.concat(parts.map((part) => pack(part)));
    for (const piece of [several.length, 7000, 4096, 511]) {
      assert.ok((await unpack(pack(TEXT), piece)).equals(TEXT), `one, ${piece}`);
      assert.ok((await unpack(several, piece)).equals(TEXT), `several, ${piece}`);
    }
    const small = Buffer.concat([pack(Buffer.from('a')), pack(Buffer.from('b')), pack(Buffer.from('c'))]);
    assert.equal((await unpack(small, 1)).toString(), 'abc');
    assert.equal((await unpack(small)).toString(), 'abc');
  });

  test(`${name}: truncated, damaged, followed by something else`, async () => {
    const packed = pack(TEXT);
    for (const length of [5, 20, packed.length >> 1, packed.length - 1])
      await assert.rejects(unpack(packed.subarray(0, length)), damaged(/stream is damaged: unexpected end of file/));
    await assert.rejects(unpack(Buffer.concat([packed, Buffer.from('something else')])), damaged(/stream is damaged/));
    await assert.rejects(unpack(Buffer.concat([packed, packed.subarray(0, 30)])), damaged(/stream is damaged/));
    const flipped = Buffer.from(packed);
    flipped[packed.length >> 1]! ^= 0x55;
    const result = await unpack(flipped).catch((error: Error) => error);
    if (name === 'gzip') assert.match(String(result), /stream is damaged/);
    else if (Buffer.isBuffer(result)) assert.equal(result.length, TEXT.length); // zstd frames need no checksum: the digests tell
  });

  test(`${name}: what the consumer throws comes out`, async () => {
    const boom = new Error('boom');
    const stream = decompressor('auto', () => assert.fail(boom));
    await assert.rejects(async () => {
      await stream.write(pack(TEXT));
      await stream.end();
    }, boom);
    await assert.rejects(stream.write(pack(TEXT)), boom);
    stream.destroy();
  });
}

test('gzip: zeros after the end are ignored', async () => {
  assert.ok((await unpack(Buffer.concat([gzipSync(TEXT), Buffer.alloc(5000)]))).equals(TEXT));
  assert.ok((await unpack(Buffer.concat([gzipSync(TEXT), Buffer.alloc(5000)]), 1000)).equals(TEXT));
});

test('zstd: skippable frames before, between and after', async () => {
  const skip = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
  const bytes = Buffer.concat([skip, zstdCompressSync(TEXT), skip, zstdCompressSync(TEXT), skip]);
  for (const piece of [bytes.length, 5, 4096]) assert.ok((await unpack(bytes, piece)).equals(Buffer.concat([TEXT, TEXT])), `${piece}`);
});

test('plain bytes, declared and found out', async () => {
  assert.ok((await unpack(TEXT, 1000, 'none')).equals(TEXT));
  assert.ok((await unpack(TEXT, 1000, 'auto')).equals(TEXT));
  assert.ok((await unpack(TEXT, 3000, 'gzip')).equals(TEXT));
  assert.equal((await unpack(Buffer.alloc(0))).length, 0);
  assert.equal((await unpack(Buffer.from('ab'), 1)).toString(), 'ab');
  await assert.rejects(unpack(Buffer.alloc(0), 1, 'gzip'), damaged(/gzip stream is empty/));
  await assert.rejects(unpack(Buffer.from('BZh91AY')), damaged(/bzip2, which is not supported/));
  await assert.rejects(unpack(Buffer.from('\xfd7zXZ\0', 'latin1')), damaged(/xz, which is not supported/));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { Compression } from './contract.ts';
import { decompressor } from './decompress.ts';

async function unpack(bytes: Buffer, piece = bytes.length || 1, compression: Compression = 'auto', digested = false): Promise<Buffer> {
  const out: Buffer[] = [];
  const stream = decompressor(compression, (chunk) => void out.push(Buffer.from(chunk)), { digested });
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

for (const [name, pack, digested] of [
  ['gzip', gzipSync, false],
  ['gzip', gzipSync, true],
  ['zstd', zstdCompressSync, false],
] as const) {
  const title = digested ? `${name}, of which a digest is known` : name;
  const unpackIt = (bytes: Buffer, piece?: number) => unpack(bytes, piece, 'auto', digested);

  test(`${title}: one member, several, in pieces of any size`, async () => {
    const parts = [TEXT.subarray(0, 70_000), TEXT.subarray(70_000, 70_001), Buffer.alloc(0), TEXT.subarray(70_001)];
    const several = Buffer.concat(parts.map((part) => pack(part)));
    for (const piece of [several.length, 7000, 4096, 511]) {
      assert.ok((await unpackIt(pack(TEXT), piece)).equals(TEXT), `one, ${piece}`);
      assert.ok((await unpackIt(several, piece)).equals(TEXT), `several, ${piece}`);
    }
    const small = Buffer.concat([pack(Buffer.from('a')), pack(Buffer.from('b')), pack(Buffer.from('c'))]);
    assert.equal((await unpackIt(small, 1)).toString(), 'abc');
    assert.equal((await unpackIt(small)).toString(), 'abc');
  });

  test(`${title}: truncated, damaged, followed by something else`, async () => {
    const packed = pack(TEXT);
    for (const length of [5, 20, packed.length >> 1, packed.length - 9, packed.length - 8, packed.length - 5, packed.length - 1])
      await assert.rejects(unpackIt(packed.subarray(0, length)), damaged(/stream is damaged: unexpected end of file/));
    await assert.rejects(unpackIt(Buffer.concat([packed, Buffer.from('something else')])), damaged(/stream is damaged/));
    await assert.rejects(unpackIt(Buffer.concat([packed, packed.subarray(0, 30)])), damaged(/stream is damaged/));
    const flipped = Buffer.from(packed);
    flipped[packed.length >> 1]! ^= 0x55;
    const result = await unpackIt(flipped).catch((error: Error) => error);
    if (name === 'gzip') assert.match(String(result), /stream is damaged/);
    else if (Buffer.isBuffer(result)) assert.equal(result.length, TEXT.length); // zstd frames need no checksum: the digests tell
  });

  test(`${title}: what the consumer throws comes out`, async () => {
    const boom = new Error('boom');
    const stream = decompressor('auto', () => assert.fail(boom), { digested });
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

test('gzip: all that a header may have, in pieces of any size, and what it may not', async () => {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(TEXT));
  trailer.writeUInt32LE(TEXT.length, 4);
  const fixed = (flags: number) => Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255]);
  const extra = Buffer.from([5, 0, 1, 2, 0, 4, 5]);
  const names = Buffer.from('a name\0a comment\0');
  const member = (...header: Buffer[]) => Buffer.concat([...header, deflateRawSync(TEXT), trailer]);
  const sum = (header: Buffer) => Buffer.from(Uint16Array.of(crc32(header) & 0xffff).buffer);
  const all = Buffer.concat([fixed(0x1e), extra, names]);
  for (const packed of [member(fixed(0)), member(fixed(4), extra), member(fixed(0x18), names), member(all, sum(all))])
    for (const digested of [false, true])
      for (const piece of [packed.length, 1000, 7, 1]) assert.ok((await unpack(packed, piece, 'auto', digested)).equals(TEXT), `${piece}, ${digested}`);
  for (const digested of [false, true]) {
    await assert.rejects(unpack(member(fixed(0x20)), 100, 'auto', digested), damaged(/damaged: unknown header flags set/));
    const otherMethod = member(fixed(0));
    otherMethod[2] = 7;
    await assert.rejects(unpack(otherMethod, 100, 'auto', digested), damaged(/damaged: unknown compression method/));
    const otherLength = member(fixed(0));
    otherLength[otherLength.length - 1]! ^= 1;
    await assert.rejects(unpack(otherLength, 100, 'auto', digested), damaged(/damaged: incorrect length check/));
    const otherSum = member(fixed(0));
    otherSum[otherSum.length - 6]! ^= 1;
    const found = unpack(otherSum, 100, 'auto', digested);
    if (digested) assert.ok((await found).equals(TEXT), 'the digest tells');
    else await assert.rejects(found, damaged(/damaged: incorrect data check/));
  }
  const endless = Buffer.concat([fixed(8), Buffer.alloc(3 << 20, 97)]);
  await assert.rejects(unpack(endless, 1 << 20, 'auto', true), damaged(/damaged: the header is too long/));
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

test('the memory of what came out goes back when it has been handed on, that of the last chunk at the end', async () => {
  for (const packed of [gzipSync(TEXT), zstdCompressSync(TEXT), Buffer.concat([gzipSync(TEXT), gzipSync(TEXT)])]) {
    for (const digested of [false, true]) {
      const memory = new Set<ArrayBufferLike>();
      const stream = decompressor('auto', ({ buffer }) => void memory.add(buffer), { digested });
      await stream.write(packed);
      await stream.end();
      assert.ok(memory.size > 0);
      assert.deepEqual(
        [...memory].map(({ byteLength }) => byteLength),
        [...memory].map(() => 0),
      );
    }
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TarEntry } from './contract.ts';
import { copyTar, type TarCopyOptions } from './copy.ts';
import { TarReader } from './reader.ts';
import { TarWriter, type TarFields } from './writer.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const ENTRIES: readonly (TarFields & { readonly data?: string })[] = [
  { type: 'dir', name: bytes('d/'), mode: 0o755, mtime: 5_000_000_001n },
  {
    type: 'file',
    name: bytes('d/a'),
    mode: 0o4644,
    uid: 7,
    gid: 3_000_000,
    size: 5,
    mtime: 9_000_000_000n,
    data: 'hello',
    xattrs: new Map([['user.x', bytes('y')]]),
  },
  { type: 'link', name: bytes('d/b'), linkName: bytes('d/a'), mode: 0o644 },
  { type: 'symlink', name: bytes(`d/${'é'.repeat(90)}`), linkName: bytes('a'), mode: 0o777, mtime: -1n },
  { type: 'char', name: bytes('null'), mode: 0o666, devMajor: 1, devMinor: 3 },
];

function archive(): Buffer {
  const pieces: Buffer[] = [];
  const writer = new TarWriter((piece) => pieces.push(piece));
  for (const { data, ...fields } of ENTRIES) {
    writer.entry(fields);
    if (data !== undefined) writer.data(bytes(data));
  }
  writer.end();
  return Buffer.concat(pieces);
}

async function copied(source: Buffer, step: number, options: TarCopyOptions): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const chunks = async function* (): AsyncGenerator<Buffer> {
    for (let at = 0; at < source.length; at += step) yield source.subarray(at, at + step);
  };
  for await (const piece of copyTar(chunks(), options)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

function entriesOf(tar: Buffer): TarEntry[] {
  const entries: TarEntry[] = [];
  const reader = new TarReader({ entry: (entry) => entries.push(entry), data: () => {}, entryEnd: () => {} });
  reader.push(tar);
  reader.end();
  return entries;
}

test('an archive of ours comes out byte for byte, however it comes in', async () => {
  const source = archive();
  for (const step of [1, 511, 513, source.length]) assert.deepEqual(await copied(source, step, {}), source);
});

test('times are changed, and entries come after the last one', async () => {
  const clamp = (time: bigint) => (time > 6_000_000_000n ? 6_000_000_000n : time);
  const data: string[] = [];
  const out = await copied(archive(), 4096, {
    mtime: clamp,
    watch: { entry: () => {}, data: (chunk) => void data.push(chunk.toString()), entryEnd: () => {} },
    more: () => [{ fields: { type: 'file', name: bytes('last'), mode: 0o600 }, data: bytes(`seen ${data.join('')}`) }],
  });
  const entries = entriesOf(out);
  assert.deepEqual(
    entries.map(({ mtime }) => mtime),
    [5_000_000_001n, 6_000_000_000n, 0n, -1n, 0n, 0n],
  );
  assert.equal(entries.at(-1)!.name.toString(), 'last');
  assert.ok(out.includes('seen hello'));
  assert.equal(entries[1]!.xattrs.get('user.x')!.toString(), 'y');
});

test('an archive that is cut off is refused', async () => {
  await assert.rejects(copied(archive().subarray(0, 1800), 4096, {}), /truncated|in the middle/);
});

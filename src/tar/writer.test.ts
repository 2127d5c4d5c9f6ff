import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import type { TarEntry } from './contract.ts';
import { TarReader } from './reader.ts';
import { tarHeader, TarWriter, type TarFields } from './writer.ts';

const name = (text: string) => Buffer.from(text, 'latin1');
const text = (block: Buffer, at: number, length: number) => block.toString('latin1', at, at + length).replace(/\0.*$/s, '');

/** The records of the pax header that a header begins with. */
function records(header: Buffer): string {
  assert.equal(text(header, 156, 1), 'x');
  return header.toString('latin1', 512, 512 + Number.parseInt(text(header, 124, 12), 8));
}

function written(entries: readonly (TarFields & { content?: Buffer })[]): Buffer {
  const out: Buffer[] = [];
  const tar = new TarWriter((chunk) => void out.push(chunk));
  for (const { content, ...fields } of entries) {
    tar.entry({ ...fields, size: content?.length ?? 0 });
    if (content !== undefined) tar.data(content);
  }
  tar.end();
  return Buffer.concat(out);
}

describe('tar writer, as archive/tar', () => {
  test('a plain header: fields, magic, checksum', () => {
    const block = tarHeader({
      type: 'file',
      name: name('etc/passwd'),
      mode: 0o644,
      uid: 1,
      gid: 2,
      size: 1234,
      mtime: 1_700_000_000_000_000_000n,
    });
    assert.equal(block.length, 512);
    assert.deepEqual(
      [
        [0, 100],
        [100, 8],
        [108, 8],
        [116, 8],
        [124, 12],
        [136, 12],
        [156, 1],
        [257, 6],
        [263, 2],
        [329, 8],
        [337, 8],
      ].map(([at, length]) => text(block, at!, length!)),
      ['etc/passwd', '0000644', '0000001', '0000002', '00000002322', '14524770400', '0', 'ustar', '00', '0000000', '0000000'],
    );
    assert.match(block.toString('latin1', 148, 156), /^[0-7]{6}\0 $/);
  });

  test('long names: split where that fits ustar, else cut and in a record', () => {
    const long = name(`${'d'.repeat(90)}/${'e'.repeat(60)}/`);
    const ustar = tarHeader({ type: 'dir', name: long, mode: 0o755 });
    assert.equal(ustar.length, 512);
    assert.deepEqual([text(ustar, 0, 100), text(ustar, 345, 155)], [`${'e'.repeat(60)}/`, 'd'.repeat(90)]);
    const longer = name(`${'d'.repeat(160)}/${'e'.repeat(60)}/`);
    const pax = tarHeader({ type: 'dir', name: longer, mode: 0o755 });
    assert.equal(pax.length, 1536);
    assert.equal(text(pax, 0, 100), 'd'.repeat(100), 'the name of the header ends in /PaxHeaders.0, but for the cut');
    assert.equal(records(pax), `232 path=${longer.toString()}\n`);
    assert.equal(text(pax.subarray(1024), 0, 100), 'd'.repeat(100));
    assert.equal(tarHeader({ type: 'file', name: name('f'.repeat(150)), mode: 0o644 }).length, 1536);
    assert.equal(tarHeader({ type: 'symlink', name: name('s'), linkName: name('t/'.repeat(60)), mode: 0o777 }).length, 1536);
    // cut after a slash it would be a folder to some readers
    const cut = tarHeader({ type: 'file', name: name(`${'a'.repeat(99)}/b`), mode: 0o644, xattrs: new Map([['user.a', Buffer.from('b')]]) });
    assert.equal(text(cut.subarray(1024), 0, 100), 'a'.repeat(99));
  });

  test('what octal digits and ASCII cannot hold goes to records, in the order of their keys', () => {
    const header = tarHeader({
      type: 'file',
      name: name('d/\xc3\xa9'),
      mode: 0o644,
      uid: 2_097_152,
      gid: 4_294_967_294,
      size: 8 ** 11,
      mtime: -1n,
      xattrs: new Map([
        ['user.b', Buffer.from('2')],
        ['security.capability', Buffer.from([1, 0, 0x0a, 0])],
      ]),
    });
    assert.equal(
      records(header),
      '41 SCHILY.xattr.security.capability=\x01\x00\n\x00\n25 SCHILY.xattr.user.b=2\n18 gid=4294967294\n22 mtime=-0.000000001\n13 path=d/\xc3\xa9\n19 size=8589934592\n15 uid=2097152\n',
    );
    assert.equal(text(header, 0, 100), 'd/PaxHeaders.0');
    const main = header.subarray(1024);
    assert.deepEqual(
      [text(main, 0, 100), text(main, 108, 8), text(main, 116, 8), text(main, 124, 12), text(main, 136, 12)],
      ['d/', '0000000', '0000000', '00000000000', '00000000000'],
    );
  });

  test('what is written is read back', () => {
    const entries: (TarFields & { content?: Buffer })[] = [
      { type: 'dir', name: name('d/'), mode: 0o1777, uid: 3, gid: 4, mtime: 5n * 10n ** 9n },
      {
        type: 'file',
        name: name(`${'x'.repeat(300)}\xff`),
        mode: 0o4755,
        mtime: 1_700_000_000_123_000_000n,
        content: Buffer.alloc(1000, 7),
        xattrs: new Map([['user.a', Buffer.from([0, 10])]]),
      },
      { type: 'symlink', name: name('s'), linkName: name('t'.repeat(200)), mode: 0o777 },
      { type: 'link', name: name('l'), linkName: name('d/x'), mode: 0o644 },
      { type: 'char', name: name('c'), mode: 0o666, devMajor: 1, devMinor: 3 },
      { type: 'file', name: name('empty'), mode: 0, uid: 4_000_000_000, userName: 'ü', content: Buffer.alloc(0) },
    ];
    {
      const read: TarEntry[] = [];
      const data: Buffer[] = [];
      const reader = new TarReader({ entry: (entry) => void read.push(entry), data: (chunk) => void data.push(Buffer.from(chunk)), entryEnd: () => {} });
      reader.push(written(entries));
      reader.end();
      assert.ok(reader.ended);
      assert.deepEqual(
        read.map((entry) => [
          entry.type,
          entry.name,
          entry.linkName,
          entry.mode,
          entry.uid,
          entry.gid,
          entry.userName,
          entry.size,
          entry.mtime,
          entry.devMajor,
          entry.devMinor,
          [...entry.xattrs],
        ]),
        entries.map((entry) => [
          entry.type,
          entry.name,
          entry.linkName ?? Buffer.alloc(0),
          entry.mode,
          entry.uid ?? 0,
          entry.gid ?? 0,
          entry.userName ?? '',
          entry.content?.length ?? 0,
          entry.mtime ?? 0n,
          entry.devMajor ?? 0,
          entry.devMinor ?? 0,
          [...(entry.xattrs ?? [])],
        ]),
      );
      assert.deepEqual(Buffer.concat(data), Buffer.alloc(1000, 7));
    }
  });

  test('GNU tar lists it', (t) => {
    if (spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout?.includes('GNU') !== true) return t.skip('GNU tar is not installed');
    const bytes = written([
      { type: 'dir', name: name('d/'), mode: 0o755, mtime: 0n },
      { type: 'file', name: name(`d/${'f'.repeat(200)}`), mode: 0o4755, uid: 5_000_000, gid: 7, mtime: 0n, content: Buffer.from('12345') },
      { type: 'symlink', name: name('s'), linkName: name('d'), mode: 0o777, mtime: 0n },
    ]);
    const listed = execFileSync('tar', ['--utc', '--numeric-owner', '-tvf', '-'], { input: bytes, encoding: 'utf8' });
    assert.deepEqual(
      listed
        .trim()
        .split('\n')
        .map((line) => line.replace(/ +/g, ' ')),
      ['drwxr-xr-x 0/0 0 1970-01-01 00:00 d/', `-rwsr-xr-x 5000000/7 5 1970-01-01 00:00 d/${'f'.repeat(200)}`, 'lrwxrwxrwx 0/0 0 1970-01-01 00:00 s -> d'],
    );
  });

  test('an entry gets neither more nor less data than it said', () => {
    const tar = new TarWriter(() => {});
    tar.entry({ type: 'file', name: name('a'), mode: 0o644, size: 3 });
    assert.throws(() => tar.data(Buffer.alloc(4)), /more data/);
    tar.data(Buffer.alloc(2));
    assert.throws(() => tar.entry({ type: 'file', name: name('b'), mode: 0o644 }), /1 bytes of an entry are missing/);
    assert.throws(() => tar.end(), /missing/);
    assert.throws(() => new TarWriter(() => {}).entry({ type: 'dir', name: name('a/'), mode: 0o755, size: 1 }), /only files have data/);
  });
});

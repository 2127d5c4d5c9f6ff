import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import { archive, paxRecord, rawHeader, withBody } from '../../test/support/raw-archive.ts';
import { TarReader } from './reader.ts';

/** Numbers that are the same in each run of a seed (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const SPARSE_MAP = Buffer.alloc(512);
SPARSE_MAP.write('2\n1024\n512\n4096\n512\n');
const DATA = Buffer.alloc(1024, 5);

/** One of everything. */
const SAMPLE = archive(
  withBody({ name: 'g', type: 'g' }, paxRecord('comment', 'c')),
  rawHeader({ name: 'dir/', type: '5' }),
  withBody(
    { name: 'p', type: 'x' },
    Buffer.concat([paxRecord('path', 'long/'.repeat(50)), paxRecord('mtime', '1.5'), paxRecord('SCHILY.xattr.user.a', 'b'), paxRecord('size', '700')]),
  ),
  withBody({ name: 'dir/file' }, Buffer.alloc(700, 1)),
  withBody({ name: '././@LongLink', type: 'L', magic: 'gnu' }, 'n'.repeat(200)),
  withBody({ name: 'x', magic: 'gnu', uid: 3_000_000 }, 'y'),
  rawHeader({ name: 's', type: 'S', magic: 'gnu', size: 1024, sparse: [[1024, 512]], sparseMore: [[[4096, 512]], [[10_000, 0]]], realSize: 10_000 }),
  DATA,
  withBody({ name: 'p', type: 'x' }, Buffer.concat([paxRecord('GNU.sparse.size', '10000'), paxRecord('GNU.sparse.map', '1024,512,4096,512')])),
  withBody({ name: 's' }, DATA),
  withBody(
    { name: 'p', type: 'x' },
    Buffer.concat(['major', 'minor', 'name', 'realsize'].map((key, i) => paxRecord(`GNU.sparse.${key}`, ['1', '0', 's', '10000'][i]!))),
  ),
  withBody({ name: 's' }, Buffer.concat([SPARSE_MAP, DATA])),
  rawHeader({ name: 'hard', type: '1', linkName: 'dir/file' }),
);

/** Reads in random pieces; checks what holds for every archive that is taken. */
function drive(bytes: Buffer, below: (n: number) => number): 'read' | 'refused' {
  let given = 0;
  let archived = 0;
  let last = -1;
  const reader = new TarReader({
    entry(entry) {
      assert.ok(entry.size >= 0 && Number.isSafeInteger(entry.size) && entry.name.length > 0 && !entry.name.includes(0));
      assert.ok(entry.mode >= 0 && entry.mode <= 0o7777 && entry.uid >= 0 && entry.uid < 2 ** 32 && entry.gid >= 0 && entry.gid < 2 ** 32);
      archived = entry.sparse === undefined ? entry.size : entry.sparse.reduce((sum, run) => sum + run.length, 0);
      given = 0;
      last = -1;
    },
    data(chunk, at) {
      assert.ok(chunk.length > 0 && at > last);
      last = at + chunk.length - 1;
      given += chunk.length;
    },
    entryEnd: () => assert.equal(given, archived),
  });
  try {
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + below(2000);
      reader.push(bytes.subarray(at, end));
      at = end;
    }
    reader.end();
    return 'read';
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'invalid') return 'refused';
    throw error;
  }
}

/** A header whose sum is right again, so that the change gets through to what reads the fields. */
function mend(bytes: Buffer, at: number): void {
  const start = at - (at % 512);
  const block = bytes.subarray(start, start + 512);
  block.fill(0x20, 148, 156);
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
}

test('mutated archives are read or refused, and never anything else', () => {
  const outcomes = { read: 0, refused: 0 };
  for (let seed = 1; seed <= 6000; seed++) {
    const below = random(seed);
    let bytes = Buffer.from(SAMPLE);
    for (let change = 1 + below(4); change > 0; change--) {
      const at = below(bytes.length - 512);
      if (below(8) === 0) {
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(1200))]);
      } else {
        bytes[at] = below(3) === 0 ? 0x30 + below(10) : below(256);
        if (below(4) > 0) mend(bytes, at);
      }
      if (bytes.length < 2048) break;
    }
    outcomes[drive(bytes, below)]++;
  }
  assert.ok(outcomes.read > 500 && outcomes.refused > 500, JSON.stringify(outcomes));
});

test('random bytes are refused', () => {
  for (let seed = 1; seed <= 2000; seed++) {
    const below = random(seed);
    const bytes = Buffer.from(Array.from({ length: 1 + below(3000) }, () => below(256)));
    assert.equal(drive(bytes, below), 'refused', `seed ${seed}`);
  }
});

test('random pax headers with a right frame', () => {
  const keys = [
    'path',
    'size',
    'uid',
    'mtime',
    'GNU.sparse.major',
    'GNU.sparse.minor',
    'GNU.sparse.offset',
    'GNU.sparse.numbytes',
    'GNU.sparse.map',
    'GNU.sparse.size',
    'GNU.sparse.realsize',
    'SCHILY.xattr.a',
    'LIBARCHIVE.xattr.%',
  ];
  const values = ['', '0', '1', '-1', '1.5', '512', '9007199254740991', '9007199254740992', '0,1,2', ',', '1e3', ' 1', '\0', 'NaN', 'a/b', '1'.repeat(40)];
  for (let seed = 1; seed <= 4000; seed++) {
    const below = random(seed);
    const records = Array.from({ length: 1 + below(5) }, () => paxRecord(keys[below(keys.length)]!, values[below(values.length)]!));
    drive(archive(withBody({ name: 'p', type: 'x' }, Buffer.concat(records)), withBody({ name: 'f' }, Buffer.alloc(below(3) * 512, 0x31))), below);
  }
});

test('endless archives take no memory: headers about headers, maps, names', () => {
  const meta = withBody({ name: 'p', type: 'x' }, paxRecord('SCHILY.xattr.user.a', Buffer.alloc(1_000_000)));
  const reader = new TarReader({ entry: () => {}, data: () => {}, entryEnd: () => {} });
  const before = process.memoryUsage().rss;
  for (let count = 0; count < 500; count++) reader.push(meta);
  assert.ok(process.memoryUsage().rss - before < 150e6, `${process.memoryUsage().rss - before}`);
  const block = Buffer.alloc(512);
  for (let index = 0; index < 21; index++) block.write('000000000000000000000000', index * 24);
  block[504] = 1;
  const sparse = new TarReader({ entry: () => {}, data: () => {}, entryEnd: () => {} });
  sparse.push(rawHeader({ name: 's', type: 'S', magic: 'gnu', sparse: [], sparseMore: [[], []] }).subarray(0, 512));
  assert.throws(() => {
    for (let count = 0; count < 100_000; count++) sparse.push(block);
  }, /more than 131072 runs/);
});

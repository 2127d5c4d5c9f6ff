import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gcRules, keptBytes, prune } from './cache-gc.ts';
import type { CacheRecord, Prunable, PruneOptions } from './contract.ts';

const DAY = 24 * 3600_000;
const NOW = 1000 * DAY;
const DISK = { total: 100e9, free: 50e9 };

/** Its age is in days, its size in bytes. */
function record(id: string, age: number, size: number, more: Partial<CacheRecord> = {}): CacheRecord {
  const at = NOW - age * DAY;
  return { id, parents: [], type: 'regular', description: id, inUse: false, shared: false, size, createdAt: at, lastUsedAt: at, usageCount: 1, ...more };
}

function pruned(records: readonly CacheRecord[], options: PruneOptions, { disk = DISK, held = [] as readonly string[] } = {}): string[] {
  const gone: string[] = [];
  const entries: Prunable[] = records.map((each) => ({ record: each, remove: () => !held.includes(each.id) && gone.push(each.id) > 0 }));
  const told = prune(entries, options, disk, NOW).map(({ id }) => id);
  assert.deepEqual(told, gone);
  return told;
}

test('without limits: all that is meant, and not what is in use or what something that stays was made of', () => {
  const records = [
    record('base', 9, 1),
    record('top', 8, 1, { parents: ['base'] }),
    record('used', 9, 1, { inUse: true }),
    record('below', 9, 1),
    record('young', 1, 1, { parents: ['below'] }),
    record('image', 9, 1, { shared: true }),
    record('internal', 9, 1, { type: 'internal' }),
  ];
  assert.deepEqual(pruned(records, { filters: { until: ['48h'] } }), ['top', 'base']);
  assert.deepEqual(pruned(records, { keepDuration: 2 * DAY }), ['top', 'base']);
  assert.deepEqual(pruned(records, { all: true, filters: { 'unused-for': ['48h'] } }).sort(), ['base', 'image', 'internal', 'top']);
  assert.deepEqual(pruned(records, { filters: { id: ['base'] } }), [], 'something was made of it');
  assert.deepEqual(pruned(records, {}, { held: ['top'] }).sort(), ['below', 'young'], 'one that somebody came to meanwhile keeps what it was made of');
});

test('limits: the least used and oldest first, and no more than needed', () => {
  const records = [record('a', 5, 10), record('b', 4, 10), record('c', 3, 10), record('often', 6, 10, { usageCount: 50 }), record('d', 1, 10)];
  assert.deepEqual(pruned(records, { maxUsedSpace: 50 }), []);
  assert.deepEqual(pruned(records, { maxUsedSpace: 49 }), ['a']);
  assert.deepEqual(pruned(records, { maxUsedSpace: 25 }), ['a', 'b', 'often'], 'much use makes up for some age');
  assert.deepEqual(pruned(records, { reservedSpace: 30 }), ['a', 'b']);
  assert.deepEqual(pruned(records, { maxUsedSpace: 5, reservedSpace: 35 }), ['a', 'b'], 'what is reserved stays');
  assert.deepEqual(pruned(records, { minFreeSpace: 50e9 + 15 }), ['a', 'b'], 'the disk lacks 15 bytes');
  assert.deepEqual(pruned(records, { minFreeSpace: 50e9 }), []);
  assert.deepEqual(pruned(records, { maxUsedSpace: 1, keepDuration: 4 * DAY }), ['a', 'b', 'often'], 'by size, but not what is young');
  const shared = [...records, record('image', 9, 1000, { shared: true })];
  assert.deepEqual(pruned(shared, { maxUsedSpace: 49 }), ['a'], 'what images have does not count');
});

test('a chain goes from its end, however old its beginning is', () => {
  const chain = Array.from({ length: 5 }, (_, index) => record(`s${index}`, 9 - index / 1000, 10, index === 0 ? {} : { parents: [`s${index - 1}`] }));
  assert.deepEqual(pruned([...chain, record('other', 1, 10)], { maxUsedSpace: 35 }), ['s4', 's3', 's2']);
});

test('many records take no time that grows with their square', () => {
  const records = Array.from({ length: 50_000 }, (_, index) => record(`${index}`, index % 977, 1, index % 5 === 0 ? {} : { parents: [`${index - 1}`] }));
  assert.equal(pruned(records, { maxUsedSpace: 10 }).length, 49_990);
});

test('filters', () => {
  const records = [
    record('a1', 1, 1),
    record('b1', 1, 1, { type: 'exec.cachemount', description: 'cached mount /c' }),
    record('c1', 1, 1, { type: 'source.local' }),
  ];
  assert.deepEqual(pruned(records, { filters: { type: ['exec.cachemount', 'source.local'] } }), ['b1', 'c1'], 'one of the types');
  assert.deepEqual(pruned(records, { filters: { description: ['/c'] } }), ['b1']);
  assert.deepEqual(pruned(records, { filters: { mutable: ['true'] } }), ['b1', 'c1']);
  assert.deepEqual(pruned(records, { filters: { immutable: ['true'], private: ['true'] } }), ['a1']);
  assert.deepEqual(pruned(records, { filters: { shared: ['true'] }, all: true }), []);
  assert.deepEqual(pruned(records, { filters: { until: [new Date(NOW - 2 * DAY).toISOString()] } }), []);
  const refused = (filters: PruneOptions['filters'], message: RegExp) => assert.throws(() => pruned(records, { filters }), { kind: 'invalid', message });
  refused({ colour: ['x'] }, /^invalid filter 'colour'$/);
  refused({ until: ['soon'] }, /"until" filter expects a duration \(e\.g\., '24h'\) or a timestamp: "soon"/);
  refused({ until: ['1h', '2h'] }, /^filters expect only one value$/);
  refused({ until: ['1h'], 'unused-for': ['1h'] }, /^conflicting filters: "until" and "unused-for"$/);
});

test('how much may stay', () => {
  assert.equal(keptBytes(100, 0, {}), undefined);
  assert.equal(keptBytes(100, 0, { reservedSpace: 0, maxUsedSpace: 0 }), undefined);
  assert.equal(keptBytes(100, 5, { maxUsedSpace: 80, minFreeSpace: 30 }), 75);
  assert.equal(keptBytes(100, 50, { maxUsedSpace: 80, minFreeSpace: 30 }), 80);
  assert.equal(keptBytes(100, 0, { minFreeSpace: 1000 }), 0, 'never less than nothing');
  assert.equal(keptBytes(100, 0, { minFreeSpace: 1000, reservedSpace: 7 }), 7);
});

test('the rules: BuildKit’s, with sizes that were given, others, none', () => {
  const disk = { total: 200 * 2 ** 30, free: 0 };
  const limits = { reservedSpace: 10e9, maxUsedSpace: 161e9, minFreeSpace: 41e9 };
  const rules = gcRules({}, disk);
  assert.equal(rules.length, 4);
  assert.deepEqual(rules[0], { filters: { type: ['source.local', 'exec.cachemount', 'source.git.checkout'] }, keepDuration: 2 * DAY, maxUsedSpace: 512e6 });
  assert.deepEqual(rules.slice(1), [{ keepDuration: 60 * DAY, ...limits }, limits, { all: true, ...limits }]);
  assert.deepEqual(gcRules({ reservedSpace: 5, maxUsedSpace: 6 }, disk)[2], { ...limits, reservedSpace: 5, maxUsedSpace: 6 });
  assert.equal(gcRules({}, { total: 5 * 2 ** 30, free: 0 })[2]!.reservedSpace, 1e9, 'a small disk');
  assert.deepEqual(gcRules({ rules: [{ all: true }] }, disk), [{ all: true }]);
  assert.deepEqual(gcRules({ enabled: false, rules: [{ all: true }] }, disk), []);
});

test('records of one content take its room once, and free it with the last of them', () => {
  const entry = (id: string, age: number, size: number, content?: string): Prunable => ({ record: record(id, age, size), content, remove: () => true });
  const entries = [entry('a', 9, 10, 'x'), entry('b', 8, 0, 'x'), entry('c', 7, 5), entry('d', 6, 7, 'y')];
  const freed = (options: PruneOptions) => prune(entries, options, DISK, NOW).map(({ id, size }) => [id, size]);
  assert.deepEqual(freed({}), [
    ['a', 0],
    ['b', 10],
    ['c', 5],
    ['d', 7],
  ]);
  assert.deepEqual(freed({ maxUsedSpace: 22 }), [], 'the content counts once');
  assert.deepEqual(
    freed({ maxUsedSpace: 21 }),
    [
      ['a', 0],
      ['b', 10],
    ],
    'the first alone frees nothing',
  );
});

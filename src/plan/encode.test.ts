import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateOps } from '../../scripts/gen-ops.ts';
import { buildPlanChecker } from '../../test/support/plan-checker.ts';
import { run } from '../../test/support/run.ts';
import { samplePlan, samplePlans } from '../../test/support/sample-plan.ts';
import { tempFor } from '../../test/support/temp.ts';
import { encodePlan } from './encode.ts';
import { MAX_SLOTS, opCode, OP_NAMES, schemaHash, type Op, type Plan } from './ops.ts';

const HEADER = 24;
const open = (into: string, side: Op['side'] = 'monitor'): Op => ({ op: 'open', side, into, path: '/', flags: 0, mode: 0, resolve: 0 });
const mkdir = (path: string): Op => ({ op: 'mkdir', side: 'monitor', path, mode: 0o755 });
const clone: Op = { op: 'clone', side: 'monitor', flags: 0 };
const exec: Op = { op: 'exec', side: 'container', argv: ['/bin/true'], env: [], path: '' };

test('native/ops.gen.h is what ops.ts makes', () => {
  assert.equal(readFileSync(new URL('../../native/ops.gen.h', import.meta.url), 'utf8'), generateOps());
});

test('the header tells size, count and schema', () => {
  const bytes = encodePlan({ ops: [mkdir('a')] });
  assert.equal(bytes.toString('latin1', 0, 8), 'KOBAKO1\0');
  assert.equal(bytes.readUInt32LE(8), bytes.length);
  assert.equal(bytes.readUInt32LE(12), 1);
  assert.equal(bytes.readUInt32LE(16), schemaHash());
  assert.equal(bytes.readUInt32LE(20), 0);
  assert.equal(bytes.length % 8, 0);
  assert.equal(encodePlan({ ops: [mkdir('a')], more: true }).readUInt32LE(20), 1);
});

test('an operation is written as the layout says', () => {
  const op: Op = { op: 'symlink', side: 'cleanup', target: 'é', path: '1234567', ignore: ['EEXIST'] };
  const bytes = encodePlan({ ops: [op] }).subarray(HEADER);
  assert.equal(bytes.readUInt16LE(0), opCode('symlink'));
  assert.equal(bytes.readUInt8(2), 2);
  assert.equal(bytes.readUInt32LE(4), bytes.length);
  assert.equal(bytes.readUInt16LE(8), 17);
  assert.equal(bytes.readUInt16LE(10), 0);
  const fields = bytes.subarray(16);
  assert.deepEqual([...fields.subarray(0, 8)], [2, 0, 0, 0, 0xc3, 0xa9, 0, 0]);
  assert.equal(fields.readBigUInt64LE(8), 2n ** 64n - 1n, 'an absent slot');
  assert.deepEqual([...fields.subarray(16)], [7, 0, 0, 0, ...Buffer.from('1234567\0'), 0, 0, 0, 0]);
});

test('numbers keep their 64 bits, and lists their empty strings', () => {
  const limit = encodePlan({ ops: [{ op: 'rlimit', side: 'monitor', resource: 7, soft: 2n ** 64n - 1n, hard: -1 }] }).subarray(HEADER + 16);
  assert.deepEqual(
    [0, 8, 16].map((at) => limit.readBigInt64LE(at)),
    [7n, -1n, -1n],
  );
  const list = encodePlan({ ops: [clone, { ...exec, argv: ['', 'b'] }] }).subarray(HEADER + 40 + 16);
  assert.deepEqual([...list.subarray(0, 16)], [2, 0, 0, 0, 3, 0, 0, 0, 0, 0x62, 0, 0, 0, 0, 0, 0]);
});

test('slots are numbered from 0, and a closed number is used again', () => {
  const ops: Op[] = [open('a'), open('b'), { op: 'close', side: 'monitor', slot: 'a' }, open('c'), open('b')];
  const bytes = encodePlan({ ops });
  const numbers: bigint[] = [];
  for (let at = HEADER; at < bytes.length; at += bytes.readUInt32LE(at + 4)) numbers.push(bytes.readBigUInt64LE(at + 16));
  assert.deepEqual(numbers, [0n, 1n, 0n, 0n, 1n]);
});

test('what cannot be encoded is refused', () => {
  assert.throws(() => encodePlan({ ops: [mkdir('a\0b')] }), { kind: 'invalid', message: /NUL/ });
  assert.throws(() => encodePlan({ ops: [{ ...exec, env: ['A=\0'] } as Op] }), { kind: 'invalid' });
  assert.throws(() => encodePlan({ ops: [{ op: 'close', side: 'monitor', slot: 'never' }] }), /before it is opened/);
  assert.throws(() => encodePlan({ ops: [{ ...mkdir('a'), ignore: ['ENOSUCHTHING'] }] }), /unknown errno/);
  assert.throws(() => encodePlan({ ops: [{ ...mkdir('a'), ignore: ['EEXIST', 'EROFS', 'EACCES'] }] }), { kind: 'invalid' });
  const many = Array.from({ length: MAX_SLOTS + 1 }, (_, i) => open(`s${i}`));
  encodePlan({ ops: many.slice(1) });
  assert.throws(() => encodePlan({ ops: many }), { kind: 'invalid', message: /slots/ });
  const large = Buffer.alloc(5 << 20);
  assert.throws(() => encodePlan({ ops: [0, 1].map(() => ({ op: 'write-file', side: 'monitor', path: 'a', data: large, resolve: 0 }) as Op) }), {
    kind: 'invalid',
    message: /too large/,
  });
});

test('the sample plan has every operation', () => {
  assert.deepEqual([...new Set(samplePlan().ops.map((op) => op.op))].toSorted(), OP_NAMES.toSorted());
});

test('the C validator accepts what the encoder makes, and refuses plans that make no sense', async (t) => {
  const folder = tempFor(t);
  const checker = await buildPlanChecker(folder);
  if ('skip' in checker) return t.skip(checker.skip);
  const bad: [Plan, RegExp][] = [];
  const slotOf = (side: Op['side']): Op => ({ op: 'fs-create', side, fs: 'late' });
  const early = (...ops: Op[]) => assert.throws(() => encodePlan({ ops }), /slot late is used before it is opened/);
  const add = (why: RegExp, ...ops: Op[]) => bad.push([{ ops }, why]);
  early(clone, open('late'), slotOf('container'), exec);
  early(clone, open('late', 'container'), slotOf('monitor'), exec);
  early(clone, open('late', 'container'), exec, slotOf('cleanup'));
  add(/a second clone/, clone, clone, exec);
  add(/a clone, but no exec/, clone);
  add(/before clone/, exec);
  add(/after exec/, clone, exec, { ...mkdir('a'), side: 'container' });
  add(/after a cleanup operation/, { ...mkdir('a'), side: 'cleanup' }, mkdir('b'));
  add(/no other process/, { op: 'post', side: 'monitor', token: 1 });
  add(/no other process/, clone, exec, { op: 'post', side: 'cleanup', token: 1 });
  add(/cleanup operation/, { op: 'report', side: 'monitor', name: 'a', path: 'b' });
  add(/cannot be ignored/, clone, { ...exec, ignore: ['ENOENT'] });
  add(/monitor side/, clone, { op: 'host-sync', side: 'container', name: 'a' }, exec);
  add(/container side/, clone, { ...exec, side: 'monitor' });
  for (const op of [
    { ...mkdir('a'), mode: 0o10000 },
    { op: 'clone', side: 'monitor', flags: 0x100 }, // CLONE_VM
    { op: 'user', side: 'monitor', uid: -1, gid: 0 },
    { op: 'user', side: 'monitor', uid: 2 ** 32 - 1, gid: 0 },
    { op: 'close-fds', side: 'monitor', from: 2 },
    { op: 'cwd', side: 'monitor', path: 'relative', mode: 0 },
    { op: 'seccomp', side: 'monitor', filter: Buffer.alloc(7), flags: 0 },
    { op: 'sethostname', side: 'monitor', name: 'x'.repeat(65) },
    { op: 'link-up', side: 'monitor', name: 'x'.repeat(16) },
    { op: 'pidfd-open', side: 'monitor', into: 'a', pid: 0 },
  ] as Op[]) {
    add(/out of range/, op);
  }
  add(/out of range/, clone, { op: 'id-map', side: 'monitor', file: '../mem', data: Buffer.of() }, exec);
  const good = samplePlans();
  const files = [...good, ...bad.map(([plan]) => plan)].map((plan, i) => {
    const file = join(folder, `plan-${i}`);
    writeFileSync(file, encodePlan(plan));
    return file;
  });
  const { stdout, stderr } = await run(checker.path, ['check', ...files]);
  const answers = stdout.trimEnd().split('\n');
  assert.equal(answers.length, files.length, stderr);
  for (const answer of answers.slice(0, good.length)) assert.equal(answer, 'ok');
  for (const [i, [, why]] of bad.entries()) assert.match(answers[good.length + i]!, why);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProcessFacts } from '../kernel/linux/process-facts.ts';
import { psColumns } from './ps-arguments.ts';
import type { PsContext } from './ps-columns.ts';

const NOW = new Date(2026, 10, 26, 12, 0, 0).getTime();
const context: PsContext = {
  now: NOW,
  uptime: 1_000_000,
  memory: 1_000_000,
  userName: (uid) => (uid === 0 ? 'root' : String(uid)),
  groupName: (gid) => (gid === 0 ? 'wheel' : String(gid)),
};
const process: ProcessFacts = {
  pid: 42,
  ppid: 1,
  pgrp: 42,
  session: 42,
  state: 'S',
  tty: 0x8801,
  tpgid: 42,
  flags: 0x40,
  minorFaults: 1,
  majorFaults: 2,
  cpuTime: 100 * (90_061 + 0.5),
  priority: 20,
  nice: -5,
  threads: 2,
  startTime: 100 * (1_000_000 - 180_122),
  processor: 1,
  virtual: 2048,
  resident: 100_500,
  locked: true,
  uids: [7, 0, 0, 0],
  gids: [8, 0, 0, 0],
  name: 'sh',
  args: ['sh', '-c', 'a\nb'],
};
const row = (text: string, of: Partial<ProcessFacts> = {}) => psColumns(text).map(({ value }) => value({ ...process, ...of }, context));
const titles = (text: string) => psColumns(text).map(({ title }) => title);

test("ps's own formats", () => {
  assert.deepEqual(titles('-ef'), ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD']);
  assert.deepEqual(row('-ef'), ['root', '42', '1', '50', 'Nov24', 'pts/1', '1-01:01:01', 'sh -c a?b']);
  assert.deepEqual(titles('aux'), ['USER', 'PID', '%CPU', '%MEM', 'VSZ', 'RSS', 'TTY', 'STAT', 'START', 'TIME', 'COMMAND']);
  assert.deepEqual(row('aux'), ['root', '42', '50.0', '10.1', '2048', '100500', 'pts/1', 'S<Lsl+', 'Nov24', '1501:01', 'sh -c a?b']);
  assert.deepEqual(titles('-aux'), titles('aux'));
  assert.deepEqual(titles('auxww'), titles('aux'));
  assert.deepEqual(titles('-e'), ['PID', 'TTY', 'TIME', 'CMD']);
  assert.deepEqual(titles('ax'), ['PID', 'TTY', 'STAT', 'TIME', 'COMMAND']);
});

test('columns of one’s own, with titles', () => {
  for (const text of ['-o pid,comm', '-opid,comm', '-eo pid,comm', 'axo pid,comm', '-o pid -o comm', 'o pid,comm', '--format=pid,comm', '--format pid,comm'])
    assert.deepEqual(titles(text), ['PID', 'COMMAND'], text);
  assert.deepEqual(titles('-o pid -o user=WHO,IS'), ['PID', 'WHO,IS']);
  assert.deepEqual(row('-o pid,ruser,rgroup,group,uid,etime,etimes,nlwp,ni,pri,start,lstart'), [
    ...['42', '7', '8', 'wheel', '0', '2-02:02:02', '180122', '2', '-5', '19', 'Nov 24'],
    'Tue Nov 24 09:57:58 2026',
  ]);
  assert.deepEqual(row('-o pid,start,stime,etime', { startTime: 100 * (1_000_000 - 125) }), ['42', '11:57:55', '11:57', '02:05']);
  assert.deepEqual(row('-o pid,stime,etime,pcpu', { startTime: 100_000_000, cpuTime: 0 }), ['42', '12:00', '00:00', '0.0']);
  assert.deepEqual(row('-o pid,args,comm', { args: [], state: 'Z' }), ['42', '[sh] <defunct>', 'sh <defunct>']);
  const ttys = [0, 0x8900, 0x0401, 0x0440, 0x0501].map((tty) => row('-o pid,tty', { tty })[1]);
  assert.deepEqual(ttys, ['?', 'pts/256', 'tty1', 'ttyS0', 'console']);
});

test('everything else is refused in the words of ps', () => {
  for (const [text, message] of [
    ['-o comm', "Couldn't find PID field in ps output"],
    ['-o pid=', "Couldn't find PID field in ps output"],
    ['-o pid,bogus', 'ps: error: unknown user-defined format specifier "bogus"'],
    ['-o constructor', 'ps: error: unknown user-defined format specifier "constructor"'],
    ['-o', 'ps: error: list of format specifiers is missing'],
    ['-C sh', 'ps: error: unsupported SysV option'],
    ['foo', 'ps: error: unsupported option (BSD syntax)'],
    ['--forest', 'ps: error: unknown gnu long option'],
    ['-f -o pid', 'ps: error: conflicting format options'],
  ])
    assert.throws(() => psColumns(text!), { kind: 'invalid', message }, text);
});

test('arguments as long as a request are read once', () => {
  assert.equal(psColumns(`-${'e'.repeat(250_000)} -o pid`).length, 1);
  assert.equal(psColumns(`${'a '.repeat(125_000)} u`).length, 11);
  assert.throws(() => psColumns('-o'), { message: 'ps: error: list of format specifiers is missing' });
});

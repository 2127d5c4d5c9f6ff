import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFacts, processFacts, uptime } from './process-facts.ts';

test('a name with spaces and parentheses, empty arguments, no memory', () => {
  const stat = '42 (a) b (c) R 1 40 41 34816 40 4194560 10 0 2 0 150 50 0 0 25 5 3 0 12345 1000 20 1 1 1 1 1 1 0 0 0 0 0 0 0 17 1 0 0';
  const status = 'Name:\ta\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nVmLck:\t       8 kB\n';
  assert.deepEqual(parseFacts(stat, status, 'sh\0\0-c\0'), {
    pid: 42,
    ppid: 1,
    pgrp: 40,
    session: 41,
    state: 'R',
    tty: 34816,
    tpgid: 40,
    flags: 4194560,
    minorFaults: 10,
    majorFaults: 2,
    cpuTime: 200,
    priority: 25,
    nice: 5,
    threads: 3,
    startTime: 12345,
    processor: 1,
    virtual: 0,
    resident: 0,
    locked: true,
    uids: [1, 2, 3, 4],
    gids: [5, 6, 7, 8],
    name: 'a) b (c',
    args: ['sh', '', '-c'],
  });
  assert.deepEqual(parseFacts(stat, status, '').args, []);
});

test('this process, and none', () => {
  const own = processFacts(process.pid)!;
  assert.deepEqual([own.pid, own.ppid, own.uids[1]], [process.pid, process.ppid, process.geteuid!()]);
  assert.ok(own.resident > 1000 && own.virtual > own.resident && own.startTime / 100 < uptime());
  assert.equal(processFacts(2 ** 22 + 1), undefined);
});

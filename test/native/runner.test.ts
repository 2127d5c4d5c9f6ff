/** The native helper's runner on the real kernel: order, failure, clean-up, events. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync, chmodSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { encodePlan } from '../../src/plan/encode.ts';
import type { Op } from '../../src/plan/ops.ts';
import { buildProbe, containerOps, helperMissing, runHelper, type HelperEvent } from '../support/helper.ts';
import { tempFor } from '../support/temp.ts';

const { errno } = constants;
const hooks: (() => void)[] = [];
let skip: string | undefined = helperMissing();
let folder = '';
let probe = '';
let at = '';

before(async () => {
  if (skip !== undefined) return;
  folder = tempFor({ after: (hook) => hooks.push(hook) });
  const built = await buildProbe(folder);
  if ('skip' in built) skip = built.skip;
  else probe = built.path;
  at = join(folder, 'mnt');
  mkdirSync(at);
});
after(() => hooks.forEach((hook) => hook()));

/** A test that says why when it cannot run. */
function rootTest(name: string, body: () => Promise<void>): void {
  test(name, async (t) => (skip === undefined ? body() : t.skip(skip)));
}

const names = (events: readonly HelperEvent[]) => events.map((event) => event.event);
const marker = (name: string) => join(folder, name);
const mkdir = (side: Op['side'], path: string): Op => ({ op: 'mkdir', side, path, mode: 0o700 });
const noPid = (pid: number) => !existsSync(`/proc/${pid}`);

rootTest('a container in its own namespaces: pid 1, its host name, only its own mounts', async () => {
  const ops = containerOps(probe, at, ['pid', 'hostname', 'env=KEY', 'cwd', 'fds', 'cat=/proc/self/mounts'], {
    last: [
      { op: 'sethostname', side: 'container', name: 'container' },
      { op: 'cwd', side: 'container', path: '/made/here', mode: 0o755 },
      { op: 'close-fds', side: 'container', from: 3 },
    ],
  });
  const { events, code, stdout, stderr } = await runHelper(ops);
  assert.deepEqual(names(events), ['started', 'exit'], JSON.stringify(events) + stderr);
  const lines = stdout.split('\n');
  assert.deepEqual(lines.slice(0, 5), ['1', 'container', 'value', '/made/here', '0 1 2 ']);
  assert.deepEqual(
    lines.slice(5, -1).map((line) => line.split(' ')[1]),
    ['/', '/probe', '/proc'],
  );
  const exit = events[1]!;
  assert.deepEqual([code, exit.status, exit.signal], [0, 0, 0]);
  assert.equal(exit.pid, events[0]!.pid);
  assert.ok(BigInt(exit.exitedAt!) >= BigInt(exit.startedAt!) && BigInt(exit.startedAt!) > 10n ** 18n);
  assert.ok(!readFileSync('/proc/self/mounts', 'utf8').includes(at), 'nothing is mounted on the host');
});

rootTest('an overlay as root', async () => {
  const lower = marker('lower');
  mkdirSync(lower);
  writeFileSync(join(lower, 'below'), 'from below\n');
  const side = 'container';
  const ops = containerOps(probe, at, ['cat=/o/below', 'touch=/o/new', 'ls=/up'], {
    inRoot: [
      ...['up', 'work', 'o'].map((name): Op => ({ op: 'mkdir', side, dir: 'root', path: name, mode: 0o755 })),
      { op: 'fsopen', side, into: 'ov', type: 'overlay' },
      ...Object.entries({ lowerdir: lower, upperdir: join(at, 'up'), workdir: join(at, 'work') }).map(([key, value]): Op => ({
        op: 'fs-set',
        side,
        fs: 'ov',
        key,
        value,
      })),
      { op: 'fs-create', side, fs: 'ov' },
      { op: 'fsmount', side, into: 'overlay', fs: 'ov', attrs: 0 },
      { op: 'move-mount', side, from: 'overlay', dir: 'root', path: 'o' },
    ],
  });
  const { stdout, events } = await runHelper(ops);
  assert.equal(stdout, 'from below\nmade\nnew\n', JSON.stringify(events));
  assert.ok(!existsSync(join(lower, 'new')));
});

rootTest('the exit code and the signal come back', async () => {
  const code = await runHelper(containerOps(probe, at, ['exit=42']));
  assert.deepEqual([code.code, code.events[1]!.status, code.events[1]!.signal], [42, 42, 0]);
  // without a pid namespace, as an init does not die of its own signals
  const killed = await runHelper([
    { op: 'clone', side: 'monitor', flags: 0 },
    { op: 'exec', side: 'container', argv: [probe, 'kill=15'], env: [], path: '' },
  ]);
  assert.deepEqual([killed.code, killed.events[1]!.status, killed.events[1]!.signal], [143, 143, 15]);
});

rootTest('an operation that fails is named, cleanup runs, nothing is left', async () => {
  const cleanup = [mkdir('cleanup', marker('cleaned-1')), mkdir('cleanup', '/proc/cannot'), mkdir('cleanup', marker('cleaned-2'))];
  const ops = containerOps(probe, at, [], { last: [{ op: 'sethostname', side: 'container', name: 'a' }, mkdir('container', '/proc/nope')], cleanup });
  const { events, code } = await runHelper(ops);
  const index = ops.findIndex((op) => op.op === 'mkdir' && op.side === 'container');
  assert.deepEqual(events, [{ event: 'failed', index, op: 'mkdir', side: 'container', errno: errno.ENOENT, detail: '/proc/nope' }]);
  assert.equal(code, 125);
  assert.ok(existsSync(marker('cleaned-1')) && existsSync(marker('cleaned-2')), 'each cleanup ran, over the failure of one');
});

rootTest('a failure of the monitor, before and after clone, ends the container and cleans up', async () => {
  const before = await runHelper([mkdir('monitor', '/proc/x'), mkdir('cleanup', marker('m1'))]);
  assert.deepEqual(before.events, [{ event: 'failed', index: 0, op: 'mkdir', side: 'monitor', errno: errno.ENOENT, detail: '/proc/x' }]);
  assert.ok(existsSync(marker('m1')));
  const pids: number[] = [];
  const ops: Op[] = [
    { op: 'clone', side: 'monitor', flags: 0 },
    { op: 'wait', side: 'container', token: 1 },
    { op: 'exec', side: 'container', argv: [probe], env: [], path: '' },
    { op: 'host-sync', side: 'monitor', name: 'here' },
    mkdir('monitor', '/proc/x'),
    mkdir('cleanup', marker('m2')),
  ];
  const later = await runHelper(ops, { onEvent: (event) => (event.event === 'sync' ? (pids.push(event.pid!), 'go\n') : undefined) });
  assert.deepEqual(later.events.at(-1), { event: 'failed', index: 4, op: 'mkdir', side: 'monitor', errno: errno.ENOENT, detail: '/proc/x' });
  assert.ok(existsSync(marker('m2')) && noPid(pids[0]!));
});

rootTest('the child’s failure is told, not the wait that it made vain', async () => {
  const { events } = await runHelper([
    { op: 'clone', side: 'monitor', flags: 0 },
    mkdir('container', '/proc/x'),
    { op: 'post', side: 'container', token: 1 },
    { op: 'exec', side: 'container', argv: [probe], env: [], path: '' },
    { op: 'wait', side: 'monitor', token: 1 },
  ]);
  assert.deepEqual([events.length, events[0]!.index, events[0]!.op], [1, 1, 'mkdir']);
});

rootTest('a child that is killed while it is set up', async () => {
  const ops: Op[] = [
    { op: 'pipe', side: 'monitor', read: 'r', write: 'w' },
    { op: 'clone', side: 'monitor', flags: 0 },
    { op: 'post', side: 'container', token: 5 },
    { op: 'read-byte', side: 'container', slot: 'r' },
    { op: 'exec', side: 'container', argv: [probe], env: [], path: '' },
    { op: 'wait', side: 'monitor', token: 5 },
    { op: 'host-sync', side: 'monitor', name: 'kill' },
    mkdir('cleanup', marker('killed')),
  ];
  const { events, code } = await runHelper(ops, {
    onEvent: (event) => {
      if (event.event !== 'sync') return;
      // it has posted: a moment later it reads
      execFileSync('sleep', ['0.2']);
      process.kill(event.pid!, 'SIGKILL');
      return 'go\n';
    },
  });
  assert.deepEqual([events[1]!.event, events[1]!.detail, code], ['failed', 'killed by signal 9', 125]);
  // the kill may come before its first operation
  assert.match(events[1]!.op!, /^(clone|read-byte)$/);
  assert.ok(existsSync(marker('killed')));
});

rootTest('ignored errors do not count, others do', async () => {
  const again: Op = { ...mkdir('monitor', folder), ignore: ['EROFS', 'EEXIST'] };
  assert.deepEqual(names((await runHelper([again])).events), ['exit']);
  assert.deepEqual((await runHelper([{ ...again, ignore: ['EROFS'] }])).events[0]!.errno, errno.EEXIST);
  // a slot that an ignored failure left empty is an error, not the working folder
  const gone: Op[] = [
    { op: 'open', side: 'monitor', into: 'd', path: '/nowhere', flags: 0, mode: 0, resolve: 0, ignore: ['ENOENT'] },
    { op: 'mkdir', side: 'monitor', dir: 'd', path: 'x', mode: 0o700 },
  ];
  assert.equal((await runHelper(gone)).events[0]!.errno, errno.EBADF);
});

rootTest('a malformed plan is refused before its first step', async () => {
  const good = encodePlan({ ops: [mkdir('monitor', marker('never')), mkdir('monitor', marker('never2'))] });
  const cases: [string, Buffer, RegExp][] = [];
  const spoil = (why: RegExp, change: (bytes: Buffer) => Buffer | void) => {
    const copy = Buffer.from(good);
    cases.push([String(why), change(copy) ?? copy, why]);
  };
  spoil(/no plan/, (bytes) => void bytes.write('X'));
  spoil(/no plan/, (bytes) => void bytes.writeUInt32LE(0xffff_fff8, 8));
  spoil(/another build/, (bytes) => void bytes.writeUInt32LE(1, 16));
  spoil(/operation 1: its code is unknown/, (bytes) => void bytes.writeUInt16LE(999, 24 + bytes.readUInt32LE(28)));
  spoil(/operation 0: its size is wrong/, (bytes) => void bytes.writeUInt32LE(1 << 30, 28));
  spoil(/more bytes/, (bytes) => void bytes.writeUInt32LE(1, 12));
  for (const [, bytes, why] of cases) {
    const { events, code } = await runHelper(bytes);
    assert.deepEqual([events.length, events[0]!.event, events[0]!.index, code], [1, 'failed', -1, 125]);
    assert.match(events[0]!.detail!, why);
  }
  assert.ok(!existsSync(marker('never')));
});

/** `first` of `name`, which is undone where nothing follows. */
const beginning = (...done: string[]) =>
  encodePlan({
    ops: [...done.map((name) => mkdir('monitor', marker(name))), { op: 'rmdir', side: 'cleanup', path: marker(done[0]!), retryMs: 0 }],
    more: true,
  });

rootTest('the beginning of a plan is done before the rest has come, and once', async () => {
  const [first, second] = [mkdir('monitor', marker('begun')), mkdir('monitor', marker('begun/then'))];
  const seen: boolean[] = [];
  const rest = encodePlan({ ops: [first, { op: 'host-sync', side: 'monitor', name: 'here' }, second] });
  const { events, code } = await runHelper(Buffer.concat([beginning('begun'), rest]), {
    onEvent: ({ event }) => {
      if (event !== 'sync') return;
      seen.push(existsSync(marker('begun')), existsSync(marker('begun/then')));
      return 'go\n';
    },
  });
  assert.deepEqual([names(events), code, ...seen], [['sync', 'exit'], 0, true, false], JSON.stringify(events));
  assert.ok(existsSync(marker('begun/then')));
});

rootTest('a beginning that is followed by nothing, or by another plan, is undone', async () => {
  for (const rest of [Buffer.alloc(10), encodePlan({ ops: [mkdir('monitor', marker('other'))] }), beginning('gone'), Buffer.alloc(64, 'x')]) {
    const { events, code } = await runHelper(Buffer.concat([beginning('gone'), rest]), { end: true });
    assert.deepEqual([names(events), events[0]!.index, code], [['failed'], -1, 125], JSON.stringify(events));
    assert.match(events[0]!.detail!, /cut off|does not begin with what was begun|no plan/);
    assert.ok(!existsSync(marker('gone')) && !existsSync(marker('other')));
  }
});

rootTest('a beginning that fails names its operation, and is undone', async () => {
  const { events, code } = await runHelper(beginning('half', 'half'), { end: true });
  assert.deepEqual([names(events), events[0]!.index, events[0]!.errno, code], [['failed'], 1, errno.EEXIST, 125]);
  assert.ok(!existsSync(marker('half')));
});

rootTest('a beginning has no other process', async () => {
  for (const ops of [containerOps(probe, at, []), [mkdir('container', marker('never'))]] as Op[][]) {
    const { events } = await runHelper(encodePlan({ ops, more: true }));
    assert.match(events[0]!.detail!, /no other process and no monitor|comes before clone/);
  }
});

rootTest('a plan that is larger than one read', async () => {
  const data = Buffer.alloc(900_000, 'x');
  const ops: Op[] = [
    { op: 'open', side: 'monitor', into: 'f', path: marker('large'), flags: 0o101, mode: 0o600, resolve: 0 },
    { op: 'write', side: 'monitor', slot: 'f', data },
  ];
  assert.deepEqual(names((await runHelper(ops)).events), ['exit']);
  assert.ok(readFileSync(marker('large')).equals(data));
});

rootTest('exec: what is not there, not executable, no program; and the search in a path', async () => {
  const bin = marker('bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'plain'), 'text');
  writeFileSync(join(bin, 'empty'), '');
  chmodSync(join(bin, 'empty'), 0o755);
  symlinkSync(probe, join(bin, 'found'));
  const exec = async (file: string, path = '', check = false) => {
    const ops: Op[] = [
      { op: 'clone', side: 'monitor', flags: 0 },
      ...(check ? [{ op: 'check-exec', side: 'container', file, path } as Op] : []),
      { op: 'exec', side: 'container', argv: [file, 'exit=7'], env: [], path },
    ];
    const { events, code } = await runHelper(ops);
    const [last] = events.slice(-1);
    return last!.event === 'failed' ? [last!.errno, last!.detail, last!.op] : code;
  };
  for (const check of [false, true]) {
    const op = check ? 'check-exec' : 'exec';
    assert.deepEqual(await exec('/nowhere/x', '', check), [errno.ENOENT, '/nowhere/x', op]);
    assert.deepEqual(await exec(join(bin, 'plain'), '', check), [errno.EACCES, join(bin, 'plain'), op]);
    assert.deepEqual(await exec(bin, '', check), [errno.EACCES, bin, op]);
    assert.deepEqual(await exec('plain', `/nowhere:${bin}`, check), [errno.ENOENT, 'plain', op]);
    assert.deepEqual(await exec('found', '', check), [errno.ENOENT, 'found', op]);
    assert.equal(await exec('found', `/nowhere::relative:${bin}:/usr/bin`, check), 7);
  }
  assert.deepEqual(await exec(join(bin, 'empty')), [errno.ENOEXEC, join(bin, 'empty'), 'exec']);
});

rootTest('host-sync waits for the go-ahead; anything else gives up', async () => {
  const ops: Op[] = [{ op: 'host-sync', side: 'monitor', name: 'net"work' }, mkdir('monitor', marker('after-go')), mkdir('cleanup', marker('sync-cleaned'))];
  const done = await runHelper(ops, { onEvent: (event) => (event.event === 'sync' ? 'go\n' : undefined) });
  assert.deepEqual(done.events[0], { event: 'sync', name: 'net"work', pid: 0 });
  assert.deepEqual(names(done.events), ['sync', 'exit']);
  assert.ok(existsSync(marker('after-go')));
  for (const answer of ['abort\n', 'gone\n', null, 'x'.repeat(5000)]) {
    const { events, code } = await runHelper(ops, { onEvent: (event) => (event.event === 'sync' ? answer : undefined) });
    if (answer !== null) assert.deepEqual([events[1]!.op, events[1]!.errno], ['host-sync', errno.ECANCELED]);
    assert.equal(code, 125);
  }
});

rootTest('slots pass between the processes, both ways', async () => {
  const { events } = await runHelper([
    { op: 'clone', side: 'monitor', flags: 0 },
    { op: 'open', side: 'container', into: 'c', path: marker('from-container'), flags: 0o101, mode: 0o600, resolve: 0 },
    { op: 'send-slot', side: 'container', slot: 'c' },
    { op: 'recv-slot', side: 'container', into: 'm' },
    { op: 'write', side: 'container', slot: 'm', data: Buffer.from('c') },
    { op: 'exec', side: 'container', argv: [probe], env: [], path: '' },
    { op: 'recv-slot', side: 'monitor', into: 'x' },
    { op: 'write', side: 'monitor', slot: 'x', data: Buffer.from('m') },
    { op: 'open', side: 'monitor', into: 'y', path: marker('from-monitor'), flags: 0o101, mode: 0o600, resolve: 0 },
    { op: 'send-slot', side: 'monitor', slot: 'y' },
  ]);
  assert.deepEqual(names(events), ['started', 'exit'], JSON.stringify(events));
  assert.equal(readFileSync(marker('from-container'), 'utf8'), 'm');
  assert.equal(readFileSync(marker('from-monitor'), 'utf8'), 'c');
});

rootTest('created and start: tokens become events', async () => {
  const ops: Op[] = [
    { op: 'clone', side: 'monitor', flags: 0 },
    { op: 'post', side: 'container', token: 6 },
    { op: 'exec', side: 'container', argv: [probe], env: [], path: '' },
  ];
  const { events } = await runHelper(ops);
  assert.deepEqual(names(events), ['waiting', 'started', 'exit']);
  assert.equal(events[0]!.pid, events[1]!.pid);
});

rootTest('reports are read at the end', async () => {
  const file = marker('stat');
  writeFileSync(file, 'x "1"\n');
  const { events } = await runHelper([
    { op: 'report', side: 'cleanup', name: 'missing', path: '/nowhere' },
    { op: 'report', side: 'cleanup', name: 'a "b"', path: file },
    { op: 'report', side: 'cleanup', name: 'cut', path: probe },
  ]);
  const reports = events[0]!.reports!;
  assert.deepEqual(Object.keys(reports), ['a "b"', 'cut']);
  assert.equal(reports['a "b"'], 'x "1"\n');
  assert.equal(reports.cut!.slice(1, 4), 'ELF');
});

rootTest('with the standard fds closed, none of ours lands there', async () => {
  const ops = containerOps(probe, at, ['ls=/proc/self/fd']);
  const out = marker('closed-out');
  const closed: Op[] = [
    { op: 'open', side: 'monitor', into: 'out', path: out, flags: 0o101, mode: 0o600, resolve: 0 },
    { op: 'stdio', side: 'container', stdin: 'out', stdout: 'out', stderr: 'out' },
    { op: 'close-fds', side: 'container', from: 3 },
  ];
  const { code, events } = await runHelper([closed[0]!, ...ops.slice(0, -1), ...closed.slice(1), ops.at(-1)!], { closedStdio: true });
  assert.deepEqual([code, names(events)], [0, ['started', 'exit']]);
  assert.deepEqual(readFileSync(out, 'utf8').trim().split('\n').toSorted(), ['0', '1', '2', '3'], '3 is the listing itself');
});

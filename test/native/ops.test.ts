/** Single operations of the native helper on the real kernel: paths inside a root, terminals, privileges, hooks. */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Op } from '../../src/plan/ops.ts';
import { buildProbe, containerOps, helperMissing, newFileSystem, runHelper, type ContainerExtra } from '../support/helper.ts';
import { tempFor } from '../support/temp.ts';

const { errno } = constants;
const hooks: (() => void)[] = [];
const side = 'container';
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

function rootTest(name: string, body: () => Promise<void>): void {
  test(name, async (t) => (skip === undefined ? body() : t.skip(skip)));
}

const marker = (name: string) => join(folder, name);

/** Runs a container whose program tells `args`; its lines, or the failure. */
async function inside(args: readonly string[], extra: ContainerExtra) {
  const { events, stdout, code } = await runHelper(containerOps(probe, at, args, extra));
  const failed = events.find((event) => event.event === 'failed');
  return { lines: stdout.split('\n').slice(0, -1), failed: failed && [failed.op, failed.errno, failed.detail], code };
}

const symlink = (target: string, path: string): Op => ({ op: 'symlink', side, target, dir: 'root', path });
const ensureDir = (path: string, into = 'd'): Op => ({ op: 'ensure-dir', side, into, root: 'root', path, mode: 0o755 });
const ensureFile = (path: string, into = 'f'): Op => ({ op: 'ensure-file', side, into, root: 'root', path, mode: 0o644 });

rootTest('ensure-dir and ensure-file stay inside the root, whatever its links say', async () => {
  const outside = marker('outside');
  mkdirSync(outside);
  const { lines, failed } = await inside(['ls=/', `ls=${outside}`, 'ls=/real', 'ls=/dangling-target/x', 'ls=/up'], {
    inRoot: [
      symlink(outside, 'evil'),
      symlink('../../../../../../..' + outside, 'evil2'),
      symlink('real', 'link'),
      symlink('/dangling-target', 'dangling'),
      symlink('made-by-link', 'dangling-file'),
      ensureDir('/evil/a/b'),
      ensureDir('evil2/c'),
      ensureFile('/evil/file'),
      { op: 'mkdir', side, dir: 'root', path: 'real', mode: 0o755 },
      ensureDir('//link/./in/../in2//'),
      ensureDir('/dangling/x/y'),
      ensureFile('/dangling-file'),
      ensureDir('/../../up/../up/z'),
      ensureDir('/'),
    ],
  });
  assert.equal(failed, undefined);
  const top = ['evil', 'evil2', 'link', 'real', 'dangling', 'dangling-target', 'dangling-file', 'made-by-link', 'up', 'probe', 'proc', folder.split('/')[1]!];
  assert.deepEqual(lines.slice(0, top.length).toSorted(), top.toSorted());
  assert.deepEqual(lines.slice(top.length).toSorted(), ['a', 'c', 'file', 'in', 'in2', 'y', 'z'].toSorted());
  assert.deepEqual(existsSync(join(outside, 'a')) || existsSync(join(outside, 'file')), false, 'nothing was made on the host');
});

rootTest('ensure-dir ends at loops and files', async () => {
  const loop = [symlink('b', 'a'), symlink('a', 'b')];
  assert.deepEqual((await inside([], { inRoot: [...loop, ensureDir('/a/x')] })).failed, ['ensure-dir', errno.ELOOP, '/a/x']);
  assert.deepEqual((await inside([], { inRoot: [ensureDir('/probe/x')] })).failed, ['ensure-dir', errno.ENOTDIR, '/probe/x']);
  // links that each lead to a missing place behind another link
  const grow = [symlink('g/g', 'g')];
  assert.equal((await inside([], { inRoot: [...grow, ensureDir('/g/x')] })).failed?.[1], errno.ELOOP);
  assert.deepEqual((await inside([], { inRoot: [ensureFile('/proc')] })).failed, undefined);
  assert.equal((await inside([], { inRoot: [ensureDir(`/${'x'.repeat(256)}`)] })).failed?.[1], errno.ENAMETOOLONG);
});

rootTest('mask-path hides files and folders, readonly-path forbids writes; absent paths are fine', async () => {
  const { lines, failed } = await inside(['ls=/secret', 'cat=/secret-file', 'touch=/ro/new', 'touch=/secret/new', 'ls=/ro'], {
    inRoot: [
      ensureDir('/secret/inner'),
      ensureDir('/ro/kept'),
      { op: 'mknod', side, dir: 'root', path: 'plain', mode: 0o100644, dev: 0 },
      { op: 'open', side, into: 'sf', dir: 'root', path: 'secret-file', flags: 0o101, mode: 0o600, resolve: 0 },
      { op: 'write', side, slot: 'sf', data: Buffer.from('do not read') },
      { op: 'open', side, into: 'null', path: '/dev/null', flags: 0o10000000, mode: 0, resolve: 0 },
      ...['/secret', '/secret-file', '/absent', '/secret-file/below', '/evil'].map((path): Op => ({ op: 'mask-path', side, root: 'root', path, file: 'null' })),
      ...['/ro', '/absent'].map((path): Op => ({ op: 'readonly-path', side, root: 'root', path })),
    ],
  });
  assert.equal(failed, undefined);
  const readOnly = 'Read-only file system';
  assert.deepEqual(lines, [readOnly, readOnly, 'kept'], 'nothing in /secret or /secret-file shows');
});

rootTest('mask-path takes nothing but the null device', async () => {
  const mask: Op[] = [ensureFile('/dev-null', 'fake'), ensureFile('/target', 't'), { op: 'mask-path', side, root: 'root', path: '/target', file: 'fake' }];
  assert.deepEqual((await inside([], { inRoot: mask })).failed, ['mask-path', errno.ENODEV, 'what is to hide it is not the null device']);
});

rootTest('cwd refuses a folder outside of the root (CVE-2024-21626)', async () => {
  const leak: Op[] = [
    { op: 'open', side, into: 'host', path: folder, flags: 0, mode: 0, resolve: 0 },
    { op: 'stdio', side, stdin: 'host', stdout: 'host', stderr: 'host' },
  ];
  const cwd: Op = { op: 'cwd', side, path: '/proc/self/fd/0', mode: 0o755 };
  for (const path of ['/proc/self/fd/0', '/proc/self/fd/0/made', '/link/made']) {
    const failed = await inside(['cwd'], { early: leak, inRoot: [symlink('/proc/self/fd/0', 'link')], last: [{ ...cwd, path } as Op] });
    assert.deepEqual(failed.failed, ['cwd', errno.EPERM, 'links of /proc are not followed'], path);
    assert.ok(!existsSync(marker('made')), `${path} was made on the host`);
  }
  assert.deepEqual((await inside(['cwd'], { last: [{ ...cwd, path: '/a/b/../c' } as Op] })).lines, ['/a/c']);
});

rootTest('pty-open takes a ptmx of a devpts and nothing else (CVE-2025-52565)', async () => {
  const pty = (path: string, dir?: string): Op => ({ op: 'pty-open', side, master: 'master', slave: 'slave', dir, path, rows: 33, cols: 101, uid: 1234 });
  const devpts = [
    ...newFileSystem('pts', 'devpts', { ptmxmode: '0666', mode: '0620', gid: '5' }),
    ensureDir('/pts', 'pts-at'),
    { op: 'move-mount', side, from: 'pts', dir: 'pts-at', path: '' } as Op,
  ];
  const out = marker('terminal');
  const terminal = await inside(['terminal', 'tty', 'sid', 'cat=/proc/self/stat'], {
    early: [{ op: 'open', side, into: 'out', path: out, flags: 0o101, mode: 0o600, resolve: 0 }],
    inRoot: [...devpts, pty('ptmx', 'pts')],
    last: [
      { op: 'setsid', side },
      { op: 'set-ctty', side, slot: 'slave' },
      { op: 'send-slot', side, slot: 'master' },
      { op: 'stdio', side, stdin: 'slave', stdout: 'out', stderr: 'out' },
    ],
    monitor: [{ op: 'recv-slot', side: 'monitor', into: 'kept' }],
  });
  assert.equal(terminal.failed, undefined);
  const lines = readFileSync(out, 'utf8').split('\n');
  assert.deepEqual(lines.slice(0, 3), ['33 101 1234 620', 'a terminal', '1']);
  assert.notEqual(lines[3]!.split(' ')[6], '0', 'it has a controlling terminal');
  const why = 'it is not the ptmx of a devpts';
  for (const path of ['/dev/null', '/dev/tty', '/proc/1/stat']) {
    assert.deepEqual((await inside([], { inRoot: [pty(path)] })).failed, ['pty-open', errno.ENODEV, why], path);
  }
  assert.equal((await inside([], { inRoot: [...devpts, symlink('pts/ptmx', 'ptmx'), pty('ptmx', 'root')] })).failed?.[1], errno.ELOOP);
  assert.equal((await inside([], { inRoot: [...devpts, pty('pts/ptmx', 'root')] })).failed?.[1], errno.EXDEV);
});

rootTest('user, groups, capabilities, no_new_privs, umask and limits arrive', async () => {
  const net = 1n << 10n;
  const { lines, failed } = await inside(['cat=/proc/self/status', 'cat=/proc/self/limits'], {
    last: [
      { op: 'rlimit', side, resource: 7, soft: 64, hard: 65 },
      { op: 'umask', side, mask: 0o027 },
      { op: 'cap-bound', side, mask: net | 1n },
      { op: 'keep-caps', side },
      { op: 'groups', side, gids: [7, 8] },
      { op: 'user', side, uid: 1000, gid: 2000 },
      { op: 'cap-set', side, effective: net, permitted: net | 1n, inheritable: net },
      { op: 'cap-ambient', side, mask: net },
      { op: 'no-new-privs', side },
    ],
  });
  assert.equal(failed, undefined);
  const status = new Map(lines.map((line) => line.split(/:\s+/) as [string, string]));
  const hex = (value: bigint) => value.toString(16).padStart(16, '0');
  assert.equal(status.get('Uid'), '1000\t1000\t1000\t1000');
  assert.equal(status.get('Gid'), '2000\t2000\t2000\t2000');
  assert.equal(status.get('Groups')!.trim(), '7 8');
  assert.equal(status.get('Umask'), '0027');
  assert.equal(status.get('NoNewPrivs'), '1');
  assert.deepEqual(
    ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((name) => status.get(name)),
    [net, net, net, net | 1n, net].map(hex),
  );
  assert.match(
    lines.find((line) => line.startsWith('Max open files'))!,
    /\s64\s+65\s/,
  );
});

rootTest('a user namespace gets its maps before it goes on', async () => {
  const ops: Op[] = [
    { op: 'clone', side: 'monitor', flags: 0x10000000 },
    { op: 'wait', side, token: 1 },
    { op: 'user', side, uid: 0, gid: 0 },
    { op: 'exec', side, argv: [probe, 'cat=/proc/self/uid_map'], env: [], path: '' },
    { op: 'id-map', side: 'monitor', file: 'uid_map', data: Buffer.from('0 1000 1\n') },
    { op: 'id-map', side: 'monitor', file: 'gid_map', data: Buffer.from('0 1000 1\n') },
    { op: 'post', side: 'monitor', token: 1 },
  ];
  const { stdout, events } = await runHelper(ops);
  // the probe may lie in a folder that uid 1000 may not enter
  if (events[0]!.op === 'exec') assert.equal(events[0]!.errno, errno.EACCES);
  else assert.equal(stdout.trim().replace(/\s+/g, ' '), '0 1000 1', JSON.stringify(events));
});

/** if (nr == getppid) return action; return ALLOW */
function getppidFilter(action: number): Buffer {
  const nr = process.arch === 'arm64' ? 173 : 110;
  const program = [
    [0x20, 0, 0, 0],
    [0x15, 0, 1, nr],
    [0x06, 0, 0, action],
    [0x06, 0, 0, 0x7fff0000],
  ] as const;
  const bytes = Buffer.alloc(program.length * 8);
  for (const [i, [code, jt, jf, k]] of program.entries()) {
    bytes.writeUInt16LE(code, i * 8);
    bytes.set([jt, jf], i * 8 + 2);
    bytes.writeUInt32LE(k, i * 8 + 4);
  }
  return bytes;
}

rootTest('a seccomp filter holds, and its listener reaches the monitor', async () => {
  const filter = (action: number, flags: number): Op => ({ op: 'seccomp', side, filter: getppidFilter(action), flags });
  const refused = await inside(['getppid'], { last: [filter(0x00050000 | errno.EDOM, 0)] });
  assert.deepEqual(refused.lines, ['-1 Numerical argument out of domain']);
  const taken = await inside(['pid', 'ls=/proc/self/nothing'], {
    last: [filter(0x7fc00000, 8)],
    monitor: [{ op: 'seccomp-listener', side: 'monitor', into: 'listener' }],
  });
  assert.deepEqual([taken.failed, taken.lines[0], taken.code], [undefined, '1', 0]);
  // whoever comes too late for the child's end does not wait for ever
  const gone = await inside([], { last: [{ op: 'mkdir', side, path: '/proc/x', mode: 0 }], monitor: [{ op: 'seccomp-listener', side: 'monitor', into: 'l' }] });
  assert.deepEqual(gone.failed, ['mkdir', errno.ENOENT, '/proc/x']);
});

rootTest('hooks get the state with the pid, and their failure is told', async () => {
  const out = marker('state');
  const hook = (script: string, timeoutMs = 0): Op => ({
    op: 'hook',
    side,
    path: '/bin/sh',
    args: ['sh', '-c', script],
    env: ['OUT=' + out],
    timeoutMs,
    head: Buffer.from('{"pid":'),
    tail: Buffer.from(',"x":1}'),
  });
  const events: number[] = [];
  const ops = containerOps(probe, at, [], { inRoot: [hook('cat > "$OUT"; echo noise')] });
  const done = await runHelper(ops, { onEvent: (event) => void (event.event === 'started' && events.push(event.pid!)) });
  assert.equal(done.stdout, '', 'what a hook prints is not the container’s output');
  assert.ok(events[0]! > 1);
  assert.deepEqual(JSON.parse(readFileSync(out, 'utf8')), { pid: 1, x: 1 }, 'as runc: a hook on this side sees the pid of its own namespace');
  assert.deepEqual((await inside([], { inRoot: [hook('echo the reason >&2; exit 3')] })).failed, ['hook', errno.ECHILD, 'exit status 3: the reason']);
  assert.deepEqual((await inside([], { inRoot: [hook('kill -9 $$')] })).failed, ['hook', errno.ECHILD, 'killed by signal 9']);
  assert.deepEqual((await inside([], { inRoot: [hook('sleep 5', 50)] })).failed, ['hook', errno.ETIMEDOUT, 'timed out']);
  assert.deepEqual((await inside([], { inRoot: [{ ...hook(''), path: '/nowhere' } as Op] })).failed, ['hook', errno.ENOENT, '/nowhere']);
});

rootTest('a mount that the file system refuses is told in its own words', async () => {
  const { failed } = await inside([], { inRoot: newFileSystem('t', 'tmpfs', { size: 'much' }) });
  assert.deepEqual(failed, ['fs-set', errno.EINVAL, "tmpfs: Bad value for 'size'"]);
});

rootTest('Unix sockets at short and at long paths', async () => {
  for (const name of ['s', join('deep'.repeat(30), 'socket')]) {
    const path = marker(name);
    mkdirSync(join(path, '..'), { recursive: true });
    const ops: Op[] = [
      { op: 'listen', side: 'monitor', into: 'l', path, mode: 0o600 },
      { op: 'connect-unix', side: 'monitor', into: 'c', path },
      { op: 'unlink', side: 'cleanup', path },
      { op: 'host-sync', side: 'monitor', name: 'look' },
    ];
    let mode = 0;
    const order = [ops[0]!, ops[1]!, ops[3]!, ops[2]!];
    const { events } = await runHelper(order, { onEvent: (event) => (event.event === 'sync' ? ((mode = statSync(path).mode), 'go\n') : undefined) });
    assert.deepEqual([events.at(-1)!.event, mode & 0o777, existsSync(path)], ['exit', 0o600, false]);
  }
});

rootTest('send-fd hands over a file with its message', async () => {
  const path = marker('receiver');
  const got = new Promise<string>((resolve) => {
    const server = createServer((socket) => socket.setEncoding('utf8').on('data', (text: string) => (resolve(text), server.close(), socket.end())));
    server.listen(path);
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const { events } = await runHelper([
    { op: 'connect-unix', side: 'monitor', into: 'c', path },
    { op: 'pipe', side: 'monitor', read: 'r', write: 'w' },
    { op: 'send-fd', side: 'monitor', socket: 'c', slot: 'r', data: Buffer.from('/dev/pts/0') },
  ]);
  assert.equal(events[0]!.event, 'exit');
  assert.equal(await got, '/dev/pts/0');
});

rootTest('files: nodes, owners, links, write-file, rmdir that waits', async () => {
  const d = marker('files');
  const mode = 0o644;
  const { events } = await runHelper([
    { op: 'umask', side: 'monitor', mask: 0 },
    { op: 'mkdir', side: 'monitor', path: d, mode: 0o755 },
    { op: 'open', side: 'monitor', into: 'd', path: d, flags: 0o10000000, mode: 0, resolve: 0 },
    { op: 'mknod', side: 'monitor', dir: 'd', path: 'null', mode: 0o20666, dev: 0x103 },
    { op: 'mknod', side: 'monitor', dir: 'd', path: 'file', mode: 0o100000 | mode, dev: 0 },
    { op: 'chown', side: 'monitor', dir: 'd', path: 'file', uid: 12, gid: -1 },
    { op: 'symlink', side: 'monitor', target: 'file', dir: 'd', path: 'link' },
    { op: 'chown', side: 'monitor', dir: 'd', path: 'link', uid: 13, gid: 13 },
    { op: 'write-file', side: 'monitor', dir: 'd', path: 'file', data: Buffer.from('text'), resolve: 0 },
    { op: 'write-file', side: 'monitor', dir: 'd', path: 'link', data: Buffer.from('no'), resolve: 4, ignore: ['ELOOP'] },
    { op: 'mkdir', side: 'monitor', dir: 'd', path: 'sub', mode: 0o700 },
    { op: 'rmdir', side: 'monitor', dir: 'd', path: 'sub', retryMs: 10 },
  ]);
  assert.equal(events[0]!.event, 'exit', JSON.stringify(events));
  const [file, link, node] = ['file', 'link', 'null'].map((name) => lstatSync(join(d, name)));
  assert.deepEqual([file!.uid, file!.gid, file!.mode & 0o777, link!.uid, node!.rdev], [12, 0, mode, 13, 0x103]);
  assert.equal(readFileSync(join(d, 'file'), 'utf8'), 'text');
  assert.ok(!existsSync(join(d, 'sub')));
});

rootTest('cgroup-attach moves the child in, kill-cgroup empties it', async () => {
  const base = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'].find((path) => existsSync(join(path, 'cgroup.procs')));
  assert.ok(base !== undefined, 'a cgroup hierarchy');
  const group = join(base, `kobako-native-${process.pid}`);
  const ops: Op[] = [
    { op: 'mkdir', side: 'monitor', path: group, mode: 0o755 },
    { op: 'open', side: 'monitor', into: 'g', path: group, flags: 0o10000000, mode: 0, resolve: 0 },
    { op: 'clone', side: 'monitor', flags: 0 },
    { op: 'wait', side, token: 2 },
    { op: 'exec', side, argv: ['/bin/sh', '-c', 'sleep 100 & cat /proc/self/cgroup'], env: ['PATH=/bin:/usr/bin'], path: '' },
    { op: 'cgroup-attach', side: 'monitor', dir: 'g', file: 'cgroup.procs' },
    { op: 'post', side: 'monitor', token: 2 },
    { op: 'kill-cgroup', side: 'cleanup', dir: 'g', path: 'cgroup.procs' },
    { op: 'rmdir', side: 'cleanup', path: group, retryMs: 2000 },
  ];
  const { stdout, events } = await runHelper(ops);
  assert.deepEqual(
    events.map((event) => event.event),
    ['started', 'exit'],
    JSON.stringify(events),
  );
  assert.ok(stdout.includes(`kobako-native-${process.pid}`));
  assert.ok(!existsSync(group));
});

rootTest('a network namespace of its own can bring its loopback up', async () => {
  const { lines, failed } = await inside(['cat=/proc/net/if_inet6', 'cat=/proc/self/net/route'], {
    flags: 0x20000 | 0x40000000,
    last: [{ op: 'link-up', side, name: 'lo' }],
  });
  assert.equal(failed, undefined);
  assert.ok(lines.length > 0);
  assert.deepEqual((await inside([], { flags: 0x20000 | 0x40000000, last: [{ op: 'link-up', side, name: 'none0' }] })).failed, [
    'link-up',
    errno.ENODEV,
    'none0',
  ]);
});

rootTest('check-process: only the process that began at that time, and only while it lives', async () => {
  const start = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')[19]!;
  const check = async (pid: number, text: string) => {
    const { events } = await runHelper([{ op: 'check-process', side: 'monitor', pid, start: text }]);
    return events.at(-1)!.event === 'exit' ? 'same' : events.at(-1)!.errno;
  };
  assert.equal(await check(process.pid, start), 'same');
  for (const other of [`${start}0`, start.slice(0, -1), `${Number(start) + 1}`, '', '0']) assert.equal(await check(process.pid, other), errno.ESRCH, other);
  assert.equal(await check(0x7ffffffe, start), errno.ESRCH);
});

rootTest('user-namespace: its maps, and nothing that stays behind', async () => {
  const { events } = await runHelper([
    { op: 'user-namespace', side: 'monitor', into: 'u', uidMap: Buffer.from('0 5 1\n'), gidMap: Buffer.from('0 6 1\n') },
    { op: 'user-namespace', side: 'monitor', into: 'v', uidMap: Buffer.from('0 5 1\n0 6 1\n'), gidMap: Buffer.from('0 6 1\n') },
  ]);
  assert.deepEqual([events.at(-1)!.event, events.at(-1)!.index, events.at(-1)!.errno], ['failed', 1, errno.EINVAL], 'maps that overlap are refused');
});

rootTest('copy-up: what is in a folder, links as links', async () => {
  const file = (path: string): Op => ({ op: 'mknod', side, dir: 'root', path, mode: 0o100640, dev: 0 });
  const { lines, failed } = await inside(['ls=/target', 'ls=/target/sub'], {
    inRoot: [
      ...['src', 'src/sub', 'src/sub/deep', 'target'].map((path): Op => ({ op: 'mkdir', side, dir: 'root', path, mode: 0o751 })),
      file('src/a'),
      file('src/sub/b'),
      symlink('/etc', 'src/link'),
      symlink('src', 'to-src'),
      ...newFileSystem('tmp', 'tmpfs'),
      { op: 'copy-up', side, to: 'tmp', root: 'root', path: '/to-src', contents: 1 },
      { op: 'copy-up', side, to: 'tmp', root: 'root', path: '/not/there', contents: 1 },
      ensureDir('/target', 'at'),
      { op: 'move-mount', side, from: 'tmp', dir: 'at', path: '' },
    ],
  });
  assert.equal(failed, undefined);
  for (const name of ['a', 'link', 'sub', 'b', 'deep'])
    assert.ok(
      lines.some((line) => line.split(/\s+/).includes(name)),
      `${name} in ${lines.join()}`,
    );
});

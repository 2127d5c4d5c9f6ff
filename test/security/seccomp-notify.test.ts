/** SCMP_ACT_NOTIFY end to end: the listener reaches who listens at listenerPath, with the state that runc tells. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { debs } from '../support/debs.ts';
import { kobako } from '../support/kobako.ts';
import { projectDir } from '../support/paths.ts';
import { busyboxRootfs, copyRootfs } from '../support/rootfs.ts';
import { run, runOk, type RunResult } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

let folder: string;
let cleanup: () => unknown = () => {};
before(async () => {
  folder = tempFor({ after: (hook) => (cleanup = hook) });
  await copyRootfs(await busyboxRootfs(), `${folder}/root`);
  await runOk('cc', ['-O1', '-static', '-Wall', '-o', `${folder}/agent`, `${projectDir}/test/security/seccomp-agent.c`]);
});
after(() => cleanup());

let next = 0;
const profileFor = (socket: string, names = ['mkdir', 'mkdirat']) => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  listenerPath: socket,
  listenerMetadata: 'a "pid":0 of the user’s',
  syscalls: [{ names, action: 'SCMP_ACT_NOTIFY' }],
});

/** Starts the answerer; `end` gives what it told, in lines. */
async function agent(count: number) {
  const socket = `${folder}/agent-${next++}.sock`;
  const child = spawn(`${folder}/agent`, [socket, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (data: string) => (text += data));
  const closed = once(child, 'close');
  while (!text.startsWith('ready\n')) await once(child.stdout, 'data');
  return {
    socket,
    async end() {
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await closed;
      clearTimeout(timer);
      return text.split('\n').slice(1, -1);
    },
  };
}

interface State {
  readonly ociVersion: string;
  readonly fds: readonly string[];
  readonly pid: number;
  readonly metadata: string;
  readonly state: Readonly<Record<string, unknown>> & { readonly pid: number };
}

function bundle(name: string, socket: string, args: readonly string[], more: object = {}): string {
  const path = `${folder}/${name}`;
  mkdirSync(path, { recursive: true });
  const caps = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE'];
  writeFileSync(
    `${path}/config.json`,
    JSON.stringify({
      ociVersion: '1.0.2',
      process: { user: { uid: 0, gid: 0 }, args, env: ['PATH=/bin'], cwd: '/', capabilities: { bounding: caps, effective: caps, permitted: caps }, ...more },
      root: { path: `${folder}/root` },
      mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
      annotations: { 'org.example': 'note' },
      linux: { namespaces: ['pid', 'mount', 'ipc', 'uts', 'network'].map((type) => ({ type })), seccomp: profileFor(socket) },
    }),
  );
  return path;
}

/** Output to a file: the container keeps what it was created with, and a pipe would not end. */
async function runc(args: readonly string[]): Promise<RunResult> {
  const out = `${folder}/out`;
  const result = await run('sh', ['-c', `exec "$0" "$@" >${out} 2>&1`, `${projectDir}/bin/kobako-runc`, '--root', `${folder}/state`, ...args]);
  return { ...result, stderr: readFileSync(out, 'utf8') };
}

describe('the engine', () => {
  test('an answerer decides; when it has gone, calls fail with ENOSYS and do not hang', async () => {
    const { socket, end } = await agent(1);
    writeFileSync(`${folder}/profile.json`, JSON.stringify(profileFor(socket)));
    const { stdout, stderr } = await kobako([
      'run',
      '--rm',
      '--rootfs',
      `${folder}/root:O`,
      '--security-opt',
      `seccomp=${folder}/profile.json`,
      'sh',
      '-c',
      'mkdir /tmp/a; sleep 1; mkdir /tmp/b; ls /tmp',
    ]);
    const [text, ...asked] = await end();
    assert.match(stderr, /\/tmp\/a'?: Numerical argument out of domain[^]*\/tmp\/b'?: Function not implemented/);
    assert.equal(stdout, '');
    const told = JSON.parse(text!) as State;
    assert.deepEqual(told.fds, ['seccompFd']);
    assert.equal(told.metadata, 'a "pid":0 of the user’s');
    assert.equal(told.state.pid, told.pid);
    assert.ok(told.pid > 1);
    assert.match(asked[0]!, /^\d+ (83|34)$/);
  });

  test('exec takes part: its own pid, and that of the container', async (t) => {
    const first = await agent(0);
    writeFileSync(`${folder}/profile.json`, JSON.stringify(profileFor(first.socket)));
    const name = `kobako-test-notify-${process.pid}`;
    const opt = `seccomp=${folder}/profile.json`;
    const started = await kobako(['run', '-d', '--name', name, '--rootfs', `${folder}/root:O`, '--security-opt', opt, 'sleep', '60']);
    t.after(() => kobako(['rm', '-f', name]));
    assert.equal(started.code, 0, started.stderr);
    const container = JSON.parse((await first.end())[0]!) as State;
    // nobody listens any more: exec says so at once
    const alone = await kobako(['exec', name, 'true']);
    assert.notEqual(alone.code, 0);
    assert.ok(alone.stderr.includes(`seccomp listener ${first.socket}`), alone.stderr);
    await runOk('rm', [first.socket]);
    next--; // the same path again
    const second = await agent(1);
    const { stderr } = await kobako(['exec', name, 'mkdir', '/tmp/c']);
    assert.match(stderr, /Numerical argument out of domain/);
    const told = JSON.parse((await second.end())[0]!) as State;
    assert.equal(told.state.pid, container.pid);
    assert.notEqual(told.pid, container.pid);
  });

  test('nobody listens: one clear line, the program never runs', async () => {
    writeFileSync(`${folder}/profile.json`, JSON.stringify(profileFor(`${folder}/nobody`)));
    const args = ['run', '--rm', '--rootfs', `${folder}/root`, '--security-opt', `seccomp=${folder}/profile.json`, 'touch', '/ran'];
    const { code, stderr } = await kobako(args);
    assert.equal(code, 125, stderr);
    assert.ok(stderr.includes(`seccomp listener ${folder}/nobody: no such file or directory`), stderr);
    assert.equal(existsSync(`${folder}/root/ran`), false);
  });

  test('a listenerPath without a rule that notifies is not used', async () => {
    writeFileSync(`${folder}/profile.json`, JSON.stringify({ ...profileFor(`${folder}/nobody`), syscalls: [] }));
    const { code, stderr } = await kobako(['run', '--rm', '--rootfs', `${folder}/root:O`, '--security-opt', `seccomp=${folder}/profile.json`, 'true']);
    assert.equal(code, 0, stderr);
  });
});

describe('the runtime', () => {
  for (const noNewPrivileges of [false, true]) {
    test(`create, start, exec; no_new_privs ${noNewPrivileges}`, async (t) => {
      const { socket, end } = await agent(1);
      const id = `kobako-test-notify-${process.pid}-${noNewPrivileges}`;
      const path = bundle('bundle', socket, ['sh', '-c', 'mkdir /tmp/d 2>/tmp/said; sleep 60'], { noNewPrivileges });
      t.after(() => runc(['delete', '-f', id]));
      const created = await runc(['create', '-b', path, '--pid-file', `${folder}/pid`, id]);
      assert.equal(created.code, 0, created.stderr);
      const started = await runc(['start', id]);
      assert.equal(started.code, 0, started.stderr);
      const [text, asked] = await end();
      const told = JSON.parse(text!) as State;
      const pid = Number(readFileSync(`${folder}/pid`, 'utf8'));
      assert.deepEqual([told.pid, told.state.pid, told.state['id'], told.state['bundle']], [pid, pid, id, path]);
      assert.match(asked!, /^\d+ (83|34)$/);
    });
  }

  test('tells what runc tells', async (t) => {
    const tree = await debs(['runc', 'crun'], { dependencies: true });
    const env = { ...process.env, LD_LIBRARY_PATH: `${tree}/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu` };
    const real = [`${tree}/usr/sbin/runc`, `${tree}/usr/bin/runc`].find((file) => existsSync(file))!;
    const id = `kobako-test-notify-same-${process.pid}`;
    const tell = async (program: string, root: string) => {
      const { socket, end } = await agent(1);
      const path = bundle('same', socket, ['mkdir', '/tmp/e']);
      const { stderr } = await run(program, ['--root', root, 'run', '-b', path, id], { env });
      const [text] = await end();
      if (text === undefined) return { stderr };
      const { pid, ...told } = JSON.parse(text) as State;
      assert.equal(pid, told.state.pid);
      return { ...told, state: { ...told.state, pid: 0, bundle: '', ociVersion: '' }, ociVersion: '', said: stderr };
    };
    const theirs = await tell(real, `${folder}/runc`);
    if (!('state' in theirs)) return t.skip(`runc does not run here: ${theirs.stderr}`);
    assert.deepEqual(await tell(`${projectDir}/bin/kobako-runc`, `${folder}/state`), theirs);
  });
});

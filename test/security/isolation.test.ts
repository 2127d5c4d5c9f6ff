/** Ways out of, and into, a running container that other engines once had, tried from inside. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { before, describe, test, type TestContext } from 'node:test';
import { kobako } from '../support/kobako.ts';
import { projectDir } from '../support/paths.ts';
import { busyboxRootfs, copyRootfs } from '../support/rootfs.ts';
import { run, runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

let base: string;
before(async () => {
  base = await busyboxRootfs();
});

const inside = async (...args: readonly string[]) => kobako(['run', '--rm', '--rootfs', `${base}:O`, ...args]);

/** A folder that is removed after `end` has run: hooks of a test run in the order in which they were given. */
function folderUntil(t: TestContext, end: () => Promise<unknown>): string {
  const hooks: (() => void)[] = [];
  t.after(async () => {
    await end();
    hooks.forEach((hook) => hook());
  });
  return tempFor({ after: (hook) => hooks.push(hook) });
}

async function compile(name: string, to: string): Promise<void> {
  await runOk('cc', ['-O1', '-static', '-o', to, `${projectDir}/test/security/${name}.c`]);
}

test('CVE-2022-0492: no cgroup to mount, no release_agent to write, no user namespace to get there', async () => {
  const script = [
    'mkdir /tmp/c',
    'for t in cgroup cgroup2; do mount -t $t -o none,name=x none /tmp/c 2>/dev/null && echo mounted; done',
    'unshare -U true 2>/dev/null && echo user namespace',
    'unshare -m true 2>/dev/null && echo mount namespace',
    'for f in $(find /sys/fs/cgroup -name release_agent -o -name notify_on_release -o -name cgroup.procs); do (echo 1 > $f) 2>/dev/null && echo wrote $f; done',
    'find /sys/fs/cgroup -name release_agent',
    'echo end',
  ].join('\n');
  assert.equal((await inside('sh', '-c', script)).stdout, 'end\n');
});

test('CVE-2022-24769, 29162: no inheritable capabilities, in run and in exec, as root and as a user', async (t) => {
  const look = ['grep', '-E', 'Cap(Inh|Amb)', '/proc/self/status'];
  const none = 'CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n';
  for (const flags of [[], ['-u', '1000'], ['--privileged'], ['--cap-add', 'ALL']]) {
    assert.equal((await inside(...flags, ...look)).stdout, none, flags.join(' '));
  }
  const name = `kobako-test-inherit-${process.pid}`;
  await kobako(['run', '-d', '--name', name, '--rootfs', `${base}:O`, 'sleep', '60']);
  t.after(() => kobako(['rm', '-f', name]));
  for (const flags of [[], ['-u', '1000'], ['--privileged']]) {
    assert.equal((await kobako(['exec', ...flags, name, ...look])).stdout, none, flags.join(' '));
  }
});

test('CVE-2020-15257: the monitor listens on no abstract socket; its sockets and records are root’s alone', async (t) => {
  const name = 'quiet';
  const env: NodeJS.ProcessEnv = { ...process.env };
  const state = `${folderUntil(t, () => kobako(['rm', '-f', name], { env }))}/state`;
  env['KOBAKO_STATE_DIR'] = state;
  const before = new Set(abstract(readFileSync('/proc/net/unix', 'utf8')));
  const { stdout: id } = await kobako(['run', '-d', '--name', name, '--network', 'host', '--rootfs', `${base}:O`, 'sleep', '60'], { env });
  const seen = await kobako(['exec', name, 'cat', '/proc/net/unix'], { env });
  assert.deepEqual(
    abstract(seen.stdout).filter((socket) => !before.has(socket) && /kobako|monitor|attach/.test(socket)),
    [],
  );
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
  assert.equal(mode(`${state}/sockets`), '700');
  const sockets = readdirSync(`${state}/sockets`);
  assert.equal(sockets.length, 1);
  assert.equal(mode(`${state}/sockets/${sockets[0]}`), '600');
  assert.equal(mode(`${state}/containers/${id.trim()}/container.json`), '600');
  assert.equal(mode(`${state}/containers/${id.trim()}`), '711');
});

const abstract = (text: string) => text.split('\n').flatMap((line) => /@\S*$/.exec(line)?.[0] ?? []);

test('CVE-2016-9962: a process that enters a container is not open to the ones in it', async (t) => {
  const folder = folderUntil(t, () => runc('delete', '-f', id));
  await copyRootfs(base, `${folder}/root`);
  await compile('hunt-fds', `${folder}/root/hunt`);
  await runOk('chown', ['-R', '200000:200000', `${folder}/root`]);
  // all capabilities, but of a user namespace: only dumpable stands between the two
  const ids = [{ containerID: 0, hostID: 200000, size: 65536 }];
  const all = [...new Set(readFileSync(`${projectDir}/src/runtime/capabilities.ts`, 'utf8').match(/CAP_[A-Z_]+/g) ?? [])].filter((name) => name !== 'CAP_');
  const names = all.length > 30 ? all : ['CAP_SYS_PTRACE', 'CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH'];
  mkdirSync(`${folder}/bundle`);
  const config = {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args: ['/hunt', 'kobako'],
      env: ['PATH=/bin'],
      cwd: '/',
      capabilities: { bounding: names, effective: names, permitted: names },
    },
    root: { path: `${folder}/root` },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { uidMappings: ids, gidMappings: ids, namespaces: ['pid', 'mount', 'user', 'ipc', 'uts', 'network'].map((type) => ({ type })) },
  };
  writeFileSync(`${folder}/bundle/config.json`, JSON.stringify(config));
  const id = `kobako-test-enter-${process.pid}`;
  const runc = (...args: string[]) =>
    run('sh', ['-c', `"$0" "$@" >>${folder}/out 2>&1`, `${projectDir}/bin/kobako-runc`, '--root', `${folder}/state`, ...args]);
  await runOk('chmod', ['-R', 'go+rX', folder]);
  const started = await runc('run', '-d', '-b', `${folder}/bundle`, id);
  assert.equal(started.code, 0, readFileSync(`${folder}/out`, 'utf8'));
  for (let i = 0; i < 60 && (i < 8 || !existsSync(`${folder}/root/seen`)); i++) await runc('exec', id, 'true');
  assert.ok(existsSync(`${folder}/root/seen`), 'the hunter never saw the runtime: this test shows nothing');
  assert.equal(existsSync(`${folder}/root/read`) ? readFileSync(`${folder}/root/read`, 'utf8') : '', '');
});

describe('the session keyring', () => {
  test('is the container’s own, shared with exec; the engine’s stays out of sight', async (t) => {
    const folder = tempFor(t);
    await copyRootfs(base, `${folder}/root`);
    await compile('key-probe', `${folder}/root/probe`);
    const probe = `${folder}/root/probe`;
    const name = `kobako-test-keys-${process.pid}`;
    const find = ['/probe', 'find', 'kobako-secret'];
    const hostSees = await run(probe, ['add', 'kobako-secret', probe, 'find', 'kobako-secret']);
    if (!hostSees.stdout.startsWith('found')) return t.skip(`this kernel has no keys: ${hostSees.stdout}${hostSees.stderr}`);
    const command = [`${projectDir}/bin/kobako`, 'run', '-d', '--privileged', '--name', name, '--rootfs', `${folder}/root`];
    const started = await run(probe, ['add', 'kobako-secret', ...command, '/probe', 'add', 'inner', '/bin/sleep', '60']);
    t.after(() => kobako(['rm', '-f', name]));
    assert.equal(started.code, 0, started.stderr);
    const { stdout } = await run(probe, ['add', 'kobako-secret', `${projectDir}/bin/kobako`, 'exec', '--privileged', name, ...find]);
    assert.match(stdout, /^errno \d+ keyring;0;0;[0-9a-f]+;_ses\.[0-9a-f]{64}\n$/);
    const both = await run(probe, ['add', 'kobako-secret', `${projectDir}/bin/kobako`, 'run', '--rm', '--privileged', '--rootfs', `${folder}/root`, ...find]);
    assert.match(both.stdout, /^errno \d+ keyring;0;0;[0-9a-f]+;_ses\.[0-9a-f]{64}\n$/);
    // kobako-runc keeps it when asked
    mkdirSync(`${folder}/bundle`);
    const config = {
      ociVersion: '1.0.2',
      process: { user: { uid: 0, gid: 0 }, args: find, cwd: '/' },
      root: { path: `${folder}/root` },
      linux: { namespaces: [{ type: 'mount' }] },
    };
    writeFileSync(`${folder}/bundle/config.json`, JSON.stringify(config));
    const runc = (...flags: string[]) =>
      run(probe, ['add', 'kobako-secret', `${projectDir}/bin/kobako-runc`, '--root', `${folder}/state`, 'run', ...flags, '-b', `${folder}/bundle`, name]);
    assert.match((await runc()).stdout, /^errno/);
    assert.match((await runc('--no-new-keyring')).stdout, /^found/);
  });
});

test('TIOCSTI: a container without a terminal of its own has not the one of whoever ran it', async (t) => {
  const folder = tempFor(t);
  const looked = await run('script', ['--version']).catch(() => undefined);
  if (looked === undefined) return t.skip('script(1) is not there, to have a terminal with');
  mkdirSync(`${folder}/bundle`);
  const config = {
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args: ['cut', '-d', ' ', '-f', '7', '/proc/self/stat'], env: ['PATH=/bin:/usr/bin'], cwd: '/' },
    root: { path: base, readonly: true },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces: ['pid', 'mount'].map((type) => ({ type })) },
  };
  writeFileSync(`${folder}/bundle/config.json`, JSON.stringify(config));
  const command = `${projectDir}/bin/kobako-runc --root ${folder}/state run -b ${folder}/bundle kobako-test-tty-${process.pid}`;
  const { stdout } = await run('script', ['-qec', command, '/dev/null']);
  assert.equal(stdout.trim(), '0', 'it has a controlling terminal');
  const own = await run('script', ['-qec', 'cut -d " " -f 7 /proc/self/stat', '/dev/null']);
  assert.notEqual(own.stdout.trim(), '0', 'script gives no terminal: this test shows nothing');
});

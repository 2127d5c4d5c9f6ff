/** A run that fails leaves nothing behind: no cgroup, mount, process, socket or file of its own. */
import assert from 'node:assert/strict';
import { chmodSync, globSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { kobako } from '../support/kobako.ts';
import { projectDir } from '../support/paths.ts';
import { busyboxRootfs, copyRootfs } from '../support/rootfs.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const parent = `kobako-test-leaks-${process.pid}`;
let folder: string;
let root: string;
let cleanup: () => unknown = () => {};
before(async () => {
  folder = tempFor({ after: (hook) => (cleanup = hook) });
  root = `${folder}/root`;
  await copyRootfs(await busyboxRootfs(), root);
  writeFileSync(`${root}/text`, 'no program');
  writeFileSync(`${root}/garbage`, 'no program');
  chmodSync(`${root}/garbage`, 0o755);
});
after(() => {
  for (const dir of globSync(`/sys/fs/cgroup/{*,unified/*}/${parent}`)) rmdirSync(dir);
  cleanup();
});

/** Only what is this test's: others may use the engine on this machine at the same time. */
function left(): string[] {
  const states = [`${folder}/state/containers`, `${folder}/state/sockets`, `${folder}/runc`];
  const files = states.flatMap((dir) => {
    try {
      return readdirSync(dir).map((name) => `file ${dir}/${name}`);
    } catch {
      return [];
    }
  });
  const cgroups = globSync(`/sys/fs/cgroup/**/${parent}/*/`).map((dir) => `cgroup ${dir}`);
  const lines = (file: string, text: string) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.includes(text));
  const processes = readdirSync('/proc').flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) && lines(`/proc/${pid}/cgroup`, parent).length > 0 ? [`process ${pid}`] : [];
    } catch {
      return [];
    }
  });
  const mounts = lines('/proc/self/mountinfo', folder).map((line) => `mount ${line}`);
  const sockets = lines('/proc/net/unix', folder).map((line) => `socket ${line}`);
  return [...files, ...cgroups, ...processes, ...mounts, ...sockets];
}

async function nothingLeft(): Promise<void> {
  for (let tries = 0; tries < 50 && left().length > 0; tries++) await sleep(100);
  assert.deepEqual(left(), []);
}

const env = () => ({ ...process.env, KOBAKO_STATE_DIR: `${folder}/state` });

describe('the command line', () => {
  const profile = (text: string) => {
    writeFileSync(`${folder}/profile.json`, text);
    return `seccomp=${folder}/profile.json`;
  };
  const cases: Record<string, [args: () => string[], code: number, words: RegExp]> = {
    'a program that is not there': [() => ['/nowhere'], 127, /\/nowhere.*no such file or directory/],
    'a program that is not in PATH': [() => ['nowhere'], 127, /"nowhere": executable file not found in \$PATH/],
    'a program that is not executable': [() => ['/text'], 126, /\/text.*permission denied/],
    'a program that is a folder': [() => ['/etc'], 126, /\/etc.*permission denied/],
    'a program that is none': [() => ['/garbage'], 126, /\/garbage.*exec format error/],
    'a program with --init': [() => ['--init', '/nowhere'], 127, /nowhere/],
    'a program with a terminal': [() => ['-t', '/nowhere'], 127, /nowhere/],
    'a user': [() => ['-u', 'nobody-at-all', 'true'], 125, /unable to find user nobody-at-all/],
    'a group': [() => ['-u', '0:nothing', 'true'], 125, /unable to find group nothing/],
    'a bind source': [() => ['--mount', 'type=bind,source=/no/such,target=/x', 'true'], 125, /\/no\/such/],
    'a bind target that is a file': [() => ['-v', '/usr:/text', 'true'], 125, /bind mount \/usr to \/text: not a directory/],
    'a bind target below a file': [() => ['-v', '/usr:/text/x', 'true'], 125, /\/text\/x.*not a directory/],
    'a tmpfs option': [() => ['--tmpfs', '/x:size=lots', 'true'], 125, /\/x.*lots|lots/],
    'a seccomp profile': [() => ['--security-opt', profile('{"defaultAction":"X"}'), 'true'], 125, /unknown action "X"/],
    'a seccomp profile that forbids exec': [
      () => ['--security-opt', profile('{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["execve"],"action":"SCMP_ACT_ERRNO"}]}'), 'true'],
      126,
      /true.*not permitted/,
    ],
    'a seccomp profile that kills': [
      () => ['--security-opt', profile('{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["setgroups"],"action":"SCMP_ACT_KILL_PROCESS"}]}'), 'true'],
      125,
      /killed by signal 31/,
    ],
    'a memory limit': [() => ['-m', '1k', 'true'], 125, /[Mm]emory/],
    'a processor that is not there': [() => ['--cpuset-cpus', '900', 'true'], 125, /900/],
    'a sysctl': [() => ['--sysctl', 'net.no.such=1', 'true'], 125, /net\.no\.such/],
    'a sysctl value': [() => ['--sysctl', 'net.ipv4.ip_forward=abc', 'true'], 125, /ip_forward=abc/],
    'a device': [() => ['--device', '/dev/no-such', 'true'], 125, /\/dev\/no-such/],
    'a working folder that is a file': [() => ['-w', '/text', 'true'], 125, /\/text.*not a directory/],
    'a limit': [() => ['--ulimit', 'nofile=9:3', 'true'], 125, /nofile|limit/],
    'a flag': [() => ['--no-such-flag', 'true'], 125, /no-such-flag/],
  };
  for (const [name, [args, code, words]] of Object.entries(cases)) {
    test(name, async () => {
      const result = await kobako(['run', '--cgroup-parent', `/${parent}`, '--rm', '--rootfs', root, ...args()], { env: env(), timeoutMs: 30_000 });
      assert.equal(result.code, code, result.stderr + result.stdout);
      assert.match(result.stderr + result.stdout, words);
      await nothingLeft();
    });
  }

  test('a root file system that is not there, or a file', async () => {
    for (const path of [`${folder}/no-root`, `${root}/text`]) {
      const { code, stderr } = await kobako(['run', '--rm', '--cgroup-parent', `/${parent}`, '--rootfs', path, 'true'], { env: env() });
      assert.equal(code, 125);
      assert.ok(stderr.includes(`root file system ${path}`), stderr);
      await nothingLeft();
    }
  });

  test('exec that fails leaves the container alone and nothing else', async (t) => {
    const started = await kobako(['run', '-d', '--rm', '--name', 'a1', '--cgroup-parent', `/${parent}`, '--rootfs', root, 'sleep', '100'], { env: env() });
    assert.equal(started.code, 0, started.stderr);
    t.after(() => kobako(['rm', '-f', 'a1'], { env: env() }));
    const before = left().filter((thing) => !thing.startsWith('process'));
    for (const args of [['/nowhere'], ['-u', 'who', 'true'], ['-w', '/text', 'true'], ['-t', '/nowhere']]) {
      const at = args.findIndex((arg) => arg.startsWith('/nowhere') || arg === 'true');
      const { code } = await kobako(['exec', ...args.slice(0, at), 'a1', ...args.slice(at)], { env: env() });
      assert.notEqual(code, 0, `${args}`);
      for (let tries = 0; tries < 30 && left().length > before.length + 1; tries++) await sleep(100);
      assert.deepEqual(
        left().filter((thing) => !thing.startsWith('process')),
        before,
      );
    }
    await kobako(['rm', '-f', 'a1'], { env: env() });
    await nothingLeft();
  });
});

describe('the runtime', () => {
  const config = (more: object) => ({
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args: ['true'], env: ['PATH=/bin'], cwd: '/' },
    root: { path: root },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { cgroupsPath: `/${parent}/c`, namespaces: ['pid', 'mount', 'network', 'ipc', 'uts'].map((type) => ({ type })) },
    ...more,
  });
  const { process: good } = config({});
  const hook = (name: string) => ({ hooks: { [name]: [{ path: '/bin/sh', args: ['sh', '-c', 'echo sorry >&2; exit 3'] }] } });
  const cases: Record<string, [config: object | string, args: string[], words: RegExp]> = {
    'a config that is no JSON': ['{', [], /config\.json/],
    'a config of another shape': [{ ...config({}), mounts: 'all' }, [], /config\.json\.mounts: must be a list/],
    'no process': [{ ...config({}), process: undefined }, [], /process/],
    'no command': [config({ process: { ...good, args: [] } }), [], /no command|args/],
    'a namespace path': [config({ linux: { ...config({}).linux, namespaces: [{ type: 'mount' }, { type: 'network', path: '/no/net' }] } }), [], /\/no\/net/],
    'a namespace type': [config({ linux: { ...config({}).linux, namespaces: [{ type: 'dream' }] } }), [], /dream/],
    'a mount type': [config({ mounts: [{ destination: '/x', type: 'nofs', source: 'x' }] }), [], /nofs/],
    'a prestart hook': [config(hook('prestart')), [], /prestart.*(3|sorry)/],
    'a createRuntime hook': [config(hook('createRuntime')), [], /createRuntime.*(3|sorry)/],
    'a createContainer hook': [config(hook('createContainer')), [], /createContainer.*sorry/],
    'a startContainer hook': [
      config({ hooks: { startContainer: [{ path: '/bin/sh', args: ['sh', '-c', 'echo sorry >&2; exit 3'] }] } }),
      [],
      /startContainer.*sorry/,
    ],
    'a console socket': [config({ process: { ...good, terminal: true } }), ['--console-socket', '/no/console'], /\/no\/console|console socket/],
    'a seccomp listener': [
      config({
        linux: {
          ...config({}).linux,
          seccomp: { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/no/agent', syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }] },
        },
      }),
      [],
      /\/no\/agent/,
    ],
  };
  for (const [name, [text, args, words]] of Object.entries(cases)) {
    for (const command of ['create', 'run']) {
      // with create the hook runs at start, and its failure is the container's
      if (command === 'create' && name === 'a startContainer hook') continue;
      test(`${command}: ${name}`, async () => {
        mkdirSync(`${folder}/bundle`, { recursive: true });
        writeFileSync(`${folder}/bundle/config.json`, typeof text === 'string' ? text : JSON.stringify(text));
        const program = `${projectDir}/bin/kobako-runc`;
        const out = await run(
          'sh',
          ['-c', `"$0" "$@" >${folder}/out 2>&1`, program, '--root', `${folder}/runc`, command, '-b', `${folder}/bundle`, ...args, 'c1'],
          {
            timeoutMs: 30_000,
          },
        );
        const said = readFileSync(`${folder}/out`, 'utf8');
        assert.notEqual(out.code, 0);
        assert.match(said, words);
        await nothingLeft();
      });
    }
  }
});

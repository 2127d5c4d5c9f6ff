/** exec, terminals and limits under an OCI runtime's command line: first real runc, then ours. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { cgroupFolders, inTestCgroup, Oci, ociPrograms } from '../support/oci.ts';
import { buildFdReceiver, receiveFd } from '../support/recv-fd.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

let receiver: { path: string } | { skip: string };
before(async (t) => {
  receiver = await buildFdReceiver(tempFor(t as unknown as { after(hook: () => void): void }));
});

for (const program of await ociPrograms()) {
  describe(program.name, { skip: program.skip ?? false, concurrency: 2 }, () => {
    test('exec: arguments, environment, folder, streams, exit codes', async (t) => {
      const oci = await Oci.for(t, program);
      const id = await oci.running();
      const inside = (...args: string[]) => oci.ok('exec', ...args);
      assert.equal(await inside('-e', 'A=1', '-e', 'B=x y', id, 'sh', '-c', 'echo "$A $B $BASE"'), '1 x y 1\n');
      assert.equal(await inside('--cwd', '/tmp', id, 'pwd'), '/tmp\n');
      assert.equal(await inside(id, 'echo', '-n', '--cwd'), '--cwd', 'flags after the id are the program’s');
      assert.deepEqual(await oci.call(['exec', id, 'sh', '-c', 'cat; echo err >&2; exit 42'], { input: 'typed' }), {
        code: 42,
        stdout: 'typed',
        stderr: 'err\n',
      });
      assert.equal((await oci.call(['exec', id, 'sh', '-c', 'kill -9 $$'])).code, 137);
      for (const [args, text] of [
        [['nothing-like-this'], 'exec: "nothing-like-this": executable file not found in $PATH'],
        [['/nothing'], 'exec: "/nothing": stat /nothing: no such file or directory'],
        [['/etc/passwd'], 'exec: "/etc/passwd": permission denied'],
      ] as const) {
        const { code, stderr } = await oci.call(['exec', id, ...args]);
        assert.equal(code, 255);
        assert.ok(stderr.includes(JSON.stringify(`exec failed: unable to start container process: ${text}`)), stderr);
      }
      const nowhere = await oci.call(['exec', '--cwd', '/nowhere', id, 'pwd']);
      assert.equal(nowhere.code, 255);
      assert.match(nowhere.stderr, /chdir to cwd \(\\"\/nowhere\\"\) set in config.json failed: no such file or directory/);
      assert.equal(existsSync(`${oci.bundle}/rootfs/nowhere`), false);
      assert.match((await oci.call(['exec', id])).stderr, /exec args cannot be empty|process args cannot be empty/);
    });

    test('exec: users, groups, capabilities, no_new_privs', async (t) => {
      const oci = await Oci.for(t, program);
      const id = await oci.running();
      assert.match(await oci.ok('exec', '--user', '1000:4', '--additional-gids', '29', id, 'id'), /^uid=1000\(guest\) gid=4\(adm\) groups=.*29\(audio\)/);
      assert.match(await oci.ok('exec', '--user', '1000', id, 'id'), /^uid=1000\(guest\) gid=0\(root\)/);
      const status = async (...flags: string[]) => {
        const text = await oci.ok('exec', ...flags, id, 'cat', '/proc/self/status');
        return Object.fromEntries(text.split('\n').map((line) => line.split(/:\s+/))) as Record<string, string>;
      };
      const [plain, more] = [await status(), await status('--cap', 'CAP_SYS_TIME', '--no-new-privs')];
      assert.equal(Number(`0x${plain['CapEff']}`), (1 << 29) | (1 << 10) | (1 << 5));
      assert.equal(Number(`0x${more['CapEff']}`), (1 << 29) | (1 << 25) | (1 << 10) | (1 << 5));
      assert.deepEqual([plain['NoNewPrivs'], more['NoNewPrivs']], ['0', '1']);
    });

    test('exec --process: a document says it all', async (t) => {
      const oci = await Oci.for(t, program);
      const id = await oci.running();
      const document = { cwd: '/tmp', args: ['sh', '-c', 'id -u; pwd; echo $X; ulimit -n'], env: ['PATH=/bin', 'X=y'], user: { uid: 1, gid: 1 } };
      const rlimits = [{ type: 'RLIMIT_NOFILE', soft: 33, hard: 33 }];
      writeFileSync(`${oci.folder}/process.json`, JSON.stringify({ ...document, rlimits }));
      assert.equal(await oci.ok('exec', '--process', `${oci.folder}/process.json`, id), '1\n/tmp\ny\n33\n');
      const missing = await oci.call(['exec', '--process', '/no/such', id]);
      assert.deepEqual([missing.code, /open \/no\/such: no such file or directory/.test(missing.stderr)], [255, true]);
    });

    test('exec --detach gives the pid; --preserve-fds hands on just those', async (t) => {
      const oci = await Oci.for(t, program);
      const id = await oci.running();
      await oci.ok('exec', '--detach', '--pid-file', `${oci.folder}/pid`, id, 'sleep', '1234');
      const pid = readFileSync(`${oci.folder}/pid`, 'utf8');
      // runc is back before the program runs
      for (let tries = 0; tries < 100 && !readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep'); tries++)
        await new Promise((done) => setTimeout(done, 20));
      assert.equal(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), 'sleep\x001234\0');
      assert.ok((JSON.parse(await oci.ok('ps', '--format', 'json', id)) as number[]).includes(Number(pid)));
      writeFileSync(`${oci.folder}/text`, 'from the caller');
      const fds = [openSync(`${oci.folder}/text`, 'r'), openSync('/dev/null', 'r')];
      const { stdout } = await oci.call(['exec', '--preserve-fds', '1', id, 'sh', '-c', 'cat <&3; ls /proc/self/fd | tr "\\n" " "'], { fds });
      fds.forEach((fd) => closeSync(fd));
      assert.equal(stdout, 'from the caller0 1 2 3 4 ');
    });

    test('LISTEN_FDS: socket activation', async (t) => {
      const oci = await Oci.for(t, program, (config) => (config.process.args = ['sh', '-c', 'echo "$LISTEN_FDS $LISTEN_PID"; cat <&3']));
      writeFileSync(`${oci.folder}/text`, 'a socket');
      const fd = openSync(`${oci.folder}/text`, 'r');
      const line = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"';
      const activated = { ...program, command: ['sh', '-c', line, 'sh', ...program.command] };
      const { stdout, stderr } = await oci.call(['run', oci.id()], { fds: [fd], program: activated });
      closeSync(fd);
      assert.equal(stdout, '1 1\na socket', stderr);
    });

    test('exec --ignore-paused waits for resume', async (t) => {
      const oci = await Oci.for(t, program);
      const id = await oci.running();
      await oci.ok('pause', id);
      const ended = oci.call(['exec', '--ignore-paused', id, 'sh', '-c', 'exit 6']);
      await new Promise((done) => setTimeout(done, 500));
      assert.equal((await oci.state(id)).status, 'paused');
      await oci.ok('resume', id);
      assert.equal((await ended).code, 6);
    });

    test('exec --cgroup: a cgroup below the container’s', async (t) => {
      const oci = await Oci.for(t, program);
      const id = oci.id();
      oci.configure(inTestCgroup(id));
      await oci.ok('create', id);
      await oci.ok('start', id);
      const folders = cgroupFolders(id);
      if (folders.some((folder) => existsSync(`${folder}/cgroup.subtree_control`) && folder.startsWith('/sys/fs/cgroup/cgroup-of-'))) {
        return t.skip('on a v2 tree a cgroup with processes cannot have one below that has controllers');
      }
      const all = readFileSync(`/proc/${(await oci.state(id)).pid}/cgroup`, 'utf8')
        .trim()
        .split('\n');
      for (const line of all) {
        const [, controllers, path] = line.split(':') as [string, string, string];
        if (!path.endsWith(id)) continue;
        const folder = `/sys/fs/cgroup/${controllers.replace('name=', '') || 'unified'}${path}`;
        mkdirSync(`${folder}/sub`, { recursive: true });
        // an empty cpuset takes nobody
        for (const file of ['cpuset.cpus', 'cpuset.mems'])
          if (existsSync(`${folder}/${file}`)) writeFileSync(`${folder}/sub/${file}`, readFileSync(`${folder}/${file}`));
      }
      const inside = await oci.ok('exec', '--cgroup', 'sub', id, 'cat', '/proc/self/cgroup');
      assert.match(inside, new RegExp(`:pids:/.*${id}/sub\\n`));
      const outside = await oci.call(['exec', '--cgroup', '../..', id, 'true']);
      assert.equal(outside.code, 255);
    });

    test('--console-socket: create and exec hand over the terminal', async (t) => {
      if ('skip' in receiver) return t.skip(receiver.skip);
      const oci = await Oci.for(t, program, (config) => {
        Object.assign(config.process, {
          terminal: true,
          consoleSize: { height: 12, width: 34 },
          args: ['sh', '-c', 'tty; stty size; read line; echo "got $line"'],
        });
      });
      const first = await receiveFd(receiver.path, `${oci.folder}/one.sock`, 'typed\n');
      const id = oci.id();
      await oci.ok('create', '--console-socket', `${oci.folder}/one.sock`, id);
      await oci.ok('start', id);
      assert.match(await first.output, /\/dev\/(pts\/0|console)\r\n12 34\r\n(.|\n)*got typed\r\n/);
      oci.configure();
      const other = await oci.running();
      const second = await receiveFd(receiver.path, `${oci.folder}/two.sock`);
      await oci.ok('exec', '--tty', '--detach', '--console-socket', `${oci.folder}/two.sock`, other, 'tty');
      assert.equal(await second.output, '/dev/pts/0\r\n');
    });

    test('--pidfd-socket: create and exec hand over a pidfd', async (t) => {
      if ('skip' in receiver) return t.skip(receiver.skip);
      if (program.version !== undefined && program.version < 1.2) return t.skip('runc has it since 1.2');
      const oci = await Oci.for(t, program);
      const first = await receiveFd(receiver.path, `${oci.folder}/one.sock`);
      const id = oci.id();
      await oci.ok('create', '--pidfd-socket', `${oci.folder}/one.sock`, id);
      assert.equal(await first.output, `Pid:\t${(await oci.state(id)).pid}\n`);
      await oci.ok('start', id);
      const second = await receiveFd(receiver.path, `${oci.folder}/two.sock`);
      await oci.ok('exec', '--detach', '--pid-file', `${oci.folder}/pid`, '--pidfd-socket', `${oci.folder}/two.sock`, id, 'sleep', '1000');
      assert.equal(await second.output, `Pid:\t${readFileSync(`${oci.folder}/pid`, 'utf8')}\n`);
    });

    test('a terminal in the foreground is the caller’s', async (t) => {
      // runc starts the program before it has set the size
      const script = 'tty; sleep 1; stty size; exit 4';
      const oci = await Oci.for(t, program, (config) => Object.assign(config.process, { terminal: true, args: ['sh', '-c', script] }));
      const quoted = [...program.command, '--root', oci.root].map((word) => `'${word}'`).join(' ');
      const options = { cwd: oci.bundle, env: program.env };
      const ran = await atTerminal(`${quoted} run ${oci.id()}`, [], options);
      assert.match(ran, /\/dev\/(pts\/0|console)\r+\n/);
      assert.match(ran, /21 43\r+\ncode 4\r+\n echo \r+\n/, 'the size came through, and the mode is as it was');
      oci.configure();
      const id = await oci.running();
      const steps: [string, string][] = [['ready', 'ab\x03']];
      const typed = await atTerminal(`${quoted} exec --tty ${id} sh -c 'stty raw -echo; echo rea""dy; head -c 3 | od -c; exit 9'`, steps, options);
      assert.match(typed, /a +b +003/, '^C is a byte for the program');
      assert.match(typed, /code 9/);
      const resized = await atTerminal(`(sleep 2; stty rows 30 cols 50 </dev/tty) & ${quoted} exec --tty ${id} sh -c 'sleep 4; stty size'`, [], options);
      assert.match(resized, /30 50/);
    });

    test('a terminal without one, or without a console socket, is refused in runc’s words', async (t) => {
      const oci = await Oci.for(t, program, (config) => (config.process.terminal = true));
      const none = 'cannot allocate tty if runc will detach without setting console socket';
      const extra = 'cannot use console socket if runc will not detach or allocate tty';
      const refused = async (args: string[], text: string) => {
        const { code, stderr } = await oci.call(args);
        assert.ok(stderr.includes(text), `${args.join(' ')}: ${stderr}`);
        assert.ok(code === 1 || code === 255);
      };
      await refused(['create', oci.id()], none);
      await refused(['run', '--detach', oci.id()], none);
      await refused(['run', '--console-socket', '/x', oci.id()], extra);
      oci.configure();
      await refused(['create', '--console-socket', '/x', oci.id()], extra);
      const id = await oci.running();
      await refused(['exec', '--tty', '--detach', id, 'true'], none);
      await refused(['exec', '--console-socket', '/x', id, 'true'], extra);
      const alone = await run('setsid', ['-w', ...program.command, '--root', oci.root, 'exec', '--tty', id, 'true'], { env: program.env });
      assert.equal(alone.code, 255);
      assert.match(alone.stderr, /open \/dev\/tty: no such device or address/);
    });

    test('update: flags, a file, and the standard input', async (t) => {
      const oci = await Oci.for(t, program);
      const id = oci.id();
      oci.configure(inTestCgroup(id));
      await oci.ok('create', id);
      const [memory, pids] = ['memory', 'pids'].map(
        (name) => cgroupFolders(id).find((folder) => folder.includes(`/${name}/`)) ?? `/sys/fs/cgroup/cgroup-of-${id}`,
      );
      const read = (...files: string[]) =>
        readFileSync(
          files.find((file) => existsSync(file))!,
          'utf8',
        ).trim();
      const memoryLimit = () => read(`${memory}/memory.limit_in_bytes`, `${memory}/memory.max`);
      await oci.ok('update', '--memory', '64M', '--pids-limit', '20', id);
      assert.deepEqual([memoryLimit(), read(`${pids}/pids.max`)], [String(64 << 20), '20']);
      writeFileSync(`${oci.folder}/r.json`, JSON.stringify({ memory: { limit: 32 << 20 }, pids: { limit: 30 } }));
      await oci.ok('update', '--resources', `${oci.folder}/r.json`, id);
      assert.deepEqual([memoryLimit(), read(`${pids}/pids.max`)], [String(32 << 20), '30']);
      assert.equal((await oci.call(['update', '-r', '-', id], { input: '{"pids":{"limit":40}}' })).code, 0);
      assert.equal(read(`${pids}/pids.max`), '40');
      const wrong = await oci.call(['update', '-r', '-', id], { input: '{"pids":' });
      assert.equal(wrong.code, 1);
    });

    test('events: the numbers of a container, in runc’s shape', async (t) => {
      const oci = await Oci.for(t, program);
      const id = await oci.running();
      const { type, id: whose, data } = JSON.parse(await oci.ok('events', '--stats', id));
      assert.deepEqual([type, whose], ['stats', id]);
      assert.ok(data.cpu.usage.total > 0 && data.memory.usage.usage > 0);
      for (const key of ['total', 'kernel', 'user']) assert.equal(typeof data.cpu.usage[key], 'number', key);
      for (const key of ['cpu', 'memory', 'pids', 'blkio', 'hugetlb', 'intel_rdt', 'network_interfaces']) assert.ok(key in data, key);
      // the highest use: a v2 tree has it since Linux 5.19, and Debian's runc does not read it there
      assert.ok('max' in data.memory.usage || (!program.ours && existsSync('/sys/fs/cgroup/cgroup.controllers')));
      assert.ok('limit' in data.memory.usage && 'raw' in data.memory && data.pids.current > 0);
      for (const interval of ['0', 'nope', '5']) assert.equal((await oci.call(['events', '--interval', interval, id])).code, 1, interval);
      if (!program.ours) return; // it polls for the end every 5 s or more, or never ends
      const many = oci.call(['events', '--interval', '200ms', id]);
      await new Promise((done) => setTimeout(done, 1500));
      await oci.ok('kill', id, 'KILL');
      const lines = (await many).stdout.trimEnd().split('\n');
      assert.ok(lines.length >= 2, 'every 200 ms, and it ends with the container');
      assert.ok(lines.every((line) => JSON.parse(line).id === id));
    });
  });
}

/** Runs a shell line at a terminal of 21 by 43, typing each text when the one before it has appeared. Gives what it showed. */
function atTerminal(line: string, steps: readonly (readonly [string, string])[], options: { cwd: string; env: NodeJS.ProcessEnv }): Promise<string> {
  const whole = `stty rows 21 cols 43; ${line}; echo "code $?"; stty -a | grep -o ' echo '`;
  const child = spawn('script', ['-qec', whole, '/dev/null'], { ...options, stdio: ['pipe', 'pipe', 'inherit'] });
  const todo = [...steps];
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const [next] = todo;
    if (next === undefined || !text.includes(next[0])) return;
    todo.shift();
    child.stdin.write(next[1]);
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  return new Promise((resolve) => {
    child.once('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}

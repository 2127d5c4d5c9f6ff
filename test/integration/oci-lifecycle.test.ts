/** The life of a container under an OCI runtime's command line: first real runc, as the test of the test, then ours. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync, renameSync } from 'node:fs';
import { describe, test } from 'node:test';
import { cgroupFolders, inTestCgroup, Oci, ociPrograms } from '../support/oci.ts';

for (const program of await ociPrograms()) {
  describe(program.name, { skip: program.skip ?? false, concurrency: 2 }, () => {
    test('create, start, pause, resume, kill, delete, with the state between', async (t) => {
      const oci = await Oci.for(t, program);
      const id = oci.id();
      oci.configure(inTestCgroup(id));
      await oci.ok('create', '--pid-file', `${oci.folder}/pid`, id);
      const created = await oci.state(id);
      assert.equal(created.status, 'created');
      assert.equal(String(created.pid), readFileSync(`${oci.folder}/pid`, 'utf8'));
      assert.equal(created.bundle, oci.bundle);
      assert.ok(cgroupFolders(id).length > 0);
      assert.equal((await oci.call(['exec', id, 'true'])).code, 0, 'exec in a created one');
      await oci.ok('start', id);
      assert.equal((await oci.state(id)).status, 'running');
      await oci.ok('pause', id);
      assert.equal((await oci.state(id)).status, 'paused');
      await oci.ok('resume', id);
      assert.equal((await oci.state(id)).status, 'running');
      await oci.ok('kill', id, 'TERM');
      await oci.until(id, 'stopped');
      assert.equal((await oci.state(id)).pid, 0);
      await oci.ok('delete', id);
      const gone = await oci.call(['state', id]);
      assert.deepEqual([gone.code, /msg="container does not exist"/.test(gone.stderr)], [1, true]);
      assert.deepEqual(cgroupFolders(id), []);
      assert.equal(existsSync(`${oci.root}/${id}`), false);
    });

    test('run in the foreground: output, exit code, a signal’s code, nothing left', async (t) => {
      const oci = await Oci.for(t, program, (config) => (config.process.args = ['sh', '-c', 'cat; echo out; echo err >&2; hostname; exit 7']));
      const ended = await oci.call(['run', oci.id()], { input: 'in ' });
      assert.deepEqual(ended, { code: 7, stdout: 'in out\nbox\n', stderr: 'err\n' });
      const id = oci.id();
      oci.configure();
      const killed = oci.call(['run', id]);
      await waitFor(async () => (await oci.call(['state', id])).stdout.includes('"running"'));
      await oci.ok('kill', id, 'KILL');
      assert.equal((await killed).code, 137);
      assert.equal(await oci.ok('list', '-q'), '');
    });

    test('run --keep leaves it to be deleted; run --detach leaves it running', async (t) => {
      const oci = await Oci.for(t, program, (config) => (config.process.args = ['true']));
      const kept = oci.id();
      await oci.ok('run', '--keep', kept);
      assert.equal((await oci.state(kept)).status, 'stopped');
      await oci.ok('delete', kept);
      oci.configure();
      const id = oci.id();
      await oci.ok('run', '--detach', '--pid-file', `${oci.folder}/pid`, id);
      assert.equal((await oci.state(id)).status, 'running');
      assert.equal(String((await oci.state(id)).pid), readFileSync(`${oci.folder}/pid`, 'utf8'));
    });

    test('a signal to a runtime in the foreground reaches the container', async (t) => {
      const oci = await Oci.for(t, program);
      const id = oci.id();
      const ended = oci.call(['run', id]);
      await waitFor(async () => (await oci.call(['state', id])).stdout.includes('"running"'));
      await oci.ok('kill', id, '15');
      assert.equal((await ended).code, 3);
    });

    test('what cannot be done in a status is refused in runc’s words', async (t) => {
      const oci = await Oci.for(t, program);
      const id = oci.id();
      await oci.ok('create', id);
      await says(oci, ['create', id], 'container with given ID already exists');
      await says(oci, ['resume', id], 'container not paused');
      await oci.ok('start', id);
      await says(oci, ['start', id], 'cannot start an already running container');
      await says(oci, ['delete', id], `cannot delete container ${id} that is not stopped: running`);
      await oci.ok('pause', id);
      await says(oci, ['pause', id], 'container not running');
      await says(oci, ['exec', id, 'true'], 'cannot exec in a paused container (use --ignore-paused to override)', 255);
      await says(oci, ['delete', id], `cannot delete container ${id} that is not stopped: paused`);
      await oci.ok('kill', id, 'KILL');
      await oci.until(id, 'stopped');
      await says(oci, ['kill', id, 'KILL'], 'container not running');
      await says(oci, ['pause', id], 'container not running');
      await says(oci, ['start', id], 'cannot start a container that has stopped');
      await says(oci, ['exec', id, 'true'], 'cannot exec in a stopped container', 255);
      await says(oci, ['events', '--stats', id], `container with id ${id} is not running`);
    });

    test('an unknown id is told as runc tells it', async (t) => {
      const oci = await Oci.for(t, program);
      for (const command of ['state', 'start', 'kill', 'delete', 'ps', 'pause', 'resume', 'update', 'events']) {
        await says(oci, [command, 'nobody'], 'container does not exist');
      }
      await says(oci, ['exec', 'nobody', 'true'], 'container does not exist', 255);
      assert.equal((await oci.call(['delete', '--force', 'nobody'])).code, 0);
    });

    test('delete --force ends what runs or is paused', async (t) => {
      const oci = await Oci.for(t, program);
      const [one, two] = [await oci.running(), await oci.running()];
      await oci.ok('pause', two);
      for (const id of [one, two]) {
        const { pid } = await oci.state(id);
        await oci.ok('delete', '--force', id);
        assert.equal((await oci.call(['state', id])).code, 1);
        assert.equal(existsSync(`/proc/${pid}/exe`), false);
      }
    });

    test('a created one is deleted without force', async (t) => {
      const oci = await Oci.for(t, program);
      const id = oci.id();
      await oci.ok('create', id);
      await oci.ok('delete', id);
      assert.equal((await oci.call(['state', id])).code, 1);
    });

    test('signals by name and number, with and without SIG; --all reaches every process', async (t) => {
      const oci = await Oci.for(t, program, (config) => {
        config.process.args = ['sh', '-c', 'trap "echo usr1" USR1; trap "echo hup" HUP; echo up; while :; do sleep 0.05; done'];
      });
      const id = oci.id();
      const ended = oci.call(['run', id]);
      await waitFor(async () => (await oci.call(['state', id])).stdout.includes('"running"'));
      await waitFor(async () => {
        const { stdout } = await oci.call(['exec', id, 'grep', 'SigCgt', '/proc/1/status']);
        return (Number(`0x${stdout.trim().slice(-8)}`) & 0x201) === 0x201; // USR1 and HUP
      });
      for (const signal of ['SIGUSR1', 'usr1', '10', 'HUP', '0']) {
        await oci.ok('kill', id, signal);
        await new Promise((done) => setTimeout(done, 300));
      }
      await says(oci, ['kill', id, 'NOPE'], 'unknown signal "NOPE"');
      await oci.ok('exec', '--detach', id, 'sleep', '1000');
      await oci.ok('kill', '--all', id, 'KILL');
      const { code, stdout } = await ended;
      assert.deepEqual([code, stdout], [137, 'up\nusr1\nusr1\nusr1\nhup\n']);
    });

    test('list and ps, as lines and as JSON', async (t) => {
      const oci = await Oci.for(t, program);
      const id = await oci.running();
      const { pid, bundle } = await oci.state(id);
      assert.equal(await oci.ok('list', '--quiet'), `${id}\n`);
      const [heading, row] = (await oci.ok('list')).trimEnd().split('\n');
      assert.deepEqual(heading!.split(/ +/), ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER']);
      assert.deepEqual(row!.split(/ +/).toSpliced(4, 1), [id, String(pid), 'running', bundle, 'root']);
      const [one] = JSON.parse(await oci.ok('list', '-f', 'json'));
      assert.deepEqual(
        { ...one, created: '', ociVersion: '' },
        { ociVersion: '', id, pid, status: 'running', bundle, rootfs: `${bundle}/rootfs`, created: '', owner: 'root' },
      );
      assert.ok((JSON.parse(await oci.ok('ps', '-f', 'json', id)) as number[]).includes(pid));
      assert.match(await oci.ok('ps', id), /^UID +PID .*CMD\n(.*\n)*root +\d+ .*trap/);
      assert.match(await oci.ok('ps', id, '-o', 'pid,comm'), new RegExp(`^ +PID COMMAND\\n(.*\\n)*? *${pid} sh\\n`));
      for (const command of [
        ['ps', '-f', 'xml', id],
        ['list', '-f', 'xml'],
      ])
        await says(oci, command, 'invalid format option');
    });

    test('identity, limits, names, environment and preserved fds reach the program', async (t) => {
      const oci = await Oci.for(t, program, (config) => {
        config.annotations = { 'org.example.key': 'value' };
        Object.assign(config.process, {
          args: ['sh', '-c', 'id; umask; ulimit -n; hostname; pwd; echo $BASE; cat <&3; ls /proc/self/fd; grep CapEff /proc/self/status'],
          user: { uid: 1000, gid: 1000, umask: 0o27, additionalGids: [29] },
          rlimits: [{ type: 'RLIMIT_NOFILE', soft: 64, hard: 64 }],
          cwd: '/made/here',
          noNewPrivileges: true,
        });
      });
      const { openSync, writeFileSync } = await import('node:fs');
      writeFileSync(`${oci.folder}/three`, 'from fd 3\n');
      const { code, stdout, stderr } = await oci.call(['run', '--preserve-fds', '1', oci.id()], { fds: [openSync(`${oci.folder}/three`, 'r')] });
      assert.equal(code, 0, stderr);
      const lines = stdout.trimEnd().split('\n');
      assert.match(lines[0]!, /^uid=1000\(guest\) gid=1000\(guest\) groups=(1000\(guest\),)?29\(audio\)$/);
      assert.deepEqual(lines.slice(1, 7), ['0027', '64', 'box', '/made/here', '1', 'from fd 3']);
      assert.deepEqual(lines.slice(7, -1), ['0', '1', '2', '3', '4'], 'ls has 4 for the folder');
      const missing = await oci.call(['run', '--preserve-fds', '7', oci.id()]);
      assert.equal(missing.code, 1);
      assert.match(missing.stderr, /preserved-fd 0 \(of 7\)|preserved-fd/);
    });

    test('annotations are in the state', async (t) => {
      const oci = await Oci.for(t, program, (config) => (config.annotations = { 'org.example.key': 'value' }));
      const id = oci.id();
      await oci.ok('create', id);
      assert.deepEqual((await oci.state(id)).annotations, { 'org.example.key': 'value' });
      assert.equal((await oci.state(id)).ociVersion.startsWith('1.'), true);
    });

    test('the bundle is the working folder, or --bundle, and may hold an absolute rootfs', async (t) => {
      const oci = await Oci.for(t, program, (config) => (config.process.args = ['hostname']));
      assert.equal((await oci.call(['run', oci.id()])).stdout, 'box\n');
      assert.equal((await oci.call(['run', '--bundle', oci.bundle, oci.id()], { cwd: '/' })).stdout, 'box\n');
      renameSync(`${oci.bundle}/rootfs`, `${oci.folder}/elsewhere`);
      oci.configure((config) => Object.assign(config, { process: { ...config.process, args: ['hostname'] }, root: { path: `${oci.folder}/elsewhere` } }));
      assert.equal((await oci.call(['run', oci.id()])).stdout, 'box\n');
      // runc refuses a link; ours follows it once, before the container exists
      symlinkSync(`${oci.folder}/elsewhere`, `${oci.bundle}/rootfs`);
      oci.configure((config) => (config.process.args = ['hostname']));
      const linked = await oci.call(['run', oci.id()]);
      if (program.ours) assert.equal(linked.stdout, 'box\n');
      else assert.match(linked.stderr, /symlink/);
    });

    test('a cgroup that others are in is not taken over', async (t) => {
      const oci = await Oci.for(t, program);
      if (program.version !== undefined && program.version < 1.2) return t.skip('runc takes it over before 1.2');
      const [one, two] = [oci.id(), oci.id()];
      oci.configure(inTestCgroup(one));
      await oci.ok('create', one);
      await says(oci, ['create', two], "container's cgroup is not empty: 1 process(es) found");
      assert.equal((await oci.state(one)).status, 'created');
      assert.equal((await oci.call(['state', two])).code, 1);
    });

    test('a --root that is not there is made, or is an empty list', async (t) => {
      const oci = await Oci.for(t, program);
      if (program.ours) assert.match(await oci.ok('list'), /^ID +PID +STATUS +BUNDLE +CREATED +OWNER\n$/);
      mkdirSync(`${oci.folder}/deep`);
      const { stdout } = await oci.call(['--root', `${oci.folder}/deep/er`, 'list', '-q']);
      assert.equal(stdout, '');
      await oci.ok('create', oci.id());
      assert.ok(existsSync(oci.root));
    });
  });
}

async function says(oci: Oci, args: string[], text: string, code = 1): Promise<void> {
  const result = await oci.call(args);
  assert.ok(result.stderr.includes(JSON.stringify(text).slice(1, -1)), `${args.join(' ')}: ${result.stderr}`);
  assert.equal(result.code, code, args.join(' '));
}

async function waitFor(check: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await check());) {
    if (Date.now() > end) throw new Error('it did not happen in a minute');
    await new Promise((done) => setTimeout(done, 50));
  }
}

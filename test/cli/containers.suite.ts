/** What the commands on containers promise, on whatever engine. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../../src/engine/contract.ts';
import { cliSession } from '../support/cli.ts';
import { cliChecks } from '../support/cli-checks.ts';
import { until } from '../support/monitored.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { tempFor } from '../support/temp.ts';

export interface EngineUnderTest {
  readonly engine: Engine;
  close(): Promise<void>;
}

/** `open` gives an engine with nothing in it. */
export function commandsOnContainers(title: string, open: () => Promise<EngineUnderTest>): void {
  describe(title, () => {
    let [under, root]: [EngineUnderTest, string] = [undefined as never, ''];
    before(async () => {
      root = `${await busyboxRootfs()}:O`;
      under = await open();
    });
    after(async () => {
      const left = await under.engine.containers.list({ all: true });
      for (const { Id } of left) await under.engine.containers.remove(Id, { force: true });
      await under.close();
    });
    const { kobako, ok, fails } = cliChecks(() => under.engine);
    const run = (...argv: string[]) => ['run', '--rm', '--rootfs', root, ...argv];
    const background = async (name: string, ...script: string[]) => {
      await ok('run', '-d', '--name', name, '--rootfs', root, ...(script.length === 0 ? ['sleep', '60'] : ['sh', '-c', ...script]));
      return name;
    };
    const state = async (name: string, field = 'Status') => (await ok('inspect', '-f', `{{.State.${field}}}`, name)).trim();
    const remove = (...names: string[]) => ok('rm', '-f', ...names);

    test('run: output, errors, exit codes, and nothing is left', async () => {
      const { code, stdout, stderr } = await kobako(run('sh', '-c', 'echo out; echo err >&2; exit 7'));
      assert.deepEqual([code, stdout, stderr], [7, 'out\n', 'err\n']);
      await fails(run('nothing'), 127, /exec: "nothing": executable file not found in \$PATH/);
      await fails(run('/etc/passwd'), 126, /permission denied/);
      await fails(run('--workdir', 'relative', 'true'), 125, /./);
      await fails(run('--init', 'sh', '-c', 'kill -9 $$'), 137, '');
      assert.equal(await ok('ps', '-aq'), '');
    });

    test('run: input to its end, and none without -i', async () => {
      assert.deepEqual(await kobako(run('-i', 'cat'), { input: 'typed' }), { code: 0, stdout: 'typed', stderr: '' });
      assert.deepEqual(await kobako(run('cat'), { input: 'typed' }), { code: 0, stdout: '', stderr: '' });
      const big = 'x'.repeat(3_000_000);
      assert.equal((await kobako(run('-i', 'wc', '-c'), { input: big })).stdout.trim(), '3000000');
      assert.equal((await kobako(run('sh', '-c', 'head -c 3000000 /dev/zero'))).stdout.length, 3_000_000);
    });

    test('run -a: only those streams', async () => {
      const script = ['sh', '-c', 'echo out; echo err >&2'];
      assert.deepEqual(await kobako(run('-a', 'stdout', ...script)), { code: 0, stdout: 'out\n', stderr: '' });
      assert.deepEqual(await kobako(run('-a', 'STDERR', ...script)), { code: 0, stdout: '', stderr: 'err\n' });
      await fails(run('-a', 'nothing', ...script), 125, /valid streams are STDIN, STDOUT and STDERR/);
      await fails(['run', '-d', '-a', 'stdout', '--rootfs', root, 'true'], 125, /cannot specify both --attach and --detach/);
    });

    test('run --cidfile: written once, and not over another', async (t) => {
      const path = `${tempFor(t)}/id`;
      await kobako(run('--cidfile', path, 'true'));
      assert.match(readFileSync(path, 'utf8'), /^[0-9a-f]{64}$/);
      await fails(run('--cidfile', path, 'true'), 125, /container ID file found, make sure the other container isn't running or delete/);
      assert.equal(await ok('ps', '-aq'), '');
    });

    test('run: signals go to the container', async () => {
      const script = 'trap "echo term; exit 5" TERM; echo ready; while :; do sleep 0.1; done';
      const session = cliSession(under.engine, run('sh', '-c', script));
      await session.shows('ready');
      session.signal(15);
      assert.deepEqual(await session.result, { code: 5, stdout: 'ready\nterm\n', stderr: '' });
    });

    test('a terminal: its size from the start, and as it changes', async () => {
      const terminal = { rows: 33, cols: 44 };
      const script = 'stty size; trap "stty size; exit 3" WINCH; echo ready; while :; do sleep 0.1; done';
      const session = cliSession(under.engine, run('-it', 'sh', '-c', script), { terminal });
      await session.shows('ready');
      session.resize(20, 30);
      const { code, stdout } = await session.result;
      assert.deepEqual([code, stdout], [3, '33 44\r\nready\r\n20 30\r\n']);
      await fails(run('-it', 'true'), 125, /the input device is not a TTY/);
    });

    test('detach keys leave the container running; attach comes back to it', async () => {
      const terminal = { rows: 24, cols: 80 };
      const first = cliSession(
        under.engine,
        ['run', '-it', '--name', 'keys', '--detach-keys', 'ctrl-x,x', '--rootfs', root, 'sh', '-c', 'echo one; read line; echo got $line; exit 4'],
        { terminal },
      );
      await first.shows('one');
      first.type('\x18x');
      const { code, stderr } = await first.result;
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal(await state('keys'), 'running');
      const left = cliSession(under.engine, ['attach', 'keys'], { terminal });
      left.type('\x10\x11');
      assert.deepEqual(await left.result, { code: 1, stdout: '', stderr: 'read escape sequence\n' });
      const second = cliSession(under.engine, ['attach', 'keys'], { terminal });
      second.type('two\r');
      await second.shows('got two');
      assert.equal((await second.result).code, 4);
      await fails(['attach', 'keys'], 1, /cannot attach to a stopped container, start it first/);
      await remove('keys');
    });

    test('create, start in the foreground and in the background, restart', async () => {
      const id = (await ok('create', '-i', '--name', 'made', '--rootfs', root, 'sh', '-c', 'cat; echo end; exit 6')).trim();
      assert.match(id, /^[0-9a-f]{64}$/);
      assert.equal(await state('made'), 'created');
      assert.deepEqual(await kobako(['start', '-ai', 'made'], { input: 'in\n' }), { code: 6, stdout: 'in\nend\n', stderr: '' });
      await fails(['start', '-a', 'made', 'other'], 1, /you cannot start and attach multiple containers at once/);
      await remove('made');
      await ok('create', '--name', 'again', '--rootfs', root, 'sleep', '60');
      assert.equal(await ok('start', 'again'), 'again\n');
      const pid = await state('again', 'Pid');
      assert.equal(await ok('restart', '-t', '0', 'again'), 'again\n');
      assert.notEqual(await state('again', 'Pid'), pid);
      await fails(['start', 'nobody'], 1, 'Error response from daemon: No such container: nobody\nError: failed to start containers: nobody\n');
      await remove('again');
    });

    test('kill, stop, pause, unpause, rename, wait', async () => {
      await background('life', 'trap "exit 9" USR1; echo ready; while :; do sleep 0.1; done');
      await until('it is ready', async () => (await ok('logs', 'life')) === 'ready\n');
      assert.equal(await ok('pause', 'life'), 'life\n');
      assert.equal(await state('life'), 'paused');
      assert.equal(await ok('unpause', 'life'), 'life\n');
      await ok('rename', 'life', 'lives');
      await fails(['rename', 'lives', ' '], 1, /Neither old nor new names may be empty/);
      const waiting = kobako(['wait', 'lives']);
      assert.equal(await ok('kill', '-s', 'USR1', 'lives'), 'lives\n');
      assert.deepEqual(await waiting, { code: 0, stdout: '9\n', stderr: '' });
      await fails(['kill', 'lives'], 1, /^Error response from daemon: cannot kill container: lives: container [0-9a-f]{64} is not running\n$/);
      assert.equal(await ok('start', 'lives'), 'lives\n');
      assert.equal(await ok('stop', '-t', '0', 'lives'), 'lives\n');
      assert.equal(await state('lives', 'ExitCode'), '137');
      await fails(['stop', '-t', '1', '--time', '1', 'lives'], 1, /cannot specify both --timeout and --time/);
      assert.equal(await ok('wait', 'lives', 'lives'), '137\n137\n');
      await remove('lives');
    });

    test('rm: what runs only by force, and several at once', async () => {
      await background('held');
      await fails(['rm', 'held'], 1, /cannot remove container "held": container is running: stop the container before removing or force remove/);
      const { code, stdout, stderr } = await kobako(['rm', '-f', 'nobody', '/held']);
      assert.deepEqual([code, stdout, stderr], [0, 'held\n', 'Error response from daemon: No such container: nobody\n']);
      await fails(['rm', 'nobody'], 1, 'Error response from daemon: No such container: nobody\n');
      await fails(['rm'], 1, /"kobako rm" requires at least 1 argument/);
    });

    test('exec: streams, exit code, user, folder, variables', async (t) => {
      await background('work');
      const file = `${tempFor(t)}/env`;
      writeFileSync(file, '# words\nB=2\nFROM\nGONE\n');
      const script = 'echo $A$B$FROM; pwd; id -u; echo err >&2; exit 5';
      const argv = ['exec', '-e', 'A=1', '--env-file', file, '-w', '/tmp', '-u', '7', 'work', 'sh', '-c', script];
      assert.deepEqual(await kobako(argv, { env: { FROM: '3' } }), { code: 5, stdout: '123\n/tmp\n7\n', stderr: 'err\n' });
      assert.deepEqual(await kobako(['exec', '-i', 'work', 'cat'], { input: 'typed' }), { code: 0, stdout: 'typed', stderr: '' });
      assert.equal(await ok('exec', '-d', 'work', 'touch', '/touched'), '');
      while ((await kobako(['exec', 'work', 'ls', '/touched'])).code !== 0) await sleep(20);
      const session = cliSession(under.engine, ['exec', '-it', 'work', 'sh', '-c', 'stty size; exit 2'], { terminal: { rows: 11, cols: 22 } });
      assert.deepEqual(await session.result, { code: 2, stdout: '11 22\r\n', stderr: '' });
      assert.equal((await kobako(['exec', 'work', 'nothing'])).code, 127);
      await fails(['exec', 'nobody', 'true'], 1, 'kobako: No such container: nobody\n');
      await fails(['exec', 'work'], 1, /"kobako exec" requires at least 2 arguments/);
      await remove('work');
      await fails(['exec', 'work', 'true'], 1, 'kobako: No such container: work\n');
    });

    test('ps: filters, formats, the last, ids alone', async () => {
      await background('first');
      await ok('create', '--name', 'second', '--label', 'colour=red', '--rootfs', root, 'sleep', '5');
      assert.equal(await ok('ps', '--format', '{{.Names}} {{.State}}'), 'first running\n');
      assert.equal(await ok('ps', '-a', '--format', '{{.Names}} {{.State}}'), 'second created\nfirst running\n');
      assert.equal(await ok('container', 'ls', '-l', '--format', '{{.Names}}'), 'second\n');
      assert.equal(await ok('ps', '-n', '5', '--format', '{{.Names}}'), 'second\nfirst\n');
      assert.equal((await ok('ps', '-aq', '--no-trunc')).split('\n')[0]!.length, 64);
      assert.match(await ok('ps'), /^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES\n[0-9a-f]{12} .* "sleep 60" .* Up .* first\n$/);
      await fails(['ps', 'x'], 1, /accepts no arguments/);
      await fails(['ps', '-f', 'x'], 125, /bad format of filter \(expected name=value\)/);
      await remove('first', 'second');
    });

    test('inspect: the document, a template, and what is not there', async () => {
      await ok('create', '--name', 'seen', '--restart', 'on-failure:3', '--health-cmd', 'true', '--stop-timeout', '7', '--rootfs', root, 'sleep', '5');
      const [document] = JSON.parse(await ok('inspect', 'seen')) as [{ Name: string; HostConfig: { RestartPolicy: object }; Config: Record<string, unknown> }];
      assert.equal(document.Name, '/seen');
      assert.deepEqual(document.HostConfig.RestartPolicy, { Name: 'on-failure', MaximumRetryCount: 3 });
      assert.deepEqual([document.Config['StopTimeout'], document.Config['Healthcheck']], [7, { Test: ['CMD-SHELL', 'true'] }]);
      assert.equal(await ok('container', 'inspect', '-f', '{{.Name}}', 'seen'), '/seen\n');
      await fails(['inspect', 'nothing'], 1, 'Error: No such object: nothing\n');
      await fails(['container', 'inspect', 'nothing'], 1, 'Error response from daemon: No such container: nothing\n');
      await remove('seen');
    });

    test('logs: both streams, the last lines, times, following to the end', async () => {
      await background('talks', 'echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three');
      await ok('wait', 'talks');
      assert.deepEqual(await kobako(['logs', 'talks']), { code: 0, stdout: 'one\nthree\n', stderr: 'two\n' });
      assert.equal(await ok('logs', '-n', '1', 'talks'), 'three\n');
      assert.match(await ok('logs', '--tail', '1', '-t', 'talks'), /^\d{4}-\d\d-\d\dT[0-9:.]+Z three\n$/);
      assert.equal(await ok('logs', '--since', '2100-01-01', 'talks'), '');
      await remove('talks');
      await background('goes', 'echo one; sleep 0.5; echo two');
      assert.equal(await ok('logs', '-f', 'goes'), 'one\ntwo\n');
      await remove('goes');
      await background('stays', 'echo one; sleep 60');
      const session = cliSession(under.engine, ['logs', '-f', 'stays']);
      await session.shows('one');
      session.signal(2);
      assert.equal((await session.result).code, 130);
      await remove('stays');
    });

    test('top, port, container prune', async () => {
      await background('busy');
      assert.match(await ok('top', 'busy', '-o', 'pid,args'), /^PID +COMMAND\n\d+ +sleep 60\n$/i);
      assert.equal(await ok('port', 'busy'), '');
      await fails(['port', 'busy', '80'], 1, /no public port '80\/tcp' published for busy/);
      await ok('create', '--name', 'old', '--rootfs', root, 'true');
      const asked = await kobako(['container', 'prune'], { input: 'n\n' });
      assert.equal(asked.stdout, 'WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ');
      assert.match(await ok('container', 'prune', '-f'), /^Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: \S+\n$/);
      assert.equal(await ok('ps', '-a', '--format', '{{.Names}}'), 'busy\n');
      await remove('busy');
    });

    test('update: limits and the restart policy', async () => {
      await background('grows');
      assert.equal(await ok('update', '--restart', 'unless-stopped', '--cpu-shares', '512', 'grows'), 'grows\n');
      assert.equal((await ok('inspect', '-f', '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.CpuShares}}', 'grows')).trim(), 'unless-stopped 512');
      await fails(['update', 'grows'], 1, /you must provide one or more flags when using this command/);
      await remove('grows');
    });

    test('a volume of this machine, and a mount that is not there', async (t) => {
      const folder = tempFor(t);
      const { code, stderr } = await kobako(run('-v', './:/here', 'touch', '/here/made'), { cwd: folder });
      assert.deepEqual([code, stderr, existsSync(`${folder}/made`)], [0, '', true]);
      await fails(run('--mount', `type=bind,source=${folder}/none,target=/x`, 'true'), 125, /bind source path does not exist/);
    });
  });
}

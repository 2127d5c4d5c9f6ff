/** The daemon's own life: locks, signals, restarts, kill -9; containers outlive it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { daemonFor, type TestDaemon } from '../support/daemon.ts';
import { kobako } from '../support/kobako.ts';
import { until } from '../support/monitored.ts';

interface State {
  readonly Status: string;
  readonly Running: boolean;
  readonly Pid: number;
  readonly ExitCode: number;
}

const stateOf = async (daemon: TestDaemon, id: string): Promise<State> => {
  const { json, status, text } = await daemon.api.get(`/v1.51/containers/${id}/json`);
  assert.equal(status, 200, text);
  return (json as { State: State }).State;
};
const logOf = (daemon: TestDaemon, id: string) => readFileSync(`${daemon.dataRoot}/containers/${id}/container-json.log`, 'utf8');

describe('containers outlive the daemon', () => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`which ends by ${signal}: they run on, and their logs and exit codes are whole`, async (t) => {
      const daemon = await daemonFor(t);
      const script = (text: string) => ({ Cmd: ['sh', '-c', text] });
      const stays = await daemon.run(script('echo before; sleep 300'));
      const ends = await daemon.run(script('while [ ! -e /go ]; do sleep 0.05; done; echo after; exit 7'));
      const gone = await daemon.run({ ...script('while [ ! -e /go ]; do sleep 0.05; done'), HostConfig: { AutoRemove: true } });
      const { Pid } = await stateOf(daemon, stays);
      const pids = await Promise.all([ends, gone].map(async (id) => (await stateOf(daemon, id)).Pid));
      assert.equal(await daemon.stop(signal), signal === 'SIGTERM' ? 0 : signal);
      for (const pid of pids) writeFileSync(`/proc/${pid}/root/go`, '');
      await until('both have ended', () => pids.every((pid) => !existsSync(`/proc/${pid}`)));
      await daemon.start();
      assert.deepEqual(await stateOf(daemon, stays).then((state) => [state.Status, state.Pid]), ['running', Pid]);
      assert.deepEqual(await stateOf(daemon, ends).then((state) => [state.Status, state.ExitCode]), ['exited', 7]);
      assert.match(logOf(daemon, ends), /^\{"log":"after\\n"/);
      await until('the one that removes itself is gone', async () => (await daemon.api.get(`/v1.51/containers/${gone}/json`)).status === 404);
      // it is looked after as if nothing had been: its end is told
      const waited = daemon.api.post(`/v1.51/containers/${stays}/wait`);
      assert.equal((await daemon.api.post(`/v1.51/containers/${stays}/kill`)).status, 204);
      assert.equal(((await waited).json as { StatusCode: number }).StatusCode, 137);
    });
  }

  test('how the daemon keeps its memory small is its own matter: containers know nothing of it', async (t) => {
    const daemon = await daemonFor(t);
    const environment = (pid: number) => readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    assert.ok(environment(daemon.pid).includes('MALLOC_ARENA_MAX=2'));
    const { Pid } = await stateOf(daemon, await daemon.run({ Cmd: ['sleep', '300'] }));
    assert.deepEqual(
      environment(Pid).filter((line) => line.startsWith('MALLOC_')),
      [],
    );
  });

  test('a restart policy is kept over the daemon’s own restart', async (t) => {
    const daemon = await daemonFor(t);
    const always = { Cmd: ['sleep', '300'], HostConfig: { RestartPolicy: { Name: 'always' } } };
    const [kept, stopped] = [await daemon.run(always), await daemon.run({ ...always, HostConfig: { RestartPolicy: { Name: 'unless-stopped' } } })];
    assert.equal((await daemon.api.post(`/v1.51/containers/${stopped}/stop?t=0`)).status, 204);
    const { Pid } = await stateOf(daemon, kept);
    await daemon.stop('SIGKILL');
    process.kill(Pid, 'SIGKILL');
    await until('it has ended', () => !existsSync(`/proc/${Pid}`));
    await daemon.start();
    await until('it runs again', async () => (await stateOf(daemon, kept)).Running && (await stateOf(daemon, kept)).Pid !== Pid);
    assert.equal((await stateOf(daemon, stopped)).Status, 'exited');
  });
});

describe('one daemon for a data root', () => {
  test('a second one says so and ends; the first goes on', async (t) => {
    const daemon = await daemonFor(t);
    const args = ['daemon', '--data-root', daemon.dataRoot, '--exec-root', daemon.execRoot, '-H', `unix://${daemon.folder}/other.sock`];
    const { code, stderr } = await kobako(args);
    assert.equal(code, 1);
    assert.match(stderr, /level=fatal msg="failed to start daemon: another engine owns the data root /);
    assert.equal((await daemon.api.get('/_ping')).text, 'OK');
  });

  test('a socket that somebody serves is not taken over', async (t) => {
    const daemon = await daemonFor(t);
    const { code, stderr } = await kobako(['daemon', '--data-root', `${daemon.folder}/data2`, '--exec-root', `${daemon.folder}/exec2`, '-H', daemon.host]);
    assert.equal(code, 1);
    assert.match(stderr, /failed to start daemon: .*k\.sock/);
    assert.equal((await daemon.api.get('/_ping')).text, 'OK');
  });
});

describe('settings', () => {
  test('SIGHUP reads the file again; a bad one changes nothing and ends nothing', async (t) => {
    const daemon = await daemonFor(t);
    writeFileSync(`${daemon.folder}/daemon.json`, '{"debug": true}');
    process.kill(daemon.pid, 'SIGHUP');
    await until('it has reloaded', () => daemon.log().includes('Reloaded configuration'));
    writeFileSync(`${daemon.folder}/daemon.json`, '{"no-such-thing": true}');
    process.kill(daemon.pid, 'SIGHUP');
    await until('it has refused', () => /could not be reloaded: .*no-such-thing/.test(daemon.log()));
    assert.equal((await daemon.api.get('/_ping')).text, 'OK');
  });

  test('--validate and --version', async () => {
    assert.deepEqual(await kobako(['daemon', '--validate', '--config-file', '/dev/null']).then(({ code, stdout }) => [code, stdout]), [
      0,
      'configuration OK\n',
    ]);
    assert.match((await kobako(['daemon', '--version'])).stdout, /^kobako version /);
  });
});

/** Health checks, as Docker 28 does them (measured beside a real one). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Health } from '../../src/engine/types/container-answers.ts';
import type { HealthConfig } from '../../src/engine/types/container.ts';
import { DEFAULT_RUN } from '../../src/engine/contract.ts';
import { imageGround, importBusybox } from '../support/image-ground.ts';
import { until } from '../support/monitored.ts';
import { ownedEngine, type OwnedEngine } from '../support/owned-engine.ts';
import { run } from '../support/run.ts';
import { projectDir } from '../support/paths.ts';

const MS = 1_000_000;
const fast = (test: string, more: HealthConfig = {}): HealthConfig => ({ Test: ['CMD-SHELL', test], Interval: 100 * MS, Retries: 2, ...more });
const healthOf = async ({ engine }: OwnedEngine, id: string): Promise<Health> => (await engine.containers.inspect(id)).State.Health!;
const becomes = (owned: OwnedEngine, id: string, status: Health['Status']) =>
  until(`it is ${status}`, async () => (await healthOf(owned, id)).Status === status);
const actions = ({ events }: OwnedEngine, beginning: string) => events.map(({ Action }) => Action).filter((action) => action.startsWith(beginning));

test('starting, healthy, unhealthy, healthy; five results are kept; each change is told once', async (t) => {
  const owned = await ownedEngine(t);
  const id = await owned.create('touch /ok; sleep 100', { Healthcheck: fast('echo out; echo err >&2; test -e /ok') });
  assert.equal((await owned.engine.containers.inspect(id)).State.Health, undefined);
  await owned.engine.containers.start(id);
  assert.deepEqual(await healthOf(owned, id), { Status: 'starting', FailingStreak: 0, Log: [] });
  assert.match((await owned.engine.containers.list())[0]!.Status, /\(health: starting\)$/);
  await becomes(owned, id, 'healthy');
  const [first] = (await healthOf(owned, id)).Log!;
  assert.deepEqual({ ExitCode: first!.ExitCode, Output: first!.Output }, { ExitCode: 0, Output: 'out\nerr\n' });
  assert.ok(first!.Start < first!.End);
  const exec = async (...Cmd: string[]) => {
    const { Id } = await owned.engine.execs.create(id, { Cmd });
    await owned.engine.execs.start(Id, { detach: true });
  };
  await exec('rm', '/ok');
  await until('it has failed once', async () => (await healthOf(owned, id)).FailingStreak > 0);
  await becomes(owned, id, 'unhealthy');
  await until('five results', async () => (await healthOf(owned, id)).Log!.length === 5);
  assert.equal((await healthOf(owned, id)).Log!.at(-1)!.ExitCode, 1);
  await exec('touch', '/ok');
  await becomes(owned, id, 'healthy');
  assert.equal((await healthOf(owned, id)).FailingStreak, 0);
  await until('all is told', () => actions(owned, 'health_status').length > 2);
  assert.deepEqual(actions(owned, 'health_status'), ['health_status: healthy', 'health_status: unhealthy', 'health_status: healthy']);
  assert.ok(actions(owned, 'exec_create').includes('exec_create: /bin/sh -c echo out; echo err >&2; test -e /ok'));
  assert.ok(actions(owned, 'exec_start').includes('exec_start: /bin/sh -c echo out; echo err >&2; test -e /ok'));
  assert.ok(actions(owned, 'exec_die').length > 0);
});

test('a probe that takes too long is killed; one at a time; nothing of it is left', async (t) => {
  const owned = await ownedEngine(t);
  const id = await owned.run('sleep 100', { Healthcheck: fast('echo part; exec sleep 50', { Timeout: 150 * MS, Retries: 1 }) });
  await becomes(owned, id, 'unhealthy');
  const [result] = (await healthOf(owned, id)).Log!;
  assert.deepEqual([result!.ExitCode, result!.Output], [-1, 'Health check exceeded timeout (150ms): part\n']);
  for (let look = 0; look < 10; look++) {
    const { Processes } = await owned.engine.containers.top(id, '-eo pid,args');
    assert.ok(Processes.filter(([, args]) => args === 'sleep 50').length <= 1);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
});

test('long output is cut; a program that is not there; the shell of the image; CMD without one', async (t) => {
  const owned = await ownedEngine(t);
  const result = async (Healthcheck: HealthConfig, more = {}) => {
    const id = await owned.run('sleep 100', { Healthcheck, ...more });
    await until('there is a result', async () => (await healthOf(owned, id)).Log!.length > 0);
    const { ExitCode, Output } = (await healthOf(owned, id)).Log![0]!;
    return [ExitCode, Output] as const;
  };
  const [, long] = await result(fast("head -c 6000 /dev/zero | tr '\\0' x"));
  assert.equal(long, `${'x'.repeat(4096)}...`);
  const [missing, why] = await result({ ...fast(''), Test: ['CMD', '/nonexist'] });
  assert.equal(missing, -1);
  assert.match(why, /\/nonexist.*no such file or directory/);
  assert.deepEqual(await result(fast('ignored'), { Shell: ['/bin/echo', 'shell'] }), [0, 'shell ignored\n']);
  assert.deepEqual(
    await result({ ...fast(''), Test: ['CMD', 'sh', '-c', 'id -u; pwd; echo $COLOR; exit 3'] }, { User: '1000', WorkingDir: '/tmp', Env: ['COLOR=blue'] }),
    [3, '1000\n/tmp\nblue\n'],
  );
});

test('no check: NONE, none, and what is no kind of test; times that are too short are refused', async (t) => {
  const owned = await ownedEngine(t);
  for (const Healthcheck of [{ Test: ['NONE'] }, { Interval: 100 * MS }, { Test: ['BOGUS', 'true'] }]) {
    const id = await owned.run('sleep 100', { Healthcheck });
    assert.equal((await owned.engine.containers.inspect(id)).State.Health, undefined);
  }
  for (const [wrong, message] of [
    [{ Interval: 1000 }, 'Interval in Healthcheck cannot be less than 1ms'],
    [{ Timeout: 1000 }, 'Timeout in Healthcheck cannot be less than 1ms'],
    [{ StartPeriod: -1 }, 'StartPeriod in Healthcheck cannot be less than 1ms'],
    [{ Retries: -1 }, 'Retries in Healthcheck cannot be negative'],
  ] as const) {
    await assert.rejects(owned.create('true', { Healthcheck: { Test: ['CMD', 'true'], ...wrong } }), { kind: 'invalid', message });
  }
});

test('failures within the start period do not count, and it is looked at more often then', async (t) => {
  const owned = await ownedEngine(t);
  const Healthcheck: HealthConfig = {
    Test: ['CMD-SHELL', 'test -e /ok'],
    Interval: 3600_000 * MS,
    Retries: 1,
    StartPeriod: 60_000 * MS,
    StartInterval: 50 * MS,
  };
  const id = await owned.run('sleep 100', { Healthcheck });
  await until('it has failed', async () => (await healthOf(owned, id)).Log!.length > 1);
  const { Status, FailingStreak } = await healthOf(owned, id);
  assert.deepEqual([Status, FailingStreak], ['starting', 0]);
  const { Id } = await owned.engine.execs.create(id, { Cmd: ['touch', '/ok'] });
  await owned.engine.execs.start(Id, { detach: true });
  await becomes(owned, id, 'healthy');
});

test('paused: no probes; ended: unhealthy, as Docker has it; started again: starting', async (t) => {
  const owned = await ownedEngine(t);
  const { containers } = owned.engine;
  const id = await owned.run('sleep 100', { Healthcheck: fast('true') });
  await becomes(owned, id, 'healthy');
  await containers.pause(id);
  const { Log, Status } = await healthOf(owned, id);
  assert.equal(Status, 'unhealthy');
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.deepEqual((await healthOf(owned, id)).Log, Log);
  await containers.unpause(id);
  await becomes(owned, id, 'healthy');
  await containers.kill(id);
  await containers.wait(id);
  assert.equal((await healthOf(owned, id)).Status, 'unhealthy');
  const before = actions(owned, 'exec_create').length;
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(actions(owned, 'exec_create').length, before, 'no probe of one that has ended');
  await containers.start(id);
  assert.equal((await healthOf(owned, id)).Status, 'starting');
  await becomes(owned, id, 'healthy');
});

test('an engine that opens anew goes on with it', async (t) => {
  const owned = await ownedEngine(t);
  const id = await owned.run('sleep 100', { Healthcheck: fast('true') });
  await becomes(owned, id, 'healthy');
  await owned.reopen();
  assert.equal((await healthOf(owned, id)).Status, 'starting');
  await becomes(owned, id, 'healthy');
});

test('of an image that has one, for a container that is made and started at once', async (t) => {
  const ground = imageGround(t);
  const image = await importBusybox(ground, 'checked', 'HEALTHCHECK --interval=100ms CMD test -e /bin/sh');
  const engine = ground.engine({ owner: true });
  const { containerId } = await engine.run({ ...DEFAULT_RUN, image, args: ['sleep', '100'], detach: true });
  t.after(() => engine.remove(containerId, { force: true }));
  const status = async () => (await engine.containers.inspect(containerId)).State.Health?.Status;
  await until('it is healthy', async () => (await status()) === 'healthy');
});

test('a check keeps nobody alive: neither its timer nor a probe that runs', async (t) => {
  const owned = await ownedEngine(t);
  const script = `
    import { openEngine } from ${JSON.stringify(`${projectDir}/src/engine/open-engine.ts`)};
    const engine = openEngine({ stateDir: ${JSON.stringify(`${owned.state}/other`)} });
    const { Id } = await engine.containers.create(${JSON.stringify({
      Cmd: ['sleep', '100'],
      Healthcheck: fast('touch /probed; sleep 60', { Interval: MS }),
      HostConfig: {
        NetworkMode: 'none',
        Kobako: { Rootfs: { Path: (await owned.engine.containers.inspect(await owned.create('true'))).HostConfig.Kobako!.Rootfs!.Path, Overlay: true } },
      },
    })});
    await engine.containers.start(Id);
    while (!(await engine.containers.inspect(Id)).State.Health) await new Promise((resolve) => setTimeout(resolve, 10));
    while ((await engine.containers.top(Id, '-eo pid,args')).Processes.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    await engine.close();
    console.log(Id);`;
  const { code, stdout, stderr } = await run(`${projectDir}/bin/node`, ['--input-type=module', '-e', script], { timeoutMs: 20_000 });
  const { openEngine } = await import('../../src/engine/open-engine.ts');
  await using other = openEngine({ stateDir: `${owned.state}/other` });
  await other.remove(stdout.trim(), { force: true });
  assert.deepEqual([code, stderr], [0, '']);
});

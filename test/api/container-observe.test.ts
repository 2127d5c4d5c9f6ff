/** Logs, stats, top and update over HTTP: raw, against Docker's specification, and through the client. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { apiRoutes } from '../../src/api/routes.ts';
import { connectEngine } from '../../src/client/engine.ts';
import type { Containers, LogLine } from '../../src/engine/containers-contract.ts';
import { framed } from '../support/frames.ts';
import { ApiClient } from '../support/api-client.ts';
import { until } from '../support/monitored.ts';
import { ownedEngine, serveRoutes, type OwnedEngine } from '../support/owned-engine.ts';

interface Ground {
  readonly owned: OwnedEngine;
  readonly api: ApiClient;
  readonly client: Containers;
}

async function ground(t: TestContext): Promise<Ground> {
  const owned = await ownedEngine(t);
  const url = await serveRoutes(t, owned, apiRoutes);
  const api = new ApiClient(url.slice('unix://'.length));
  const engine = connectEngine(url);
  t.after(async () => {
    api[Symbol.dispose]();
    await engine.close();
  });
  return { owned, api, client: engine.containers };
}

const ended = async ({ owned }: Ground, script: string, more: Parameters<OwnedEngine['run']>[1] = {}) => {
  const id = await owned.run(script, more);
  await owned.engine.containers.wait(id);
  return id;
};

async function all(lines: AsyncIterable<LogLine>): Promise<LogLine[]> {
  const out: LogLine[] = [];
  for await (const line of lines) out.push(line);
  return out;
}

test('logs: frames, types by version, times and details, what is asked wrongly', async (t) => {
  const place = await ground(t);
  const { api } = place;
  const id = await ended(place, 'echo out; sleep 0.02; echo err >&2', {
    Labels: { a: '1' },
    HostConfig: { LogConfig: { Type: 'json-file', Config: { labels: 'a' } } },
  });
  const logs = (query: string, version = '1.51') => api.get(`/v${version}/containers/${id}/logs?${query}`);
  const both = await logs('stdout=1&stderr=true');
  assert.deepEqual([both.status, both.headers['content-type']], [200, 'application/vnd.docker.multiplexed-stream']);
  assert.equal(both.text, Buffer.concat([framed('stdout', 'out\n'), framed('stderr', 'err\n')]).toString());
  assert.equal((await logs('stdout=1', '1.41')).headers['content-type'], 'application/vnd.docker.raw-stream');
  const detailed = (await logs('stderr=1&timestamps=1&details=1')).text;
  assert.equal(detailed.charCodeAt(0), 2);
  assert.match(detailed.slice(8), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z a=1 err\n$/);
  assert.equal((await logs('stdout=1&stderr=1&tail=1')).text, framed('stderr', 'err\n').toString());
  for (const tail of ['all', '-1', 'x', '']) assert.equal((await logs(`stdout=1&tail=${tail}`)).text, framed('stdout', 'out\n').toString(), tail);
  assert.equal((await logs('stdout=1&since=4000000000.5')).text, '');
  assert.equal((await logs('stdout=1&until=1.5')).text, '');
  assert.equal((await logs('stdout=1&since=0&until=0')).text, framed('stdout', 'out\n').toString());
  assert.deepEqual([(await logs('')).status, (await logs('')).json.message], [400, 'Bad parameters: you must choose at least one stream']);
  assert.deepEqual(
    [(await logs('stdout=1&since=x')).status, (await logs('stdout=1&since=x')).json.message],
    [400, 'strconv.ParseInt: parsing "x": invalid syntax'],
  );
  const nobody = await api.get('/containers/nobody/logs?stdout=1');
  assert.deepEqual([nobody.status, nobody.json.message], [404, 'No such container: nobody']);
  const silent = await place.owned.create('true', { HostConfig: { LogConfig: { Type: 'none', Config: {} } } });
  const none = await api.get(`/containers/${silent}/logs?stdout=1`, { checked: false });
  assert.deepEqual([none.status, none.json.message], [501, 'configured logging driver does not support reading']);
});

test('logs of a terminal are raw', async (t) => {
  const place = await ground(t);
  const id = await ended(place, 'echo out; echo err >&2', { Tty: true });
  const answer = await place.api.get(`/containers/${id}/logs?stdout=1&stderr=1`);
  assert.deepEqual([answer.headers['content-type'], answer.text], ['application/vnd.docker.raw-stream', 'out\r\nerr\r\n']);
  const lines = await all(place.client.logs(id, { stdout: true }));
  assert.deepEqual(
    lines.map(({ stream, log }) => [stream, log]),
    [
      ['stdout', 'out\r\n'],
      ['stdout', 'err\r\n'],
    ],
  );
});

test('logs: a hundred thousand lines arrive whole; a follower ends with the container, and lets go when its client does', async (t) => {
  const place = await ground(t);
  const { client, owned } = place;
  const count = 100_000;
  const id = await owned.run(`sleep 0.1; seq ${count}; echo done >&2; read line`, { OpenStdin: true });
  const seen: string[] = [];
  const following = (async () => {
    for await (const { log, stream } of client.logs(id, { stdout: true, stderr: true, follow: true }))
      seen.push(stream === 'stdout' ? log.trimEnd() : `!${log}`);
  })();
  await until('all lines are there', () => seen.length > count);
  assert.ok(seen.filter((line) => line[0] !== '!').every((line, at) => line === String(at + 1)));
  const stop = new AbortController();
  const given = all(client.logs(id, { stdout: true, follow: true, tail: 0, signal: stop.signal }));
  setTimeout(() => stop.abort(), 50);
  assert.deepEqual(await given, [], 'no error, as in this process');
  assert.deepEqual(await all(client.logs(id, { stdout: true, follow: true, signal: AbortSignal.abort() })), []);
  await client.kill(id);
  await following;
  assert.equal(seen.length, count + 1);
});

test('both sides give the same lines', async (t) => {
  const place = await ground(t);
  const { client, owned } = place;
  const options = { Env: ['COLOR=a b,c=d'], HostConfig: { LogConfig: { Type: 'json-file', Config: { env: 'COLOR' } } } };
  const id = await ended(place, "echo 'with space = and ü'; echo; printf '\\0\\377 end'; head -c 20000 /dev/zero | tr '\\0' x", options);
  const plain = (lines: LogLine[]) => lines.map(({ stream, log, attrs }) => ({ stream, log, attrs }));
  const wanted = await all(owned.engine.containers.logs(id, { stdout: true, stderr: true }));
  assert.ok(wanted.length >= 4);
  assert.deepEqual(plain(await all(client.logs(id, { stdout: true, stderr: true }))), plain(wanted));
});

test('stats: Docker’s document, with which its clients come to the right percentage', async (t) => {
  const place = await ground(t);
  const { api, client, owned } = place;
  const id = await owned.run('while :; do :; done', { HostConfig: { Memory: 64 << 20, NanoCpus: 500_000_000, PidsLimit: 50 } });
  // eslint-disable-next-line typescript/no-explicit-any -- a document of the API
  let now: any = (await api.get(`/containers/${id}/stats?stream=false`)).json;
  assert.deepEqual([now.id, now.name, now.memory_stats.limit, now.pids_stats.limit], [id, `/${(await client.inspect(id)).Name.slice(1)}`, 64 << 20, 50]);
  assert.ok(now.preread < now.read && now.pids_stats.current >= 1 && now.memory_stats.usage > 0);
  const percent = () => {
    const cpu = now.cpu_stats.cpu_usage.total_usage - now.precpu_stats.cpu_usage.total_usage;
    return (cpu / (now.cpu_stats.system_cpu_usage - now.precpu_stats.system_cpu_usage)) * now.cpu_stats.online_cpus * 100;
  };
  assert.ok(percent() > 2 && percent() < 75, `${percent()} %, of half a processor`);
  now = (await api.get(`/containers/${id}/stats?stream=false&one-shot=true`)).json;
  assert.deepEqual([now.preread, now.precpu_stats.cpu_usage.total_usage], ['0001-01-01T00:00:00Z', 0]);
  const wrong = await api.get(`/containers/${id}/stats?one-shot=1`, { checked: false });
  assert.deepEqual([wrong.status, wrong.json.message], [400, 'cannot have stream=true and one-shot=true']);
  const stop = new AbortController();
  const reads: unknown[] = [];
  for await (const { read, preread } of client.stats(id, { stream: true, signal: stop.signal })) if (reads.push(read, preread) === 4) stop.abort();
  assert.deepEqual(reads, [reads[0], '0001-01-01T00:00:00Z', reads[2], reads[0]]);
  await client.kill(id);
  await client.wait(id);
  now = (await api.get(`/containers/${id}/stats?stream=false`)).json;
  assert.deepEqual(
    [now.read, now.cpu_stats.cpu_usage.total_usage, now.memory_stats, now.blkio_stats.io_serviced_recursive],
    ['0001-01-01T00:00:00Z', 0, {}, null],
  );
  const watched = (async () => {
    let count = 0;
    for await (const _ of client.stats(id, { stream: true })) if (++count === 1) await client.remove(id);
    return count;
  })();
  assert.equal(await watched, 1, 'it ends when the container is removed');
});

test('top: also while it is paused; 409 when it does not run', async (t) => {
  const place = await ground(t);
  const { api, client, owned } = place;
  const id = await owned.run('sleep 100 & sleep 200; true', { User: '1000' });
  const sleeps = async () => (await client.top(id)).Processes.filter((line) => line.at(-1)!.startsWith('sleep'));
  await until('both run', async () => (await sleeps()).length === 2);
  const { json } = await api.get(`/containers/${id}/top`);
  assert.deepEqual(json.Titles, ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD']);
  const { Pid } = (await client.inspect(id)).State;
  assert.equal(json.Processes[0][1], String(Pid));
  await client.pause(id);
  const { Titles, Processes } = await client.top(id, '-eo pid,ppid,stat,uid,args');
  assert.deepEqual(Titles, ['PID', 'PPID', 'STAT', 'UID', 'COMMAND']);
  assert.deepEqual(
    Processes.slice(1).map(([, ppid, , uid, args]) => [ppid, uid, args]),
    [
      [String(Pid), '1000', 'sleep 100'],
      [String(Pid), '1000', 'sleep 200'],
    ],
  );
  const bad = await api.get(`/containers/${id}/top?ps_args=-o%20bogus`, { checked: false });
  assert.deepEqual([bad.status, bad.json.message], [400, 'ps: error: unknown user-defined format specifier "bogus"']);
  await client.unpause(id);
  await client.kill(id);
  await client.wait(id);
  const ended = await api.get(`/containers/${id}/top`, { checked: false });
  assert.deepEqual([ended.status, ended.json.message], [409, `container ${id} is not running`]);
  await until('it is told', () => owned.events.some(({ Action }) => Action === 'top'));
});

test('update: limits that the kernel takes, Docker’s conflicts, and nothing on record that was refused', async (t) => {
  const place = await ground(t);
  const { api, client, owned } = place;
  const id = await owned.run('sleep 100', { HostConfig: { AutoRemove: true } });
  const update = async (body: unknown) => {
    const { status, json } = await api.post(`/containers/${id}/update`, body, { checked: false });
    return [status, (json.message as string | undefined)?.replace(`Cannot update container ${id}: `, 'cannot: ') ?? json];
  };
  const ok = [200, { Warnings: null }];
  const late = 'cannot: Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time';
  assert.deepEqual(await update({ Memory: 64 << 20 }), [409, late]);
  assert.deepEqual(await update({ Memory: 64 << 20, MemorySwap: 128 << 20 }), ok);
  assert.deepEqual(await update({ Memory: 32 << 20 }), ok);
  assert.deepEqual(await update({ Memory: 256 << 20 }), [409, late]);
  assert.deepEqual(await update({ MemorySwap: 96 << 20, MemoryReservation: 16 << 20, CpuShares: 512, PidsLimit: 20 }), ok);
  assert.deepEqual(await update({ Memory: 1000 }), [400, 'Minimum memory limit allowed is 6MB']);
  assert.deepEqual(await update({ NanoCpus: 500_000_000 }), ok);
  assert.deepEqual(await update({ CpuQuota: 50_000 }), [409, 'cannot: Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set']);
  assert.deepEqual(await update({ CpuPeriod: 50_000 }), [409, 'cannot: Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set']);
  assert.deepEqual(await update({ RestartPolicy: { Name: 'always' } }), [
    409,
    'cannot: Restart policy cannot be updated because AutoRemove is enabled for the container',
  ]);
  assert.deepEqual(await update({ RestartPolicy: { Name: 'no' } }), ok);
  assert.deepEqual(await update({ RestartPolicy: { Name: 'always', MaximumRetryCount: 3 } }), [
    400,
    "invalid restart policy: maximum retry count can only be used with 'on-failure'",
  ]);
  assert.match(String((await update({ CpusetCpus: '0-999', CpuShares: 100 }))[1]), /^Requested CPUs are not available - requested 0-999, available: /);
  assert.match(String((await update({ MemorySwap: 16 << 20, CpuShares: 100 }))[1]), /^cannot: memory and swap limit /);
  assert.deepEqual(await update({}), ok);
  const { Memory, MemorySwap, MemoryReservation, CpuShares, PidsLimit, NanoCpus, CpusetCpus } = (await client.inspect(id)).HostConfig;
  assert.deepEqual(
    { Memory, MemorySwap, MemoryReservation, CpuShares, PidsLimit, NanoCpus, CpusetCpus },
    {
      ...{ Memory: 32 << 20, MemorySwap: 96 << 20, MemoryReservation: 16 << 20 },
      ...{ CpuShares: 512, PidsLimit: 20, NanoCpus: 500_000_000, CpusetCpus: '' },
    },
  );
  // eslint-disable-next-line typescript/no-explicit-any -- a document of the API
  const stats: any = (await api.get(`/containers/${id}/stats?stream=0&one-shot=1`)).json;
  assert.deepEqual([stats.memory_stats.limit, stats.pids_stats.limit], [32 << 20, 20]);
  assert.deepEqual(await update({ PidsLimit: 0 }), ok);
  assert.equal((await api.get(`/containers/${id}/stats?stream=0&one-shot=1`)).json.pids_stats.limit, undefined);
  await until('it is told', () => owned.events.filter(({ Action }) => Action === 'update').length === 7);
  const stopped = await owned.create('sleep 100');
  assert.deepEqual(await client.update(stopped, { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 }, CpuShares: 100 }), { Warnings: [] });
  const { RestartPolicy, CpuShares: shares } = (await client.inspect(stopped)).HostConfig;
  assert.deepEqual([RestartPolicy, shares], [{ Name: 'on-failure', MaximumRetryCount: 3 }, 100]);
  await assert.rejects(client.update('nobody', {}), { kind: 'not-found', message: 'No such container: nobody' });
});

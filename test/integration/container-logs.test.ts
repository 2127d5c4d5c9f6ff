/** What a container has written, read back and followed. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { nanosecondsOf } from '../../src/base/time.ts';
import type { LogLine, LogsOptions } from '../../src/engine/containers-contract.ts';
import { framed } from '../support/frames.ts';
import { until } from '../support/monitored.ts';
import { ownedEngine, type OwnedEngine } from '../support/owned-engine.ts';

const both = { stdout: true, stderr: true };

async function read({ engine }: OwnedEngine, id: string, options: LogsOptions = both): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const line of engine.containers.logs(id, options)) lines.push(line);
  return lines;
}

const texts = (lines: readonly LogLine[]) => lines.map(({ log }) => log.trimEnd());

test('streams, the end, times, attributes', async (t) => {
  const owned = await ownedEngine(t);
  const LogConfig = { Type: 'json-file', Config: { labels: 'com.a', env: 'COLOR' } };
  const id = await owned.run('echo one; sleep 0.05; echo two >&2; sleep 0.05; echo three; printf four', {
    Labels: { 'com.a': 'x', 'com.b': 'y' },
    Env: ['COLOR=blue'],
    HostConfig: { LogConfig },
  });
  await owned.engine.containers.wait(id);
  const lines = await read(owned, id);
  assert.deepEqual(
    lines.map(({ stream, log, attrs }) => [stream, log, attrs]),
    ['stdout one\n', 'stderr two\n', 'stdout three\n', 'stdout four'].map((text) => [...text.split(/ (.*)/s).slice(0, 2), { 'com.a': 'x', COLOR: 'blue' }]),
  );
  assert.deepEqual(texts(await read(owned, id, { stderr: true })), ['two']);
  assert.deepEqual(texts(await read(owned, id, { ...both, tail: 2 })), ['three', 'four']);
  assert.deepEqual(texts(await read(owned, id, { ...both, tail: 0 })), []);
  const second = nanosecondsOf(lines[1]!.time)!;
  assert.deepEqual(texts(await read(owned, id, { ...both, since: second })), ['two', 'three', 'four']);
  assert.deepEqual(texts(await read(owned, id, { ...both, until: second })), ['one', 'two']);
  assert.deepEqual(texts(await read(owned, id, { ...both, follow: true })), ['one', 'two', 'three', 'four'], 'it has ended: nothing follows');
  assert.deepEqual(texts(await read(owned, id, { stdout: true, since: second, tail: 3 })), ['three', 'four']);
});

test('followed over rotation: every line once, in order, and then the end', async (t) => {
  const owned = await ownedEngine(t);
  const LogConfig = { Type: 'json-file', Config: { 'max-size': '20k', 'max-file': '50' } };
  const script = 'i=0; while [ $i -lt 6000 ]; do echo line $i; i=$((i+1)); done';
  const id = await owned.run(`sleep 0.2; ${script}; sleep 0.2; echo last`, { HostConfig: { LogConfig } });
  const lines = await read(owned, id, { ...both, follow: true });
  const wanted = [...Array.from({ length: 6000 }, (_, at) => `line ${at}`), 'last'];
  assert.deepEqual(texts(lines), wanted);
  const { logPath } = await owned.engine.find(id);
  assert.ok(existsSync(`${logPath}.5`), 'there was rotation');
  for (const tail of [1, 300, 3000, 6001, 7000]) assert.deepEqual(texts(await read(owned, id, { ...both, tail })), wanted.slice(-tail));
  const { time } = lines[4000]!;
  const since = nanosecondsOf(time)!;
  const expected = lines.filter((line) => nanosecondsOf(line.time)! >= since);
  assert.deepEqual(texts(await read(owned, id, { ...both, since })), texts(expected));
});

test('a follower ends with its signal, with `until`, and when the monitor was killed; what was written comes at once', async (t) => {
  const owned = await ownedEngine(t);
  const id = await owned.run('echo begin; sleep 100');
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const { log } of owned.engine.containers.logs(id, { ...both, follow: true, signal: stop.signal })) {
    seen.push(log);
    setTimeout(() => stop.abort(), 20);
  }
  assert.deepEqual(seen, ['begin\n']);
  const soon = BigInt(Date.now() + 100) * 1_000_000n;
  assert.deepEqual(texts(await read(owned, id, { ...both, follow: true, until: soon })), ['begin']);
  const following = read(owned, id, { ...both, follow: true });
  const { monitor } = JSON.parse(readFileSync(`${owned.state}/containers/${id}/container.json`, 'utf8')) as { monitor: { pid: number } };
  process.kill(monitor.pid, 'SIGKILL');
  assert.deepEqual(texts(await following), ['begin']);
});

test('a follower is there before anything is written, and sees it come', async (t) => {
  const owned = await ownedEngine(t);
  const id = await owned.run('read line; echo "got $line"; sleep 100', { OpenStdin: true });
  const seen: string[] = [];
  const stop = new AbortController();
  const follower = (async () => {
    for await (const { log } of owned.engine.containers.logs(id, { ...both, follow: true, signal: stop.signal })) seen.push(log);
  })();
  const { stream } = await owned.engine.containers.attach(id, { stdin: true, stream: true });
  stream.write('something\n');
  await until('the line came', () => seen.length > 0);
  stop.abort();
  await follower;
  assert.deepEqual(seen, ['got something\n']);
});

test('no stream, no log, no container', async (t) => {
  const owned = await ownedEngine(t);
  const id = await owned.create('echo hidden', { HostConfig: { LogConfig: { Type: 'none', Config: {} } } });
  const { containers } = owned.engine;
  await assert.rejects(read(owned, id), { kind: 'unavailable', message: 'configured logging driver does not support reading' });
  await assert.rejects(read(owned, id, {}), { kind: 'invalid', message: 'Bad parameters: you must choose at least one stream' });
  await assert.rejects(containers.logStream('nobody', both), { kind: 'not-found', message: 'No such container: nobody' });
  const fresh = await owned.create('echo never');
  assert.deepEqual(await read(owned, fresh, { ...both, follow: true }), []);
});

test('attached with what was written before: the log in frames, or raw from a terminal', async (t) => {
  const owned = await ownedEngine(t);
  const { containers } = owned.engine;
  const past = async (id: string, stderr: boolean) => {
    const { stream } = await containers.attach(id, { logs: true, stdout: true, stderr, stream: false });
    return buffer(stream);
  };
  const [plain, tty] = [await owned.run('echo out; sleep 0.02; echo err >&2'), await owned.run('echo out', { Tty: true })];
  await Promise.all([plain, tty].map((id) => containers.wait(id)));
  assert.deepEqual(await past(plain, true), Buffer.concat([framed('stdout', 'out\n'), framed('stderr', 'err\n')]));
  assert.deepEqual(await past(plain, false), framed('stdout', 'out\n'));
  assert.equal((await past(tty, false)).toString(), 'out\r\n');
});

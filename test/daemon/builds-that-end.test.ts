/** Builds whose client or daemon ends in the middle, clients that read slowly, bodies that are no contexts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, globSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { contextOf, built, buildOn, noFaults, nothingAtWork } from '../support/daemon-builds.ts';
import { daemonForAll } from '../support/daemon.ts';
import { heldBy, holdsNoMore, memoryOf } from '../support/daemon-state.ts';
import { randomArchive } from '../support/random-archive.ts';
import { randomNumbers } from '../support/random-tree.ts';
import { readUntil } from '../support/raw-http.ts';
import { run } from '../support/run.ts';
import { until } from '../support/monitored.ts';

const MiB = 1 << 20;
const ROUNDS = Number(process.env['KOBAKO_ROUNDS'] ?? 60);
const daemon = await daemonForAll();
const sockets: Socket[] = [];
after(() => sockets.forEach((socket) => socket.destroy()));

/** Sends a build's head, and as much of its body as is given. */
async function begins(body: Buffer, length = body.length, query = ''): Promise<Socket> {
  const socket = connect({ path: daemon.socket, allowHalfOpen: true });
  socket.on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  socket.write(
    `POST /v1.51/build?networkmode=none${query} HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`,
  );
  socket.write(body);
  return socket;
}

const STEP = /CACHED|---> Using cache/;
const sleeper = () => `sleep ${100_000 + (process.pid % 100_000)}`;
const slow = (what: string) => contextOf(`FROM busybox\nRUN echo ${what} > /first\nRUN echo begun; ${sleeper()}\n`);

describe('a client that goes', () => {
  test('in the middle of its body', async () => {
    await built(daemon, contextOf('FROM busybox\nRUN true\n'));
    const before = await heldBy(daemon);
    const body = contextOf('FROM busybox\nCOPY big /\n', { big: Buffer.alloc(2 * MiB, 'x') });
    for (const part of [0, 100, 1024, MiB, body.length - 1]) {
      const socket = await begins(body.subarray(0, part), body.length);
      await sleep(30);
      socket.destroy();
    }
    await nothingAtWork(daemon);
    await holdsNoMore(daemon, before);
    noFaults(daemon);
  });

  test('with half of its body sent and no more to say: it is told so', async () => {
    const body = contextOf('FROM busybox\nCOPY big /\n', { big: Buffer.alloc(MiB, 'x') });
    const socket = await begins(body.subarray(0, MiB / 2), body.length);
    socket.end();
    const answer = await readUntil(socket);
    assert.doesNotMatch(answer, /Successfully/);
    socket.destroy();
    await nothingAtWork(daemon);
    noFaults(daemon);
  });

  for (const how of ['destroy', 'end'] as const) {
    test(`while RUN sleeps (${how}): its processes end, and what was whole is known to the next`, async () => {
      const before = await heldBy(daemon);
      const socket = await begins(slow(how));
      await readUntil(socket, '"begun');
      assert.notEqual((await run('pgrep', ['-f', sleeper()])).stdout, '');
      socket[how]();
      await nothingAtWork(daemon, sleeper());
      await holdsNoMore(daemon, before);
      const next = await built(daemon, contextOf(`FROM busybox\nRUN echo ${how} > /first\n`));
      assert.match(next, STEP);
      noFaults(daemon);
    });
  }

  test('many at once, of the same steps: the one that stays gets its result', async () => {
    const body = contextOf('FROM busybox\nRUN echo begun; sleep 1; echo shared > /shared\n');
    const staying = built(daemon, body);
    const going = await Promise.all(Array.from({ length: 6 }, () => begins(body)));
    await Promise.all(going.map((socket) => readUntil(socket, '"begun')));
    for (const socket of going) socket.destroy();
    assert.match(await staying, /begun/);
    await nothingAtWork(daemon);
    noFaults(daemon);
  });
});

test('a client that reads slowly gets all of it; the daemon’s memory does not grow, and others are served', async () => {
  await built(daemon, contextOf('FROM busybox\nRUN seq 1 10\n'));
  const socket = await begins(contextOf('FROM busybox\nRUN seq 1 4000000\nRUN echo the end\n'));
  await readUntil(socket, 'Step 2');
  socket.pause();
  const memory = memoryOf(daemon);
  await sleep(300);
  assert.match(await built(daemon, contextOf('FROM busybox\nRUN echo beside it\n')), /beside it/);
  // the other side of 64 KiB of the socket: what a step may say at most is kept, and not what it said
  await until('the step is over', async () => (await run('pgrep', ['-f', 'seq 1 4000000'])).stdout === '');
  assert.ok(memoryOf(daemon) - memory < 96 * MiB, `${memory >> 20} MiB, then ${memoryOf(daemon) >> 20} MiB`);
  const rest = readUntil(socket);
  socket.resume();
  const text = await rest;
  assert.match(text, /output clipped, log limit 2MiB reached/);
  assert.match(text, /the end\\n[^]*Successfully built/);
  await nothingAtWork(daemon);
});

test('bodies that are no contexts, and archives that are mutated: refused in one clear line, or built', async () => {
  const outside = globSync('/tmp/kobako-escape*');
  const seed = Number(process.env['KOBAKO_SEED'] ?? 1);
  const counts = { built: 0, refused: 0 };
  for (let at = seed; at < seed + ROUNDS; at++) {
    const random = randomNumbers(at);
    const plain = contextOf(`FROM busybox\nCOPY . /all\nCOPY a* d* /some/\n`, { 'a/b': 'x', 'd/../../../../../../tmp/kobako-escape': 'x' });
    const tar = at % 3 === 0 ? Buffer.concat([randomArchive(at, 12).subarray(0, -1024), plain]) : Buffer.from(plain);
    for (let times = at % 4 === 0 ? 0 : 6; times > 0; times--) tar[Math.floor(random() * tar.length)] = Math.floor(random() * 256);
    const body = at % 5 === 0 ? tar.subarray(0, Math.floor(random() * tar.length)) : tar;
    const { status, text } = await buildOn(daemon, body).catch((cause: unknown) => {
      throw new Error(`seed ${at}`, { cause });
    });
    const last = text.trim().split('\n').at(-1) ?? '';
    if (/Successfully built/.test(last)) counts.built++;
    else {
      const { message, error } = JSON.parse(last) as { readonly message?: string; readonly error?: string };
      assert.ok((message ?? error ?? '') !== '' && status !== 500, `seed ${at}: ${status} ${last}`);
      counts.refused++;
    }
  }
  assert.ok(counts.refused > ROUNDS / 4, JSON.stringify(counts));
  assert.deepEqual(globSync('/tmp/kobako-escape*'), outside);
  await nothingAtWork(daemon);
  noFaults(daemon);
});

test('kill -9 of the daemon while RUN sleeps: the next one sweeps, and goes on from what was whole', async () => {
  const socket = await begins(slow('killed'));
  await readUntil(socket, '"begun');
  await daemon.stop('SIGKILL');
  socket.destroy();
  assert.equal(existsSync(daemon.dataRoot), true);
  await daemon.start();
  await nothingAtWork(daemon, sleeper());
  assert.match(await built(daemon, contextOf('FROM busybox\nRUN echo killed > /first\nRUN cat /first\n')), /Using cache[^]*killed/);
  noFaults(daemon);
});

test('kill -9 at any moment of a build', async () => {
  for (const after of [0, 20, 60, 150]) {
    const noise = `${after}-${process.pid}`;
    const files = { big: Buffer.alloc(8 * MiB, noise) };
    const body = contextOf(`FROM busybox\nCOPY big /a\nRUN cat /a > /b; echo ${noise}\nCOPY --chown=5 big /c\n`, files);
    const socket = await begins(body);
    await sleep(after);
    await daemon.stop('SIGKILL');
    socket.destroy();
    await daemon.start();
    await built(daemon, body, `&t=whole:${after}`);
    await nothingAtWork(daemon);
    const id = await daemon.run({ Image: `whole:${after}`, Cmd: ['cmp', '/a', '/c'], HostConfig: { NetworkMode: 'none' } });
    assert.equal(((await daemon.api.post(`/v1.51/containers/${id}/wait`)).json as { StatusCode: number }).StatusCode, 0);
    await daemon.api.delete(`/v1.51/containers/${id}`);
  }
  noFaults(daemon);
});

test('the cache is collected as the configuration file says; builder prune and system df obey', async () => {
  const records = async () =>
    ((await daemon.api.get('/v1.51/system/df?type=build-cache')).json as { BuildCache: { Description: string; Size: number }[] }).BuildCache;
  await daemon.stop();
  writeFileSync(`${daemon.folder}/daemon.json`, JSON.stringify({ builder: { gc: { policy: [{ maxUsedSpace: '3MB' }] } } }));
  await daemon.start();
  await daemon.api.post('/v1.51/build/prune?all=1');
  assert.deepEqual(await records(), []);
  // no image has it
  const step = (size: number) =>
    contextOf(`FROM busybox AS made\nRUN head -c ${size}000000 /dev/urandom > /f\nFROM busybox\nCOPY --from=made /etc/passwd /x${size}\n`);
  await built(daemon, step(5));
  await until('what is too much goes', async () => (await records()).every(({ Description }) => !Description.includes('head -c 5')));
  await built(daemon, step(2));
  const { SpaceReclaimed } = (await daemon.api.post('/v1.51/build/prune?max-used-space=10000000')).json as { SpaceReclaimed: number };
  assert.equal(SpaceReclaimed, 0);
  const pruned = (await daemon.api.post('/v1.51/build/prune?reserved-space=1000')).json as { SpaceReclaimed: number; CachesDeleted: string[] };
  assert.ok(pruned.SpaceReclaimed >= 2e6 && pruned.CachesDeleted.length > 0, JSON.stringify(pruned));
  const wrong = await daemon.api.post(`/v1.51/build/prune?filters=${encodeURIComponent('{"colour":["red"]}')}`, undefined, { checked: false });
  assert.deepEqual([wrong.status, wrong.json], [400, { message: "invalid filter 'colour'" }]);
});

/** Clients that vanish, that do nothing, that are slow: the daemon holds nothing for them, and the others are served. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FrameReader } from '../../src/kernel/linux/monitor-client.ts';
import { daemonForAll } from '../support/daemon.ts';
import { heldBy, holdsNoMore, memoryOf, nothingLeft } from '../support/daemon-state.ts';
import { until } from '../support/monitored.ts';
import { get, post, readUntil } from '../support/raw-http.ts';

const CLIENTS = 20;
const MiB = 1 << 20;

const daemon = await daemonForAll();

const script = (text: string, more: object = {}) => ({ Cmd: ['sh', '-c', text], HostConfig: { NetworkMode: 'none' }, ...more });
const remove = async (id: string) => assert.equal((await daemon.api.delete(`/v1.51/containers/${id}?force=1`)).status, 204);

async function execOf(container: string, text: string, tty = false): Promise<string> {
  const body = { AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: tty, Cmd: ['sh', '-c', text] };
  const { json } = await daemon.api.post(`/v1.51/containers/${container}/exec`, body);
  return (json as { Id: string }).Id;
}

/** Sends a request, and goes once the answer has begun. */
async function asks(request: string): Promise<Socket> {
  const socket = connect({ path: daemon.socket, allowHalfOpen: true });
  socket.on('error', () => {});
  socket.write(request);
  await readUntil(socket, '\r\n\r\n');
  return socket;
}

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));

describe('clients that vanish', () => {
  const upgrade = 'Content-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n';
  const kinds: Readonly<Record<string, (container: string) => string | Promise<string>>> = {
    'logs -f of one that is silent': (container) => get(`/v1.51/containers/${container}/logs?follow=1&stdout=1`),
    stats: (container) => get(`/v1.51/containers/${container}/stats`),
    events: () => get('/v1.51/events'),
    wait: (container) => post(`/v1.51/containers/${container}/wait`, ''),
    'attach to one that is silent': (container) => post(`/v1.51/containers/${container}/attach?stream=1&stdout=1&stdin=1&stderr=1`, '{}', upgrade),
    'attach without its input': (container) => post(`/v1.51/containers/${container}/attach?stream=1&stdout=1&stderr=1`, '{}', upgrade),
    'exec that writes and writes': async (container) =>
      post(`/v1.51/exec/${await execOf(container, 'while echo x; do sleep 0.01; done')}/start`, '{}', upgrade),
    'exec that is silent': async (container) => post(`/v1.51/exec/${await execOf(container, 'cat >/dev/null; exec sleep 600')}/start`, '{}', upgrade),
    'exec with a terminal': async (container) => post(`/v1.51/exec/${await execOf(container, 'exec sleep 600', true)}/start`, '{"Tty":true}', upgrade),
  };
  for (const [kind, request] of Object.entries(kinds)) {
    test(kind, async () => {
      const container = await daemon.run(script('exec sleep 600', { OpenStdin: true }));
      const before = await heldBy(daemon);
      const execs = kind.startsWith('exec') ? 4 : CLIENTS;
      const sockets = await Promise.all(times(execs, async () => asks(await request(container))));
      assert.ok((await heldBy(daemon)).sockets >= before.sockets + execs);
      for (const socket of sockets) socket.destroy();
      // an exec's process goes on, as in Docker, and with it its monitor
      const stays = kind.startsWith('exec') ? execs : 0;
      await holdsNoMore(daemon, { sockets: before.sockets + stays, monitors: before.monitors + stays });
      await remove(container);
      await holdsNoMore(daemon, before);
      nothingLeft(daemon);
    });
  }

  test('before what they asked for is there', async () => {
    const container = await daemon.run(script('exec sleep 600'));
    const before = await heldBy(daemon);
    for (const request of [get('/v1.51/events'), get(`/v1.51/containers/${container}/stats?stream=0`), post(`/v1.51/containers/${container}/wait`, '')]) {
      for (const socket of times(CLIENTS, () => connect(daemon.socket))) {
        await once(socket, 'connect');
        socket.write(request);
        socket.destroy();
      }
    }
    await holdsNoMore(daemon, before);
    await remove(container);
  });
});

test('1,000 connections that do nothing, half of them within a request: the others are served', async () => {
  const before = await heldBy(daemon);
  const idle = await Promise.all(
    times(1000, async (index) => {
      const socket = connect(daemon.socket);
      await once(socket, 'connect');
      if (index % 2 === 0) socket.write('POST /v1.51/containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 100\r\nContent-Type: application/json\r\n\r\n{');
      return socket;
    }),
  );
  await until('all are taken', async () => (await heldBy(daemon)).sockets >= before.sockets + 1000);
  const container = await daemon.run(script('echo served'));
  assert.equal(((await daemon.api.post(`/v1.51/containers/${container}/wait`)).json as { StatusCode: number }).StatusCode, 0);
  assert.match((await daemon.api.get(`/v1.51/containers/${container}/logs?stdout=1`)).text, /served/);
  await remove(container);
  for (const socket of idle) socket.destroy();
  await holdsNoMore(daemon, before);
});

describe('a slow reader', () => {
  const LINES = 3_000_000; // some 23 MB
  const expected = createHash('sha256');
  before(() => {
    for (let from = 1; from <= LINES; from += 10_000) {
      expected.update(times(Math.min(10_000, LINES - from + 1), (index) => `${from + index}\n`).join(''));
    }
  });
  const digest = expected.copy.bind(expected);

  /** Nothing is read for a while, then everything; meanwhile the daemon answers others, and its memory does not grow. */
  async function readsLate(socket: Socket, ready: () => Promise<void>): Promise<string> {
    socket.pause();
    await ready();
    const [memory, got] = [memoryOf(daemon), createHash('sha256')];
    await sleep(300);
    assert.equal((await daemon.api.get('/_ping')).text, 'OK');
    assert.ok(memoryOf(daemon) - memory < 32 * MiB, `${memory >> 20} MiB, then ${memoryOf(daemon) >> 20} MiB`);
    const frames = new FrameReader((_name, payload) => got.update(payload));
    socket.on('data', (chunk: Buffer) => frames.push(chunk));
    socket.resume();
    await once(socket, 'end');
    return got.digest('hex');
  }

  test('of an attachment gets every byte, in its order, and does not stop the program', async () => {
    const { json } = await daemon.api.post('/v1.51/containers/create', { Image: 'busybox', ...script(`seq ${LINES}`) });
    const { Id } = json as { Id: string };
    const { socket } = await daemon.api.hijack(`/v1.51/containers/${Id}/attach?stream=1&stdout=1`);
    const waited = daemon.api.post(`/v1.51/containers/${Id}/wait?condition=next-exit`);
    const got = await readsLate(socket, async () => {
      assert.equal((await daemon.api.post(`/v1.51/containers/${Id}/start`)).status, 204);
      await until('it has written a lot', async () => (await daemon.api.get(`/v1.51/containers/${Id}/logs?stdout=1&tail=1`)).text.length > 0);
    });
    assert.equal(got, digest().digest('hex'));
    assert.equal(((await waited).json as { StatusCode: number }).StatusCode, 0);
    await remove(Id);
  });

  test('of logs -f', async () => {
    const container = await daemon.run(script(`seq ${LINES}`));
    await daemon.api.post(`/v1.51/containers/${container}/wait`);
    const response = await daemon.api.stream('GET', `/v1.51/containers/${container}/logs?follow=1&stdout=1`);
    const got = createHash('sha256');
    const memory = memoryOf(daemon);
    await sleep(300);
    assert.equal((await daemon.api.get('/_ping')).text, 'OK');
    assert.ok(memoryOf(daemon) - memory < 32 * MiB, `${memory >> 20} MiB, then ${memoryOf(daemon) >> 20} MiB`);
    const frames = new FrameReader((_name, payload) => got.update(payload));
    for await (const chunk of response as AsyncIterable<Buffer>) frames.push(chunk);
    assert.equal(got.digest('hex'), digest().digest('hex'));
    await remove(container);
  });
});

/** Connections that have become a process's streams: every byte, both ways, and what a terminal adds. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FrameReader } from '../../src/kernel/linux/monitor-client.ts';
import { daemonFor, type TestDaemon } from '../support/daemon.ts';
import { until } from '../support/monitored.ts';
import { readUntil } from '../support/raw-http.ts';

const QUIET = { Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'none' } };
const TOTAL = 100_000_000;

interface ExecBody {
  readonly Cmd: readonly string[];
  readonly AttachStdin?: boolean;
  readonly Tty?: boolean;
  readonly DetachKeys?: string;
  readonly ConsoleSize?: readonly [number, number];
}

async function exec(daemon: TestDaemon, container: string, body: ExecBody, upgrade = true): Promise<{ id: string; socket: Socket; head: string }> {
  const created = await daemon.api.post(`/v1.51/containers/${container}/exec`, { AttachStdin: true, AttachStdout: true, AttachStderr: true, ...body });
  assert.equal(created.status, 201, created.text);
  const { Id: id } = created.json as { Id: string };
  const { status, head, socket } = await daemon.api.hijack(`/v1.51/exec/${id}/start`, { body: { Tty: body.Tty ?? false }, upgrade });
  assert.equal(status, upgrade ? 101 : 200, head);
  return { id, socket, head };
}

async function exitCode(daemon: TestDaemon, id: string): Promise<number | null> {
  const { json } = await daemon.api.get(`/v1.51/exec/${id}/json`);
  return (json as { ExitCode: number | null }).ExitCode;
}

/** Bytes that do not repeat within 16 MiB, and their digest. */
function* bytes(total: number): Generator<Buffer> {
  for (let at = 0; at < total;) {
    const chunk = Buffer.alloc(Math.min(1 << 20, total - at));
    for (let i = 0; i + 4 <= chunk.length; i += 4) chunk.writeUInt32LE(((at + i) * 2654435761) >>> 0, i);
    yield chunk;
    at += chunk.length;
  }
}

describe('100 MB through an exec, both ways', () => {
  for (const upgrade of [true, false]) {
    test(upgrade ? 'over an upgraded connection' : 'without Upgrade, as old clients ask', async (t) => {
      const daemon = await daemonFor(t);
      const container = await daemon.run(QUIET);
      const { id, socket, head } = await exec(daemon, container, { Cmd: ['cat'] }, upgrade);
      assert.match(head, upgrade ? /application\/vnd\.docker\.multiplexed-stream/ : /application\/vnd\.docker\.raw-stream/);
      const [sent, got] = [createHash('sha256'), createHash('sha256')];
      let received = 0;
      const frames = new FrameReader((name, payload) => {
        assert.equal(name, 'stdout');
        received += payload.length;
        got.update(payload);
      });
      socket.on('data', (chunk: Buffer) => frames.push(chunk));
      const ended = once(socket, 'end');
      for (const chunk of bytes(TOTAL)) {
        sent.update(chunk);
        if (!socket.write(chunk)) await once(socket, 'drain');
      }
      socket.end(); // half of the connection: the rest still comes
      await ended;
      assert.equal(received, TOTAL);
      assert.equal(got.digest('hex'), sent.digest('hex'));
      await until('its end is known', async () => (await exitCode(daemon, id)) === 0);
    });
  }
});

describe('the end of the input', () => {
  test('reaches the program, whose last words still come', async (t) => {
    const daemon = await daemonFor(t);
    const container = await daemon.run(QUIET);
    const { socket } = await exec(daemon, container, { Cmd: ['sh', '-c', 'wc -c; echo after'] });
    socket.write('12345');
    socket.end();
    assert.match(await readUntil(socket), /5\n.*after\n$/s);
  });

  test('of an attachment with StdinOnce ends the container’s input', async (t) => {
    const daemon = await daemonFor(t);
    const created = await daemon.api.post('/v1.51/containers/create', {
      Image: 'busybox',
      Cmd: ['sh', '-c', 'wc -c; exit 3'],
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
      AttachStdout: true,
      HostConfig: { NetworkMode: 'none' },
    });
    const { Id } = created.json as { Id: string };
    const { socket } = await daemon.api.hijack(`/v1.51/containers/${Id}/attach?stream=1&stdin=1&stdout=1&stderr=1`);
    assert.equal((await daemon.api.post(`/v1.51/containers/${Id}/start`)).status, 204);
    socket.write(Buffer.alloc(300_000, 'x'));
    socket.end();
    assert.match(await readUntil(socket), /300000\n$/);
    const { json } = await daemon.api.post(`/v1.51/containers/${Id}/wait`);
    assert.equal((json as { StatusCode: number }).StatusCode, 3);
  });
});

describe('terminals', () => {
  test('have the size that was asked for, and the one that a resize gave', async (t) => {
    const daemon = await daemonFor(t);
    const container = await daemon.run(QUIET);
    const { id, socket, head } = await exec(daemon, container, { Cmd: ['sh', '-c', 'stty size; read x; stty size'], Tty: true, ConsoleSize: [31, 101] });
    assert.match(head, /application\/vnd\.docker\.raw-stream/);
    assert.match(await readUntil(socket, '31 101'), /^31 101/);
    assert.equal((await daemon.api.post(`/v1.51/exec/${id}/resize?h=43&w=132`)).status, 200);
    socket.write('\n');
    assert.match(await readUntil(socket), /43 132/);
  });

  test('of containers are resized, too, and the program is told', async (t) => {
    const daemon = await daemonFor(t);
    const script = 'trap "stty size" WINCH; echo ready; while :; do sleep 0.05; done';
    const container = await daemon.run({ Cmd: ['sh', '-c', script], Tty: true, OpenStdin: true, HostConfig: { NetworkMode: 'none' } });
    const { socket } = await daemon.api.hijack(`/v1.51/containers/${container}/attach?stream=1&stdin=1&stdout=1&logs=1`);
    await readUntil(socket, 'ready');
    assert.equal((await daemon.api.post(`/v1.51/containers/${container}/resize?h=17&w=71`)).status, 200);
    await readUntil(socket, '17 71');
    socket.destroy();
  });

  test('detach keys end the connection, not the program', async (t) => {
    const daemon = await daemonFor(t);
    const container = await daemon.run({ Cmd: ['cat'], Tty: true, OpenStdin: true, HostConfig: { NetworkMode: 'none' } });
    const attached = await daemon.api.hijack(`/v1.51/containers/${container}/attach?stream=1&stdin=1&stdout=1&detachKeys=ctrl-x,q`);
    attached.socket.write('typed\x18');
    await readUntil(attached.socket, 'typed');
    attached.socket.write('q');
    await readUntil(attached.socket); // to its end
    const { id, socket } = await exec(daemon, container, { Cmd: ['sh', '-c', 'echo ready; sleep 600'], Tty: true, DetachKeys: 'ctrl-a' });
    await readUntil(socket, 'ready');
    socket.write('\x01');
    await readUntil(socket);
    await sleep(50);
    assert.equal(await exitCode(daemon, id), null);
    const { json } = await daemon.api.get(`/v1.51/containers/${container}/json`);
    assert.equal((json as { State: { Running: boolean } }).State.Running, true);
    for (const left of [attached.socket, socket]) left.destroy();
  });
});

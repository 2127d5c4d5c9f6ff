/** dockerode, the client that most of Node's tools have. It runs on our daemon and on a real dockerd: that tests the test. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { PassThrough, Readable, type Duplex } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { file, layerTar } from '../support/layers.ts';
import { until } from '../support/monitored.ts';

const HostConfig = { NetworkMode: 'none' };

/** `make`: a client of an engine that has an image `busybox` and nothing else. */
export function dockerodeSuite(title: string, skip: string | false, make: () => Promise<Docker>): void {
  let docker: Docker;
  const create = (script: string, more: Docker.ContainerCreateOptions = {}) =>
    docker.createContainer({ Image: 'busybox', Cmd: ['sh', '-c', script], HostConfig, ...more });

  const pass = (bytes: Buffer): Readable => Readable.from([bytes]);

  /** Both streams of a framed one, when it has ended. */
  async function both(stream: NodeJS.ReadableStream): Promise<[out: string, err: string]> {
    const [out, err] = [new PassThrough(), new PassThrough()];
    docker.modem.demuxStream(stream, out, err);
    stream.on('end', () => {
      out.end();
      err.end();
    });
    return Promise.all([text(out), text(err)]);
  }

  describe(title, { skip, concurrency: false }, () => {
    before(async () => void (docker = await make()));

    test('ping, version, info', async () => {
      assert.equal(String(await docker.ping()), 'OK');
      assert.equal((await docker.version()).ApiVersion, '1.51');
      assert.equal(((await docker.info()) as { OSType: string }).OSType, 'linux');
    });

    test('a container from its creation to its removal', async () => {
      const container = await create('echo out; echo err >&2; exit 3', { name: 'whole', Labels: { of: 'dockerode' } });
      const waited = container.wait({ condition: 'next-exit' });
      await container.start();
      assert.deepEqual(await waited, { StatusCode: 3 });
      const { State, Name } = await container.inspect();
      assert.deepEqual([Name, State.Status, State.ExitCode], ['/whole', 'exited', 3]);
      assert.deepEqual(
        (await docker.listContainers({ all: true, filters: { label: ['of=dockerode'] } })).map(({ Names }) => Names),
        [['/whole']],
      );
      const logs = (await container.logs({ stdout: true, stderr: true, follow: true })) as NodeJS.ReadableStream;
      assert.deepEqual(await both(logs), ['out\n', 'err\n']);
      await container.remove();
      await assert.rejects(container.inspect(), (error: Error & { statusCode: number }) => {
        assert.equal(error.statusCode, 404);
        return /no such container/i.test(error.message);
      });
    });

    test('attach before the start, with input that ends', async () => {
      const container = await create('wc -c', { OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true });
      const stream = (await container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true })) as unknown as Duplex;
      await container.start();
      const seen = both(stream);
      stream.end('x'.repeat(100_000));
      assert.deepEqual(await seen, ['100000\n', '']);
      await container.remove({ force: true });
    });

    test('exec: with input, and with a terminal of some size', async () => {
      const container = await create('sleep 300');
      await container.start();
      const exec = await container.exec({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true, AttachStderr: true });
      const stream = await exec.start({ hijack: true, stdin: true });
      const seen = both(stream);
      stream.end('through');
      assert.deepEqual(await seen, ['through', '']);
      assert.equal((await exec.inspect()).ExitCode, 0);
      const terminal = await container.exec({ Cmd: ['sh', '-c', 'read go; stty size; exit 5'], AttachStdin: true, AttachStdout: true, Tty: true });
      const tty = await terminal.start({ hijack: true, stdin: true, Tty: true });
      await terminal.resize({ h: 33, w: 77 });
      tty.write('go\n');
      assert.match(await text(tty), /33 77/);
      assert.equal((await terminal.inspect()).ExitCode, 5);
      await container.remove({ force: true });
    });

    test('files in and out, changes', async () => {
      const container = await create('sleep 300');
      await container.start();
      await container.putArchive(layerTar([file('put', 'by dockerode')]), { path: '/tmp' });
      const out = (await container.getArchive({ path: '/tmp/put' })) as Readable;
      assert.match(await text(out), /by dockerode/);
      assert.ok(((await container.changes()) as { Path: string }[]).some(({ Path }) => Path === '/tmp/put'));
      await container.remove({ force: true });
    });

    test('events as they come, stats, top, pause', async () => {
      const events = (await docker.getEvents({ filters: { container: ['told'] } })) as Readable;
      const seen: string[] = [];
      events.on('data', (chunk: Buffer) =>
        seen.push(
          ...chunk
            .toString()
            .trim()
            .split('\n')
            .map((line) => (JSON.parse(line) as { Action: string }).Action),
        ),
      );
      const container = await create('sleep 300', { name: 'told' });
      await container.start();
      await container.pause();
      await container.unpause();
      assert.equal((await container.stats({ stream: false })).pids_stats?.current, 1);
      assert.match(JSON.stringify(await container.top()), /sleep 300/);
      await container.remove({ force: true });
      await until('its removal is told', () => seen.includes('destroy'));
      assert.deepEqual(
        seen.filter((action) => /^(create|start|pause|unpause|die|destroy)$/.test(action)),
        ['create', 'start', 'pause', 'unpause', 'die', 'destroy'],
      );
      events.destroy();
    });

    test('images: tag, list, history, remove; commit', async () => {
      await docker.getImage('busybox').tag({ repo: 'of-dockerode', tag: '1' });
      assert.ok((await docker.listImages()).some(({ RepoTags }) => RepoTags?.includes('of-dockerode:1')));
      assert.equal((await docker.getImage('of-dockerode:1').history()).length, 1);
      await docker.getImage('of-dockerode:1').remove();
      const container = await create('true');
      await container.commit({ repo: 'committed' });
      await docker.getImage('committed').remove();
      await container.remove();
      await assert.rejects(docker.getImage('no-such').inspect(), { statusCode: 404 });
    });

    test('images: import, with its progress to the end, and load what was saved', async () => {
      const progress = (await docker.importImage(pass(layerTar([file('file', 'imported')])), { repo: 'imported', tag: '1' })) as Readable;
      const told = await new Promise<unknown[]>((resolve, reject) =>
        docker.modem.followProgress(progress, (error: Error | null, output: unknown[]) => (error === null ? resolve(output) : reject(error))),
      );
      assert.match(JSON.stringify(told), /"status":"sha256:[0-9a-f]{64}"/);
      const saved = (await docker.getImage('imported:1').get()) as Readable;
      const archive = await buffer(saved);
      await docker.getImage('imported:1').remove();
      assert.match(await text((await docker.loadImage(pass(archive))) as Readable), /Loaded image: imported:1/);
      assert.deepEqual((await docker.getImage('imported:1').inspect()).RepoTags, ['imported:1']);
      await docker.getImage('imported:1').remove();
    });

    test('logs as they come, resize of a container, a wait that is broken off', async () => {
      const container = await create('echo ready; read go; stty size; exec sleep 300', { Tty: true, OpenStdin: true });
      await container.start();
      const logs = (await container.logs({ stdout: true, follow: true })) as unknown as Readable;
      let seen = '';
      logs.on('data', (chunk: Buffer) => void (seen += chunk.toString()));
      await until('its first line', () => seen.includes('ready'));
      await container.resize({ h: 12, w: 34 });
      const stream = (await container.attach({ stream: true, hijack: true, stdin: true })) as unknown as Duplex;
      stream.write('go\n');
      await until('what it says then', () => seen.includes('12 34'));
      stream.destroy();
      logs.destroy();
      const breakOff = new AbortController();
      const waited = container.wait({ abortSignal: breakOff.signal });
      setTimeout(() => breakOff.abort(), 50);
      await assert.rejects(waited, /abort/i);
      assert.equal((await container.inspect()).State.Running, true);
      await container.remove({ force: true });
    });

    test('errors have Docker’s status and words', async () => {
      const container = await create('sleep 300', { name: 'once' });
      await assert.rejects(create('true', { name: 'once' }), { statusCode: 409 });
      await container.start();
      await assert.rejects(container.start(), { statusCode: 304 });
      await assert.rejects(container.remove(), { statusCode: 409 });
      await assert.rejects(docker.createContainer({ Image: 'no-such-image' }), { statusCode: 404, message: /No such image: no-such-image/ });
      await container.remove({ force: true });
      assert.equal(((await docker.pruneContainers()) as { SpaceReclaimed: number }).SpaceReclaimed, 0);
    });
  });
}

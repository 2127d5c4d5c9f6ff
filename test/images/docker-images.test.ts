/** A real Docker 28 beside us: the same commands on the same images say the same, and each reads what the other writes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { LocalEngine } from '../../src/engine/contract.ts';
import type { ProgressEvent } from '../../src/engine/images-contract.ts';
import { fakeRegistry } from '../support/fake-registry.ts';
import { imageGround, serveImage, type Ground } from '../support/image-ground.ts';
import { dir, file, layerTar, link, node, sha256, symlink, TIME, whiteout } from '../support/layers.ts';
import { projectDir } from '../support/paths.ts';
import { noPeers, peers } from '../support/peers.ts';
import { realRegistry, type RealRegistry } from '../support/registry.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { run } from '../support/run.ts';

/** This machine, seen from dockerd's network. */
const HERE = '10.233.1.1';

describe('images beside Docker 28', { skip: noPeers() ?? false }, () => {
  const cleanups: (() => unknown)[] = [];
  const suite = { after: (hook: () => unknown) => cleanups.push(hook) };
  let ground: Ground;
  let engine: LocalEngine;
  let registry: RealRegistry;
  let host: string;
  before(async () => {
    ground = imageGround(suite);
    await peers(['clients', ground.folder]);
    await peers(['down']);
    host = await peers(['docker'], { DOCKERD_ARGS: `--insecure-registry ${HERE}/32` });
    registry = await realRegistry(suite, { folder: `${ground.folder}/registry`, address: HERE });
    engine = ground.engine({ registries: { insecure: [`${HERE}/32`] } });
    writeFileSync(`${ground.folder}/image.tar`, await archive());
    await clean();
    await ok('load', '-i', `${ground.folder}/image.tar`);
    await ground.ok('load', '-i', `${ground.folder}/image.tar`);
  });
  after(async () => {
    await clean();
    await peers(['down']);
    for (const cleanup of cleanups.toReversed()) await cleanup();
  });
  /** What this file has put there, in a run that was killed too. */
  const clean = async () => {
    await docker(['rm', '-f', 'kbi-user', ...['0', '1000'].map((seconds) => `kbi-theirs-${seconds}`)]);
    for (const id of new Set((await ok('images', '-q', '--filter', 'label=colour')).split('\n').filter(Boolean))) await docker(['rmi', '-f', id]);
    await docker(['image', 'prune', '-f']);
  };
  const docker = (args: readonly string[], timeoutMs = 120_000) =>
    run(`${ground.folder}/docker`, args, { env: { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: ground.folder }, timeoutMs });
  const ok = async (...args: string[]) => {
    const { code, stdout, stderr } = await docker(args);
    assert.equal(code, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  /** The same command line of both; how each calls itself and what it names itself at random are left out. */
  const same = async (...args: string[]) => {
    const seen = async (result: { code: number; stdout: string; stderr: string }) => ({
      code: result.code,
      stdout: result.stdout,
      stderr: result.stderr
        .replace(/^(docker|kobako): /gm, '')
        .replace(/^Error response from daemon: /gm, '')
        .replace(/\n\nRun 'docker .* --help' for more information\n/, '\n'),
    });
    const [theirs, ours] = [await seen(await docker(args)), await seen(await ground.kobako(args))];
    assert.deepEqual(ours, theirs, args.join(' '));
    return ours;
  };

  test('ids, sizes, lists and histories are the same', async () => {
    for (const args of [
      ['images', 'kbi-*'],
      ['images', '--no-trunc', '--digests', 'kbi-busy'],
      ['images', '-q', 'kbi-*'],
    ]) {
      const { stdout } = await same(...args);
      assert.ok(stdout.trim() !== '');
    }
    for (const args of [
      ['history', 'kbi-busy'],
      ['history', '--no-trunc', 'kbi-busy'],
      ['history', '-q', 'kbi-busy'],
      ['history', '-H=false', 'kbi-busy'],
    ])
      await same(...args);
    const about = async (text: Promise<string>) => (JSON.parse(await text) as Record<string, unknown>[])[0]!;
    const ours = await about(ground.ok('image', 'inspect', 'kbi-busy'));
    const theirs = await about(ok('image', 'inspect', 'kbi-busy'));
    for (const key of ['Id', 'RepoTags', 'RepoDigests', 'Parent', 'Comment', 'Created', 'Author', 'Architecture', 'Os', 'Size', 'RootFS'])
      assert.deepEqual(ours[key], theirs[key], key);
    assert.deepEqual(Object.keys(ours).toSorted(), Object.keys(theirs).toSorted());
    const set = (config: unknown) =>
      Object.fromEntries(Object.entries(config as object).filter(([, value]) => value !== null && value !== '' && value !== false));
    assert.deepEqual(set(ours['Config']), set(theirs['Config']));
  });

  test('filters', async () => {
    const list = (...filters: string[]) => same('images', '--format', 'json', ...filters.flatMap((filter) => ['--filter', filter]));
    const names = async (...filters: string[]) => {
      const args = ['images', ...filters.flatMap((filter) => ['--filter', filter])];
      const rows = (text: string) =>
        text
          .split('\n')
          .slice(1)
          .filter(Boolean)
          .map((line) => line.split(/ {2,}/).slice(0, 3).join(' '))
          .toSorted();
      const [theirs, ours] = [rows(await ok(...args)), rows(await ground.ok(...args))];
      assert.deepEqual(ours, theirs, filters.join(' '));
      return ours.length;
    };
    assert.equal(await names('reference=kbi-*'), 3);
    assert.equal(await names('reference=kbi-b*'), 2);
    assert.equal(await names('reference=kbi-busy:1'), 1);
    assert.equal(await names('reference=kbi-b[ut]sy'), 2);
    assert.equal(await names('reference=nothing'), 0);
    assert.equal(await names('reference=*/kbi-busy'), 0);
    assert.equal(await names('label=colour'), 3);
    assert.equal(await names('label=colour=red'), 2);
    assert.equal(await names('label=colour', 'label=colour=red'), 2);
    assert.equal(await names('label=colour=blue', 'reference=kbi-second'), 1);
    assert.equal(await names('before=kbi-second', 'label=colour'), 2);
    assert.equal(await names('since=kbi-busy', 'label=colour'), 1);
    assert.equal(await names('since=kbi-second', 'label=colour'), 0);
    assert.equal(await names('until=2024-01-02T00:00:00Z', 'label=colour'), 2);
    assert.equal(await names('until=1h', 'label=colour'), 3);
    assert.equal(await names('dangling=false', 'label=colour'), 3);
    assert.equal(await names('dangling=true', 'label=colour'), 0);
    for (const wrong of ['nonsense=1', 'dangling=maybe', 'before=nothing-such']) assert.equal((await list(wrong)).code, 1);
  });

  test('tag, rmi and their errors: the same words', async () => {
    const id = (await ok('images', '-q', '--no-trunc', 'kbi-busy:1')).trim();
    await same('tag', 'kbi-busy:1', 'kbi-busy:2');
    await same('tag', 'kbi-busy:1', 'kbi-other/place:3');
    await same('rmi', id.slice(7, 19));
    await same('rmi', 'kbi-busy:2');
    await same('rmi', 'kbi-nothing');
    await same('rmi', '-f', 'kbi-nothing');
    await same('rmi', 'UPPER');
    await same('tag', 'kbi-busy:1', 'Upper:1');
    await same('tag', 'kbi-nothing', 'kbi-x');
    await same('tag', 'kbi-busy:1', `kbi-x@sha256:${'a'.repeat(64)}`);
    await same('image', 'inspect', 'kbi-nothing');
    await same('history', 'kbi-nothing');
    await same('save', '-o', `${ground.folder}/none.tar`, 'kbi-nothing');
    await same('push', 'kbi-nothing:1');
    await same('load', '-i', `${ground.folder}/no-such-file`);
    await same('rmi', 'kbi-other/place:3');
    // in use
    const names = (text: string) => text.replaceAll(/container [0-9a-f]{12}/g, 'container C');
    const inUse = async (...args: string[]) => {
      const [theirs, ours] = [await docker(args), await ground.kobako(args)];
      assert.deepEqual([ours.code, ours.stdout, names(ours.stderr)], [theirs.code, theirs.stdout, names(theirs.stderr)], args.join(' '));
      return theirs.code;
    };
    await same('rmi', 'kbi-busy:latest');
    const start = ['run', '-d', '--name', 'kbi-user', '--network', 'none', 'kbi-busy:1', 'sleep', '1000'];
    await ok(...start);
    await ground.ok(...start);
    assert.equal(await inUse('rmi', 'kbi-busy:1'), 1);
    assert.equal(await inUse('rmi', '-f', id), 1);
    assert.equal(await inUse('rmi', id), 1);
    for (const stop of [ok, ground.ok]) await stop('kill', 'kbi-user');
    for (const wait of [ok, ground.ok]) await wait('wait', 'kbi-user');
    assert.equal(await inUse('rmi', 'kbi-busy:1'), 1);
    assert.equal(await inUse('rmi', id.slice(0, 17)), 1);
    assert.equal(await inUse('rmi', '-f', 'kbi-busy:1'), 0);
    for (const remove of [ok, ground.ok]) await remove('rm', '-f', 'kbi-user');
    for (const load of [ok, ground.ok]) await load('load', '-i', `${ground.folder}/image.tar`);
  });

  test('load says the same', async () => {
    await same('load', '-i', `${ground.folder}/image.tar`);
    await same('load', '-q', '-i', `${ground.folder}/image.tar`);
    writeFileSync(`${ground.folder}/garbage.tar`, randomBytes(10_000));
    assert.equal((await docker(['load', '-i', `${ground.folder}/garbage.tar`])).code, 1);
    assert.equal((await ground.kobako(['load', '-i', `${ground.folder}/garbage.tar`])).code, 1);
  });

  test('Docker loads and runs what we save, and we what it saves', async () => {
    const idOf = async (text: Promise<string>) => (await text).trim();
    const id = await idOf(ok('images', '-q', '--no-trunc', 'kbi-busy:1'));
    await ground.ok('save', '-o', `${ground.folder}/ours.tar`, 'kbi-busy', 'kbi-second');
    await ok('save', '-o', `${ground.folder}/theirs.tar`, 'kbi-busy', 'kbi-second');
    for (const tool of [docker, ground.kobako]) await tool(['rmi', '-f', 'kbi-busy:1', 'kbi-busy:latest', 'kbi-second']);
    assert.equal(await ground.ok('images', '-q', 'kbi-*'), '');
    const lines = (text: string) => text.split('\n').toSorted();
    const expected = lines('Loaded image: kbi-busy:1\nLoaded image: kbi-busy:latest\nLoaded image: kbi-second:latest\n');
    assert.deepEqual(lines(await ok('load', '-i', `${ground.folder}/ours.tar`)), expected);
    assert.deepEqual(lines(await ground.ok('load', '-i', `${ground.folder}/theirs.tar`)), expected);
    assert.equal(await idOf(ok('images', '-q', '--no-trunc', 'kbi-busy:1')), id);
    assert.equal(await idOf(ground.ok('images', '-q', '--no-trunc', 'kbi-busy:1')), id);
    for (const tool of [ok, ground.ok]) assert.equal(await tool('run', '--rm', '--network', 'none', 'kbi-busy:1'), 'the command\nb\n');
    // by id: without a name
    await ground.ok('save', '-o', `${ground.folder}/by-id.tar`, id);
    await ok('rmi', '-f', 'kbi-busy:1', 'kbi-busy:latest');
    assert.equal(await ok('load', '-i', `${ground.folder}/by-id.tar`), `Loaded image ID: ${id}\n`);
    await ok('tag', id, 'kbi-busy:1');
    await ok('tag', id, 'kbi-busy:latest');
  });

  test('through a registry: the same id, digest and progress', async () => {
    const name = `${registry.host}/kobako/busy`;
    for (const tool of [ok, ground.ok]) await tool('tag', 'kbi-busy:1', `${name}:1`);
    // what Docker pushes we pull
    await ok('push', '-q', `${name}:1`);
    const digest = /sha256:[0-9a-f]{64}/.exec(await ok('image', 'inspect', '--format', '{{index .RepoDigests 0}}', `${name}:1`))![0];
    const id = (await ok('images', '-q', '--no-trunc', `${name}:1`)).trim();
    for (const tool of [docker, ground.kobako]) await tool(['rmi', '-f', id, 'kbi-second']);
    await engine.images.pull(`${name}:1`);
    const ours = await engine.images.inspect(`${name}:1`);
    assert.deepEqual([ours.id, ours.repoDigests], [id, [`${name}@${digest}`]]);
    await dockerPull(host, name, '1');
    assert.deepEqual(JSON.parse(await ok('image', 'inspect', '--format', '{{json .RepoDigests}}', `${name}:1`)), ours.repoDigests);
    // and once more: nothing to do
    const again: ProgressEvent[] = [];
    await engine.images.pull(`${name}:1`, { onProgress: (event) => again.push(event) });
    assert.deepEqual(steps(again), { ...steps(await dockerPull(host, name, '1')), layers: steps(again).layers });
    // what we push Docker pulls
    await engine.images.tag(`${name}:1`, `${name}:ours`);
    await engine.images.push(`${name}:ours`);
    await ok('rmi', '-f', id);
    await ok('pull', '-q', `${name}:ours`);
    assert.equal((await ok('images', '-q', '--no-trunc', `${name}:ours`)).trim(), id);
    assert.deepEqual(JSON.parse(await ok('image', 'inspect', '--format', '{{json .RepoDigests}}', `${name}:ours`)), [`${name}@${digest}`]);
    // what was loaded is packed by us: another digest, the same image
    await ground.ok('load', '-q', '-i', `${ground.folder}/image.tar`);
    await engine.images.tag('kbi-second', `${name}:second`);
    await engine.images.push(`${name}:second`);
    await ok('pull', '-q', `${name}:second`);
    const second = await engine.images.inspect('kbi-second');
    assert.equal((await ok('images', '-q', '--no-trunc', `${name}:second`)).trim(), second.id);
    assert.deepEqual(JSON.parse(await ok('image', 'inspect', '--format', '{{json .RepoDigests}}', `${name}:second`)), second.repoDigests);
    for (const tool of [ok, ground.ok]) await tool('rmi', '-f', id, second.id);
    for (const load of [ok, ground.ok]) await load('load', '-i', `${ground.folder}/image.tar`);
  });

  test('progress of a pull: the same steps of the same layers', async () => {
    const name = `${registry.host}/kobako/fresh`;
    writeFileSync(`${ground.folder}/fresh.tar`, await archive());
    await ground.ok('load', '-q', '-i', `${ground.folder}/fresh.tar`);
    const { id } = await engine.images.inspect('kbi-busy:1');
    await engine.images.tag(id, `${name}:1`);
    await engine.images.push(`${name}:1`);
    await ground.ok('rmi', '-f', id, 'kbi-second');
    const events: ProgressEvent[] = [];
    await engine.images.pull(`${name}:1`, { onProgress: (event) => events.push(event) });
    const ours = steps(events);
    assert.deepEqual(ours, steps(await dockerPull(host, name, '1')));
    assert.equal(Object.keys(ours.layers).length, 3);
    for (const tool of [ok, ground.ok]) await tool('rmi', '-f', id);
    await ground.ok('load', '-i', `${ground.folder}/image.tar`);
  });

  test('import: the config that Docker makes', async () => {
    const changes = [
      'CMD ["a","b c"]',
      'ENTRYPOINT /bin/sh -c "x"',
      'ENV A=1 B="two words"',
      'ENV OLD way of it',
      'LABEL colour=red "the key"="the value"',
      'EXPOSE 80 53/udp',
      'VOLUME /data',
      'VOLUME ["/more","/x y"]',
      'USER guest:audio',
      'WORKDIR /home',
      'WORKDIR guest',
      'STOPSIGNAL SIGINT',
      'ONBUILD RUN something',
      'HEALTHCHECK --interval=5s --retries=3 CMD ["true"]',
    ];
    const options = changes.flatMap((change) => ['--change', change]);
    writeFileSync(`${ground.folder}/root.tar`, layerTar([file('f', 'x')]));
    const config = async (tool: typeof ok, ...more: string[]) => {
      const id = (await tool('import', ...options, ...more, `${ground.folder}/root.tar`)).trim();
      const [about] = JSON.parse(await tool('image', 'inspect', id)) as [Record<string, unknown> & { Config: Record<string, unknown> }];
      await tool('rmi', id);
      const { Comment, Architecture, Os, RootFS, Size } = about;
      const kept = Object.fromEntries(Object.entries(about.Config).filter(([, value]) => value !== null && value !== '' && value !== false));
      return { Comment, Architecture, Os, RootFS, Size, ...kept };
    };
    assert.deepEqual(await config(ground.ok), await config(ok));
    assert.deepEqual(await config(ground.ok, '-m', 'a message'), await config(ok, '-m', 'a message'));
    for (const wrong of ['RUN x', 'onbuild', 'ENV A', 'EXPOSE zero', 'FROM y', 'HEALTHCHECK sometimes'])
      assert.equal((await same('import', '--change', wrong, `${ground.folder}/root.tar`)).code, 1, wrong);
  });

  test('export of a container: Docker’s names, modes, owners and contents', async () => {
    const script =
      'echo new > /new; mkdir -m 700 /d; ln /new /d/hard; ln -s ../x /d/soft; mknod /d/fifo p; rm /etc/group; chown 7:8 /bin/busybox; echo more >> /etc/passwd; chmod 4711 /new; sleep ';
    const contents = async (tool: typeof ok, name: string, seconds: string) => {
      await tool('run', '-d', '--name', name, '--network', 'none', 'kbi-busy:1', 'sh', '-c', `${script}${seconds}`);
      if (seconds === '0') await tool('wait', name);
      else await new Promise((resolve) => setTimeout(resolve, 1500));
      const to = `${ground.folder}/${name}.tar`;
      await tool('export', '-o', to, name);
      await tool('rm', '-f', name);
      const listed = await run('sh', [
        '-c',
        `tar --numeric-owner -tvf "$1" | sed -E 's/ [0-9]{4}-[0-9-]+ [0-9:]+ / /'; mkdir "$1.d"; tar -C "$1.d" --exclude=dev/\\* -xf "$1"; cd "$1.d"; find . -type f ! -path ./bin/busybox | sort | xargs sha256sum`,
        'sh',
        to,
      ]);
      assert.equal(listed.code, 0, listed.stderr);
      return listed.stdout
        .split('\n')
        .filter((line) => !INIT_LAYER.test(line))
        .toSorted();
    };
    for (const seconds of ['0', '1000']) {
      assert.deepEqual(await contents(ground.ok, `kbi-ours-${seconds}`, seconds), await contents(ok, `kbi-theirs-${seconds}`, seconds));
    }
  });

  test('^C in the middle of a pull: the same exit code and words', async (t) => {
    const fake = await fakeRegistry(t, { listen: '0.0.0.0' });
    const where = fake.host.replace('127.0.0.1', HERE);
    const { layers } = serveImage(fake, 'public/app', 'v1', [randomBytes(100_000)]);
    fake.hook = (_request, response, url) => {
      if (!url.pathname.endsWith(sha256(layers[0]!))) return false;
      response.writeHead(200, { 'content-length': String(layers[0]!.length) });
      response.write(layers[0]!.subarray(0, 50_000));
      return true;
    };
    const interrupted = async (program: string, name: string, env: NodeJS.ProcessEnv) => {
      const child = spawn(program, ['pull', '-q', name], { env, stdio: ['ignore', 'ignore', 'pipe'] });
      let stderr = '';
      child.stderr.on('data', (part: Buffer) => (stderr += part.toString()));
      const ended = once(child, 'exit') as Promise<[number | null]>;
      await new Promise((resolve) => setTimeout(resolve, 1500));
      child.kill('SIGINT');
      return { code: (await ended)[0], stderr: stderr.replace(/^kobako: /, '') };
    };
    const theirs = await interrupted(`${ground.folder}/docker`, `${where}/public/app:v1`, { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: ground.folder });
    // our command line takes only loopback for insecure
    const ours = await interrupted(`${projectDir}/bin/kobako`, `${fake.host}/public/app:v1`, ground.env);
    assert.deepEqual(ours, theirs);
  });

  test('image prune', async () => {
    const id = (await ok('images', '-q', '--no-trunc', 'kbi-busy:1')).trim();
    for (const tool of [ok, ground.ok]) for (const tag of ['1', 'latest']) await tool('tag', 'kbi-second', `kbi-busy:${tag}`);
    const dangling = async (tool: typeof ok) => (await tool('images', '--no-trunc', '-q', '--filter', 'dangling=true')).trim();
    assert.equal(await dangling(ground.ok), id);
    assert.equal(await dangling(ok), id);
    const pruned = async (tool: typeof ok, ...more: string[]) => (await tool('image', 'prune', '-f', ...more)).replace(/space: .*/, 'space: N');
    assert.equal(await pruned(ground.ok, '--filter', 'label=colour=green'), await pruned(ok, '--filter', 'label=colour=green'));
    assert.equal(await pruned(ground.ok, '--filter', 'label!=colour'), await pruned(ok, '--filter', 'label!=colour'));
    assert.equal(await pruned(ground.ok, '--filter', 'until=2020-01-01'), await pruned(ok, '--filter', 'until=2020-01-01'));
    const [ours, theirs] = [await pruned(ground.ok), await pruned(ok)];
    assert.deepEqual(ours.split('\n').toSorted(), theirs.split('\n').toSorted());
    assert.ok(ours.includes(id));
    for (const tool of [docker, ground.kobako]) await tool(['rmi', '-f', 'kbi-busy:1', 'kbi-busy:latest', 'kbi-second']);
    for (const load of [ok, ground.ok]) await load('load', '-i', `${ground.folder}/image.tar`);
  });
});

/** What Docker puts under the first process of every container, as mount points and for old programs. */
const INIT_LAYER = /[ /](\.dockerenv|dev\/(console|pts\/|shm\/)|etc\/(hostname|hosts|resolv\.conf|mtab -> \/proc\/mounts))$/;

/** The statuses of each layer in their order, and the lines around them. */
function steps(events: readonly ProgressEvent[]): { lines: string[]; layers: Record<string, string[]> } {
  const layers: Record<string, string[]> = {};
  const lines: string[] = [];
  for (const { id, status } of events) {
    if (id === undefined || status.startsWith('Pulling from')) lines.push(`${id ?? ''} ${status}`);
    else if (layers[id]?.at(-1) !== status) (layers[id] ??= []).push(status);
  }
  // how much is shown between depends on how fast it comes: dockerd leaves out what the next event follows at once
  const always = new Set(['Pulling fs layer', 'Download complete', 'Pull complete', 'Already exists']);
  for (const [id, list] of Object.entries(layers)) layers[id] = list.filter((status) => always.has(status));
  return { lines, layers };
}

async function dockerPull(host: string, name: string, tag: string): Promise<ProgressEvent[]> {
  const url = `${host.replace(/^tcp:/, 'http:')}/images/create?fromImage=${encodeURIComponent(name)}&tag=${tag}`;
  const options = host.startsWith('unix://')
    ? ['--unix-socket', host.slice(7), `http://d/images/create?fromImage=${encodeURIComponent(name)}&tag=${tag}`]
    : [url];
  const { stdout } = await run('curl', ['-s', '-X', 'POST', ...options]);
  return stdout
    .split(/\r?\n/)
    .filter(Boolean)
    .map((line) => JSON.parse(line) as ProgressEvent);
}

/** Two images as an old Docker saved them: one under two names, of three layers with a history; one of one layer. */
async function archive(): Promise<Buffer> {
  const busybox = readFileSync(`${await busyboxRootfs()}/bin/busybox`);
  const passwd = readFileSync(`${await busyboxRootfs()}/etc/passwd`);
  const links = ['sh', 'sleep', 'cat', 'mkdir', 'ln', 'mknod', 'rm', 'chown', 'chmod', 'echo'].map((name) => symlink(`bin/${name}`, 'busybox'));
  const base = layerTar([
    dir('bin/'),
    file('bin/busybox', busybox, { mode: 0o755 }),
    ...links,
    dir('etc/'),
    file('etc/passwd', passwd),
    file('etc/group', 'root:x:0:\n'),
    // no image that was here before shares it
    file('etc/machine', randomBytes(16).toString('hex')),
  ]);
  const second = layerTar([
    dir('data/', { mode: 0o1777 }),
    file('data/a', randomBytes(8).toString('hex')),
    file('data/b', 'b\n', { mode: 0o640, uid: 1000, gid: 5 }),
    link('data/hard', 'data/a'),
    node('fifo', 'data/fifo'),
  ]);
  const third = layerTar([
    dir('data/', { mode: 0o1777 }),
    whiteout('data/a'),
    file('third', randomBytes(8).toString('hex')),
    file('big', Buffer.alloc(300_000, 'x')),
  ]);
  const at = new Date(Number(TIME / 1_000_000n)).toISOString();
  const config = (layers: readonly Buffer[], created: string, labels: object) =>
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      author: 'somebody',
      created,
      config: { Cmd: ['sh', '-c', 'echo the command; cat /data/b'], Env: ['PATH=/bin'], Labels: labels, WorkingDir: '/data', ExposedPorts: { '80/tcp': {} } },
      rootfs: { type: 'layers', diff_ids: layers.map((bytes) => `sha256:${sha256(bytes)}`) },
      history: [
        { created: at, created_by: '/bin/sh -c #(nop) ADD file:0123456789abcdef0123456789abcdef in / ' },
        { created: at, created_by: 'CMD ["sh"]', empty_layer: true, comment: 'a comment' },
        ...layers.slice(1).map((_, index) => ({ created: at, created_by: `RUN step ${index}\twith a tab` })),
      ],
    });
  const files: Record<string, Buffer> = { 'base/layer.tar': base, 'second/layer.tar': gzipSync(second), 'third/layer.tar': third };
  const images = [
    {
      tags: ['kbi-busy:latest', 'kbi-busy:1'],
      paths: Object.keys(files),
      config: config([base, second, third], '2024-01-01T00:00:00Z', { colour: 'red' }),
    },
    { tags: ['kbi-second:latest'], paths: ['base/layer.tar'], config: config([base], '2024-02-01T00:00:00.5Z', { colour: 'blue' }) },
  ];
  return layerTar([
    ...Object.entries(files).map(([name, bytes]) => file(name, bytes)),
    ...images.map((image) => file(`${sha256(image.config)}.json`, image.config)),
    file('manifest.json', JSON.stringify(images.map((image) => ({ Config: `${sha256(image.config)}.json`, RepoTags: image.tags, Layers: image.paths })))),
  ]);
}

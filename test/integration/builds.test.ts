import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { BuildEvent, BuildFailureDetail, CachePlace } from '../../src/engine/builds-contract.ts';
import type { EngineError } from '../../src/base/errors.ts';
import { buildGround, type BuildGround } from '../support/build-ground.ts';
import { fakeRegistry } from '../support/fake-registry.ts';
import { filesWith } from '../support/files-with.ts';
import { dir, file, layerTar, link, symlink } from '../support/layers.ts';

const lines = (...text: readonly string[]) => `${text.join('\n')}\n`;

/** What a build of this prints. */
async function said(ground: BuildGround, dockerfile: string, files: Readonly<Record<string, string | Buffer>> = {}, more: object = {}): Promise<string> {
  return (await ground.build(dockerfile, files, more)).log;
}

describe('builds', () => {
  test('RUN, COPY, ENV and CMD become an image that runs; what is known is not done again', async (t) => {
    const ground = await buildGround(t);
    const dockerfile = lines('FROM busybox', 'RUN echo made > /made && echo said', 'COPY hello.txt /dir/', 'ENV A=b', 'CMD ["sh", "-c", "cat /dir/hello.txt"]');
    const built = await ground.build(dockerfile, { 'hello.txt': 'hello\n' });
    assert.match(built.log, /said/);
    assert.equal(await ground.run(built.imageId!, 'cat /made /dir/hello.txt; echo $A'), 'made\nhello\nb\n');
    const again = await ground.build(dockerfile, { 'hello.txt': 'hello\n' });
    assert.equal(again.imageId, built.imageId);
    assert.equal(again.log, '');
    const changed = await ground.build(dockerfile, { 'hello.txt': 'changed\n' });
    assert.notEqual(changed.imageId, built.imageId);
    assert.equal(changed.log, '', 'RUN comes before what has changed');
    const uncached = await ground.build(dockerfile, { 'hello.txt': 'hello\n' }, { noCache: true });
    assert.match(uncached.log, /said/);
  });

  test('limits hold for what a step runs, and are nothing that its result depends on', async (t) => {
    const ground = await buildGround(t);
    const script = 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max';
    const build = (memory: number) => said(ground, `FROM busybox\nRUN ${script}; echo done\n`, {}, { limits: { memory } });
    assert.equal(await build(64 << 20), `${64 << 20}\ndone\n`);
    assert.equal(await build(32 << 20), '');
    await assert.rejects(ground.build('FROM busybox\nRUN echo other\n', {}, { limits: { memory: 1 << 20 } }), /Minimum memory limit allowed is 6MB/);
  });

  test('COPY and ADD put files where Docker puts them', async (t) => {
    const ground = await buildGround(t);
    const archive = gzipSync(layerTar([dir('in'), file('in/a', 'archived', { uid: 7 })]));
    const files = { 'a.txt': 'a', 'b.txt': 'b', 'sub/c.txt': 'c', 'sub/deep/d.txt': 'd', 'x.tgz': archive };
    // what comes to the same files would be known
    const look = (...copies: readonly string[]) =>
      said(ground, lines('FROM busybox', ...copies, 'RUN cd /to && find . | sort && stat -c "%n %u:%g %a" *'), files, { noCache: true });
    assert.equal(await look('COPY a.txt b.txt /to/'), './a.txt\n./b.txt\na.txt 0:0 644\nb.txt 0:0 644\n'.replace(/^/, '.\n'));
    assert.equal(await look('WORKDIR /to', 'COPY sub .'), '.\n./c.txt\n./deep\n./deep/d.txt\nc.txt 0:0 644\ndeep 0:0 755\n');
    assert.equal(await look('COPY *.txt /to/'), '.\n./a.txt\n./b.txt\na.txt 0:0 644\nb.txt 0:0 644\n');
    assert.equal(await look('COPY a.txt /to/renamed'), '.\n./renamed\nrenamed 0:0 644\n');
    assert.equal(await look('COPY --chown=3:4 --chmod=600 a.txt /to/'), '.\n./a.txt\na.txt 3:4 600\n');
    assert.equal(await look('COPY --chmod=u+x,go-r a.txt /to/'), '.\n./a.txt\na.txt 0:0 700\n');
    assert.equal(await look('COPY --parents sub/deep /to/'), '.\n./sub\n./sub/deep\n./sub/deep/d.txt\nsub 0:0 755\n');
    assert.equal(await look('COPY --exclude=c.txt sub /to/'), '.\n./deep\n./deep/d.txt\ndeep 0:0 755\n');
    assert.equal(await look('ADD x.tgz /to/'), '.\n./in\n./in/a\nin 0:0 755\n');
    assert.equal(await look('COPY --link a.txt /to/'), '.\n./a.txt\na.txt 0:0 644\n');
    assert.equal(await look('COPY <<EOF /to/here', 'text', 'EOF'), '.\n./here\nhere 0:0 644\n');
  });

  test('stages: unneeded ones are not built, files come from others, equal steps run once', async (t) => {
    const ground = await buildGround(t);
    const dockerfile = lines(
      'FROM busybox AS never',
      'RUN exit 1',
      'FROM busybox AS one',
      'RUN echo one > /file; echo ran',
      'FROM busybox AS two',
      'RUN echo one > /file; echo ran',
      'FROM scratch',
      'COPY --from=one /file /1',
      'COPY --from=two /file /2',
      'COPY --from=busybox /bin /bin',
    );
    const built = await ground.build(dockerfile);
    // each of the two vertices is told of it, and it ran once
    assert.equal(await ground.run(built.imageId!, 'cat /1 /2'), 'one\none\n');
    const config = await ground.engine.images.inspect(built.imageId!);
    assert.equal(config.layers.length, 3);
  });

  test("a step that fails says so in BuildKit's words, with its place", async (t) => {
    const ground = await buildGround(t);
    const error = await ground.build(lines('FROM busybox', 'RUN echo why >&2; exit 3')).then(
      () => assert.fail('it was built'),
      (failure: EngineError<BuildFailureDetail>) => failure,
    );
    assert.equal(error.message, 'process "/bin/sh -c echo why >&2; exit 3" did not complete successfully: exit code: 3');
    assert.equal(error.detail?.exitCode, 3);
    assert.deepEqual(
      error.detail?.ranges?.map(({ start }) => start.line),
      [2],
    );
    await assert.rejects(ground.build(lines('FROM busybox', 'COPY nothing /')), /"\/nothing": not found/);
    await assert.rejects(ground.build(lines('FROM busybox', 'RUN --network=host true')), /network.host is not allowed/);
  });

  test('mounts of RUN: bind, cache, tmpfs, and none of them is in the layer', async (t) => {
    const ground = await buildGround(t);
    const dockerfile = lines(
      'FROM busybox AS other',
      'RUN echo other > /o',
      'FROM busybox',
      'RUN --mount=target=/ctx,source=sub cat /ctx/f && ! touch /ctx/x 2>/dev/null',
      'RUN --mount=from=other,source=/o,target=/o cat /o',
      'RUN --mount=target=/ctx,rw touch /ctx/x && echo written',
      'RUN --mount=type=tmpfs,target=/t grep -o "/t tmpfs" /proc/mounts && echo x > /t/x',
      'RUN --mount=type=cache,target=/cache,id=builds-test echo again >> /cache/f; cat /cache/f',
      'RUN ls -d /ctx /o /t /cache 2>/dev/null; echo end',
    );
    const first = await ground.build(dockerfile, { 'sub/f': 'bound\n' });
    assert.equal(first.log, 'bound\nother\nwritten\n/t tmpfs\nagain\nend\n');
    const second = await ground.build(dockerfile, { 'sub/f': 'bound\n' }, { noCache: true });
    assert.match(second.log, /again\nagain\nend\n$/, 'a cache outlives the build');
  });

  test('secrets are seen while a step runs, and nowhere afterwards', async (t) => {
    const ground = await buildGround(t);
    const value = `s3cr3t-${'x'.repeat(20)}`;
    const dockerfile = lines(
      'FROM busybox',
      'RUN --mount=type=secret,id=key,mode=0440,uid=5 wc -c < /run/secrets/key && stat -c "%u %a" /run/secrets/key && stat -f -c %T /run/secrets/key',
      'RUN --mount=type=secret,id=key,env=KEY test ${#KEY} = 27 && echo env',
      'RUN --mount=type=secret,id=absent ls /run/secrets 2>/dev/null; echo end',
    );
    const secret = async (id: string) => (id === 'key' ? Buffer.from(value) : undefined);
    assert.equal(await said(ground, dockerfile, {}, { secret }), '27\n5 440\ntmpfs\nenv\nend\n');
    assert.deepEqual(filesWith([value], ground.folder, '/dev/shm'), []);
    await assert.rejects(ground.build(lines('FROM busybox', 'RUN --mount=type=secret,id=none,required=true true')), /secret none: not found/);
  });

  test('an ssh agent is reached through its socket', async (t) => {
    const ground = await buildGround(t);
    const path = `${ground.folder}/agent`;
    const server = createServer((socket) => socket.end('agent\n'));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    t.after(() => server.close());
    const ssh = async () => ({ path, async [Symbol.asyncDispose]() {} });
    assert.match(
      await said(ground, lines('FROM busybox', 'RUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo $SSH_AUTH_SOCK'), {}, { ssh }),
      /^\/run\/buildkit\/ssh_agent\.0\n$/,
    );
    await assert.rejects(ground.build(lines('FROM busybox', 'RUN --mount=type=ssh,required=true true')), /unset ssh forward key default/);
  });

  test('networks: the default bridge, none, and names that are added', async (t) => {
    const ground = await buildGround(t);
    const step = 'RUN ip -o link | grep -c eth0; grep -c added /etc/hosts';
    assert.equal(await said(ground, lines('FROM busybox', step), {}, { network: 'default', addHosts: ['added:1.2.3.4'] }), '1\n1\n');
    assert.equal(await said(ground, lines('FROM busybox', `${step}; true`), {}, { network: 'none' }), '0\n0\n');
  });

  test('users are looked up where links of the image lead, also after a step that has written only there', async (t) => {
    const ground = await buildGround(t);
    const moved = 'RUN mkdir -p /usr/own && mv /etc/passwd /etc/group /usr/own && ln -s ../usr/own/passwd /usr/own/group /etc';
    const added = 'RUN echo new:x:77:78::/:/bin/sh >> /usr/own/passwd && echo others:x:79: >> /usr/own/group';
    assert.equal(await said(ground, lines('FROM busybox', moved, added, 'USER new:others', 'RUN id -u && id -g')), '77\n79\n');
  });

  test('links of a context lead nowhere outside of it, and none of a target outside of that', async (t) => {
    const ground = await buildGround(t);
    const tar = layerTar([
      symlink('out', '/etc/passwd'),
      symlink('up', '../../../../../../etc'),
      file('f', 'inside\n'),
      link('hard', 'f'),
      file('Dockerfile', lines('FROM busybox', 'RUN ln -s /../../../../tmp/kobako-escape /evil', 'COPY f /evil/x', 'RUN cat /tmp/kobako-escape/x')),
    ]);
    const context = (bytes: Buffer) => ({
      context: {
        kind: 'tar' as const,
        bytes: (async function* () {
          yield bytes;
        })(),
      },
    });
    assert.match(await said(ground, '', {}, { contexts: context(tar) }), /inside/);
    for (const source of ['out', 'up/passwd', '../../etc/passwd']) {
      const bytes = layerTar([
        symlink('out', '/etc/passwd'),
        symlink('up', '../../../../../../etc'),
        file('Dockerfile', lines('FROM busybox', `COPY ${source} /x`)),
      ]);
      await assert.rejects(ground.build('', {}, { contexts: context(bytes) }), /not found/);
    }
    const climbing = layerTar([file('../climbed', 'x'), file('Dockerfile', 'FROM busybox')]);
    await assert.rejects(ground.build('', {}, { contexts: context(climbing) }), /climbed|outside|invalid/);
  });

  test('a build that is given up leaves nothing at work', async (t) => {
    const ground = await buildGround(t);
    const stop = new AbortController();
    // nobody else's
    const program = `sleep ${100_000 + process.pid}`;
    const events: BuildEvent[] = [];
    const building = ground.build(
      lines('FROM busybox', `RUN echo begun; ${program}`),
      {},
      {
        signal: stop.signal,
        onEvent: (event: BuildEvent) => {
          events.push(event);
          if (event.kind === 'log') stop.abort();
        },
      },
    );
    await assert.rejects(building, { kind: 'cancelled' });
    assert.deepEqual(readdirSync(`${ground.dataRoot}/build/work`), []);
    assert.ok(!execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).includes(program));
    assert.ok(events.some((event) => event.kind === 'vertex' && event.error === 'context canceled'));
  });

  test('another engine that ends takes the empty cgroup above away again and again', async (t) => {
    const ground = await buildGround(t);
    const parent = `kobako-test-${process.pid}`;
    const taker = spawn('sh', ['-c', 'while :; do rmdir /sys/fs/cgroup/$1 /sys/fs/cgroup/*/$1; sleep 0.003; done 2>/dev/null', 'sh', parent], {
      stdio: 'ignore',
    });
    t.after(() => {
      taker.kill('SIGKILL');
      for (const folder of globSync([`/sys/fs/cgroup/${parent}`, `/sys/fs/cgroup/*/${parent}`])) rmdirSync(folder);
    });
    const steps = Array.from({ length: 12 }, (_, index) => `RUN echo step ${index}`);
    assert.equal((await ground.build(lines('FROM busybox', ...steps), {}, { cgroupParent: `/${parent}` })).log.split('\n').length, 13);
    const { containers } = ground.engine;
    for (let count = 0; count < 8; count++) {
      const { Id } = await containers.create({ Image: 'busybox', Cmd: ['true'], HostConfig: { NetworkMode: 'none', CgroupParent: `/${parent}` } });
      await containers.start(Id);
      await containers.wait(Id);
      await containers.remove(Id);
    }
  });

  test('the cache: what it has, and what prune takes', async (t: TestContext) => {
    const ground = await buildGround(t);
    const built = await ground.build(lines('FROM busybox', 'RUN echo cached > /f'));
    const records = await ground.engine.builds.usage();
    assert.deepEqual(
      records.map(({ type, shared, description }) => [type, shared, description]),
      [['regular', true, '[2/2] RUN echo cached > /f']],
    );
    assert.equal((await ground.engine.system.df()).BuildCache?.length, 1);
    assert.deepEqual((await ground.engine.builds.prune()).removed, [], 'an image has it');
    await ground.engine.images.remove(built.imageId!, { force: true });
    const again = await ground.build(lines('FROM busybox', 'RUN echo cached > /f'), {}, { exporters: [] });
    assert.equal(again.log, '', 'the cache keeps what no image has');
    assert.equal((await ground.engine.builds.prune()).removed.length, 1);
    assert.deepEqual(await ground.engine.builds.usage(), []);
    assert.equal(await said(ground, lines('FROM busybox', 'RUN echo cached > /f; echo ran')), 'ran\n');
  });

  test('exporters: a tar of the files, and an archive that can be loaded', async (t) => {
    const ground = await buildGround(t);
    const receiver = () => {
      const pieces: Buffer[] = [];
      const receive = async (archive: AsyncIterable<Buffer>) => {
        for await (const piece of archive) pieces.push(Buffer.from(piece));
      };
      return { receive, bytes: () => Buffer.concat(pieces) };
    };
    const tar = receiver();
    const docker = receiver();
    await ground.build(
      lines('FROM scratch', 'COPY f /f'),
      { f: 'exported' },
      {
        exporters: [
          { type: 'tar', receive: tar.receive },
          { type: 'docker', names: ['exported:1'], receive: docker.receive },
        ],
      },
    );
    assert.match(execFileSync('tar', ['-t'], { input: tar.bytes(), encoding: 'utf8' }), /^f$/m);
    const [loaded] = await ground.engine.images.load(
      (async function* () {
        yield docker.bytes();
      })(),
    );
    assert.deepEqual(loaded?.names, ['exported:1']);
  });

  test('a cache that was exported is used by another engine: a folder, a registry, an image', async (t) => {
    const ground = await buildGround(t);
    const registry = await fakeRegistry(t);
    const dockerfile = lines('FROM busybox AS made', 'RUN echo ran > /f; echo more > /g; echo ran', 'FROM busybox', 'COPY --from=made /f /f', 'RUN echo last');
    const host = registry.host;
    await ground.build(
      dockerfile,
      {},
      {
        cacheTo: [
          { type: 'local', attributes: { dest: `${ground.folder}/cache`, mode: 'max' } },
          { type: 'registry', attributes: { ref: `${host}/cache:max`, mode: 'max' } },
          { type: 'inline', attributes: {} },
        ],
        exporters: [{ type: 'image', names: [`${host}/inline:1`], push: true }],
      },
    );
    const places: readonly (readonly [CachePlace, string])[] = [
      [{ type: 'local', attributes: { src: `${ground.folder}/cache` } }, ''],
      [{ type: 'registry', attributes: { ref: `${host}/cache:max` } }, ''],
      // it has what the image has
      [{ type: 'registry', attributes: { ref: `${host}/inline:1` } }, 'ran\n'],
      [{ type: 'registry', attributes: { ref: `${host}/none:1` } }, 'ran\nlast\n'],
    ];
    for (const [place, log] of places) {
      const other = await buildGround(t);
      assert.equal((await other.build(dockerfile, {}, { cacheFrom: [place] })).log, log, JSON.stringify(place));
    }
  });

  test('ADD fetches files and repositories, and unpacks what it is to unpack', async (t) => {
    const ground = await buildGround(t);
    const repository = `${ground.folder}/served/repo`;
    const script = `mkdir -p "$1/sub" && cd "$1" && git init -q -b main && echo tracked > sub/f && ln -s /etc out && git add . && git -c user.name=n -c user.email=e@x commit -qm one && git clone -q --bare . ../repo.git && git -C ../repo.git update-server-info`;
    execFileSync('sh', ['-c', script, 'sh', repository]);
    const served = (path: string) => readFileSync(`${ground.folder}/served${path}`);
    const server = createHttpServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://x').pathname;
      if (path === '/hangs') return;
      if (path === '/round') return void response.writeHead(302, { location: '/round' }).end();
      if (path === '/moved') return void response.writeHead(302, { location: '/file.txt' }).end();
      if (path === '/file.txt') return void response.writeHead(200, { 'last-modified': 'Tue, 14 Nov 2023 22:13:20 GMT' }).end('fetched\n');
      try {
        response.end(served(path));
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const digest = createHash('sha256').update('fetched\n').digest('hex');
    const look = (...steps: readonly string[]) => said(ground, lines('FROM busybox', ...steps), {}, { noCache: true });
    assert.equal(
      await look(`ADD --checksum=sha256:${digest} ${base}/moved /to/`, 'RUN stat -c "%n %a %Y" /to/* && cat /to/*'),
      '/to/moved 600 1700000000\nfetched\n',
    );
    assert.equal(await look(`ADD ${base}/repo.git#main:sub /to/`, 'RUN ls -A /to && cat /to/f'), 'f\ntracked\n');
    assert.equal(await look(`ADD --keep-git-dir=true ${base}/repo.git /to/`, 'RUN ls -Ad /to/.git/HEAD /to/sub'), '/to/.git/HEAD\n/to/sub\n');
    await assert.rejects(look(`ADD --checksum=sha256:${'0'.repeat(64)} ${base}/file.txt /to/`), /digest mismatch/);
    await assert.rejects(look(`ADD ${base}/round /to/`), /stopped after 10 redirects/);
    await assert.rejects(look(`ADD ${base}/nothing /to/`), /invalid response status 404/);
    await assert.rejects(look(`ADD ${base}/repo.git#nowhere /to/`), /repository does not contain ref nowhere/);
    await assert.rejects(look(`ADD ${base}/repo.git#main:out /to/`), /is not in the repository/);
    // one that hangs ends with the build
    const stop = new AbortController();
    const hanging = ground.build(lines('FROM busybox', `ADD ${base}/hangs /to/`), {}, { signal: stop.signal });
    server.once('request', () => stop.abort());
    await assert.rejects(hanging, { kind: 'cancelled' });
  });

  test('archives of every kind are contexts, and unpacked by ADD', async (t) => {
    const ground = await buildGround(t);
    const tar = layerTar([file('inside', 'unpacked\n'), file('Dockerfile', lines('FROM busybox', 'COPY inside /x', 'RUN cat /x'))]);
    for (const program of ['gzip', 'bzip2', 'xz']) {
      const packed = execFileSync(program, ['-c'], { input: tar });
      assert.equal(await said(ground, lines('FROM busybox', 'ADD packed /to/', 'RUN cat /to/inside'), { packed }, { noCache: true }), 'unpacked\n', program);
      const bytes = (async function* () {
        yield packed;
      })();
      assert.equal(await said(ground, '', {}, { contexts: { context: { kind: 'tar', bytes } }, noCache: true }), 'unpacked\n', program);
    }
  });

  test('what COPY makes and what it leaves: links, owners, folders on the way', async (t) => {
    const ground = await buildGround(t);
    const tar = (dockerfile: string) =>
      layerTar([dir('d', { mode: 0o700, uid: 9 }), dir('d/e', { mode: 0o750 }), file('d/e/f.txt', 'f\n'), file('a', 'a\n'), file('Dockerfile', dockerfile)]);
    const look = (...steps: readonly string[]) => {
      const bytes = (async function* () {
        yield tar(lines('FROM busybox', ...steps));
      })();
      return said(ground, '', {}, { contexts: { context: { kind: 'tar', bytes } }, noCache: true });
    };
    assert.equal(await look('COPY d /n', 'RUN stat -c "%n %a %u" /n /n/e'), '/n 755 0\n/n/e 750 0\n', 'the folder itself is a new one');
    assert.equal(await look('COPY --chown=guest d /n', 'RUN stat -c "%n %u:%g" /n /n/e'), '/n 1000:1000\n/n/e 1000:1000\n');
    assert.equal(await look('COPY --chown=nobody-there a /n', 'RUN stat -c "%u:%g" /n'), '0:0\n');
    assert.equal(await look('COPY z* /none/', 'RUN ls /none 2>/dev/null; echo end'), 'end\n');
    assert.equal(await look('RUN ln -s /etc/new /link', 'COPY a /link', 'RUN cat /etc/new && readlink /link'), 'a\n/etc/new\n');
    assert.equal(await look('RUN ln -s /etc /link', 'COPY --link a /link/new', 'RUN cat /etc/new'), 'a\n');
    assert.equal(await look('COPY --parents ./d/**/*.txt /p/', 'RUN find /p -type f && stat -c %a /p/d /p/d/e'), '/p/d/e/f.txt\n700\n750\n');
    await assert.rejects(look('COPY a /x', 'COPY d /x'), /cannot copy to non-directory: \/x/);
    await assert.rejects(look('WORKDIR /etc/passwd'), /mkdir \/etc\/passwd: not a directory/);
  });

  test('a named context is what a stage begins with, or what is copied from', async (t) => {
    const ground = await buildGround(t);
    const contexts = (dockerfile: string) => {
      const of = (bytes: Buffer) => ({
        kind: 'tar' as const,
        bytes: (async function* () {
          yield bytes;
        })(),
      });
      return {
        context: of(layerTar([file('Dockerfile', dockerfile)])),
        files: of(layerTar([dir('sub'), file('sub/f', 'named\n')])),
        base: { kind: 'image' as const, name: 'busybox' },
      };
    };
    const build = (dockerfile: string) => said(ground, '', {}, { contexts: contexts(dockerfile), noCache: true });
    assert.equal(
      await build(lines('FROM files AS made', 'FROM base', 'COPY --from=made /sub/f /1', 'COPY --from=files sub/f /2', 'RUN cat /1 /2')),
      'named\nnamed\n',
    );
  });

  test('SOURCE_DATE_EPOCH: nothing that is made here says that it is younger', async (t) => {
    const ground = await buildGround(t);
    const { imageId } = await ground.build(lines('FROM busybox', 'RUN true'), {}, { buildArgs: { SOURCE_DATE_EPOCH: '1600000000' } });
    assert.equal((await ground.engine.images.inspect(imageId!)).createdText, '2020-09-13T12:26:40Z');
    assert.equal((await ground.engine.images.history(imageId!))[0]?.created, 1_600_000_000);
    await assert.rejects(ground.build('FROM busybox', {}, { buildArgs: { SOURCE_DATE_EPOCH: 'soon' } }), /invalid SOURCE_DATE_EPOCH: soon/);
  });
});

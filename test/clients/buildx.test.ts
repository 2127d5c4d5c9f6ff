/** `docker build`, `docker buildx` and `docker compose build` as they are, on our daemon. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { daemonForAll, type TestDaemon } from '../support/daemon.ts';
import { dockerClient, noDockerClient, type DockerClient } from '../support/docker-client.ts';
import { fakeRegistry } from '../support/fake-registry.ts';
import { filesWith } from '../support/files-with.ts';
import { run, type RunResult } from '../support/run.ts';

const missing = await noDockerClient();

describe('buildx', { skip: missing ?? false }, async () => {
  if (missing !== undefined) return;
  const daemon: TestDaemon = await daemonForAll();
  const client: DockerClient = await dockerClient(daemon.folder);
  const env = { ...process.env, DOCKER_HOST: daemon.host, DOCKER_CONFIG: client.config, BUILDX_NO_DEFAULT_ATTESTATIONS: '1' };
  let number = 0;

  /** A folder with these files. */
  function context(files: Readonly<Record<string, string>>): string {
    const folder = `${daemon.folder}/context-${number++}`;
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(`${folder}/${name}`.replace(/\/[^/]*$/, ''), { recursive: true });
      writeFileSync(`${folder}/${name}`, text);
    }
    return folder;
  }

  const docker = (args: readonly string[], options: { readonly cwd?: string; readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {}) =>
    run(client.program, args, { ...options, env: { ...env, ...options.env }, timeoutMs: 60_000 });
  const build = (...args: string[]): Promise<RunResult> => docker(['build', '--progress=plain', ...args]);
  const fine = ({ code, stderr, stdout }: RunResult): RunResult => {
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    return { code, stderr, stdout, signal: null };
  };
  const inspect = async (image: string) => {
    const { json } = await daemon.api.get(`/v1.51/images/${encodeURIComponent(image)}/json`);
    return json as {
      readonly Id: string;
      readonly RepoTags: readonly string[];
      readonly Config: { readonly Labels?: object; readonly Env?: readonly string[] };
    };
  };

  test('a build: tags, labels, arguments, what it writes for scripts; then all of it is cached, and only what changed is sent', async () => {
    const folder = context({
      Dockerfile: 'FROM busybox\nARG V=1\nENV V=$V\nCOPY d /d\nRUN echo "v is $V" && ls /d\n',
      '.dockerignore': 'd/no\n',
      'd/a': 'a'.repeat(100_000),
      'd/no': 'x',
    });
    const args = ['-t', 'one:1', '-t', 'one:2', '--label', 'k=v', '--build-arg', 'V=7', folder];
    const first = fine(await build('--iidfile', `${folder}.iid`, '--metadata-file', `${folder}.json`, ...args));
    assert.match(first.stderr, /\] RUN echo "v is 7" && ls \/d/);
    assert.match(first.stderr, /^#\d+ [\d.]+ v is 7$/m);
    assert.doesNotMatch(first.stderr, /^#\d+ [\d.]+ no$/m);
    const image = await inspect('one:2');
    assert.deepEqual(image.Config.Labels, { k: 'v' });
    assert.ok(image.Config.Env!.includes('V=7'));
    assert.ok(image.RepoTags.includes('one:1'));
    assert.equal(readFileSync(`${folder}.iid`, 'utf8'), image.Id);
    const metadata = JSON.parse(readFileSync(`${folder}.json`, 'utf8')) as Record<string, string>;
    assert.equal(metadata['containerimage.config.digest'], image.Id);
    assert.match(metadata['buildx.build.ref']!, /^default\/default\//);
    writeFileSync(`${folder}/d/no`, 'y');
    const second = fine(await build(...args));
    assert.match(second.stderr, /RUN echo[^\n]*\n#\d+ CACHED/);
    const sent = /transferring context: ([\d.]+)(k?B)/.exec(second.stderr);
    assert.ok(sent !== null && sent[2] === 'B', second.stderr);
    assert.equal((await inspect('one:1')).Id, image.Id);
  });

  test('a step that fails: its output, the lines of the Dockerfile, the exit code', async () => {
    const folder = context({ Dockerfile: 'FROM busybox\n\nRUN echo oops && exit 7\n' });
    const { code, stderr } = await build(folder);
    assert.equal(code, 1);
    assert.match(stderr, / > \[2\/2\] RUN echo oops && exit 7:\n[\d.]+ oops\n/);
    assert.match(stderr, /Dockerfile:3\n-+\n {3}1 \| {5}FROM busybox\n {3}2 \| {5}\n {3}3 \| >>> RUN echo oops && exit 7\n/);
    assert.match(stderr, /ERROR: failed to build: failed to solve: process "\/bin\/sh -c echo oops && exit 7" did not complete successfully: exit code: 7/);
  });

  test('a Dockerfile that is none: its line, and what it may have meant', async () => {
    const folder = context({ Dockerfile: 'FROM busybox\nCOPPY a b\n' });
    const { code, stderr } = await build(folder);
    assert.equal(code, 1);
    assert.match(stderr, />>> COPPY a b/);
    assert.match(stderr, /failed to solve: dockerfile parse error on line 2: unknown instruction: COPPY \(did you mean COPY\?\)/);
    const nowhere = await build('-f', `${folder}/Other`, folder);
    assert.match(nowhere.stderr, /Other: no such file or directory/);
  });

  test('a secret and an agent reach the step that asks for them, and nothing else', async (t) => {
    const folder = context({
      Dockerfile:
        'FROM busybox\nRUN --mount=type=secret,id=s,required=true md5sum < /run/secrets/s\nRUN --mount=type=ssh test -S "$SSH_AUTH_SOCK" && echo "agent is there"\n',
    });
    writeFileSync(`${folder}.secret`, 'very-secret-7d1c');
    const agent = await run('ssh-agent', ['-s']).catch(() => undefined);
    if (agent === undefined) return t.skip('there is no ssh-agent on this machine');
    const [, socket, pid] = /SSH_AUTH_SOCK=([^;]+);[\s\S]*SSH_AGENT_PID=(\d+)/.exec(agent.stdout)!;
    try {
      const { stderr } = fine(
        await docker(['build', '--progress=plain', '--secret', `id=s,src=${folder}.secret`, '--ssh', 'default', folder], { env: { SSH_AUTH_SOCK: socket! } }),
      );
      assert.match(stderr, /^#\d+ [\d.]+ b6926a9235b99cefc6d899f61d0f7820 {2}-$/m);
      assert.match(stderr, /agent is there/);
    } finally {
      process.kill(Number(pid));
    }
    const found = await run('grep', ['-rl', 'very-secret-7d1c', daemon.dataRoot, daemon.execRoot]);
    assert.equal(found.stdout, '');
    assert.deepEqual(readdirSync(`${daemon.execRoot}/build`), []);
    const none = await build('--no-cache', folder);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /secret s: not found/);
  });

  test('results that are files of the client: a folder, a tar', async () => {
    const folder = context({
      Dockerfile: 'FROM busybox AS b\nRUN mkdir /o && echo hi > /o/a && ln /o/a /o/0 && ln -s a /o/l && chmod 600 /o/a\nFROM scratch\nCOPY --from=b /o /o\n',
    });
    fine(await build('-o', `type=local,dest=${folder}.out`, folder));
    assert.equal(readFileSync(`${folder}.out/o/a`, 'utf8'), 'hi\n');
    assert.equal(lstatSync(`${folder}.out/o/a`).mode & 0o777, 0o600);
    assert.equal(readlinkSync(`${folder}.out/o/l`), 'a');
    fine(await build('-o', `type=tar,dest=${folder}.tar`, folder));
    const { stdout } = await run('tar', ['tf', `${folder}.tar`]);
    assert.ok(stdout.split('\n').includes('o/a'), stdout);
  });

  test('a Dockerfile and a context from the standard input', async () => {
    fine(await docker(['build', '--progress=plain', '-t', 'stdin:1', '-'], { input: 'FROM busybox\nENV FROM=stdin\n' }));
    assert.ok((await inspect('stdin:1')).Config.Env!.includes('FROM=stdin'));
    const folder = context({ Dockerfile: 'FROM busybox\nCOPY f /f\nRUN cat /f\n', f: 'of the tar' });
    const tar = await run('sh', ['-c', `tar c -C ${folder} . | DOCKER_CONFIG=${client.config} ${client.program} build --progress=plain -`], { env });
    assert.match(fine(tar).stderr, /of the tar/);
  });

  test('other contexts, a Dockerfile elsewhere, the .dockerignore of the context', async () => {
    const folder = context({
      'f/Build': 'FROM busybox AS first\nCOPY . /c\nCOPY --from=extra x /x\nRUN ls /c && cat /x\nFROM first\nRUN false\n',
      'c/kept': '',
      'c/left': '',
      'c/.dockerignore': 'left\n',
      'e/x': 'extra!',
    });
    const { stderr } = fine(await build('-f', `${folder}/f/Build`, '--target', 'first', '--build-context', `extra=${folder}/e`, `${folder}/c`));
    assert.match(stderr, /^#\d+ [\d.]+ kept$/m);
    assert.match(stderr, /^#\d+ [\d.]+ extra!$/m);
    assert.doesNotMatch(stderr, /^#\d+ [\d.]+ left$/m);
  });

  test('checks, outlines and targets, without a build', async () => {
    const text =
      '# V is a version\nARG V=1\nFROM busybox AS First\nARG V\nRUN --mount=type=secret,id=s,required=true echo $V\n# last is the last\nFROM busybox AS last\nCOPY --from=First /etc /e\nMAINTAINER x\n';
    const folder = context({ Dockerfile: text });
    const check = await docker(['build', '--check', folder]);
    assert.equal(check.code, 1);
    assert.match(check.stdout, /WARNING: StageNameCasing - https:\/\/docs\.docker\.com\/go\/dockerfile\/rule\/stage-name-casing\//);
    assert.match(check.stdout, /WARNING: MaintainerDeprecated/);
    assert.match(check.stdout, />>> MAINTAINER x/);
    assert.doesNotMatch(check.stderr, /RUN/);
    const outline = fine(await docker(['build', '--call=outline', folder]));
    assert.match(outline.stdout, /^V +1 +is a version/m);
    assert.match(outline.stdout, /^s +true/m);
    const targets = fine(await docker(['build', '--call=targets', folder]));
    assert.match(targets.stdout, /^first/m);
    assert.match(targets.stdout, /^last \(default\) +is the last/m);
    writeFileSync(`${folder}/Dockerfile`, 'FROM busybox\nENV x=y\n');
    assert.match(fine(await docker(['build', '--check', folder])).stdout, /Check complete, no warnings found/);
    writeFileSync(`${folder}/Dockerfile`, 'FROM busybox\nRUN --mount=type=none true\n');
    assert.equal((await docker(['build', '--check', folder])).code, 1);
  });

  test('bake: targets at once, and one on another', async () => {
    const folder = context({
      'docker-bake.json': JSON.stringify({
        group: { default: { targets: ['a', 'b'] } },
        target: { a: { context: 'a', tags: ['bake:a'] }, b: { context: 'b', tags: ['bake:b'], contexts: { base: 'target:a' } } },
      }),
      'a/Dockerfile': 'FROM busybox\nENV A=a\n',
      'b/Dockerfile': 'FROM base\nENV B=b\n',
    });
    fine(await docker(['buildx', 'bake', '--progress=plain'], { cwd: folder }));
    assert.ok((await inspect('bake:a')).Config.Env!.includes('A=a'));
    const both = (await inspect('bake:b')).Config.Env!;
    assert.ok(both.includes('A=a') && both.includes('B=b'), both.join());
  });

  test('compose builds its services', async () => {
    const folder = context({
      'compose.yaml': 'name: k\nservices:\n  one:\n    build: .\n  two:\n    build:\n      context: .\n      args: {V: "2"}\n',
      Dockerfile: 'FROM busybox\nARG V=1\nENV V=$V\n',
    });
    fine(await docker(['compose', '--progress=plain', 'build'], { cwd: folder }));
    assert.ok((await inspect('k-one')).Config.Env!.includes('V=1'));
    assert.ok((await inspect('k-two')).Config.Env!.includes('V=2'));
  });

  for (const [what, signal] of [
    ['a build that is cancelled', 'SIGINT'],
    ['a client that vanishes', 'SIGKILL'],
  ] as const) {
    test(`${what} leaves nothing`, async () => {
      const marker = `8${Date.now()}`;
      const folder = context({ Dockerfile: `FROM busybox\nRUN echo begun && sleep ${marker}\n` });
      const child = spawn(client.program, ['build', '--progress=plain', folder], { env, stdio: ['ignore', 'ignore', 'pipe'] });
      const ended = once(child, 'close');
      for await (const piece of child.stderr) if (/[\d.]+ begun/.test(String(piece))) break;
      // the plugin is the client's own child
      for (const pid of readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ')) if (pid !== '') process.kill(Number(pid), signal);
      child.kill(signal);
      await ended;
      const sleeping = async () => (await run('pgrep', ['-f', `sleep ${marker}`])).stdout;
      for (const end = Date.now() + 20_000; (await sleeping()) !== '' || readdirSync(`${daemon.dataRoot}/build/work`).length > 0;) {
        assert.ok(Date.now() < end, 'the step goes on');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.deepEqual(readdirSync(`${daemon.dataRoot}/build/door/scratch`), []);
    });
  }

  test('the cache and the history of builds are shown', async () => {
    const { stdout } = fine(await docker(['buildx', 'du']));
    assert.match(stdout, /^ID +RECLAIMABLE +SIZE +LAST ACCESSED\n[a-z0-9]+/);
    const history = fine(await docker(['buildx', 'history', 'ls']));
    assert.match(history.stdout, /Completed/);
    const logs = fine(await docker(['buildx', 'history', 'logs', '--progress=plain']));
    assert.match(logs.stderr + logs.stdout, /load build definition/);
    const prune = fine(await docker(['buildx', 'prune', '-af']));
    assert.match(prune.stdout, /Total:/);
    assert.doesNotMatch(fine(await docker(['buildx', 'du'])).stdout, /^[a-z0-9]{20,}/m);
    assert.equal(existsSync(`${daemon.dataRoot}/build/door/contexts`), true);
  });

  test('what the daemon’s configuration does not allow cannot be granted', async () => {
    const { code, stderr } = await docker(['buildx', 'build', '--allow', 'security.insecure', context({ Dockerfile: 'FROM busybox\n' })]);
    assert.deepEqual([code, /granting entitlement security\.insecure is not allowed by build daemon configuration/.test(stderr)], [1, true], stderr);
  });

  test('prune by size, age and type; the worker tells the rules by which the cache is collected', async () => {
    const folder = context({
      Dockerfile: 'FROM busybox\nRUN --mount=type=cache,target=/c head -c 3000000 /dev/urandom > /c/kept\nRUN head -c 2000000 /dev/urandom > /f\n',
    });
    fine(await docker(['build', '-o', 'type=cacheonly', folder]));
    const prune = async (...more: readonly string[]) => fine(await docker(['buildx', 'prune', '-f', ...more])).stdout;
    const verbose = fine(await docker(['buildx', 'du', '--verbose'])).stdout;
    assert.match(verbose, /Description:\s+local source for dockerfile\n/);
    assert.match(await prune('--filter', 'type=source.local'), /^[a-z0-9]{20,}[^]*^Total:/m);
    assert.doesNotMatch(fine(await docker(['buildx', 'du', '--verbose'])).stdout, /local source/);
    const total = /^Total:\s+0B?$/m;
    assert.match(await prune('--max-used-space', '1gb'), total);
    assert.match(await prune('--filter', 'until=1h'), total);
    assert.match(await prune('--reserved-space', '1gb', '--min-free-space', '1000tb'), total);
    assert.match(await prune('--filter', 'type=exec.cachemount'), /Total:\s+3(?:\.\d+)?MB/);
    assert.match(await prune('--max-used-space', '1mb'), /Total:\s+2(?:\.\d+)?MB/);
    const df = fine(await docker(['system', 'df', '--format', '{{.Type}} {{.Size}}'])).stdout;
    assert.match(df, /^Build Cache \d+(?:\.\d+)?k?B$/m);
    const inspected = fine(await docker(['buildx', 'inspect'])).stdout;
    assert.match(inspected, /GC Policy rule#0:[^]*type==source\.local[^]*Keep Duration:\s+48h0m0s[^]*GC Policy rule#3:\n\s*All:\s+true/);
  });

  test('a secret is in no file of the daemon, whether its step succeeds or fails', async () => {
    const value = `hush-${process.pid}-${Date.now()}`;
    for (const end of ['true', 'exit 3']) {
      const folder = context({
        Dockerfile: `FROM busybox\nRUN --mount=type=secret,id=k --mount=type=secret,id=k,env=K test "$K" = "$(cat /run/secrets/k)" && ${end}\n`,
      });
      const built = await docker(['build', '--progress=plain', '--secret', 'id=k,env=HUSH', folder], { env: { HUSH: value } });
      assert.equal(built.code, end === 'true' ? 0 : 1, built.stderr);
      assert.deepEqual(filesWith([value], daemon.dataRoot, daemon.execRoot, `${daemon.folder}/log`, '/dev/shm'), []);
      assert.ok(!fine(await docker(['buildx', 'history', 'ls'])).stdout.includes(value));
    }
  });

  test('where a result comes from: beside an image, in a folder, in the metadata; no list of what is in it', async () => {
    const folder = context({ Dockerfile: 'FROM busybox\nARG V=1\nRUN echo $V > /v\n' });
    const attested = { BUILDX_NO_DEFAULT_ATTESTATIONS: '0' };
    const args = ['build', '--progress=plain', '--build-arg', 'V=7'];
    fine(await docker([...args, '--provenance=mode=max', '--metadata-file', `${folder}.json`, '-o', `type=oci,dest=${folder}.tar`, folder]));
    const archive = (path: string) =>
      run('tar', ['xOf', `${folder}.tar`, path]).then(
        ({ stdout }) => JSON.parse(stdout) as { readonly manifests: readonly { readonly digest: string; readonly annotations?: object }[] },
      );
    const [top] = (await archive('index.json')).manifests;
    const [image, attestation] = (await archive(`blobs/sha256/${top!.digest.slice(7)}`)).manifests;
    assert.deepEqual(attestation!.annotations, { 'vnd.docker.reference.digest': image!.digest, 'vnd.docker.reference.type': 'attestation-manifest' });
    const metadata = JSON.parse(readFileSync(`${folder}.json`, 'utf8')) as {
      readonly 'containerimage.digest': string;
      readonly 'buildx.build.provenance': {
        readonly materials: readonly { readonly uri: string }[];
        readonly invocation: { readonly parameters: { readonly args: object } };
      };
    };
    assert.equal(metadata['containerimage.digest'], top!.digest);
    const { materials, invocation } = metadata['buildx.build.provenance'];
    assert.deepEqual(
      materials.map(({ uri }) => uri),
      ['pkg:docker/busybox@latest?platform=linux%2Famd64'],
    );
    assert.deepEqual(invocation.parameters.args, { 'build-arg:V': '7' });
    fine(await docker([...args, '--provenance=true', '-o', `${folder}.out`, folder]));
    assert.match(readFileSync(`${folder}.out/provenance.json`, 'utf8'), /"entryPoint": "Dockerfile"/);
    // what buildx asks for by itself is for images only
    fine(await docker([...args, '-o', `${folder}.quiet`, folder], { env: attested }));
    assert.equal(existsSync(`${folder}.quiet/provenance.json`), false);
    fine(await docker([...args, '-t', 'attested:1', folder], { env: attested }));
    assert.ok((await inspect('attested:1')).RepoTags.includes('attested:1'));
    const sbom = await docker([...args, '--sbom=true', '-o', `type=oci,dest=${folder}.sbom`, folder]);
    // several results of one build
    fine(
      await docker([...args, '-t', 'several:1', '-o', `type=local,dest=${folder}.local`, '-o', `type=tar,dest=${folder}.several`, '-o', 'type=image', folder]),
    );
    assert.ok(existsSync(`${folder}.local/v`) && existsSync(`${folder}.several`));
    assert.ok((await inspect('several:1')).RepoTags.includes('several:1'));
    // a layout in a folder: its blobs are sent by themselves
    fine(await docker([...args, '--provenance=mode=min', '-o', `type=oci,tar=false,name=l/x:1,dest=${folder}.layout`, folder]));
    const layout = JSON.parse(readFileSync(`${folder}.layout/index.json`, 'utf8')) as { readonly manifests: readonly { readonly digest: string }[] };
    const index = JSON.parse(readFileSync(`${folder}.layout/blobs/sha256/${layout.manifests[0]!.digest.slice(7)}`, 'utf8')) as {
      readonly manifests: readonly { readonly digest: string }[];
    };
    assert.equal(index.manifests.length, 2);
    assert.ok(index.manifests.every(({ digest }) => existsSync(`${folder}.layout/blobs/sha256/${digest.slice(7)}`)));
    assert.match(sbom.stderr, /attestations of the type sbom are not supported/);
    assert.equal((await docker([...args, '--sbom=false', folder])).code, 0);
  });

  test('a registry gets the image with what is told of it, and the image of the same time is the same', async (t) => {
    const registry = await fakeRegistry(t);
    const folder = context({ Dockerfile: 'FROM busybox\nRUN echo x > /x\n' });
    const env = { BUILDX_NO_DEFAULT_ATTESTATIONS: '0', SOURCE_DATE_EPOCH: '1700000000' };
    const push = (tag: string, ...more: string[]) =>
      docker(['build', '--progress=plain', '--no-cache', ...more, '-o', `type=registry,name=${registry.host}/app:${tag},rewrite-timestamp=true`, folder], {
        env,
      });
    fine(await push('1'));
    assert.equal(registry.manifests.get('app 1')!.type, 'application/vnd.oci.image.index.v1+json');
    const looked = fine(await docker(['buildx', 'imagetools', 'inspect', '--format', '{{json .Provenance}}', `${registry.host}/app:1`]));
    const { SLSA } = JSON.parse(looked.stdout) as { readonly SLSA: { readonly materials: readonly { readonly uri: string }[] } };
    assert.deepEqual(
      SLSA.materials.map(({ uri }) => uri),
      ['pkg:docker/busybox@latest?platform=linux%2Famd64'],
    );
    fine(await push('2', '--provenance=false'));
    fine(await push('3', '--provenance=false'));
    assert.deepEqual(registry.manifests.get('app 3'), registry.manifests.get('app 2'));
    const [image] = (JSON.parse(registry.manifests.get('app 1')!.bytes.toString()) as { readonly manifests: readonly { readonly digest: string }[] }).manifests;
    assert.deepEqual(registry.manifests.get(`app ${image!.digest}`), registry.manifests.get('app 2'));
    const nobody = await docker(['build', '--progress=plain', '--push', '-t', '127.0.0.1:1/app:1', folder]);
    assert.match(nobody.stderr, /failed to push 127\.0\.0\.1:1\/app:1: .*connection refused/);
  });

  test('a cache in a folder of the client', async () => {
    const folder = context({ Dockerfile: 'FROM busybox\nRUN head -c 3000000 /dev/urandom > /r\nRUN echo ran\n' });
    const cache = `${folder}.caché ☃`;
    fine(await build('--cache-to', `type=local,dest=${cache},mode=max`, folder));
    const [top] = (JSON.parse(readFileSync(`${cache}/index.json`, 'utf8')) as { readonly manifests: readonly { readonly digest: string }[] }).manifests;
    assert.ok(existsSync(`${cache}/blobs/sha256/${top!.digest.slice(7)}`));
    fine(await docker(['buildx', 'prune', '-af']));
    const again = fine(await build('--cache-from', `type=local,src=${cache}`, '--cache-to', `type=local,dest=${cache},mode=max`, folder));
    assert.match(again.stderr, /importing cache manifest from/);
    assert.equal(again.stderr.match(/^#\d+ CACHED$/gm)?.length, 3, again.stderr);
    assert.doesNotMatch(again.stderr, /^#\d+ [\d.]+ ran$/m);
    // one that is not there is no failure
    fine(await build('--cache-from', `type=local,src=${cache}-none`, folder));
  });

  test('what is forbidden by a source policy is not built', async () => {
    const folder = context({
      Dockerfile: 'FROM busybox\n',
      'policy.json': JSON.stringify({ rules: [{ action: 'DENY', selector: { identifier: 'docker-image://*' } }] }),
    });
    const { code, stderr } = await docker(['build', '--progress=plain', folder], { env: { EXPERIMENTAL_BUILDKIT_SOURCE_POLICY: `${folder}/policy.json` } });
    assert.equal(code, 1);
    assert.match(stderr, /source policies are not supported/);
  });
});

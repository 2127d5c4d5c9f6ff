/** What the commands on builds promise, on whatever engine. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { cli, cliSession, type CliOptions } from '../support/cli.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { tempFor } from '../support/temp.ts';
import type { EngineUnderTest } from './containers.suite.ts';

/** `open` gives an engine with nothing in it. */
export function commandsOnBuilds(title: string, open: () => Promise<EngineUnderTest>): void {
  describe(title, { concurrency: false }, () => {
    let under: EngineUnderTest;
    const folder = tempFor({ after: () => {} });
    before(async () => {
      under = await open();
      const pack = spawn('tar', ['-C', await busyboxRootfs(), '-c', '.'], { stdio: ['ignore', 'pipe', 'ignore'] });
      await under.engine.images.import(pack.stdout, { name: 'busybox' });
    });
    after(() => under.close());
    const kobako = (argv: readonly string[], options?: CliOptions) => cli(under.engine, argv, options);
    const context = (dockerfile: string, files: Readonly<Record<string, string>> = {}) => {
      const path = `${folder}/${Object.keys(files).length}-${Math.random().toString(36).slice(2)}`;
      mkdirSync(path);
      for (const [name, text] of Object.entries({ ...files, Dockerfile: dockerfile })) {
        mkdirSync(`${path}/${name}`.replace(/\/[^/]*$/, ''), { recursive: true });
        writeFileSync(`${path}/${name}`, text);
      }
      return path;
    };

    test('build: what is ignored is not sent, and the image has its name and id', async () => {
      const path = context('FROM busybox\nARG WHO\nCOPY . /all\nRUN find /all -type f | sort; echo "hello $WHO"\n', {
        '.dockerignore': 'left\n*.out\n!kept.out\n',
        'left/a': '',
        'b.out': '',
        'kept.out': '',
        'sub/c': '',
      });
      const built = await kobako(['build', '-t', 'cli:1', '--network', 'none', '--build-arg', 'WHO=you', '--label', 'a=b', '--iidfile', `${folder}/iid`, path]);
      assert.equal(built.code, 0, built.stderr);
      assert.match(built.stderr, /\/all\/kept\.out\n.*\/all\/sub\/c\n.*hello you\n/);
      assert.ok(!/left\/a|b\.out/.test(built.stderr), built.stderr);
      const { id, labels } = await under.engine.images.inspect('cli:1');
      assert.equal(readFileSync(`${folder}/iid`, 'utf8'), id);
      assert.equal(labels['a'], 'b');
      const quiet = await kobako(['build', '-q', '-t', 'cli:1', '--network', 'none', '--build-arg', 'WHO=you', '--label', 'a=b', path]);
      assert.deepEqual([quiet.code, quiet.stdout, quiet.stderr], [0, `${id}\n`, '']);
    });

    test('build: SOURCE_DATE_EPOCH of the environment is the image’s time, unless an argument says another', async () => {
      const path = context('FROM busybox\nCOPY a /a\n', { a: '' });
      const created = async (...args: string[]) => {
        const built = await kobako(['build', '-t', 'epoch:1', ...args, path], { env: { SOURCE_DATE_EPOCH: '1700000000' } });
        assert.equal(built.code, 0, built.stderr);
        assert.doesNotMatch(built.stderr, /not consumed/);
        return (await under.engine.images.inspect('epoch:1')).created;
      };
      assert.equal(await created(), 1_700_000_000);
      assert.equal(await created('--build-arg', 'SOURCE_DATE_EPOCH=7'), 7);
    });

    test('build: what fails is said', async () => {
      const failed = await kobako(['build', '--network', 'none', context('FROM busybox\nRUN exit 4\n')]);
      assert.equal(failed.code, 1);
      assert.match(failed.stderr, /exit code: 4/);
      assert.match(failed.stderr, /^Dockerfile:2\n-+\n {3}1 \| {5}FROM busybox\n {3}2 \| >>> RUN exit 4$/m);
      const wrong = await kobako(['build', context('FROM busybox\nNOPE\n')]);
      assert.match(wrong.stderr, /unknown instruction: NOPE/);
      assert.match((await kobako(['build', `${folder}/nowhere`])).stderr, /path ".*nowhere" not found/);
    });

    test('build: on a terminal its steps are drawn, as it is now; what they say does not steer it', async () => {
      const path = context("FROM busybox\nRUN printf 'said\\033[2J\\n'; sleep 0.5; echo more; sleep 0.5\n");
      const session = cliSession(under.engine, ['build', '--network', 'none', path], { terminal: { rows: 24, cols: 100 }, env: { NO_COLOR: '1' } });
      await session.shows(' => => # said\r', 'stderr');
      session.resize(24, 40);
      await session.shows(' => => # more', 'stderr');
      const { code, stderr } = await session.result;
      assert.equal(code, 0, stderr);
      const last = stderr.slice(stderr.lastIndexOf('[+] Building'));
      assert.match(last, /^\[\+\] Building \d\.\ds \((\d+)\/\1\) FINISHED/);
      assert.match(stderr, / => \[2\/2\] RUN printf /);
      assert.ok(!stderr.includes('\u001b[2J'), JSON.stringify(stderr));
      const cached = await kobako(['build', '--network', 'none', path], { terminal: { rows: 24, cols: 100 } });
      assert.match(cached.stderr, /=> CACHED \[2\/2\] RUN printf/);
    });

    test('build: ways to show progress', async () => {
      const path = context('FROM busybox\nRUN echo shown\n');
      const build = (...more: readonly string[]) => kobako(['build', '--no-cache', '--network', 'none', ...more, path]);
      const terminal = await build('--progress', 'tty');
      assert.deepEqual(
        [terminal.code, terminal.stderr],
        [1, 'kobako: failed to get console: the standard error output is no terminal\nhint: use --progress=plain\n'],
      );
      assert.match((await build('--progress', 'fancy')).stderr, /invalid progress mode fancy/);
      const raw = (await build('--progress', 'rawjson')).stderr.trim().split('\n');
      const logs = raw.flatMap((line) => (JSON.parse(line) as { logs?: { data: string }[] }).logs ?? []);
      assert.match(logs.map(({ data }) => Buffer.from(data, 'base64').toString()).join(''), /shown\n/);
      assert.match((await build('--progress', 'auto')).stderr, /^#\d+ .*shown$/m);
      const plain = await kobako(['build', '--no-cache', '--network', 'none', path], { terminal: { rows: 24, cols: 80 }, env: { BUILDKIT_PROGRESS: 'plain' } });
      assert.match(plain.stderr, /^#\d+ .*shown$/m);
      assert.match((await build('--progress', 'quiet')).stdout, /^sha256:[0-9a-f]{64}\n$/);
    });

    test('builder prune', async () => {
      for (const more of [
        ['--max-used-space', '1TB'],
        ['--reserved-space=1TB', '--min-free-space', '900TB'],
        ['--keep-storage', '1TB'],
        ['--filter', 'until=1000h'],
        ['--filter', 'type=source.local'],
      ]) {
        assert.equal((await kobako(['builder', 'prune', '-f', '-a', ...more])).stdout, 'Total reclaimed space: 0B\n', more.join(' '));
      }
      const wrong = await kobako(['builder', 'prune', '-f', '--filter', 'colour=red']);
      assert.deepEqual([wrong.code, /invalid filter 'colour'/.test(wrong.stderr)], [1, true], wrong.stderr);
      assert.match((await kobako(['builder', 'prune', '--max-used-space', 'much'])).stderr, /invalid size: 'much'/);
      // what images have is no room of the cache's own
      assert.match((await kobako(['system', 'df'])).stdout, /^Build Cache +[1-9]\d* +0 +0B /m);
      assert.match((await kobako(['builder', 'prune', '-f', '-a'])).stdout, /^Deleted build cache objects:\n(.+\n)+\nTotal reclaimed space: /);
      assert.equal((await kobako(['builder', 'prune', '-f'])).stdout, 'Total reclaimed space: 0B\n');
    });

    test('build: secrets, other contexts, and files as the result', async () => {
      writeFileSync(`${folder}/secret`, 'whisper');
      const other = context('', { 'there.txt': 'there' });
      const path = context(
        'FROM busybox AS made\nRUN --mount=type=secret,id=s test "$(tr a-z A-Z < /run/secrets/s)" = WHISPER && echo ok > /ok\nFROM scratch\nCOPY --from=made /ok /ok\nCOPY --from=other there.txt /\n',
      );
      const args = [
        '--provenance=mode=max',
        '--secret',
        `id=s,src=${folder}/secret`,
        '--build-context',
        `other=${other}`,
        '-o',
        `${folder}/out`,
        '--network',
        'none',
      ];
      const built = await kobako(['build', ...args, path]);
      assert.equal(built.code, 0, built.stderr);
      assert.equal(readFileSync(`${folder}/out/ok`, 'utf8'), 'ok\n');
      assert.equal(readFileSync(`${folder}/out/there.txt`, 'utf8'), 'there');
      const told = readFileSync(`${folder}/out/provenance.json`, 'utf8');
      assert.match(told, /"secrets": \[\s+\{\s+"id": "s",\s+"optional": true\s+\}\s+\]/);
      assert.doesNotMatch(told, /whisper/);
    });

    test('build: what is told of a result, and what is not', async () => {
      const path = context('FROM busybox\nARG V\n');
      const build = (...args: string[]) => kobako(['build', '--build-arg', 'V=7', '--metadata-file', `${folder}/metadata`, ...args, path]);
      const args = ['--provenance', 'false', '--attest', 'type=provenance,mode=max'];
      assert.equal((await build(...args, '-o', `${folder}/none`)).code, 0);
      assert.throws(() => readFileSync(`${folder}/none/provenance.json`), { code: 'ENOENT' });
      const { 'buildx.build.provenance': told } = JSON.parse(readFileSync(`${folder}/metadata`, 'utf8')) as Record<string, Record<string, unknown>>;
      assert.deepEqual((told!['invocation'] as { readonly parameters: object }).parameters, { frontend: 'dockerfile.v0', args: { 'build-arg:V': '7' } });
      assert.equal(told!['buildConfig'], undefined);
      assert.equal((await build('--attest', 'type=provenance,filename=from.json', '-o', `${folder}/some`)).code, 0);
      assert.match(readFileSync(`${folder}/some/from.json`, 'utf8'), /slsa\.dev\/provenance\/v0\.2/);
      assert.match((await build('--sbom', 'true')).stderr, /attestations of the type sbom are not supported/);
      assert.equal((await build('--sbom', 'false')).code, 0);
      assert.match((await build('--provenance', 'mode=most')).stderr, /invalid mode "most"/);
      assert.match((await build('--attest', 'mode=max')).stderr, /attestation type not specified/);
    });

    test('build: an agent, a cache in a folder, stages that are not cached, several outputs, a Dockerfile that is elsewhere', async () => {
      const socket = `${folder}/agent`;
      const agent = createServer((connection) => connection.pipe(connection)).listen(socket);
      after(() => agent.close());
      const path = context('');
      const file = `${folder}/Elsewhere`;
      writeFileSync(
        file,
        'FROM busybox AS one\nRUN --mount=type=ssh test -S "$SSH_AUTH_SOCK" && echo there; cat /proc/sys/kernel/random/uuid >/one\nFROM busybox AS two\nCOPY --from=one /one /one\nRUN cat /proc/sys/kernel/random/uuid >/two\n',
      );
      const build = (...args: readonly string[]) =>
        kobako(['build', '--network', 'none', '--progress=plain', '--ssh', `default=${socket}`, '-f', file, ...args, path]);
      const dest = `${folder}/cache`;
      const first = await build(
        '--cache-to',
        `type=local,dest=${dest},mode=max`,
        '-o',
        `type=local,dest=${folder}/files`,
        '-o',
        `type=oci,dest=${folder}/oci.tar`,
      );
      assert.equal(first.code, 0, first.stderr);
      assert.match(first.stderr, /there\n/);
      const made = ['one', 'two'].map((name) => readFileSync(`${folder}/files/${name}`, 'utf8'));
      assert.ok(readFileSync(`${folder}/oci.tar`).includes('oci-layout'));
      assert.equal((JSON.parse(readFileSync(`${dest}/index.json`, 'utf8')) as { manifests: object[] }).manifests.length, 1);
      await kobako(['builder', 'prune', '-f', '-a']);
      const again = await build('--cache-from', `type=local,src=${dest}`, '--no-cache-filter', 'two', '-o', `${folder}/again`);
      assert.equal(again.code, 0, again.stderr);
      assert.match(again.stderr, /importing cache manifest from /);
      const now = ['one', 'two'].map((name) => readFileSync(`${folder}/again/${name}`, 'utf8'));
      assert.deepEqual([now[0] === made[0], now[1] === made[1]], [true, false]);
    });

    test('build: what this side cannot read or write fails the build, in its words', async () => {
      const path = context('FROM busybox\nCOPY a /a\n', { a: 'a' });
      const unwritable = await kobako(['build', '-o', 'type=tar,dest=/nowhere/out.tar', path]);
      assert.deepEqual([unwritable.code, /ENOENT.*\/nowhere\/out\.tar/.test(unwritable.stderr)], [1, true], unwritable.stderr);
      const secret = context('FROM busybox\nRUN --mount=type=secret,id=gone,required=true true\n');
      const unread = await kobako(['build', '--network', 'none', '--secret', 'id=gone,src=/nowhere/secret', secret]);
      assert.deepEqual([unread.code, /failed to read secret gone: ENOENT/.test(unread.stderr)], [1, true], unread.stderr);
      const absent = await kobako(['build', '--network', 'none', secret]);
      assert.match(absent.stderr, /gone: not found/);
    });

    test('build: ^C ends its steps before it ends itself', async () => {
      const path = context('FROM busybox\nRUN echo begun && sleep 1000\n');
      const session = cliSession(under.engine, ['build', '--network', 'none', '--progress=plain', path]);
      await session.shows('begun\n', 'stderr');
      session.signal(2);
      const { code } = await session.result;
      assert.equal(code, 130);
      assert.deepEqual(
        (await under.engine.builds.usage()).filter(({ inUse }) => inUse),
        [],
      );
    });

    test('build: --check and --call tell of the Dockerfile, and build nothing', async () => {
      const path = context('# what is made\nFROM busybox AS Made\n# how much\nARG MUCH=1\nRUN --mount=type=secret,id=s,required=true false\n');
      const check = await kobako(['build', '--check', path]);
      assert.equal(check.code, 1, check.stderr);
      assert.match(
        check.stdout,
        /^Check complete, 1 warning has been found!\n\nWARNING: StageNameCasing - https:.*\nStage name 'Made' should be lowercase\nDockerfile:2\n/,
      );
      const good = await kobako(['build', '--call=check', context('FROM busybox\n')]);
      assert.deepEqual([good.code, good.stdout], [0, 'Check complete, no warnings found.\n']);
      assert.match((await kobako(['build', '--call', 'targets', path])).stdout, /^TARGET +DESCRIPTION\n[Mm]ade \(default\) +.*\n$/);
      assert.match(
        (await kobako(['build', '--call', 'outline', path])).stdout,
        /^TARGET: made\n[^]*BUILD ARG +VALUE +DESCRIPTION\nMUCH +1 +.*\n\nSECRET +REQUIRED\ns +true\n$/i,
      );
      assert.match((await kobako(['build', '--call', 'nothing', path])).stderr, /invalid call "nothing"/);
      const json = await kobako(['build', '--call=check,format=json', path]);
      const { warnings } = JSON.parse(json.stdout) as { readonly warnings: readonly { readonly ruleName: string }[] };
      assert.deepEqual([json.code, warnings.map(({ ruleName }) => ruleName)], [1, ['StageNameCasing']]);
      const outline = await kobako(['build', '--call=outline,format=json', path]);
      const { name, args, secrets } = JSON.parse(outline.stdout) as { readonly name: string; readonly args: object[]; readonly secrets: object[] };
      const location = (line: number) => ({ ranges: [{ start: { line }, end: { line } }] });
      assert.deepEqual(
        [outline.code, name, args, secrets],
        [0, 'made', [{ name: 'MUCH', value: '1', location: location(4) }], [{ name: 's', required: true, location: location(5) }]],
      );
      assert.equal((await kobako(['build', '--call=check,ignorestatus=true', path])).code, 0);
      assert.match((await kobako(['build', '--call=check,x=y', path])).stderr, /invalid print field: x=y/);
    });

    test('build: a flag that could have no effect is refused', async () => {
      const path = context('FROM busybox\n');
      for (const flag of ['--memory=1g', '--squash', '--security-opt=seccomp=unconfined', '--cpu-shares=2', '--rm=false', '--isolation=hyperv']) {
        const { code, stderr } = await kobako(['build', flag, path]);
        assert.deepEqual([code, stderr.includes(`${flag.split('=')[0]}`), /cannot have an effect/.test(stderr)], [1, true, true], stderr);
      }
      const held = await kobako(['build', '-q', '--rm', '--force-rm', '--compress', '--squash=false', '--isolation=default', path]);
      assert.equal(held.code, 0, held.stderr);
    });
  });
}

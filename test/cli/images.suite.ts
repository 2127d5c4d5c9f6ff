/** What the commands on images promise, on whatever engine. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { cliChecks } from '../support/cli-checks.ts';
import { fakeRegistry } from '../support/fake-registry.ts';
import { serveImage } from '../support/image-ground.ts';
import { file, layerTar } from '../support/layers.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';
import type { EngineUnderTest } from './containers.suite.ts';

export function commandsOnImages(title: string, open: () => Promise<EngineUnderTest>): void {
  describe(title, () => {
    let under: EngineUnderTest;
    before(async () => {
      under = await open();
    });
    after(() => under.close());
    const { kobako, ok, fails } = cliChecks(() => under.engine);
    const names = async () => (await ok('images', '--format', '{{.Repository}}:{{.Tag}}')).split('\n').filter(Boolean).toSorted();

    test('import, run, history, inspect, tag, rmi', async (t) => {
      const tar = `${tempFor(t)}/root.tar`;
      await runOk('tar', ['-C', await busyboxRootfs(), '-cf', tar, '.']);
      const id = (await ok('import', '-c', 'CMD ["echo", "from the image"]', '-c', 'ENV A=b', '-m', 'words', tar, 'box:1')).trim();
      assert.match(id, /^sha256:[0-9a-f]{64}$/);
      assert.equal(await ok('run', '--rm', 'box:1'), 'from the image\n');
      assert.equal(await ok('run', '--rm', '-e', 'B=c', 'box:1', 'sh', '-c', 'echo $A$B'), 'bc\n');
      assert.equal(await ok('image', 'inspect', '-f', '{{.Id}} {{json .Config.Cmd}}', 'box:1'), `${id} ["echo","from the image"]\n`);
      assert.equal(await ok('inspect', '--type', 'image', '-f', '{{.Id}}', 'box:1'), `${id}\n`);
      assert.match(await ok('history', 'box:1'), /^IMAGE +CREATED +CREATED BY +SIZE +COMMENT\n[0-9a-f]{12} .* words\n$/);
      assert.equal(await ok('tag', 'box:1', 'other:2'), '');
      assert.deepEqual(await names(), ['box:1', 'other:2']);
      assert.equal(await ok('rmi', 'other:2'), 'Untagged: other:2\n');
      assert.match(await ok('rmi', 'box:1'), new RegExp(`^Untagged: box:1\nDeleted: ${id}\nDeleted: sha256:`));
      assert.deepEqual(await names(), []);
      const missing = await kobako(['run', '--pull', 'never', 'box:1']);
      assert.deepEqual([missing.code, missing.stderr], [125, 'kobako: No such image: box:1\n']);
    });

    test('import of what is elsewhere: the engine fetches it', async (t) => {
      const tar = layerTar([file('hello', 'hello')]);
      const server = createServer((request, response) => (request.url === '/x.tar' ? response.end(tar) : response.writeHead(404).end()));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      t.after(() => server.close() && server.closeAllConnections());
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.tar`;
      const id = (await ok('import', '-c', 'ENV A=b', url, 'fetched:1')).split('\n').at(-2)!;
      assert.equal(await ok('image', 'inspect', '-f', '{{.Id}} {{.Comment}} {{.Config.Env}}', 'fetched:1'), `${id} Imported from ${url} [A=b]\n`);
      await ok('rmi', 'fetched:1');
      const none = await kobako(['import', url.replace('x.tar', 'none'), 'fetched:2']);
      assert.deepEqual([none.code, none.stderr], [1, 'kobako: got HTTP status code >= 400: 404 Not Found\n']);
      assert.deepEqual(await names(), []);
    });

    test('files of a container: cp both ways, diff, export, commit', async (t) => {
      const folder = tempFor(t);
      await runOk('tar', ['-C', await busyboxRootfs(), '-cf', `${folder}/root.tar`, '.']);
      await ok('import', `${folder}/root.tar`, 'base:1');
      writeFileSync(`${folder}/in`, 'from here', { mode: 0o640 });
      await ok('run', '--name', 'wrote', 'base:1', 'sh', '-c', 'mkdir /made && echo there > /made/file && ln -s file /made/link && rm /etc/group');
      assert.equal((await kobako(['cp', './in', 'wrote:/made/'], { cwd: folder })).stderr, '');
      assert.equal((await kobako(['cp', 'wrote:/made', 'out'], { cwd: folder })).stderr, '');
      assert.deepEqual([readFileSync(`${folder}/out/in`, 'utf8'), readFileSync(`${folder}/out/file`, 'utf8')], ['from here', 'there\n']);
      await ok('cp', '-L', 'wrote:/made/link', `${folder}/followed`);
      assert.equal(readFileSync(`${folder}/followed`, 'utf8'), 'there\n');
      const { stdout: tar } = await kobako(['cp', 'wrote:/made/file', '-']);
      assert.equal((await kobako(['cp', '-', 'wrote:/tmp'], { input: tar })).code, 0);
      const missing = await kobako(['cp', 'wrote:/none', folder]);
      assert.deepEqual([missing.code, missing.stderr], [1, 'kobako: Could not find the file /none in container wrote\n']);
      const changes = (await ok('diff', 'wrote')).split('\n').filter(Boolean).toSorted();
      assert.deepEqual(changes, ['A /made', 'A /made/file', 'A /made/in', 'A /made/link', 'A /tmp/file', 'C /etc', 'C /tmp', 'D /etc/group']);
      await ok('export', '-o', `${folder}/export.tar`, 'wrote');
      assert.match((await runOk('tar', ['-tf', `${folder}/export.tar`])).stdout, /^made\/file$/m);
      const id = (await ok('commit', '-c', 'CMD ["cat", "/made/in"]', '-a', 'me', '-m', 'words', 'wrote', 'made:1')).trim();
      assert.equal(await ok('image', 'inspect', '-f', '{{.Id}} {{.Author}} {{.Comment}}', 'made:1'), `${id} me words\n`);
      assert.equal(await ok('run', '--rm', 'made:1'), 'from here');
      await ok('rm', 'wrote');
      await ok('rmi', 'made:1', 'base:1');
    });

    test('pull, push, a run that pulls, save, load', async (t) => {
      const registry = await fakeRegistry(t);
      const { id } = serveImage(registry, 'public/app', 'v1', ['x']);
      const name = `${registry.host}/public/app:v1`;
      assert.match(await ok('pull', name), new RegExp(`Status: Downloaded newer image for ${name}\n${name}\n$`));
      const folder = tempFor(t);
      await ok('save', '-o', `${folder}/saved.tar`, name);
      await ok('rmi', name);
      assert.equal(await ok('load', '-q', '-i', `${folder}/saved.tar`), `Loaded image: ${name}\n`);
      const [{ Id }] = JSON.parse(await ok('image', 'inspect', name)) as [{ Id: string }];
      assert.equal(Id, id);
      await ok('rmi', name);
      const loaded = await kobako(['load', '-q'], { input: readFileSync(`${folder}/saved.tar`) });
      assert.equal(loaded.stdout, `Loaded image: ${name}\n`);
      await ok('tag', name, `${registry.host}/public/copy:1`);
      assert.match(await ok('push', `${registry.host}/public/copy:1`), /1: digest: sha256:[0-9a-f]{64} size: \d+/);
      await ok('rmi', name, `${registry.host}/public/copy:1`);
      // it has no program: what counts is that it came
      const { code, stderr } = await kobako(['run', '--rm', '-q', name, '/nothing']);
      assert.equal(code, 127, stderr);
      assert.match(stderr, new RegExp(`^Unable to find image '${name}' locally\n`));
      assert.deepEqual(await names(), [name]);
      assert.match(await ok('image', 'prune', '-af'), /^Deleted Images:\nuntagged: .*\nTotal reclaimed space: \S+\n$/s);
      assert.deepEqual(await names(), []);
    });

    test('by tag and digest: the digest counts; all tags are no one tag', async (t) => {
      const registry = await fakeRegistry(t);
      const { id, digest } = serveImage(registry, 'public/app', 'v1', ['x']);
      serveImage(registry, 'public/app', 'v2', ['y']);
      const name = `${registry.host}/public/app`;
      const both = `${name}:v2@${digest}`;
      const pulled = await ok('pull', both);
      assert.match(pulled, new RegExp(`^${name}@${digest}: Pulling from public/app\n`));
      assert.match(pulled, new RegExp(`\nStatus: Downloaded newer image for ${name}@${digest}\n${both}\n$`));
      assert.equal(await ok('pull', '-q', both), `${both}\n`);
      assert.equal(await ok('image', 'inspect', '-f', '{{.Id}} {{.RepoTags}} {{.RepoDigests}}', both), `${id} [] [${name}@${digest}]\n`);
      // it is here: nothing is fetched for it
      const run = await kobako(['run', '--rm', both, '/none']);
      assert.doesNotMatch(run.stderr, /Unable to find image/);
      assert.match(await ok('rmi', both), new RegExp(`^Untagged: ${name}@${digest}\nDeleted: ${id}\nDeleted: sha256:`));
      for (const command of ['pull', 'push']) await fails([command, '-a', `${name}:v1`], 1, "kobako: tag can't be used with --all-tags/-a\n");
      await fails(['pull', '-a', `${name}@${digest}`], 1, "kobako: tag can't be used with --all-tags/-a\n");
      assert.equal(await ok('pull', '-aq', name), `${name}\n`);
      assert.equal(await ok('push', '-aq', name), `${name}\n`);
      await ok('image', 'prune', '-af');
    });

    test('--platform of history, push, save, load, rmi', async (t) => {
      const folder = tempFor(t);
      const registry = await fakeRegistry(t);
      const name = `${registry.host}/public/arm:1`;
      writeFileSync(`${folder}/x.tar`, layerTar([file('a', 'x')]));
      const id = (await ok('import', '--platform', 'linux/arm64', `${folder}/x.tar`, name)).trim();
      const other = `kobako: image with reference ${name} was found but its platform (linux/arm64) does not match the specified platform (linux/amd64)\n`;
      const daemons = other.replace('kobako: ', 'Error response from daemon: ');
      const amd = ['--platform', 'linux/amd64'];
      const arm = ['--platform', 'arm64'];
      await fails(['history', ...amd, name], 1, other);
      assert.match(await ok('history', ...arm, name), /^IMAGE/);
      await fails(['push', ...amd, name], 1, other);
      assert.match(await ok('push', ...arm, name), /1: digest: /);
      await fails(['save', ...amd, '-o', `${folder}/none.tar`, name], 1, 'kobako: no suitable export target found for platform linux/amd64\n');
      const nowhere = `kobako: failed to save image: invalid output path: stat ${folder}/no: no such file or directory\n`;
      await fails(['save', '-o', `${folder}/no/x.tar`, name], 1, nowhere);
      await ok('save', ...arm, '-o', `${folder}/saved.tar`, name);
      await fails(['rmi', ...amd, name], 1, daemons);
      await fails(['rmi', '--platform', 'linux/arm64,linux/amd64', name], 1, 'Error response from daemon: multiple platforms are not supported\n');
      await fails(['rmi', '--platform', 'a/b/c/d', name], 1, 'kobako: "a/b/c/d": cannot parse platform specifier: invalid argument\n');
      assert.match(await ok('rmi', ...arm, name), new RegExp(`Deleted: ${id}`));
      await fails(['load', ...amd, '-i', `${folder}/saved.tar`], 1, 'kobako: the archive has no image for the platform linux/amd64\n');
      assert.deepEqual(await names(), []);
      assert.equal(await ok('load', ...arm, '-i', `${folder}/saved.tar`), `Loaded image: ${name}\n`);
      await ok('rmi', name);
    });

    test('filters as docker reads them; a prune says itself what is dangling', async (t) => {
      writeFileSync(`${tempFor(t)}/x.tar`, '');
      const tar = `${tempFor(t)}/x.tar`;
      writeFileSync(tar, layerTar([file('a', 'x')]));
      await ok('import', tar, 'one:1');
      assert.match(await ok('images', '-q', '-f', '', '-f', 'Reference=one'), /^[0-9a-f]{12}\n$/);
      assert.match(await ok('images', '-q', '-f', 'reference=none', 'one'), /^[0-9a-f]{12}\n$/);
      const shape = 'kobako: invalid argument "dangling" for "-f, --filter" flag: bad format of filter (expected name=value)\n';
      const bad = await kobako(['images', '-f', 'dangling']);
      assert.deepEqual([bad.code, bad.stderr.slice(0, shape.length)], [125, shape]);
      await fails(['images', '-f', 'label!=a'], 1, "kobako: invalid filter 'label!'\n");
      for (const args of [
        ['--filter', 'dangling=false'],
        ['-a', '--filter', 'dangling=true'],
      ])
        await fails(['image', 'prune', '-f', ...args], 1, "kobako: invalid filter 'dangling=[false true]'\n");
      await fails(['image', 'prune', '-f', '--filter', 'until=1h', '--filter', 'until=2h'], 1, 'kobako: more than one until filter specified\n');
      await fails(['image', 'prune', '-f', 'x'], 1, /accepts no arguments/);
      assert.deepEqual(await names(), ['one:1']);
      assert.match((await kobako(['inspect', '-s', 'one:1'])).stderr, /^WARNING: --size ignored for image\n$/);
      await fails(['tag', 'one:1', `x@sha256:${'0'.repeat(64)}`], 1, 'kobako: refusing to create a tag with a digest reference\n');
      await ok('rmi', 'one:1');
    });

    test('system: prune asks and takes all that nobody uses; df and info know of it', async (t) => {
      const tar = `${tempFor(t)}/x.tar`;
      writeFileSync(tar, layerTar([file('a', 'a')]));
      await ok('import', tar, 'unused:1');
      await ok('create', '--name', 'old', 'unused:1', 'true');
      assert.match(await ok('system', 'df'), /^TYPE .*\nImages +1 +1 .*\nContainers +1 +0 /);
      assert.equal(await ok('info', '-f', '{{.Images}} {{.Containers}}'), '1 1\n');
      assert.match(await ok('version', '-f', '{{.Client.Version}} {{.Server.ApiVersion}}'), /^\d+\.\d+\.\d+ 1\.\d+\n$/);
      assert.match(
        (await kobako(['system', 'prune', '-a'], { input: 'no\n' })).stdout,
        /^WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n  - all images/,
      );
      assert.match(await ok('system', 'prune', '-af'), /^Deleted Containers:\n[0-9a-f]{64}\n\nDeleted Images:\nuntagged: unused:1\n/);
      assert.deepEqual(await names(), []);
      const events = await ok('events', '--since', '1h', '--until', '0s', '--filter', 'container=old', '--format', '{{.Action}}');
      assert.equal(events, 'create\ndestroy\n');
    });

    test('search and login say what the registry says', async (t) => {
      const { host } = await fakeRegistry(t);
      const search = await kobako(['search', `${host}/x`]);
      assert.equal(search.code, 1);
      assert.match(search.stderr, /^kobako: ./);
      const missing = await kobako(['pull', '-q', `${host}/public/none:1`]);
      assert.equal(missing.code, 1);
      assert.match(missing.stderr, /not found|manifest unknown/);
    });
  });
}

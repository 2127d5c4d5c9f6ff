/** What a real Docker is not asked beside us: pruning everything, removing by digest, options of lists. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { digestOf } from '../../src/image/manifest.ts';
import { imageArchive } from '../support/image-archive.ts';
import { fakeRegistry } from '../support/fake-registry.ts';
import { garbage, imageGround, importBusybox, serveImage } from '../support/image-ground.ts';
import { file, layerTar } from '../support/layers.ts';

describe('commands on images', () => {
  test('rmi by digest, by id, of one of several repositories', async (t) => {
    const ground = imageGround(t);
    const registry = await fakeRegistry(t);
    const { id, digest } = serveImage(registry, 'public/app', 'v1', ['x']);
    const name = `${registry.host}/public/app`;
    await ground.ok('pull', '-q', `${name}@${digest}`);
    assert.match(await ground.ok('images', name), new RegExp(`^${name} +<none> +${id.slice(7, 19)} `, 'm'));
    assert.equal(
      await ground.ok('run', '--pull', 'never', '--rm', `${name}@${digest}`, '/none').catch((error: Error) => /"\/none".*no such file/.test(error.message)),
      true,
    );
    await ground.ok('tag', `${name}@${digest}`, 'mine:1');
    const several = await ground.kobako(['rmi', id]);
    assert.equal(several.code, 1);
    assert.match(
      several.stderr,
      new RegExp(`conflict: unable to delete ${id.slice(7, 19)} \\(must be forced\\) - image is referenced in multiple repositories`),
    );
    assert.equal(await ground.ok('rmi', `${name}@${digest}`), `Untagged: ${name}@${digest}\n`);
    assert.match(await ground.ok('rmi', id.slice(7, 15)), new RegExp(`^Untagged: mine:1\nDeleted: ${id}\nDeleted: sha256:`));
    const both = await ground.kobako(['rmi', 'nothing', 'mine:1']);
    assert.deepEqual(
      [both.code, both.stderr],
      [1, 'Error response from daemon: No such image: nothing:latest\nError response from daemon: No such image: mine:1\n'],
    );
    assert.deepEqual(garbage(ground.dataRoot), []);
  });

  test('image prune: asks first; -a takes what no container uses', async (t) => {
    const ground = imageGround(t);
    await importBusybox(ground, 'used');
    for (const name of ['one:1', 'one:2', 'two']) {
      writeFileSync(`${ground.folder}/x.tar`, layerTar([file('a', name)]));
      await ground.ok('import', '--change', `LABEL name=${name}`, `${ground.folder}/x.tar`, name);
    }
    const container = (await ground.ok('run', '-d', 'used', 'true')).trim();
    await ground.ok('wait', container);
    const asked = await ground.kobako(['image', 'prune', '-a'], { input: 'n\n' });
    assert.match(
      asked.stdout,
      /^WARNING! This will remove all images without at least one container associated to them\.\nAre you sure you want to continue\? \[y\/N\] $/,
    );
    const names = async () =>
      (await ground.ok('images', '--format', 'json'))
        .split('\n')
        .filter(Boolean)
        .map((line) => {
          const { Repository, Tag } = JSON.parse(line) as { Repository: string; Tag: string };
          return `${Repository}:${Tag}`;
        })
        .toSorted();
    assert.deepEqual(await names(), ['one:1', 'one:2', 'two:latest', 'used:latest']);
    assert.match(await ground.ok('image', 'prune', '-f'), /^Total reclaimed space: 0B\n$/);
    assert.match(await ground.ok('image', 'prune', '-af', '--filter', 'label=name=one:1'), /^Deleted Images:\nuntagged: one:1\ndeleted: sha256:/);
    assert.deepEqual(await names(), ['one:2', 'two:latest', 'used:latest']);
    const freed = await ground.kobako(['image', 'prune', '-a'], { input: 'y\n' });
    assert.match(freed.stdout, /Total reclaimed space: [1-9][\d.]*k?B\n$/);
    assert.deepEqual(await names(), ['used:latest'], 'a stopped container uses it');
    assert.match(await ground.ok('image', 'prune', '-af', '--filter', 'until=1h'), /^Total reclaimed space: 0B/);
    await ground.ok('rm', container);
    await ground.ok('image', 'prune', '-af');
    assert.deepEqual(await names(), []);
    assert.deepEqual(garbage(ground.dataRoot), []);
    assert.match((await ground.kobako(['image', 'prune', '-f', '--filter', 'reference=x'])).stderr, /invalid filter 'reference'/);
  });

  test('an image that is gone keeps its containers, and its layers go with the last of them', async (t) => {
    const ground = imageGround(t);
    await importBusybox(ground, 'box');
    const container = (await ground.ok('run', '-d', 'box', 'sh', '-c', 'echo kept > /kept; echo ran')).trim();
    await ground.ok('wait', container);
    const layer = /"(sha256:[0-9a-f]{64})"\n {12}\]/.exec(await ground.ok('image', 'inspect', 'box'))![1]!;
    const removed = await ground.ok('rmi', '-f', 'box');
    assert.ok(!removed.includes(layer), 'the layer stays');
    assert.equal(await ground.sh('k export "$1" | tar -xO kept', container), 'kept\n');
    const { engine } = ground;
    const opened = engine();
    assert.equal((await opened.images.list()).length, 0);
    await ground.ok('rm', container);
    assert.deepEqual(garbage(ground.dataRoot), []);
    const pruned = await ground.ok('image', 'prune', '-f');
    assert.match(pruned, /Total reclaimed space: 0B/, 'nothing was left for it');
  });

  test('push: the newest layer first, tags in their order, and no id for a name', async (t) => {
    const ground = imageGround(t);
    const registry = await fakeRegistry(t);
    const name = `${registry.host}/public/app`;
    const layers = ['below', 'above'].map((text) => layerTar([file(text, text)]));
    const { bytes, ids } = imageArchive({ names: [`${name}:b`, `${name}:a`], layers });
    writeFileSync(`${ground.folder}/x.tar`, bytes);
    await ground.ok('load', '-i', `${ground.folder}/x.tar`);
    const said = (await ground.ok('push', '-a', name)).split('\n');
    const [below, above] = layers.map((layer) => digestOf(layer).slice(7, 19));
    const prepared = said.filter((line) => line.endsWith('Preparing'));
    assert.deepEqual(
      prepared,
      [above, below, above, below].map((id) => `${id}: Preparing`),
    );
    assert.deepEqual(
      said.flatMap((line) => /^(\w): digest: /.exec(line)?.[1] ?? []),
      ['a', 'b'],
    );
    const byId = await ground.kobako(['push', ids[0]!]);
    assert.deepEqual([byId.code, byId.stderr], [1, 'kobako: An image does not exist locally with the tag: sha256\n']);
  });

  test('an image of Windows is refused, pulled or loaded; one without a layer has none', async (t) => {
    const ground = imageGround(t);
    const registry = await fakeRegistry(t);
    serveImage(registry, 'public/win', 'v1', ['x'], {}, { os: 'windows', architecture: 'amd64' });
    const pulled = await ground.kobako(['pull', '-q', `${registry.host}/public/win:v1`]);
    const why = 'image operating system "windows" cannot be used on this platform: operating system is not supported';
    assert.deepEqual([pulled.code, pulled.stderr], [1, `kobako: ${why}\n`]);
    writeFileSync(`${ground.folder}/win.tar`, imageArchive({ names: ['win:1'], layers: [layerTar([])], more: { os: 'windows' } }).bytes);
    const loaded = await ground.kobako(['load', '-i', `${ground.folder}/win.tar`]);
    assert.deepEqual([loaded.code, loaded.stderr], [1, 'kobako: cannot load windows image on linux\n']);
    assert.equal(await ground.ok('images', '-aq'), '');
    writeFileSync(`${ground.folder}/bare.tar`, imageArchive({ names: ['bare:1'], layers: [] }).bytes);
    await ground.ok('load', '-i', `${ground.folder}/bare.tar`);
    assert.equal(await ground.ok('image', 'inspect', '-f', '{{json .RootFS}}', 'bare:1'), '{"Type":"layers"}\n');
    await ground.ok('rmi', 'bare:1');
    assert.deepEqual(garbage(ground.dataRoot), []);
  });

  test('a container that was never started is no running one', async (t) => {
    const ground = imageGround(t);
    const id = await importBusybox(ground, 'box:1');
    const container = (await ground.ok('create', '--name', 'new', 'box:1', 'true')).trim();
    const refused = await ground.kobako(['rmi', id]);
    const why = `image is being used by stopped container ${container.slice(0, 12)}`;
    assert.equal(refused.stderr, `Error response from daemon: conflict: unable to delete ${id.slice(7, 19)} (must be forced) - ${why}\n`);
    await ground.ok('tag', 'box:1', 'box');
    await ground.ok('rmi', 'box:1');
    const named = await ground.kobako(['rmi', 'box']);
    const what = `unable to remove repository reference "box" (must force) - container ${container.slice(0, 12)} is using its referenced image ${id.slice(7, 19)}`;
    assert.equal(named.stderr, `Error response from daemon: conflict: ${what}\n`);
    await ground.ok('tag', 'box', 'box:1');
    await ground.ok('rmi', 'box');
    assert.equal(await ground.ok('rmi', '-f', 'box:1'), `Untagged: box:1\nDeleted: ${id}\n`);
    assert.equal(await ground.ok('images', '-aq'), '');
    assert.equal(await ground.ok('start', '-a', 'new'), '');
    await ground.ok('rm', 'new');
    assert.deepEqual(garbage(ground.dataRoot), []);
  });

  test('a list of containers names images as they are named now', async (t) => {
    const ground = imageGround(t);
    const id = await importBusybox(ground, 'box:1');
    await ground.ok('tag', 'box:1', 'box:2');
    for (const name of ['box:1', id, id.slice(7, 17)]) await ground.ok('create', '--name', `by-${name.replaceAll(':', '-')}`, name, 'true');
    const shown = async () => (await ground.ok('ps', '-a', '--no-trunc', '--format', '{{.Image}}')).trim().split('\n').toSorted();
    assert.deepEqual(await shown(), [id.slice(7, 17), 'box:1', id].toSorted());
    await importBusybox(ground, 'box:1', 'ENV a=b');
    assert.deepEqual(await shown(), [id.slice(7, 17), id, id].toSorted());
    assert.match(await ground.ok('ps', '-a', '--filter', 'name=by-box', '--format', '{{.Image}}'), new RegExp(`^${id.slice(7, 19)}$`, 'm'));
    await ground.ok('tag', id, 'box:1');
    assert.deepEqual(await shown(), [id.slice(7, 17), 'box:1', id].toSorted());
    await ground.ok('rmi', '-f', id);
    assert.deepEqual(await shown(), [id, id, id]);
  });

  test('a damaged blob is told, and pulled again', async (t) => {
    const ground = imageGround(t);
    const registry = await fakeRegistry(t);
    const { layers, id, digest } = serveImage(registry, 'public/app', 'v1', ['x']);
    const name = `${registry.host}/public/app:v1`;
    await ground.ok('pull', '-q', name);
    const blob = `${ground.dataRoot}/oci/blobs/sha256/${digestOf(layers[0]!).slice(7)}`;
    const config = `${ground.dataRoot}/oci/blobs/sha256/${id.slice(7)}`;
    writeFileSync(config, '{}');
    const { code, stderr } = await ground.kobako(['image', 'inspect', name]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`blob ${id} is damaged`));
    await ground.ok('pull', '-q', name);
    await ground.ok('image', 'inspect', name);
    writeFileSync(`${ground.dataRoot}/oci/blobs/sha256/${digest.slice(7)}`, '{}');
    assert.equal((await ground.kobako(['image', 'inspect', name])).code, 1);
    await ground.ok('pull', '-q', name);
    await ground.ok('image', 'inspect', name);
    // what is damaged can be removed, too
    writeFileSync(config, '{}');
    await ground.ok('rmi', name);
    await ground.ok('pull', '-q', name);
    // a layer's blob that rotted, and the layer gone
    await ground.sh('rm -rf "$1"/erofs/layers/* "$1"/overlay/layers/*; printf rot > "$2"', ground.dataRoot, blob);
    await ground.ok('pull', '-q', name);
    assert.match(await ground.sh('sha256sum < "$1"', blob), new RegExp(digestOf(layers[0]!).slice(7)));
  });
});

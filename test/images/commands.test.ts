/** What a real Docker is not asked beside us: pruning everything, removing by digest, options of lists. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { digestOf } from '../../src/image/manifest.ts';
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

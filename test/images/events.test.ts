/** What the engine tells of images: Docker's events, in dockerd's order and with its attributes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openImages } from '../../src/engine/open-images.ts';
import type { Digest } from '../../src/base/digest.ts';
import { fakeRegistry } from '../support/fake-registry.ts';
import { serveImage } from '../support/image-ground.ts';
import { file, layerTar } from '../support/layers.ts';
import { tempFor } from '../support/temp.ts';

test('every change of images is told once it has happened', async (t) => {
  const folder = tempFor(t);
  const events: unknown[] = [];
  const told = () => events.splice(0);
  const { images, close } = openImages({
    dataRoot: `${folder}/data`,
    stateDir: `${folder}/state`,
    containers: () => [],
    onEvent: (action, id, attributes) => void events.push([action, id, attributes]),
  });
  t.after(close);
  const registry = await fakeRegistry(t);
  const labels = { x: 'y' };
  const tar = async function* () {
    yield layerTar([file('hello', 'hello\n')]);
  };

  const id = await images.import(tar(), { name: 'probe/a:1', changes: ['LABEL x=y'] });
  assert.deepEqual(told(), [
    ['tag', id, { name: 'probe/a:1', ...labels }],
    ['import', id, { name: id, ...labels }],
  ]);
  await images.tag('probe/a:1', 'probe/c');
  assert.deepEqual(told(), [['tag', id, { name: 'probe/c:latest', ...labels }]]);
  const chunks: Buffer[] = [];
  for await (const chunk of images.save(['probe/a:1', 'probe/c'])) chunks.push(chunk);
  assert.deepEqual(told(), [['save', id, { name: id, ...labels }]], 'each image once');
  await images.remove('probe/c');
  assert.deepEqual(told(), [['untag', id, { name: id, ...labels }]]);
  await images.remove('probe/a:1');
  assert.deepEqual(told(), [
    ['untag', id, { name: id, ...labels }],
    ['delete', id, { name: id }],
  ]);
  const archive = async function* () {
    yield* chunks;
  };
  await images.load(archive());
  assert.deepEqual(told(), [['load', id, { name: id, ...labels }]]);

  const name = `${registry.host}/app`;
  const served = serveImage(registry, 'app', '1', ['one'], { Labels: { l: 'm' } });
  await images.pull(`${name}:1`);
  await images.pull(name, { allTags: true });
  await images.pull(`${name}@${served.digest}`);
  assert.deepEqual(told(), [
    ['pull', `${name}:1`, { name, l: 'm' }],
    ['pull', name, { name, l: 'm' }],
    ['pull', `${name}@${served.digest}`, { name, l: 'm' }],
  ]);
  await images.push(`${name}:1`);
  await images.push(name, { allTags: true });
  assert.deepEqual(told(), [
    ['push', `${name}:1`, { name, l: 'm' }],
    ['push', name, { name, l: 'm' }],
  ]);
  await assert.rejects(images.pull(`${name}:none`));
  await assert.rejects(images.remove('none'));
  assert.deepEqual(told(), [], 'of what failed nothing is told');
  const app = served.id as Digest;
  await images.remove(`${name}:1`);
  assert.deepEqual(told(), [
    ['untag', app, { name: app, l: 'm' }],
    ['delete', app, { name: app }],
  ]);
  await images.pull(`${name}:1`);
  told();
  await images.remove(app, { force: true });
  const untag = ['untag', app, { name: app, l: 'm' }];
  assert.deepEqual(told(), [untag, untag, ['delete', app, { name: app }]], 'by its id: the tag and the digest');

  const { bytes } = await images.prune({ all: true });
  assert.ok(bytes > 0);
  assert.deepEqual(told(), [
    ['untag', id, { name: id, ...labels }],
    ['untag', id, { name: id, ...labels }],
    ['delete', id, { name: id }],
    ['prune', '', { reclaimed: String(bytes) }],
  ]);
});

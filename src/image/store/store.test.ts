import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { tempFor } from '../../../test/support/temp.ts';
import type { Digest } from '../../base/digest.ts';
import { linuxFileLocks } from '../../kernel/linux/file-lock.ts';
import { digestOf, OCI_CONFIG, OCI_MANIFEST } from '../manifest.ts';
import { ImageStore } from './store.ts';

/** Puts a small image into a store: its config has the text in it, its layers are these. */
async function put(store: ImageStore, text: string, layers: readonly string[], names: readonly string[]) {
  const { blobs } = store;
  const digests = await Promise.all(layers.map((layer) => blobs.write(Buffer.from(layer))));
  const config = {
    architecture: 'amd64',
    os: 'linux',
    created: `2026-01-0${text.length}T00:00:00Z`,
    author: text,
    rootfs: { type: 'layers', diff_ids: digests },
    config: { Labels: { text } },
  };
  const configBytes = Buffer.from(JSON.stringify(config));
  const id = await blobs.write(configBytes);
  const manifest = {
    schemaVersion: 2 as const,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest: id, size: configBytes.length },
    layers: digests.map((digest, index) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: layers[index]!.length })),
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const target = { mediaType: OCI_MANIFEST, digest: await blobs.write(bytes), size: bytes.length };
  const facts = store.factsOf(manifest, store.documents(target.digest).config, (diffId) => layers[digests.indexOf(diffId)]!.length);
  await store.name({ target, facts }, names);
  return { id, digests, manifest: target.digest };
}

const library = (name: string) => `docker.io/library/${name}`;
const open = (folder: string) => new ImageStore(folder, linuxFileLocks);

describe('the image store', () => {
  test('an image is found by name, digest, id and the beginning of an id', async (t) => {
    const store = open(tempFor(t));
    const one = await put(store, 'a', ['layer'], [library('one:1'), library(`one@${digestOf(Buffer.from('index'))}`)]);
    await put(store, 'bb', ['layer', 'more'], [library('two:latest')]);
    const id = (text: string) => store.find(text).entry.facts.id;
    for (const text of [
      'one:1',
      library('one:1'),
      `one@${digestOf(Buffer.from('index'))}`,
      // as Docker: the digest counts, whatever is under the tag
      `one:1@${digestOf(Buffer.from('index'))}`,
      `one:none@${digestOf(Buffer.from('index'))}`,
      one.id,
      one.id.slice(7),
      one.id.slice(7, 15),
      one.id.slice(0, 20),
    ]) {
      assert.equal(id(text), one.id, text);
    }
    assert.equal(store.find('one:1').name, library('one:1'));
    assert.equal(store.find(one.id).name, undefined);
    assert.notEqual(id('two'), one.id);
    for (const [text, message] of [
      ['one', 'No such image: one:latest'],
      ['three:x', 'No such image: three:x'],
      [`one:1@sha256:${'0'.repeat(64)}`, `No such image: one:1@sha256:${'0'.repeat(64)}`],
      [`sha256:${'0'.repeat(64)}`, `No such image: sha256:${'0'.repeat(64)}`],
      ['0'.repeat(64), `No such image: sha256:${'0'.repeat(64)}`],
    ] as const) {
      assert.throws(() => store.find(text), { kind: 'not-found', message });
    }
    assert.throws(() => store.find('Bad'), { kind: 'invalid' });
    // a beginning of several is none, as in Docker: it may be the name of what can be pulled
    const ids = [one.id, id('two')];
    for (let more = 0; new Set(ids.map((each) => each[7])).size === ids.length; more++)
      ids.push((await put(store, `c${more}`, ['layer'], [library(`n:${more}`)])).id);
    const digit = ids.at(-1)![7]!;
    const hint = `the ids of ${ids.filter((each) => each[7] === digit).length} images begin with ${digit}`;
    assert.throws(() => store.find(digit), { kind: 'not-found', message: `No such image: ${digit}:latest`, hint });
  });

  test('a list has one line for each image, the newest first, from one file', async (t) => {
    const folder = tempFor(t);
    const store = open(folder);
    const one = await put(store, 'a', ['12345'], [library('one:1'), library('one:2')]);
    const two = await put(store, 'bb', ['12345', '123'], []);
    const list = open(folder).list();
    assert.deepEqual(
      list.map(({ id, repoTags, size, labels }) => ({ id, repoTags, size, labels })),
      [
        { id: two.id, repoTags: [], size: 8, labels: { text: 'bb' } },
        { id: one.id, repoTags: ['one:1', 'one:2'], size: 5, labels: { text: 'a' } },
      ],
    );
  });

  test('it is an OCI image layout', async (t) => {
    const folder = tempFor(t);
    const { manifest } = await put(open(folder), 'a', ['layer'], [library('one:1')]);
    assert.deepEqual(JSON.parse(readFileSync(`${folder}/oci/oci-layout`, 'utf8')), { imageLayoutVersion: '1.0.0' });
    const index = JSON.parse(readFileSync(`${folder}/oci/index.json`, 'utf8')) as {
      schemaVersion: number;
      manifests: { digest: Digest; annotations: object }[];
    };
    assert.equal(index.schemaVersion, 2);
    assert.equal(index.manifests[0]!.digest, manifest);
    assert.equal((index.manifests[0]!.annotations as Record<string, string>)['org.opencontainers.image.ref.name'], library('one:1'));
  });

  test('another process’s changes are seen', async (t) => {
    const folder = tempFor(t);
    const [mine, other] = [open(folder), open(folder)];
    await put(mine, 'a', ['layer'], [library('one:1')]);
    assert.equal(other.list().length, 1);
    await other.remove('one:1', { force: false, users: () => [] });
    assert.equal(mine.list().length, 0);
  });

  test('names given at the same time are all kept', async (t) => {
    const folder = tempFor(t);
    const first = await put(open(folder), 'a', ['layer'], [library('one:1')]);
    const { entry } = open(folder).find(first.id);
    await Promise.all(Array.from({ length: 20 }, (_, n) => open(folder).name(entry, [library(`many:${n}`)])));
    assert.equal(open(folder).list()[0]!.repoTags.length, 21);
  });

  test('what nothing needs is collected, what something needs is not', async (t) => {
    const folder = tempFor(t);
    const store = open(folder);
    const one = await put(store, 'a', ['shared', 'only one'], [library('one:1')]);
    const two = await put(store, 'bb', ['shared', 'only two'], [library('two:1')]);
    const lines = await store.remove('one:1', { force: false, users: () => [] });
    assert.deepEqual(lines.slice(0, 2), [{ Untagged: 'one:1' }, { Deleted: one.id }]);
    assert.equal(lines.length, 3, 'the layer that is shared stays');
    assert.ok(open(folder).wantsCollect, 'whoever comes next knows');
    let needed: ReadonlySet<Digest> = new Set();
    const bytes = await store.collect(async ({ layers }) => {
      needed = layers;
      return 1000;
    });
    assert.ok(!store.wantsCollect);
    assert.ok(bytes! > 1000 + 'only one'.length);
    assert.deepEqual([...needed].toSorted(), [...two.digests].toSorted());
    for (const digest of [...two.digests, two.id, two.manifest]) assert.ok(store.blobs.has(digest));
    for (const digest of [one.digests[1]!, one.id, one.manifest]) assert.ok(!store.blobs.has(digest));
  });

  test('nothing is collected while an image is on its way, here or elsewhere', async (t) => {
    const folder = tempFor(t);
    const [mine, other] = [open(folder), open(folder)];
    const orphan = await mine.blobs.write(Buffer.from('not named yet'));
    for (const holder of [mine, other]) {
      const hold = await holder.hold();
      assert.equal(await mine.collect(async () => 0), undefined);
      assert.ok(mine.blobs.has(orphan));
      hold[Symbol.dispose]();
    }
    assert.equal(await mine.collect(async () => 0), 'not named yet'.length);
    assert.ok(!mine.blobs.has(orphan));
  });

  test('a damaged document is told, and its image can be removed', async (t) => {
    const store = open(tempFor(t));
    const { id, manifest } = await put(store, 'a', ['layer'], [library('one:1')]);
    writeFileSync(store.blobs.path(id), '{}');
    assert.throws(() => store.open(store.find('one:1').entry), { kind: 'internal', message: `blob ${id} is damaged` });
    await store.remove('one:1', { force: false, users: () => [] });
    await store.collect(async () => 0);
    assert.ok(!existsSync(store.blobs.path(manifest)));
  });

  test('a document of another digest is not kept', async (t) => {
    const store = open(tempFor(t));
    const wrong = digestOf(Buffer.from('other'));
    await assert.rejects(store.blobs.write(Buffer.from('this'), wrong), { kind: 'invalid' });
    assert.ok(!store.blobs.has(wrong));
    assert.deepEqual(store.blobs.list(), []);
  });
});

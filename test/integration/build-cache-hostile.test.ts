/** Caches in registries that mean no good. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { buildGround } from '../support/build-ground.ts';
import { fakeRegistry } from '../support/fake-registry.ts';

const DOCKERFILE = 'FROM busybox\nRUN echo ran\n';

interface CacheManifest {
  readonly config: { readonly digest: string; readonly size: number };
  readonly layers: readonly object[];
}

test('digests and sizes of a cache’s manifest are not believed, whatever it says that it is', async (t) => {
  const registry = await fakeRegistry(t);
  const place = { type: 'registry' as const, attributes: { ref: `${registry.host}/cache:max`, mode: 'max' } };
  await (await buildGround(t)).build(DOCKERFILE, {}, { cacheTo: [place] });
  const [[name, honest]] = [...registry.manifests].filter(([key]) => key.endsWith(' max')) as [[string, { readonly type: string; readonly bytes: Buffer }]];
  const manifest = JSON.parse(honest.bytes.toString()) as CacheManifest;
  const config = JSON.parse(registry.blobs.get(manifest.config.digest)!.toString()) as { records: { layer: { diffId: string } }[] };
  const ground = await buildGround(t);
  const victim = `${ground.folder}/victim`;
  registry.hook = (_request, response, url) => {
    if (url.pathname.startsWith('/v2/')) return false;
    // what has come of a blob is kept where it cannot be told whether it is the right one
    response.writeHead(200, { 'content-length': '100' }).write('evil');
    setTimeout(() => response.destroy(), 100);
    return true;
  };
  const bytes = Buffer.from(JSON.stringify({ ...config, rootfs: { diff_ids: config.records.map(({ layer }) => layer.diffId) } }));
  const descriptor = { ...manifest.config, digest: registry.addBlob(bytes), size: bytes.length };
  const layers = manifest.layers.map((layer) => ({ ...layer, digest: `sha256:${'../'.repeat(32)}${victim}`, size: 100 }));
  for (const type of ['application/vnd.other+json', honest.type]) {
    for (const change of [{ layers }, { layers: undefined }, { config: { ...descriptor, digest: 'sha256:../x' } }]) {
      const wrong = { ...manifest, mediaType: type, config: descriptor, ...change };
      registry.manifests.set(name, { type, bytes: Buffer.from(JSON.stringify(wrong)) });
      await ground.build(DOCKERFILE, {}, { cacheFrom: [place], exporters: [] });
      assert.equal(existsSync(victim), false);
      await ground.engine.builds.prune({ all: true });
    }
  }
  // so much is not taken into memory
  const long = { ...manifest, config: { ...descriptor, size: 2 ** 40 } };
  registry.manifests.set(name, { type: honest.type, bytes: Buffer.from(JSON.stringify(long)) });
  registry.asked.length = 0;
  assert.equal((await ground.build(DOCKERFILE, {}, { cacheFrom: [place], exporters: [] })).log, 'ran\n');
  assert.deepEqual(
    registry.asked.filter(({ url }) => url.pathname.includes('/blobs/')).map(({ url }) => url.pathname),
    [],
  );
});

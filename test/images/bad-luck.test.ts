/** What goes wrong while images come and go: a clear error, the store as it was, the next try succeeds. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { digestOf, OCI_CONFIG, OCI_MANIFEST } from '../../src/image/manifest.ts';
import { linuxFileLocks } from '../../src/kernel/linux/file-lock.ts';
import { fakeRegistry, type FakeRegistry } from '../support/fake-registry.ts';
import { garbage, imageGround, importBusybox, listing, serveImage, type Ground } from '../support/image-ground.ts';
import { file, layerTar } from '../support/layers.ts';
import { projectDir } from '../support/paths.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const NAME = 'public/app';

/** An image whose manifest a test may change before it is served. */
function served(registry: FakeRegistry, change: (manifest: { config: { size: number }; layers: { digest: string; size: number }[] }) => void) {
  const { digest, ...image } = serveImage(registry, NAME, 'v1', ['one', randomBytes(200_000)]);
  const manifest = JSON.parse(registry.manifests.get(`${NAME} v1`)!.bytes.toString()) as {
    config: { size: number };
    layers: { digest: string; size: number }[];
  };
  change(manifest);
  registry.addManifest(NAME, 'v1', OCI_MANIFEST, manifest);
  return { ...image, manifest, good: digest };
}

describe('a registry that gives something wrong', () => {
  type Break = (registry: FakeRegistry) => RegExp;
  const layerIs = (registry: FakeRegistry, bytes: Buffer) => {
    served(registry, ({ layers }) => {
      layers[1] = { ...layers[1]!, digest: registry.addBlob(bytes), size: bytes.length };
    });
  };
  const cases: Readonly<Record<string, Break>> = {
    'other bytes than the digest says': (registry) => {
      const { layers } = serveImage(registry, NAME, 'v1', ['one', randomBytes(200_000)]);
      const key = [...registry.blobs].find(([, bytes]) => bytes === layers[1])![0];
      registry.blobs.set(key, Buffer.from(layers[1]!).fill(0x55, 100_000, 100_010));
      return /verification failed|digest|damaged|incorrect|gzip/i;
    },
    'fewer bytes than the manifest says': (registry) => {
      served(registry, ({ layers }) => {
        layers[1]!.size += 10;
      });
      return /bytes|size|shorter|short|ended/i;
    },
    'more bytes than the manifest says': (registry) => {
      served(registry, ({ layers }) => {
        layers[1]!.size -= 10;
      });
      return /bytes|size|longer/i;
    },
    'gzip that ends early': (registry) => {
      layerIs(registry, gzipSync(layerTar([file('x', randomBytes(100_000))])).subarray(0, 50_000));
      return /unexpected end|truncated|damaged/i;
    },
    'gzip that is corrupt': (registry) => {
      const bytes = gzipSync(layerTar([file('x', randomBytes(100_000))]));
      bytes.fill(0xff, 40_000, 40_100);
      layerIs(registry, bytes);
      // stored as it is, for it does not pack: the checksum is not computed, the diff id tells
      return /damaged|wrong diff id/;
    },
    'a layer of another diff id than the config has': (registry) => {
      layerIs(registry, gzipSync(layerTar([file('x', 'other')])));
      return /diff id|diffID/i;
    },
    'a layer that climbs out': (registry) => {
      const tar = layerTar([file('../../evil', 'x')]);
      const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [digestOf(tar)] } }));
      registry.addManifest(NAME, 'v1', OCI_MANIFEST, manifestOf(registry, config, [gzipSync(tar)]));
      return /\.\.\/\.\.\/evil/;
    },
    'more layers than the config has': (registry) => {
      served(registry, ({ layers }) => layers.push(layers[0]!));
      return /layers|diff_ids|mismatch/;
    },
    'a config that is no config': (registry) => {
      registry.addManifest(NAME, 'v1', OCI_MANIFEST, manifestOf(registry, Buffer.from('[]'), []));
      return /config/i;
    },
    'schema 1': (registry) => {
      registry.addManifest(NAME, 'v1', 'application/vnd.docker.distribution.manifest.v1+prettyjws', { schemaVersion: 1, name: NAME, tag: 'v1', fsLayers: [] });
      return /schema ?(version )?1|v1/i;
    },
    'no image at all': (registry) => {
      registry.addManifest(NAME, 'v1', OCI_MANIFEST, {
        ...manifestOf(registry, Buffer.from('{}'), []),
        config: { mediaType: 'application/vnd.example.thing', digest: registry.addBlob(Buffer.from('{}')), size: 2 },
      });
      return /unsupported|not an image|mediaType|media type|artifact/i;
    },
  };
  for (const driver of ['overlay', 'erofs'] as const) {
    test(`with ${driver}: the error is clear, the store is as before, what is right then comes`, async (t) => {
      const ground = imageGround(t, driver);
      const engine = ground.engine();
      const registry = await fakeRegistry(t);
      const name = `${registry.host}/${NAME}:v1`;
      for (const [what, damage] of Object.entries(cases)) {
        await t.test(what, async () => {
          registry.blobs.clear();
          registry.manifests.clear();
          await engine.images.prune({ all: true });
          const message = damage(registry);
          const before = settledListing(ground.dataRoot);
          await assert.rejects(engine.images.pull(name), (error: Error & { kind?: string }) => {
            assert.match(error.message, message);
            assert.ok(['invalid', 'unavailable'].includes(error.kind ?? ''), `${error.kind}: ${error.stack}`);
            return true;
          });
          assert.deepEqual(await engine.images.list(), []);
          await engine.images.prune();
          // what came whole and right in a layer that was to be resumed may stay for the next try; wrong bytes may not
          assert.deepEqual(settledListing(ground.dataRoot), before);
          registry.blobs.clear();
          registry.manifests.clear();
          const { id } = serveImage(registry, NAME, 'v1', ['one', randomBytes(200_000)]);
          assert.equal((await engine.images.pull(name))[0]!.id, id);
          await engine.images.remove(name);
        });
      }
    });
  }
});

describe('a transfer that is cut off', () => {
  test('a registry that goes away in the middle: the pull is taken up again where it was', async (t) => {
    const ground = imageGround(t);
    const registry = await fakeRegistry(t);
    const engine = ground.engine({ registries: { retries: { attempts: 2, baseMs: 10 } } });
    const name = `${registry.host}/${NAME}:v1`;
    const { id, layers } = serveImage(registry, NAME, 'v1', [randomBytes(4_000_000)]);
    const half = layers[0]!.length >> 1;
    let sent = 0;
    let down = true;
    registry.hook = (request, response, url) => {
      if (!url.pathname.includes('/blobs/') || !url.pathname.endsWith(digestPath(layers[0]!))) return false;
      const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      if (!down) {
        sent += layers[0]!.length - from;
        return false;
      }
      if (from > 0) {
        response.destroy();
        return true;
      }
      response.writeHead(200, { 'content-length': String(layers[0]!.length) });
      response.write(layers[0]!.subarray(0, half), () => setTimeout(() => response.destroy(), 100));
      return true;
    };
    await assert.rejects(engine.images.pull(name), { kind: 'unavailable' });
    const partial = `${ground.dataRoot}/ingest/${digestPath(layers[0]!)}`;
    const have = statSync(partial).size;
    assert.ok(have > 0 && have <= half, `${have} of ${half}`);
    // a collect leaves a young one alone
    await engine.images.prune();
    down = false;
    assert.equal((await engine.images.pull(name))[0]!.id, id);
    assert.equal(sent, layers[0]!.length - have, 'only what was missing came');
    assert.deepEqual(garbage(ground.dataRoot), []);
  });

  test('^C: exit code 130, nothing but what can be taken up again', async (t) => {
    const ground = imageGround(t);
    const registry = await fakeRegistry(t);
    const name = `${registry.host}/${NAME}:v1`;
    const { layers } = serveImage(registry, NAME, 'v1', [randomBytes(3_000_000)]);
    let stalled = Promise.withResolvers<void>();
    registry.hook = (_request, response, url) => {
      if (!url.pathname.endsWith(digestPath(layers[0]!))) return false;
      response.writeHead(200, { 'content-length': String(layers[0]!.length) });
      response.write(layers[0]!.subarray(0, 1_000_000), () => setTimeout(stalled.resolve, 300));
      return true;
    };
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const child = spawn(`${projectDir}/bin/kobako`, ['pull', name], { env: ground.env, stdio: ['ignore', 'pipe', 'pipe'] });
      let stderr = '';
      child.stderr.on('data', (part: Buffer) => (stderr += part.toString()));
      const ended = once(child, 'exit') as Promise<[number | null]>;
      await stalled.promise;
      stalled = Promise.withResolvers();
      child.kill(signal);
      assert.equal((await ended)[0], code, stderr);
      assert.equal(stderr, '', 'as docker: who has pressed ^C knows');
      assert.deepEqual(garbage(ground.dataRoot), [`ingest/${digestPath(layers[0]!)}`]);
    }
    registry.hook = undefined;
    await ground.ok('pull', '-q', name);
    assert.deepEqual(garbage(ground.dataRoot), []);
  });

  test('a full disk: said so, nothing lost, and room is enough to go on', async (t) => {
    const folder = tempFor(t);
    mkdirSync(`${folder}/small`);
    assert.equal((await run('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', `${folder}/small`])).code, 0);
    await using _mount = { [Symbol.asyncDispose]: async () => void (await run('umount', ['--lazy', `${folder}/small`])) };
    const ground = imageGround(t, undefined, `${folder}/small/data`);
    const registry = await fakeRegistry(t);
    const name = `${registry.host}/${NAME}`;
    serveImage(registry, NAME, 'small', ['a little']);
    serveImage(registry, NAME, 'big', [randomBytes(14_000_000)]);
    await ground.ok('pull', '-q', `${name}:small`);
    const before = settledListing(ground.dataRoot);
    const full = async (args: readonly string[], input?: string) => {
      const result = await ground.kobako(args, input === undefined ? {} : { input });
      assert.equal(result.code, 1);
      assert.match(result.stderr, /no space left on device/);
      assert.deepEqual(settledListing(ground.dataRoot), before, args.join(' '));
    };
    await full(['pull', `${name}:big`]);
    writeFileSync(`${folder}/big.tar`, layerTar([file('big', randomBytes(14_000_000))]));
    writeFileSync(`${folder}/big.tar.gz`, gzipSync(readFileSync(`${folder}/big.tar`), { level: 1 }));
    await full(['import', `${folder}/big.tar`]);
    await full(['import', `${folder}/big.tar.gz`]);
    await full(['load', '-i', `${folder}/big.tar.gz`]);
    assert.match(await ground.ok('images'), /small/);
    // whole to the last block: what is there can still be listed and removed
    await run('sh', ['-c', 'cat /dev/zero > "$1"', 'sh', `${folder}/small/fill`]);
    assert.match(await ground.ok('images'), /small/);
    const stuck = await ground.kobako(['rmi', `${name}:small`]);
    if (stuck.code !== 0) assert.match(stuck.stderr, /no space left on device/);
    rmSync(`${folder}/small/fill`);
    if (stuck.code !== 0) await ground.ok('rmi', `${name}:small`);
    assert.equal((await run('mount', ['-o', 'remount,size=200m', `${folder}/small`])).code, 0);
    await ground.ok('pull', '-q', `${name}:big`);
    await ground.ok('rmi', `${name}:big`);
    assert.deepEqual(garbage(ground.dataRoot), []);
  });

  test('SIGKILL at random moments of pull, load, rmi and run', { timeout: 300_000 }, async (t) => {
    const ground = imageGround(t);
    const registry = await fakeRegistry(t);
    const name = `${registry.host}/${NAME}:v1`;
    const { id } = serveImage(
      registry,
      NAME,
      'v1',
      Array.from({ length: 4 }, () => randomBytes(1_500_000)),
    );
    await importBusybox(ground, 'box');
    await ground.sh('k pull -q "$1"; k save -o "$2" "$1" box', name, `${ground.folder}/saved.tar`);
    const commands = [
      ['pull', '-q', name],
      ['load', '-q', '-i', `${ground.folder}/saved.tar`],
      ['rmi', '-f', name],
      ['run', '--rm', 'box', 'true'],
    ];
    for (let round = 0; round < 24; round++) {
      const args = commands[round % commands.length]!;
      if (args[0] === 'pull' || args[0] === 'load') await ground.kobako(['rmi', '-f', name]);
      const child = spawn(`${projectDir}/bin/kobako`, args, { env: ground.env, stdio: 'ignore' });
      const ended = once(child, 'exit');
      await sleep(60 + Math.random() * 400);
      child.kill('SIGKILL');
      await ended;
      // whatever happened, the next one works
      if (args[0] !== 'run') await ground.ok('pull', '-q', name);
      assert.match(await ground.ok('image', 'inspect', name), new RegExp(id), `round ${round}: ${args[0]}`);
    }
    assert.equal(await ground.ok('run', '--rm', 'box', 'echo', 'works'), 'works\n');
    const { stdout } = await ground.kobako(['ps', '-aq']);
    for (const container of stdout.split('\n').filter(Boolean)) await ground.ok('rm', '-f', container);
    await ground.ok('rmi', '-f', name);
    await ground.ok('image', 'prune', '-f');
    assert.deepEqual(
      garbage(ground.dataRoot).filter((path) => !/^ingest\/[0-9a-f]{64}$/.test(path)),
      [],
    );
    assert.deepEqual(readdirSync(`${ground.dataRoot}/oci/blobs/sha256`).length, 3, 'box: a manifest, a config, a layer');
  });
});

describe('at the same time', () => {
  test('two processes pull the same image: each byte comes once', async (t) => {
    const ground = imageGround(t);
    const registry = await fakeRegistry(t);
    const name = `${registry.host}/${NAME}:v1`;
    const { id, layers } = serveImage(registry, NAME, 'v1', [randomBytes(2_000_000), randomBytes(1_000_000), 'small']);
    registry.hook = async () => {
      await sleep(50);
      return false;
    };
    const results = await Promise.all(Array.from({ length: 4 }, () => ground.kobako(['pull', '-q', name])));
    assert.deepEqual(
      results,
      results.map(() => ({ code: 0, signal: null, stdout: `${name}\n`, stderr: '' })),
    );
    assert.equal((await ground.ok('images', '-q', '--no-trunc')).trim(), id);
    for (const bytes of layers) assert.equal(registry.lines().filter((line) => line.startsWith('GET') && line.endsWith(digestPath(bytes))).length, 1);
    assert.deepEqual(garbage(ground.dataRoot), []);
  });

  test('who waits for what another one pulls, or for a thread, can give up, and holds up nobody', async (t) => {
    const ground = imageGround(t);
    const engine = ground.engine();
    const registry = await fakeRegistry(t);
    const slow = `${registry.host}/${NAME}:slow`;
    const { layers } = serveImage(registry, NAME, 'slow', [randomBytes(500_000), randomBytes(500_001), randomBytes(500_002), randomBytes(500_003)]);
    serveImage(registry, NAME, 'quick', ['quick']);
    let stalled = 0;
    registry.hook = (_request, response, url) => {
      const bytes = layers.find((layer) => url.pathname.endsWith(digestPath(layer)));
      if (bytes === undefined) return false;
      response.writeHead(200, { 'content-length': String(bytes.length) });
      response.write(bytes.subarray(0, 1000));
      stalled++;
      return true;
    };
    const pull = (name: string) => {
      const abort = new AbortController();
      return { abort, result: engine.images.pull(name, { signal: abort.signal }) };
    };
    const first = pull(slow);
    first.result.catch(() => {});
    while (stalled < 2) await sleep(10);
    // one waits for the layers that the first one pulls, the other for a thread of his own
    const others = [pull(slow), pull(`${registry.host}/${NAME}:quick`)];
    const ended = others.map(({ result }) => assert.rejects(result, { kind: 'cancelled' }));
    await sleep(200);
    for (const { abort } of others) abort.abort();
    await Promise.all(ended);
    first.abort.abort();
    await assert.rejects(first.result, { kind: 'cancelled' });
    registry.hook = undefined;
    await engine.images.pull(slow);
    await engine.images.remove(slow);
    assert.deepEqual(readdirSync(`${ground.dataRoot}/oci/blobs/sha256`), [], 'nobody stands in the way of a collection');
  });

  test('a name is given while nothing is collected', async (t) => {
    const ground = imageGround(t);
    const engine = ground.engine();
    await ground.sh('printf x > "$1"; tar -C "${1%/*}" -c x | k import - one', `${ground.folder}/x`);
    const collecting = linuxFileLocks.tryLock(`${ground.dataRoot}/ingest.lock`, 'exclusive')!;
    let named = false;
    const naming = engine.images.tag('one', 'two').then(() => (named = true));
    await sleep(200);
    assert.equal(named, false);
    collecting[Symbol.dispose]();
    await naming;
    assert.equal((await engine.images.inspect('two')).repoTags.length, 2);
  });

  test('rmi while another image is pulled: what could not be collected then goes afterwards', async (t) => {
    const ground = imageGround(t);
    const registry = await fakeRegistry(t);
    const name = `${registry.host}/${NAME}:v1`;
    const { layers } = serveImage(registry, NAME, 'v1', [randomBytes(500_000)]);
    await ground.sh('printf x > "$1"; tar -C "${1%/*}" -c x | k import - other', `${ground.folder}/x`);
    const asked = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    registry.hook = async (_request, _response, url) => {
      if (!url.pathname.endsWith(digestPath(layers[0]!))) return false;
      asked.resolve();
      await go.promise;
      return false;
    };
    const pulling = ground.kobako(['pull', '-q', name]);
    await asked.promise;
    await ground.ok('rmi', 'other');
    assert.equal(await ground.ok('images', '-q'), '');
    go.resolve();
    assert.equal((await pulling).code, 0);
    assert.deepEqual(readdirSync(`${ground.dataRoot}/oci/blobs/sha256`).length, 3, 'of what was pulled only');
    assert.deepEqual(garbage(ground.dataRoot), []);
  });

  test('20 runs of an image while its name is taken away: each works or says what is missing', async (t) => {
    const ground = imageGround(t);
    await importBusybox(ground, 'box');
    const start = () => ground.kobako(['run', '--rm', '--pull', 'never', 'box', 'echo', 'ran']);
    const first = await Promise.all(Array.from({ length: 20 }, start));
    assert.deepEqual(
      first,
      first.map(() => ({ code: 0, signal: null, stdout: 'ran\n', stderr: '' })),
    );
    const runs = Array.from({ length: 20 }, start);
    await sleep(500);
    const removed = ground.kobako(['rmi', '-f', 'box']);
    for (const { code, stdout, stderr } of await Promise.all(runs)) {
      if (code === 0) assert.equal(stdout, 'ran\n');
      else assert.deepEqual([code, stderr], [125, 'kobako: No such image: box:latest\n']);
    }
    assert.equal((await removed).code, 0);
    await ground.ok('image', 'prune', '-af');
    assert.deepEqual(garbage(ground.dataRoot), []);
    assert.deepEqual(readdirSync(`${ground.dataRoot}/oci/blobs/sha256`), []);
  });

  test('20 runs in one process', async (t) => {
    const ground = imageGround(t);
    const engine = ground.engine();
    await importBusybox(ground, 'box');
    const plan = await engine.plan(await runOptions(ground));
    assert.ok(plan.text().includes('box') || plan.text().length > 0);
    const codes = await Promise.all(Array.from({ length: 20 }, async () => (await (await engine.run(await runOptions(ground))).wait()).status));
    assert.deepEqual(
      codes,
      Array.from({ length: 20 }, () => 3),
    );
  });

  test('a layer for writes that nobody owns, and trash, go with the next command', async (t) => {
    const ground = imageGround(t, 'overlay');
    await importBusybox(ground, 'box');
    mkdirSync(`${ground.dataRoot}/overlay/writable/${'a'.repeat(64)}/diff`, { recursive: true });
    await ground.ok('images');
    assert.deepEqual(garbage(ground.dataRoot), []);
    mkdirSync(`${ground.dataRoot}/overlay/trash/left/deep`, { recursive: true });
    mkdirSync(`${ground.dataRoot}/overlay/tmp/left`, { recursive: true });
    writeFileSync(`${ground.dataRoot}/ingest/new-1-1`, 'x');
    mkdirSync(`${ground.dataRoot}/accounts/view-x`, { recursive: true });
    await ground.ok('image', 'prune', '-f');
    assert.deepEqual(garbage(ground.dataRoot), []);
  });
});

async function runOptions(_ground: Ground): Promise<Parameters<ReturnType<Ground['engine']>['run']>[0]> {
  const { runOptions: parse } = await import('../../src/cli/run-options.ts');
  const { parseFlags } = await import('../../src/cli/flags.ts');
  const { RUN_FLAGS } = await import('../../src/cli/run-flags.ts');
  return parse(parseFlags(RUN_FLAGS, ['--rm', 'box', 'sh', '-c', 'exit 3']), { env: {}, cwd: '/', readFile: () => '' } as never);
}

/** Without what is being removed just now, and what may be taken up again. */
function settledListing(dataRoot: string): string[] {
  return listing(dataRoot).filter((path) => !/^\/(ingest\/[0-9a-f]{64}$|(overlay|erofs)\/trash\/)/.test(path));
}

function digestPath(bytes: Buffer): string {
  return sha(bytes);
}

function sha(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function manifestOf(registry: FakeRegistry, config: Buffer, layers: readonly Buffer[]) {
  return {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest: registry.addBlob(config), size: config.length },
    layers: layers.map((bytes) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: registry.addBlob(bytes), size: bytes.length })),
  };
}

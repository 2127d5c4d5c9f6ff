/** Archives of images in all their kinds, in and out; hostile ones; and stores of many images. */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { EngineError } from '../../src/base/errors.ts';
import { digestOf } from '../../src/image/manifest.ts';
import { imageArchive } from '../support/image-archive.ts';
import { garbage, imageGround, importBusybox, listing, type Ground } from '../support/image-ground.ts';
import { file, layerTar, link, symlink, type LayerEntry } from '../support/layers.ts';
import { noPeers } from '../support/peers.ts';
import { run, runOk } from '../support/run.ts';

const ARCH = process.arch === 'arm64' ? 'arm64' : 'amd64';

function configOf(layers: readonly Buffer[], more: object = {}): string {
  return JSON.stringify({ architecture: ARCH, os: 'linux', config: { Cmd: ['x'] }, rootfs: { type: 'layers', diff_ids: layers.map(digestOf) }, ...more });
}

describe('kinds of archives', () => {
  test('of an old Docker: folders, a layer that links to another, several images', async (t) => {
    const ground = imageGround(t);
    const engine = ground.engine();
    const [one, two] = [layerTar([file('a', 'one')]), layerTar([file('b', 'two')])];
    const [first, second] = [configOf([one, two, one]), configOf([one])];
    const archive = layerTar([
      file('1/layer.tar', one),
      file('1/VERSION', '1.0'),
      file('2/layer.tar', two),
      symlink('3/layer.tar', '../1/layer.tar'),
      link('4/layer.tar', '1/layer.tar'),
      file('first.json', first),
      file('second.json', second),
      file(
        'manifest.json',
        JSON.stringify([
          { Config: 'first.json', RepoTags: ['first:1', 'first:2'], Layers: ['1/layer.tar', '2/layer.tar', '3/layer.tar'] },
          { Config: 'second.json', RepoTags: null, Layers: ['4/layer.tar'] },
        ]),
      ),
      file('repositories', '{}'),
    ]);
    const id = digestOf(Buffer.from(first));
    for (const [what, bytes] of Object.entries({ plain: archive, gzip: gzipSync(archive), zstd: zstdCompressSync(archive) })) {
      writeFileSync(`${ground.folder}/${what}`, bytes);
      const expected = `Loaded image: first:1\nLoaded image: first:2\nLoaded image ID: ${digestOf(Buffer.from(second))}\n`;
      for (const script of ['k load -i "$1"', 'k load < "$1"', 'k load -i <(cat "$1")', 'k load -q -i "$1"']) {
        assert.equal(await ground.sh(script, `${ground.folder}/${what}`), expected, `${what}: ${script}`);
        assert.deepEqual((await engine.images.inspect('first:1')).layers, [one, two, one].map(digestOf));
        assert.equal((await engine.images.list({ filters: { dangling: ['true'] } })).length, 1);
        await ground.sh('k rmi -f $(k images -q | sort -u) >&2');
        assert.deepEqual(garbage(ground.dataRoot), []);
      }
    }
    // the same store from the bytes of a program
    const [loaded] = await engine.images.load(
      (async function* () {
        yield* [archive.subarray(0, 3), archive.subarray(3)];
      })(),
    );
    assert.deepEqual(loaded, { id, names: ['first:1', 'first:2'] });
  });

  test('packed layers, an empty layer, a layer of no bytes', async (t) => {
    const ground = imageGround(t);
    const engine = ground.engine();
    const layers = [layerTar([file('a', 'one')]), layerTar([file('b', 'two')]), layerTar([]), Buffer.alloc(0)];
    const config = configOf(layers);
    writeFileSync(
      `${ground.folder}/x.tar`,
      layerTar([
        file('0', gzipSync(layers[0]!)),
        file('1', zstdCompressSync(layers[1]!)),
        file('2', layers[2]!),
        file('3', ''),
        file('c', config),
        file('manifest.json', JSON.stringify([{ Config: 'c', RepoTags: ['packed:1'], Layers: ['0', '1', '2', '3'] }])),
      ]),
    );
    await ground.ok('load', '-i', `${ground.folder}/x.tar`);
    assert.equal((await engine.images.inspect('packed:1')).id, digestOf(Buffer.from(config)));
    await ground.ok('save', '-o', `${ground.folder}/again.tar`, 'packed:1');
    await ground.ok('rmi', 'packed:1');
    await ground.ok('load', '-i', `${ground.folder}/again.tar`);
    assert.equal((await engine.images.inspect('packed:1')).id, digestOf(Buffer.from(config)));
  });

  test('packed as a whole: by gzip, zstd, bzip2, xz; from a file and from a pipe; damaged', async (t) => {
    const ground = imageGround(t);
    const layer = layerTar([file('a', randomBytes(300_000))]);
    const { bytes, ids } = imageArchive({ names: ['whole:1'], layers: [layer] });
    const archive = `${ground.folder}/x.tar`;
    writeFileSync(archive, bytes);
    for (const program of ['gzip', 'zstd', 'bzip2', 'xz']) {
      const packed = `${ground.folder}/x.${program}`;
      if (program === 'zstd') writeFileSync(packed, zstdCompressSync(bytes));
      else await ground.sh('"$1" -c < "$2" > "$3"', program, archive, packed);
      assert.equal(await ground.ok('load', '-i', packed), 'Loaded image: whole:1\n', program);
      assert.match(await ground.ok('rmi', 'whole:1'), new RegExp(`Deleted: ${ids[0]}`));
      assert.equal(await ground.sh('k load < "$1"', packed), 'Loaded image: whole:1\n', program);
      assert.match(await ground.ok('rmi', 'whole:1'), new RegExp(`Deleted: ${ids[0]}`));
      const imported = (await ground.ok('import', packed)).trim();
      assert.match(await ground.ok('image', 'inspect', '-f', '{{json .RootFS.Layers}}', imported), new RegExp(`^\\["${digestOf(bytes)}"\\]$`, 'm'), program);
      await ground.ok('rmi', imported);
      await ground.sh('head -c 1000 "$1" > "$2"', packed, `${packed}-half`);
      const half = await ground.kobako(['load', '-i', `${packed}-half`]);
      assert.equal(half.code, 1, program);
      assert.match(half.stderr, /damaged|truncated|unexpected end/, program);
    }
    assert.deepEqual(garbage(ground.dataRoot), []);
  });

  test('saved by tag, by repository, by id; to a file that is whole or not there', async (t) => {
    const ground = imageGround(t);
    const id = await importBusybox(ground, 'box:1');
    await ground.ok('tag', 'box:1', 'box:2');
    await ground.ok('tag', 'box:1', 'other');
    const tags = async (...names: string[]) => {
      const text = await ground.sh('k save "$@" | tar -xO manifest.json', ...names);
      return (JSON.parse(text) as { RepoTags: string[] | null }[]).map(({ RepoTags }) => RepoTags?.toSorted() ?? null);
    };
    assert.deepEqual(await tags('box:1'), [['box:1']]);
    assert.deepEqual(await tags('box'), [['box:1', 'box:2']]);
    assert.deepEqual(await tags('box', 'other'), [['box:1', 'box:2', 'other:latest']]);
    assert.deepEqual(await tags(id), [null]);
    assert.deepEqual(await tags(id.slice(7, 19)), [null]);
    const missing = await ground.kobako(['save', '-o', `${ground.folder}/none.tar`, 'box:1', 'missing']);
    assert.deepEqual([missing.code, missing.stderr], [1, 'kobako: No such image: missing\n']);
    assert.ok(!existsSync(`${ground.folder}/none.tar`));
    assert.equal(await ground.ok('save', '-o', '/dev/null', 'box:1'), '');
    const before = listing(ground.folder).filter((path) => !path.startsWith('/data'));
    const nowhere = await ground.kobako(['save', '-o', `${ground.folder}/no/such/folder.tar`, 'box:1']);
    assert.match(nowhere.stderr, /no such file or directory/);
    assert.deepEqual(
      listing(ground.folder).filter((path) => !path.startsWith('/data')),
      before,
    );
  });

  test('import: what is not there is said, in one line', async (t) => {
    const ground = imageGround(t);
    for (const args of [
      ['import', '/no/such.tar'],
      ['load', '-i', '/no/such.tar'],
    ]) {
      assert.deepEqual(await ground.kobako(args), { code: 1, signal: null, stdout: '', stderr: 'kobako: open /no/such.tar: no such file or directory\n' });
    }
    assert.match((await ground.kobako(['load', '-i', '/'])).stderr, /^kobako: read \/: is a directory\n$/);
    assert.match((await ground.kobako(['import', 'http://127.0.0.1:1/y.tar'])).stderr, /^kobako: Get "http:\/\/127\.0\.0\.1:1\/y\.tar": [^\n]+\n$/);
  });

  test('skopeo reads the store in place, and we load the OCI layout that it makes', { skip: noPeers() ?? false }, async (t) => {
    const ground = imageGround(t);
    const id = await importBusybox(ground, 'box:1');
    const sid = `${process.env['PEERS'] ?? '/var/tmp/peers'}/sid`;
    const triplet = `${ARCH === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
    const loader = ARCH === 'arm64' ? 'lib/ld-linux-aarch64.so.1' : 'lib64/ld-linux-x86-64.so.2';
    const skopeo = async (...args: string[]) => {
      const libraries = `${sid}/usr/lib/${triplet}`;
      const { stdout } = await runOk(`${sid}/usr/${loader}`, ['--library-path', libraries, `${sid}/usr/bin/skopeo`, '--insecure-policy', ...args], {
        env: ground.env,
      });
      return stdout;
    };
    const layout = `oci:${ground.dataRoot}/oci:docker.io/library/box:1`;
    assert.equal((JSON.parse(await skopeo('inspect', '--config', layout)) as { os: string }).os, 'linux');
    await skopeo('copy', '-q', layout, `oci-archive:${ground.folder}/oci.tar:docker.io/library/copied:2`);
    await skopeo('copy', '-q', layout, `docker-archive:${ground.folder}/docker.tar:copied:3`);
    await ground.ok('rmi', 'box:1');
    assert.equal(await ground.ok('load', '-i', `${ground.folder}/oci.tar`), 'Loaded image: copied:2\n');
    assert.equal(await ground.ok('load', '-i', `${ground.folder}/docker.tar`), 'Loaded image: copied:3\n');
    assert.deepEqual(new Set((await ground.ok('images', '-q', '--no-trunc')).trim().split('\n')), new Set([id]));
    assert.equal(await ground.ok('run', '--rm', 'copied:2', 'echo', 'hi'), 'hi\n');
  });
});

describe('hostile archives', () => {
  const layer = layerTar([file('a', 'one')]);
  const config = configOf([layer]);
  const manifest = (value: unknown) => file('manifest.json', typeof value === 'string' ? value : JSON.stringify(value));
  const good = { Config: 'c', RepoTags: ['x:1'], Layers: ['l'] };
  const base = [file('c', config), file('l', layer)];
  const cases: Readonly<Record<string, readonly [entries: readonly LayerEntry[], message: RegExp]>> = {
    'no list': [[...base, manifest({})], /manifest\.json is not a list/],
    'no JSON': [[...base, manifest('{')], /manifest\.json/],
    'nothing in it': [[...base, manifest([])], /no image/],
    'null in it': [[...base, manifest([null])], /no Config/],
    'wrong types': [[...base, manifest([{ ...good, Layers: [{}] }])], /Layers in manifest\.json is not a list of strings/],
    'a tag that is none': [[...base, manifest([{ ...good, RepoTags: ['UPPER:1'] }])], /must be lowercase/],
    'a digest for a tag': [[...base, manifest([{ ...good, RepoTags: [`x@sha256:${'0'.repeat(64)}`] }])], /invalid tag/],
    'a path outside': [[...base, manifest([{ ...good, Config: '../../../../etc/passwd' }])], /etc\/passwd is missing/],
    'a link to outside': [[symlink('c', '/etc/passwd'), file('l', layer), manifest([good])], /c is missing/],
    'links in a ring': [[symlink('c', 'd'), symlink('d', 'c'), file('l', layer), manifest([good])], /c is missing/],
    'a layer that is missing': [[...base, manifest([{ ...good, Layers: ['m'] }])], /m is missing/],
    'more layers than the config has': [[...base, manifest([{ ...good, Layers: ['l', 'l'] }])], /layers length mismatch: expected 1, got 2/],
    'another layer than the config has': [[file('c', config), file('l', layerTar([file('b', 'x')])), manifest([good])], /digest|diff id/i],
    'a layer that climbs out': [
      [file('c', configOf([layerTar([file('../../x', '')])])), file('l', layerTar([file('../../x', '')])), manifest([good])],
      /\.\.\/\.\.\/x/,
    ],
    'a huge manifest': [[...base, manifest(`[${' '.repeat(9 << 20)}]`)], /manifest\.json has \d+ bytes, more than/],
    'deep nesting': [[...base, manifest('['.repeat(100_000))], /manifest\.json/],
    'more layers than can be stacked': [
      [file('c', configOf(Array<Buffer>(1000).fill(layer))), file('l', gzipSync(layer)), manifest([{ ...good, Layers: Array<string>(1000).fill('l') }])],
      /max depth exceeded: the image has 1000 layers/,
    ],
    'names without end': [
      [...base, manifest([good]), ...Array.from({ length: 600 }, (_, number) => file(String(number).padEnd(30_000, 'x')))],
      /bytes of names/,
    ],
    'neither kind': [[file('readme', 'x')], /neither manifest\.json nor index\.json/],
  };
  test('each is refused for what it is, and leaves nothing', async (t) => {
    const ground = imageGround(t);
    const engine = ground.engine();
    await engine.images.list();
    const before = listing(ground.dataRoot);
    for (const [what, [entries, message]] of Object.entries(cases)) {
      writeFileSync(`${ground.folder}/bad.tar`, layerTar(entries));
      await assert.rejects(engine.images.load(`${ground.folder}/bad.tar`), (error: Error) => {
        assert.ok(error instanceof EngineError && error.kind === 'invalid', `${what}: ${error.stack}`);
        assert.match(error.message, message, what);
        return true;
      });
      assert.deepEqual(await engine.images.list(), [], what);
    }
    await engine.images.prune();
    assert.deepEqual(
      listing(ground.dataRoot).filter((path) => !path.includes('/trash/')),
      before,
    );
  });

  test('one document under thousands of names is read once', { timeout: 100_000 }, async (t) => {
    const ground = imageGround(t);
    const engine = ground.engine();
    const long = configOf([layer], { author: 'x'.repeat(7 << 20) });
    const tags = Array.from({ length: 3000 }, (_, number) => `many:${number}`);
    const images = tags.map((tag, number) => ({ Config: `c${number}`, RepoTags: [tag], Layers: ['l'] }));
    writeFileSync(
      `${ground.folder}/x.tar`,
      layerTar([file('c', long), file('l', layer), ...tags.map((_, number) => link(`c${number}`, 'c')), manifest(images)]),
    );
    const loaded = await engine.images.load(`${ground.folder}/x.tar`);
    assert.deepEqual(
      loaded.map(({ names }) => names),
      [tags],
    );
    await engine.images.remove(loaded[0]!.id, { force: true });
    const digest = digestOf(Buffer.from(long));
    const index = JSON.stringify({
      schemaVersion: 2,
      manifests: Array.from({ length: 5000 }, () => ({ mediaType: 'application/vnd.oci.image.index.v1+json', digest, size: 1 })),
    });
    writeFileSync(`${ground.folder}/x.tar`, layerTar([file(`blobs/sha256/${digest.slice(7)}`, long), file('index.json', index)]));
    await assert.rejects(engine.images.load(`${ground.folder}/x.tar`), { kind: 'invalid' });
  });

  test('documents that are many and long are refused, and who gives up is heard', { timeout: 100_000 }, async (t) => {
    const ground = imageGround(t);
    const engine = ground.engine();
    const configs = Array.from({ length: 18 }, (_, number) => configOf([layer], { author: String(number).padEnd(7_800_000) }));
    const images = configs.map((_, number) => ({ Config: `c${number}`, Layers: ['l'] }));
    writeFileSync(`${ground.folder}/x.tar`, layerTar([file('l', layer), ...configs.map((text, number) => file(`c${number}`, text)), manifest(images)]));
    await assert.rejects(engine.images.load(`${ground.folder}/x.tar`), { kind: 'invalid', message: /manifests and configurations .* have more than/ });
    const signal = AbortSignal.abort();
    await assert.rejects(engine.images.load(`${ground.folder}/x.tar`, { signal }), { kind: 'cancelled' });
    assert.deepEqual(await engine.images.list(), []);
  });

  test('mutated: loaded or refused, never a crash, never something half', { timeout: 200_000 }, async (t) => {
    const ground = imageGround(t, 'overlay');
    const engine = ground.engine();
    const whole = await savedBytes(ground);
    const path = `${ground.folder}/fuzz.tar`;
    let refused = 0;
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(whole);
      for (let count = randomInt(1, 6); count > 0; count--) {
        // the headers and documents matter more than a layer's data
        const at = randomInt(2) === 0 ? randomInt(bytes.length >> 9) * 512 + randomInt(160) : randomInt(bytes.length);
        bytes[Math.min(at, bytes.length - 1)] = randomInt(256);
      }
      writeFileSync(path, randomInt(5) === 0 ? bytes.subarray(0, randomInt(bytes.length)) : bytes);
      try {
        await engine.images.load(path);
      } catch (error) {
        assert.ok(error instanceof EngineError && error.kind !== 'internal', `round ${round}: ${(error as Error).stack}`);
        refused++;
      }
      for (const image of await engine.images.list()) {
        const { layers } = await engine.images.inspect(image.id);
        assert.ok(layers.length === 2, 'what is there is whole');
        await engine.images.remove(image.id, { force: true });
      }
    }
    assert.ok(refused > 30, `${refused} were refused`);
    await engine.images.prune();
    assert.deepEqual(
      garbage(ground.dataRoot).filter((name) => !name.includes('/trash/')),
      [],
    );
  });
});

/** A small archive as we save it. */
async function savedBytes(ground: Ground): Promise<Buffer> {
  const layers = [layerTar([file('a', 'one')]), layerTar([file('b', randomBytes(2000))])];
  writeFileSync(
    `${ground.folder}/x.tar`,
    layerTar([
      file('0', layers[0]!),
      file('1', gzipSync(layers[1]!)),
      file('c', configOf(layers)),
      file('manifest.json', JSON.stringify([{ Config: 'c', RepoTags: ['x:1', 'y:2'], Layers: ['0', '1'] }])),
    ]),
  );
  await ground.ok('load', '-i', `${ground.folder}/x.tar`);
  await ground.ok('save', '-o', `${ground.folder}/saved.tar`, 'x', 'y');
  await ground.ok('rmi', 'x:1', 'y:2');
  return readFileSync(`${ground.folder}/saved.tar`);
}

describe('many images', () => {
  test('a thousand are listed, and one removed, in milliseconds', { timeout: 200_000 }, async (t) => {
    const ground = imageGround(t, 'overlay');
    const engine = ground.engine();
    const shared = layerTar([file('a', 'shared')]);
    const configs = Array.from({ length: 1000 }, (_, n) =>
      configOf([shared], { created: new Date(1_700_000_000_000 + n * 1000).toISOString(), author: String(n) }),
    );
    writeFileSync(
      `${ground.folder}/many.tar`,
      layerTar([
        file('l', shared),
        ...configs.map((config, n) => file(`c${n}`, config)),
        file('manifest.json', JSON.stringify(configs.map((_, n) => ({ Config: `c${n}`, RepoTags: [`many:${n}`], Layers: ['l'] })))),
      ]),
    );
    const loading = performance.now();
    assert.equal((await engine.images.load(`${ground.folder}/many.tar`)).length, 1000);
    t.diagnostic(`loaded in ${Math.round(performance.now() - loading)} ms`);
    const time = async (work: () => Promise<unknown>, rounds = 5) => {
      const times: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const begun = performance.now();
        await work();
        times.push(performance.now() - begun);
      }
      return Math.min(...times);
    };
    const cold = await time(async () => assert.equal((await ground.engine().images.list()).length, 1000));
    const warm = await time(async () => assert.equal((await engine.images.list()).length, 1000));
    let n = 0;
    const removal = await time(async () => assert.deepEqual((await engine.images.remove(`many:${n++}`))[0], { Untagged: `many:${n - 1}` }));
    t.diagnostic(
      `1000 images: listed in ${cold.toFixed(1)} ms by a new engine, ${warm.toFixed(1)} ms by one that has; one removed in ${removal.toFixed(1)} ms`,
    );
    assert.ok(warm < 100 && cold < 500 && removal < 1000);
  });
});

describe('progress on a terminal', () => {
  test('bars are redrawn in place; what is left on the screen are the last states', async (t) => {
    const ground = imageGround(t);
    const { fakeRegistry } = await import('../support/fake-registry.ts');
    const { serveImage } = await import('../support/image-ground.ts');
    const registry = await fakeRegistry(t);
    const name = `${registry.host}/public/app:v1`;
    const { layers, digest } = serveImage(registry, 'public/app', 'v1', [randomBytes(600_000), randomBytes(600_000)]);
    registry.hook = async (_request, response, url) => {
      const bytes = layers.find((one) => url.pathname.endsWith(digestOf(one)));
      if (bytes === undefined) return false;
      response.writeHead(200, { 'content-length': String(bytes.length) });
      for (let at = 0; at < bytes.length; at += 60_000) {
        response.write(bytes.subarray(at, at + 60_000));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      response.end();
      return true;
    };
    mkdirSync(`${ground.folder}/x`);
    const launcher = new URL('../../bin/kobako', import.meta.url).pathname;
    const { stdout, code } = await run('script', ['-qefc', `stty cols 140 rows 40; ${launcher} pull ${name}`, '/dev/null'], {
      env: { ...ground.env, TERM: 'xterm' },
    });
    rmSync(`${ground.folder}/x`, { recursive: true });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /Downloading \[=+> +\] +\d+(\.\d+)?kB\/600\.\dkB/);
    assert.match(stdout, /kB\/s \ds/);
    const screen = render(stdout);
    const ids = layers.map((bytes) => digestOf(bytes).slice(7, 19));
    assert.deepEqual(screen, [
      'v1: Pulling from public/app',
      ...ids.map((id) => `${id}: Pull complete`),
      `Digest: ${digest}`,
      `Status: Downloaded newer image for ${name}`,
      name,
    ]);
  });
});

/** What a terminal shows after these bytes: as much of one as the bars use. */
function render(text: string): string[] {
  const lines: string[] = [''];
  let row = 0;
  // oxlint-disable-next-line no-control-regex -- what a terminal is sent is made of them
  for (const [token, , count, action] of text.matchAll(/(\x1b\[(\d*)([A-Z]))|[^\x1b]/g)) {
    if (action === 'A') row = Math.max(0, row - Number(count || 1));
    else if (action === 'B') row += Number(count || 1);
    else if (action === 'K') lines[row] = '';
    else if (token === '\n') row++;
    else if (token === '\r') continue;
    else lines[row] = (lines[row] ?? '') + token;
    while (lines.length <= row) lines.push('');
  }
  return lines.filter((line) => line !== '');
}

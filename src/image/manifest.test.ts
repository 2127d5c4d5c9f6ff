import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import type { Descriptor, RawManifest } from './contract.ts';
import {
  digestOf,
  DOCKER_CONFIG,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  MAX_MANIFEST,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
  parseImageConfig,
  parseJson,
  parseManifest,
  requireImage,
  selectImage,
} from './manifest.ts';

const D = `sha256:${'a'.repeat(64)}` as const;
const config = { mediaType: OCI_CONFIG, digest: D, size: 2 };
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: D, size: 3 };
const image = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] };
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const parse = (value: unknown, type?: string) => parseManifest(bytes(value), type, 'docker.io/library/x:y');
const refused = (use: () => unknown, message: RegExp | string) =>
  assert.throws(use, (error: EngineError) => {
    assert.ok(error instanceof EngineError && error.kind === 'invalid', String(error));
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });

test('reads manifests and indexes of both families, by their own type or the declared one', () => {
  assert.equal(parse(image).kind, 'manifest');
  assert.equal(parse({ ...image, mediaType: undefined }, OCI_MANIFEST).mediaType, OCI_MANIFEST);
  assert.equal(parse({ ...image, mediaType: DOCKER_MANIFEST }, `${DOCKER_MANIFEST}; charset=utf-8`).kind, 'manifest');
  const list = { schemaVersion: 2, manifests: [{ ...layer, mediaType: DOCKER_MANIFEST, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }] };
  const parsed = parse({ ...list, mediaType: DOCKER_LIST });
  assert.ok(parsed.kind === 'index' && parsed.index.manifests[0]!.platform!.variant === 'v7');
  assert.equal(parse(list, 'application/json').mediaType, OCI_INDEX);
  assert.equal(parse({ ...image, mediaType: undefined }, 'text/plain').mediaType, OCI_MANIFEST);
});

test('keeps what it does not know', () => {
  const parsed = parse({ ...image, extra: { deep: [1] }, layers: [{ ...layer, data: 'eA==', mediaType: 'application/x.new' }], subject: config });
  assert.ok(parsed.kind === 'manifest');
  assert.deepEqual((parsed.manifest as unknown as { extra: unknown }).extra, { deep: [1] });
  assert.equal((parsed.manifest.layers[0] as unknown as { data: string }).data, 'eA==');
  assert.equal(parsed.manifest.layers[0]!.mediaType, 'application/x.new');
  assert.equal(parsed.manifest.subject!.digest, D);
  assert.deepEqual(parse({ anything: 1 }, 'application/vnd.example+json'), { kind: 'other', mediaType: 'application/vnd.example+json' });
});

test('an artifact is read and is no image: in the words of docker 28', () => {
  const empty = parse({ ...image, config: { ...config, mediaType: 'application/vnd.oci.empty.v1+json' }, artifactType: 'application/x-foo' });
  refused(() => requireImage(empty), 'unsupported media type application/vnd.oci.empty.v1+json');
  refused(() => requireImage(parse({}, 'application/vnd.example+json')), 'unsupported media type application/vnd.example+json');
  assert.equal(requireImage(parse({ ...image, config: { ...config, mediaType: DOCKER_CONFIG } })).layers.length, 1);
  refused(() => requireImage(parse({ ...image, layers: Array.from({ length: 501 }, () => layer) })), /^max depth exceeded: the image has 501 layers/);
  refused(() => requireImage(parse({ ...image, config: { ...config, size: 1e9 } })), /^image configuration is too large/);
});

test('refuses schema 1 in the words of docker 28, signed or not', () => {
  const words =
    'Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. Suggest the author of docker.io/library/x:y to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2. More information at https://docs.docker.com/go/deprecated-image-specs/';
  refused(() => parse({ schemaVersion: 1, fsLayers: [] }, 'application/vnd.docker.distribution.manifest.v1+prettyjws'), words);
  refused(() => parse({ schemaVersion: 1, fsLayers: [] }, 'application/json'), words);
});

test('refuses two types at once, and one document that is image and index (CVE-2021-41190)', () => {
  refused(() => parse(image, DOCKER_MANIFEST), `mediaType in manifest should be '${DOCKER_MANIFEST}' not '${OCI_MANIFEST}'`);
  refused(() => parse({ ...image, manifests: [] }), /expected 'layers' but found 'manifests'/);
  refused(() => parse({ ...image, mediaType: OCI_INDEX, manifests: [] }), /expected 'manifests' but found/);
});

test('refuses what is broken, and says which part', () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    ['', /it is not JSON/],
    ['{"schemaVersion":2,', /it is not JSON/],
    ['[]', /manifest: \[\] is no object/],
    ['null', /is no object/],
    ['"x"', /is no object/],
    [{}, /no manifest/],
    [{ schemaVersion: 2 }, /neither a media type/],
    [{ ...image, schemaVersion: 3 }, /schema version 3/],
    [{ ...image, mediaType: 5 }, /mediaType: 5 is no string/],
    [{ ...image, mediaType: 'x\r\ny' }, /is no media type/],
    [{ ...image, config: undefined }, /config: nothing is no object/],
    [{ ...image, layers: {} }, /layers: \{\} is no list/],
    [{ ...image, layers: [7] }, /layer 0: 7 is no object/],
    [{ ...image, layers: [{ ...layer, digest: 'sha256:../../etc' }] }, /digest format/],
    [{ ...image, layers: [{ ...layer, digest: `md5:${'a'.repeat(32)}` }] }, /md5 is not supported/],
    [{ ...image, layers: [{ ...layer, size: -1 }] }, /layer 0: size -1/],
    [{ ...image, layers: [{ ...layer, size: 1.5 }] }, /size 1.5/],
    [{ ...image, layers: [{ ...layer, size: '3' }] }, /size "3"/],
    [{ ...image, layers: [{ ...layer, size: 2 ** 60 }] }, /is no size/],
    [{ ...image, layers: [{ ...layer, urls: 'x' }] }, /urls: "x" is no list/],
    [{ ...image, annotations: { a: 1 } }, /annotations: a: 1 is no string/],
    [{ schemaVersion: 2, manifests: [{ ...layer, platform: { os: 'linux' } }] }, /architecture: nothing is no string/],
    ['{"__proto__":{"polluted":1},"schemaVersion":2}', /__proto__/],
    ['{"\\u005f_proto__":{"polluted":1},"schemaVersion":2}', /__proto__/],
    ['['.repeat(1_000_000), /nested too deep/],
    [`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`, /nested too deep/],
    [' '.repeat(MAX_MANIFEST + 1), /too large/],
  ];
  for (const [value, message] of cases) refused(() => parse(value), message);
  refused(() => parseManifest(Buffer.from([0x22, 0xff, 0x22])), /not UTF-8/);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  assert.deepEqual(parseJson(Buffer.from('{"a":"[[[\\"{{"}'), 'x'), { a: '[[["{{' }, 'brackets in strings are no depth');
});

test('what a terminal would obey is not repeated', () => {
  for (const [bytes, type] of [
    ['{"a": \u001b[31mred', ''],
    ['{"schemaVersion":2,"mediaType":"application/x"}', 'a\u009b31m/b'],
    ['\u009b', ''],
  ] as const)
    assert.throws(
      () => parseManifest(Buffer.from(bytes), type),
      (error: Error) => !/\p{Cc}/u.test(error.message),
    );
});

test('reads image configs and checks them', () => {
  const good = {
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['A=b'], Labels: null, Healthcheck: { Interval: 1 } },
    rootfs: { type: 'layers', diff_ids: [D] },
  };
  assert.equal(parseImageConfig(bytes(good), 1).config!.Env![0], 'A=b');
  assert.equal(parseImageConfig(bytes({ rootfs: { type: 'layers', diff_ids: null } }), 0).os, '');
  refused(() => parseImageConfig(bytes(good), 2), 'mismatched layer and config: 2 layers, 1 diff ids');
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ ...good, rootfs: undefined }, /rootfs: nothing/],
    [{ ...good, rootfs: { type: 'x' } }, /is not "layers"/],
    [{ ...good, rootfs: { type: 'layers', diff_ids: ['x'] } }, /digest/],
    [{ ...good, config: { Env: 'A' } }, /config.Env: "A" is no list/],
    [{ ...good, config: { Cmd: [1] } }, /config.Cmd: 1 is no string/],
    [{ ...good, config: { Labels: { a: {} } } }, /Labels: a/],
    [{ ...good, config: { Volumes: [] } }, /Volumes/],
    [{ ...good, history: [{ created_by: 1 }] }, /history.created_by/],
    [{ ...good, os: 1 }, /os: 1/],
  ];
  for (const [value, message] of cases) refused(() => parseImageConfig(bytes(value)), message);
});

const raw = (value: unknown, mediaType = OCI_INDEX): RawManifest => {
  const body = bytes(value);
  return { bytes: body, descriptor: { mediaType, digest: digestOf(body), size: body.length } };
};

test('goes through nested indexes to the image; refuses circles and depth', async () => {
  const inner = raw(image, OCI_MANIFEST);
  const indexOf = (entry: RawManifest) => raw({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry.descriptor] });
  const chain = [inner];
  for (let level = 0; level < 6; level++) chain.push(indexOf(chain.at(-1)!));
  const fetch = async (descriptor: Descriptor) => chain.find((one) => one.descriptor.digest === descriptor.digest)!;
  const first = (entries: readonly Descriptor[]) => entries[0]!;
  const found = await selectImage(chain[2]!, first, fetch);
  assert.equal(found.raw, inner);
  assert.deepEqual(found.indexes, [chain[2], chain[1]]);
  await assert.rejects(selectImage(chain[6]!, first, fetch), /nested too deep/);
  const circle = chain[1]!;
  await assert.rejects(
    selectImage(circle, first, async () => circle),
    /contains itself/,
  );
});

test('fuzz: a damaged manifest is read or is an EngineError', () => {
  const text = JSON.stringify({ ...image, annotations: { a: 'b' }, manifests: undefined, layers: [layer, { ...layer, urls: ['http://x'] }] });
  let seed = 3;
  const next = (below: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % below;
  const tokens = ['{', '}', '[', ']', '"', ',', ':', 'null', '1', '-1', '1e999', '"__proto__"', '\\u0000', '\ud800', 'true'];
  let read = 0;
  for (let round = 0; round < 20_000; round++) {
    let damaged = text;
    for (let count = next(3); count >= 0; count--) {
      const at = next(damaged.length);
      damaged = damaged.slice(0, at) + (next(2) === 0 ? tokens[next(tokens.length)] : '') + damaged.slice(at + next(20));
    }
    for (const use of [() => parse(damaged), () => parseImageConfig(bytes(damaged))]) {
      try {
        use();
        read++;
      } catch (error) {
        assert.ok(error instanceof EngineError && error.kind === 'invalid', `${damaged}: ${String(error)}`);
      }
    }
  }
  assert.ok(read > 100, `only ${read} were read`);
});

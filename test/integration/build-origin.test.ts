/** What builds tell of where their results come from, and results that are the same whenever they are made. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { BlobPlace, BuildRequest, Exporter } from '../../src/engine/builds-contract.ts';
import { readProvenance } from '../../src/base/attestations.ts';
import { TarReader } from '../../src/tar/reader.ts';
import { buildGround } from '../support/build-ground.ts';
import { fakeRegistry, sha256 } from '../support/fake-registry.ts';

const lines = (...text: readonly string[]) => `${text.join('\n')}\n`;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: object;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface Document {
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly manifests: readonly Descriptor[];
}
interface Statement {
  readonly _type: string;
  readonly predicateType: string;
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[];
  readonly predicate: Predicate;
}
/** v0.2 */
interface Predicate {
  readonly builder: { readonly id: string };
  readonly materials: readonly { readonly uri: string; readonly digest: Readonly<Record<string, string>> }[];
  readonly invocation: {
    readonly configSource: object;
    readonly parameters: { readonly args?: object; readonly secrets?: object; readonly ssh?: object; readonly locals?: object };
  };
  readonly buildConfig?: { readonly llbDefinition: readonly { readonly op: { readonly Op: object }; readonly inputs?: readonly string[] }[] };
  readonly metadata: { readonly completeness: object; readonly reproducible: boolean; readonly [extension: string]: unknown };
}

/** A tar that was exported: its files and when they were changed, in seconds. */
class Received {
  readonly files = new Map<string, Buffer>();
  readonly times = new Map<string, number>();
  readonly receive = async (archive: AsyncIterable<Buffer>): Promise<void> => {
    let name = '';
    const reader = new TarReader({
      entry: (entry) => {
        name = entry.name.toString();
        this.times.set(name, Number(entry.mtime / 1_000_000_000n));
        if (entry.type === 'file') this.files.set(name, Buffer.alloc(0));
      },
      data: (chunk) => this.files.set(name, Buffer.concat([this.files.get(name)!, chunk])),
      entryEnd: () => {},
    });
    for await (const chunk of archive) reader.push(chunk);
    reader.end();
  };

  json<T>(name: string): T {
    return JSON.parse(this.files.get(name)!.toString()) as T;
  }

  blob<T>({ digest, size }: Pick<Descriptor, 'digest' | 'size'>): T {
    const name = `blobs/sha256/${digest.slice('sha256:'.length)}`;
    assert.equal(this.files.get(name)!.length, size);
    assert.equal(sha256(this.files.get(name)!), digest);
    return this.json<T>(name);
  }
}

async function* streamOf(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

const SECRET = 'very-secret-31f0';
const DOCKERFILE = lines(
  'FROM busybox AS base',
  'ARG V=1',
  'WORKDIR /w',
  'RUN --mount=type=secret,id=tok --mount=type=ssh --mount=type=cache,target=/c echo $V > /made',
  'FROM base',
  'COPY a /a',
  'COPY --chown=1:2 --from=base /made /m2',
  'COPY <<EOT /doc',
  'text',
  'EOT',
  'CMD ["sh"]',
);
const MORE: Partial<BuildRequest> = {
  buildArgs: { V: '7' },
  labels: { k: 'v' },
  secret: async () => Buffer.from(SECRET),
  ssh: async () => undefined,
};

describe('provenance', () => {
  test('an OCI archive has an index of the image and of what is told of it', async (t) => {
    const ground = await buildGround(t);
    const out = new Received();
    const exporters: readonly Exporter[] = [{ type: 'oci', names: ['x/app:1'], receive: out.receive }];
    const provenance = readProvenance('mode=max,builder-id=https://me,reproducible=true');
    const built = await ground.build(DOCKERFILE, { a: 'a' }, { ...MORE, exporters, provenance });
    const [top] = out.json<Document>('index.json').manifests;
    assert.equal(built.metadata['containerimage.digest'], top!.digest);
    assert.equal(top!.mediaType, 'application/vnd.oci.image.index.v1+json');
    const [image, attestation, ...none] = out.blob<Document>(top!).manifests;
    assert.deepEqual(none, []);
    assert.deepEqual(image!.platform, { architecture: 'amd64', os: 'linux' });
    assert.deepEqual(attestation!.platform, { architecture: 'unknown', os: 'unknown' });
    assert.deepEqual(attestation!.annotations, { 'vnd.docker.reference.digest': image!.digest, 'vnd.docker.reference.type': 'attestation-manifest' });
    const manifest = out.blob<Document>(attestation!);
    const [layer] = manifest.layers;
    assert.deepEqual(
      [layer!.mediaType, layer!.annotations],
      ['application/vnd.in-toto+json', { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v0.2' }],
    );
    assert.deepEqual(out.blob<object>(manifest.config), {
      architecture: 'unknown',
      os: 'unknown',
      config: {},
      rootfs: { type: 'layers', diff_ids: [layer!.digest] },
    });
    const { _type, subject, predicate } = out.blob<Statement>(layer!);
    assert.equal(_type, 'https://in-toto.io/Statement/v0.1');
    assert.deepEqual(subject, [{ name: 'pkg:docker/x/app@1?platform=linux%2Famd64', digest: { sha256: image!.digest.slice(7) } }]);
    assert.deepEqual(
      predicate.materials.map(({ uri }) => uri),
      ['pkg:docker/busybox@latest?platform=linux%2Famd64'],
    );
    assert.deepEqual(predicate.invocation.configSource, { entryPoint: 'Dockerfile' });
    assert.deepEqual(predicate.invocation.parameters, {
      frontend: 'dockerfile.v0',
      args: { 'build-arg:V': '7', 'label:k': 'v', 'force-network-mode': 'none' },
      secrets: [{ id: 'tok', optional: true }],
      ssh: [{ id: 'default', optional: true }],
    });
    assert.equal(predicate.builder.id, 'https://me');
    assert.equal(predicate.metadata.reproducible, true);
    const steps = predicate.buildConfig!.llbDefinition;
    assert.deepEqual(
      steps.map(({ op, inputs }) => [Object.keys(op.Op)[0], inputs?.join()]),
      [
        ['source', undefined],
        ['file', 'step0:0'],
        ['exec', 'step1:0'],
        ['source', undefined],
        ['file', 'step2:0,step3:0'],
        ['file', 'step4:0,step2:0'],
        ['file', undefined],
        ['file', 'step5:0,step6:0'],
        [undefined, 'step7:0'],
      ],
    );
    const told = predicate.metadata['https://mobyproject.org/buildkit@v1#metadata'] as {
      readonly source: { readonly infos: readonly { readonly data: string }[] };
      readonly layers: Readonly<Record<string, readonly (readonly Descriptor[])[]>>;
    };
    assert.equal(Buffer.from(told.source.infos[0]!.data, 'base64').toString(), DOCKERFILE);
    assert.deepEqual(
      told.layers['step7:0']![0]!.map(({ digest }) => digest),
      out.blob<Document>(image!).layers.map(({ digest }) => digest),
    );
    for (const [name, bytes] of out.files) assert.ok(!bytes.includes(SECRET), name);
    // what is in it can be loaded
    const pieces: Buffer[] = [];
    const receive = async (archive: AsyncIterable<Buffer>) => {
      for await (const piece of archive) pieces.push(Buffer.from(piece));
    };
    await ground.build(DOCKERFILE, { a: 'a' }, { ...MORE, exporters: [{ type: 'oci', names: ['x/app:1'], receive }], provenance });
    const [loaded] = await ground.engine.images.load(streamOf(Buffer.concat(pieces)));
    assert.deepEqual(loaded?.names, ['x/app:1']);
  });

  test('mode=min tells of no argument, no secret and no step; version v1', async (t) => {
    const ground = await buildGround(t);
    const [old, now] = [new Received(), new Received()];
    const statement = async <T>(out: Received, wish: string): Promise<T> => {
      await ground.build(DOCKERFILE, { a: 'a' }, { ...MORE, exporters: [{ type: 'oci', receive: out.receive }], provenance: readProvenance(wish) });
      const [top] = out.json<Document>('index.json').manifests;
      return out.blob<T>(out.blob<Document>(out.blob<Document>(top!).manifests[1]!).layers[0]!);
    };
    const { predicate, subject } = await statement<Statement>(old, 'mode=min');
    assert.deepEqual(subject, []);
    assert.equal(predicate.buildConfig, undefined);
    assert.deepEqual(predicate.invocation.parameters, { frontend: 'dockerfile.v0', args: { 'force-network-mode': 'none' } });
    assert.deepEqual(predicate.metadata.completeness, { parameters: false, environment: true, materials: true });
    assert.deepEqual(predicate.metadata['https://mobyproject.org/buildkit@v1#metadata'], {});
    assert.equal(predicate.metadata['https://mobyproject.org/buildkit@v1#hermetic'], true);
    const v1 = await statement<{
      readonly predicateType: string;
      readonly predicate: Record<'buildDefinition' | 'runDetails', Readonly<Record<string, unknown>>>;
    }>(now, 'mode=min,version=v1');
    assert.equal(v1.predicateType, 'https://slsa.dev/provenance/v1');
    assert.deepEqual(v1.predicate.buildDefinition['externalParameters'], {
      configSource: { path: 'Dockerfile' },
      request: { frontend: 'dockerfile.v0', args: { 'force-network-mode': 'none' } },
    });
    assert.deepEqual(v1.predicate.buildDefinition['resolvedDependencies'], predicate.materials);
    assert.deepEqual(v1.predicate.runDetails['builder'], { id: '' });
  });

  test('exported files get a file of it, unless it is for images only', async (t) => {
    const ground = await buildGround(t);
    const dockerfile = lines('FROM busybox AS b', 'RUN mkdir /o && echo hi > /o/a && ln /o/a /o/b', 'FROM scratch', 'COPY --from=b /o /o');
    const [told, quiet] = [new Received(), new Received()];
    await ground.build(dockerfile, {}, { exporters: [{ type: 'local', receive: told.receive }], provenance: readProvenance('') });
    const { subject, predicateType } = told.json<Statement>('provenance.json');
    assert.equal(predicateType, 'https://slsa.dev/provenance/v0.2');
    const digest = { sha256: sha256('hi\n').slice(7) };
    assert.deepEqual(subject, [
      { name: 'o/a', digest },
      { name: 'o/b', digest },
    ]);
    await ground.build(dockerfile, {}, { exporters: [{ type: 'tar', receive: quiet.receive }], provenance: readProvenance('mode=min,inline-only=true') });
    assert.ok(quiet.files.has('o/a') && !quiet.files.has('provenance.json'));
  });

  test('a registry gets the index; the image here stays as it was', async (t) => {
    const ground = await buildGround(t);
    const registry = await fakeRegistry(t);
    const name = `${registry.host}/app:1`;
    const built = await ground.build(
      DOCKERFILE,
      { a: 'a' },
      { ...MORE, exporters: [{ type: 'image', names: [name], push: true }], provenance: readProvenance('mode=max') },
    );
    const top = registry.manifests.get('app 1')!;
    assert.equal(top.type, 'application/vnd.oci.image.index.v1+json');
    assert.equal(built.metadata['containerimage.digest'], sha256(top.bytes));
    const [image, attestation] = (JSON.parse(top.bytes.toString()) as Document).manifests;
    const { config, layers } = JSON.parse(registry.manifests.get(`app ${image!.digest}`)!.bytes.toString()) as Document;
    assert.equal(config.digest, built.imageId);
    const manifest = JSON.parse(registry.manifests.get(`app ${attestation!.digest}`)!.bytes.toString()) as Document;
    assert.ok(registry.blobs.has(manifest.config.digest));
    const statement = JSON.parse(registry.blobs.get(manifest.layers[0]!.digest)!.toString()) as Statement;
    const told = statement.predicate.metadata['https://mobyproject.org/buildkit@v1#metadata'] as { readonly layers: Record<string, Descriptor[][]> };
    // those that the registry has: packed
    assert.deepEqual(told.layers['step7:0']![0], layers);
    const { repoDigests } = await ground.engine.images.inspect(name);
    assert.deepEqual(repoDigests, [`${registry.host}/app@${sha256(top.bytes)}`]);
    assert.equal((await ground.engine.images.list()).filter(({ repoTags }) => repoTags.includes(name)).length, 1);
    // another engine takes the image out of the index, and has it as a material
    const other = await buildGround(t);
    const out = new Received();
    await other.build(`FROM ${name}\n`, {}, { exporters: [{ type: 'local', receive: out.receive }], provenance: readProvenance('mode=min') });
    assert.deepEqual(out.json<Statement>('provenance.json').predicate.materials, [
      { uri: `pkg:docker/${registry.host}/app@1?platform=linux%2Famd64`, digest: { sha256: sha256(top.bytes).slice(7) } },
    ]);
  });

  test('git repositories and files from elsewhere are materials, without names and passwords', async (t) => {
    const ground = await buildGround(t);
    const registry = await fakeRegistry(t);
    let authorization: string | undefined;
    registry.hook = (request, response, url) => {
      if (url.pathname.startsWith('/repo.git/')) response.end(readFileSync(`${ground.folder}${url.pathname}`));
      else if (url.pathname === '/f') {
        authorization = request.headers.authorization;
        response.end('fetched');
      } else return false;
      return true;
    };
    const script =
      'mkdir repo && cd repo && git init -q -b main && cp ../D Dockerfile && git add . && git -c user.name=n -c user.email=e@x commit -qm one && git clone -q --bare . ../repo.git && git -C ../repo.git update-server-info && git rev-parse HEAD';
    writeFileSync(`${ground.folder}/D`, lines('FROM scratch', `ADD http://u:${SECRET}@${registry.host}/f /f`));
    const commit = execFileSync('sh', ['-c', script], { cwd: ground.folder, encoding: 'utf8' }).trim();
    const out = new Received();
    const url = `http://${registry.host}/repo.git#main`;
    await ground.build(
      '',
      {},
      { contexts: { context: { kind: 'remote', url } }, exporters: [{ type: 'local', receive: out.receive }], provenance: readProvenance('') },
    );
    assert.equal(authorization, `Basic ${Buffer.from(`u:${SECRET}`).toString('base64')}`);
    const { predicate } = out.json<Statement>('provenance.json');
    assert.deepEqual(predicate.materials, [
      { uri: url, digest: { sha1: commit } },
      { uri: `http://xxxxx:xxxxx@${registry.host}/f`, digest: { sha256: sha256('fetched').slice(7) } },
    ]);
    assert.deepEqual(predicate.invocation.configSource, { uri: url, digest: { sha1: commit }, entryPoint: 'Dockerfile' });
  });
});

describe('SOURCE_DATE_EPOCH', () => {
  const dockerfile = lines(
    'FROM busybox',
    'WORKDIR /q',
    'COPY a /q/a',
    'RUN echo x > /new && mkdir /d && touch -d "2001-01-01 00:00:00" /old && echo hi > /d/f',
  );
  const buildArgs = { SOURCE_DATE_EPOCH: '1700000000' };

  test('rewritten layers: two builds at different times are one image', async (t) => {
    const ground = await buildGround(t);
    const build = (out: Received, attributes: Record<string, string>) =>
      ground.build(dockerfile, { a: 'a' }, { noCache: true, buildArgs, exporters: [{ type: 'oci', attributes, receive: out.receive }] });
    const [first, second, plain] = [new Received(), new Received(), new Received()];
    const one = await build(first, { 'rewrite-timestamp': 'true' });
    await new Promise((resolve) => setTimeout(resolve, 1100)); // times of files count in seconds
    const two = await build(second, { 'rewrite-timestamp': 'true' });
    assert.equal(two.metadata['containerimage.digest'], one.metadata['containerimage.digest']);
    const other = await build(plain, {});
    assert.notEqual(other.metadata['containerimage.digest'], one.metadata['containerimage.digest']);
    const { layers, config } = first.blob<Document>(first.json<Document>('index.json').manifests[0]!);
    assert.equal(first.blob<{ readonly created: string }>(config).created, '2023-11-14T22:13:20Z');
    const times = await Promise.all(
      layers.map(async ({ digest }) => {
        const layer = new Received();
        const bytes = first.files.get(`blobs/sha256/${digest.slice(7)}`)!;
        await layer.receive(streamOf(bytes));
        return layer.times;
      }),
    );
    // the base stays as it is, so that it is shared
    const base = plain.blob<Document>(plain.json<Document>('index.json').manifests[0]!).layers[0]!;
    assert.equal(layers[0]!.digest, base.digest);
    const own = Object.assign({}, ...times.slice(1).map((each) => Object.fromEntries(each))) as Record<string, number>;
    assert.deepEqual(own, { 'q/': 1_700_000_000, 'q/a': 1_700_000_000, new: 1_700_000_000, 'd/': 1_700_000_000, 'd/f': 1_700_000_000, old: 978_307_200 });
  });

  test('a time to come is the image’s, too; of the base’s history nothing is changed', async (t) => {
    const ground = await buildGround(t);
    const build = async (epoch: string) => {
      const out = new Received();
      await ground.build(
        lines('FROM busybox', 'ENV a=b', 'COPY a /a'),
        { a: 'a' },
        { buildArgs: { SOURCE_DATE_EPOCH: epoch }, exporters: [{ type: 'oci', receive: out.receive }] },
      );
      const { config } = out.blob<Document>(out.json<Document>('index.json').manifests[0]!);
      return out.blob<{ readonly created: string; readonly history: readonly { readonly created: string }[] }>(config);
    };
    for (const [epoch, time] of [
      ['1700000000', '2023-11-14T22:13:20Z'],
      ['1900000000', '2030-03-17T17:46:40Z'],
    ] as const) {
      const { created, history } = await build(epoch);
      assert.equal(created, time);
      assert.deepEqual(
        history.slice(1).map((line) => line.created),
        [time, time],
      );
      assert.notEqual(history[0]!.created, time);
    }
  });

  test('the image of the engine, too; and exported files are all of that time', async (t) => {
    const ground = await buildGround(t);
    const attributes = { 'rewrite-timestamp': 'true' };
    const built = await ground.build(dockerfile, { a: 'a' }, { buildArgs, exporters: [{ type: 'image', names: ['epoch:1'], attributes }] });
    assert.equal(await ground.run(built.imageId!, 'stat -c %Y /new /old /q'), '1700000000\n978307200\n1700000000\n');
    const out = new Received();
    await ground.build(dockerfile, { a: 'a' }, { buildArgs, exporters: [{ type: 'local', receive: out.receive }] });
    assert.deepEqual(new Set(out.times.values()), new Set([1_700_000_000]));
  });
});

test('a cache in the client’s own place: what is written there is used, and checked', async (t) => {
  const blobs = new Map<string, Buffer>();
  const store: BlobPlace = {
    read: async function* (digest) {
      const found = blobs.get(digest);
      if (found === undefined) throw new Error(`${digest}: not found`);
      yield found;
    },
    write: async ({ digest, size }, bytes) => {
      const pieces: Buffer[] = [];
      for await (const piece of bytes) pieces.push(Buffer.from(piece));
      blobs.set(digest, Buffer.concat(pieces));
      assert.deepEqual([blobs.get(digest)!.length, sha256(blobs.get(digest)!)], [size, digest]);
    },
  };
  const dockerfile = lines('FROM busybox', 'RUN echo ran | tee /f');
  const ground = await buildGround(t);
  const { metadata } = await ground.build(dockerfile, {}, { cacheTo: [{ type: 'local', attributes: { dest: '/etc', mode: 'max' }, store }] });
  const { digest } = JSON.parse(metadata['cache.manifest']!) as Descriptor;
  const cacheFrom = [{ type: 'local' as const, attributes: { src: '/etc', digest }, store }];
  const other = await buildGround(t);
  assert.equal((await other.build(dockerfile, {}, { cacheFrom })).log, '');
  // a blob that is another one, or longer than it should be, is not used
  const { layers } = JSON.parse(blobs.get(digest)!.toString()) as Document;
  const whole = blobs.get(layers[0]!.digest)!;
  for (const wrong of [Buffer.alloc(whole.length), Buffer.concat([whole, whole])]) {
    blobs.set(layers[0]!.digest, wrong);
    const third = await buildGround(t);
    assert.equal((await third.build(dockerfile, {}, { cacheFrom })).log, 'ran\n');
  }
});

test('# syntax: Docker’s own is known in every version, and another is refused by its name', async (t) => {
  const ground = await buildGround(t);
  for (const syntax of [
    'docker/dockerfile:1',
    'docker.io/docker/dockerfile:1.7-labs',
    'docker/dockerfile-upstream:master',
    `docker/dockerfile@sha256:${'a'.repeat(64)}`,
  ])
    assert.equal((await ground.build(lines(`# syntax=${syntax}`, 'FROM busybox', 'RUN echo ran'), {}, { noCache: true })).log, 'ran\n');
  const refused = ground.build(lines('# syntax = me/front:1', 'NOT A DOCKERFILE'));
  await assert.rejects(
    refused,
    (error: { readonly message: string; readonly detail: { readonly ranges: readonly { readonly start: { readonly line: number } }[] } }) => {
      assert.match(error.message, /^the frontend image me\/front:1 is not supported/);
      assert.equal(error.detail.ranges[0]!.start.line, 1);
      return true;
    },
  );
  await assert.rejects(
    ground.build(lines('FROM busybox'), {}, { buildArgs: { BUILDKIT_SYNTAX: 'example.com/docker/dockerfile:1' } }),
    /example\.com\/docker\/dockerfile:1/,
  );
  // the older builder takes it for a comment
  await ground.build(lines('# syntax=me/front:1', 'FROM busybox'), {}, { classic: true });
});

test('RUN --device: what a CDI spec has for it, when it is granted', async (t) => {
  const ground = await buildGround(t);
  const vendor = `kobako-test-${process.pid}.example`;
  const spec = `/var/run/cdi/kobako-test-${process.pid}.json`;
  const made = mkdirSync('/var/run/cdi', { recursive: true });
  t.after(() => rmSync(made === undefined ? spec : made, { recursive: true, force: true }));
  writeFileSync(
    spec,
    JSON.stringify({
      cdiVersion: '0.6.0',
      kind: `${vendor}/thing`,
      devices: [{ name: 'one', containerEdits: { env: ['GIVEN=yes'], deviceNodes: [{ path: '/dev/thing', hostPath: '/dev/null' }] } }],
    }),
  );
  const device = `${vendor}/thing=one`;
  const run = (flag: string, entitlements: readonly string[] = []) =>
    ground.build(lines('FROM busybox', `RUN --device=${flag} echo "$GIVEN"; ls /dev/thing 2>&1 || true`), {}, { noCache: true, entitlements });
  await assert.rejects(run(device), { kind: 'denied', message: `failed to load LLB: device ${device} is requested by the build but not allowed` });
  for (const granted of ['device', `device=${device}`]) assert.equal((await run(`${device},required`, [granted])).log, 'yes\n/dev/thing\n');
  await assert.rejects(run('other.example/x=y,required'), /required device "other\.example\/x=y" is not registered/);
  assert.match((await run('other.example/x=y')).log, /^\nls: \/dev\/thing: No such file/);
});

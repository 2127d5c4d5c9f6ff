/** A `docker save` archive of a made-up image: files of words that pack to less than a half, and a busybox to run. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { zstdCompressSync } from 'node:zlib';
import { TarWriter } from '../src/tar/writer.ts';

export interface MadeImage {
  readonly layers: number;
  /** In each layer. */
  readonly files: number;
  /** Bytes. */
  readonly fileSize: number;
  /** A static busybox: /bin/sh and /bin/echo of the image. */
  readonly shell: string;
  /** With its tag. */
  readonly name: string;
  /** Layers are packed, and the archive is an OCI layout. */
  readonly zstd?: boolean;
}

/** In pieces; each layer is made twice, for its digest and to be written. */
export function* writeImage(image: MadeImage): Generator<Buffer> {
  if (image.zstd === true) return yield* writeLayout(image);
  const layers = Array.from({ length: image.layers }, (_, layer) => {
    const hash = createHash('sha256');
    let size = 0;
    for (const piece of layerTar(image, layer)) {
      hash.update(piece);
      size += piece.length;
    }
    return { hex: hash.digest('hex'), size };
  });
  const config = configOf(layers.map(({ hex }) => `sha256:${hex}`));
  const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
  const out: Buffer[] = [];
  const tar = new TarWriter((piece) => void out.push(Buffer.from(piece)));
  for (const [index, { hex, size }] of layers.entries()) {
    tar.entry({ type: 'file', name: Buffer.from(`${hex}/layer.tar`), mode: 0o644, size });
    for (const piece of layerTar(image, index)) {
      tar.data(piece);
      yield* out.splice(0);
    }
  }
  for (const [name, text] of [
    [configName, config],
    ['manifest.json', JSON.stringify([{ Config: configName, RepoTags: [image.name], Layers: layers.map(({ hex }) => `${hex}/layer.tar`) }])],
  ] as const) {
    tar.entry({ type: 'file', name: Buffer.from(name), mode: 0o644, size: Buffer.byteLength(text) });
    tar.data(Buffer.from(text));
  }
  tar.end();
  yield* out;
}

function configOf(diffIds: readonly string[]): string {
  return JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    created: '2026-01-01T00:00:00Z',
    config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin'] },
    rootfs: { type: 'layers', diff_ids: diffIds },
  });
}

/** An OCI layout (image-layout.md) in a tar. */
function* writeLayout(image: MadeImage): Generator<Buffer> {
  const out: Buffer[] = [];
  const tar = new TarWriter((piece) => void out.push(Buffer.from(piece)));
  const file = (name: string, bytes: Buffer) => {
    tar.entry({ type: 'file', name: Buffer.from(name), mode: 0o644, size: bytes.length });
    tar.data(bytes);
  };
  const blob = (mediaType: string, bytes: Buffer) => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    file(`blobs/sha256/${hex}`, bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const type = (name: string) => `application/vnd.oci.image.${name}`;
  const diffIds: string[] = [];
  const layers: object[] = [];
  for (let layer = 0; layer < image.layers; layer++) {
    const plain = Buffer.concat([...layerTar(image, layer)]);
    diffIds.push(`sha256:${createHash('sha256').update(plain).digest('hex')}`);
    layers.push(blob(type('layer.v1.tar+zstd'), zstdCompressSync(plain)));
    yield* out.splice(0);
  }
  const config = blob(type('config.v1+json'), Buffer.from(configOf(diffIds)));
  const manifest = blob(type('manifest.v1+json'), Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: type('manifest.v1+json'), config, layers })));
  const annotations = { 'io.containerd.image.name': image.name, 'org.opencontainers.image.ref.name': image.name.replace(/^.*:/, '') };
  file('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
  file('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] })));
  tar.end();
  yield* out;
}

function* layerTar({ files, fileSize, shell }: MadeImage, layer: number): Generator<Buffer> {
  const out: Buffer[] = [];
  const tar = new TarWriter((piece) => void out.push(Buffer.from(piece)));
  const folder = (name: string) => tar.entry({ type: 'dir', name: Buffer.from(name), mode: 0o755 });
  if (layer === 0) {
    const program = readFileSync(shell);
    folder('bin/');
    tar.entry({ type: 'file', name: Buffer.from('bin/busybox'), mode: 0o755, size: program.length });
    tar.data(program);
    for (const name of ['sh', 'echo']) tar.entry({ type: 'symlink', name: Buffer.from(`bin/${name}`), linkName: Buffer.from('busybox'), mode: 0o777 });
  }
  folder('data/');
  const pool = words(2 << 20);
  let at = layer * 7919;
  for (let file = 0; file < files; file++) {
    if (file % 100 === 0) folder(`data/l${layer}-${file / 100}/`);
    tar.entry({
      type: 'file',
      name: Buffer.from(`data/l${layer}-${Math.floor(file / 100)}/file${file}.txt`),
      mode: 0o644,
      size: fileSize,
      mtime: 1_700_000_000_000_000_000n,
    });
    for (let left = fileSize; left > 0;) {
      at = (at + 104_729) % (pool.length - 1);
      const piece = pool.subarray(at, at + Math.min(left, 65_536, pool.length - at));
      tar.data(piece);
      left -= piece.length;
    }
    yield* out.splice(0);
  }
  tar.end();
  yield* out;
}

/** The same each time. */
function words(size: number): Buffer {
  const out: string[] = [];
  let state = 12345;
  const next = () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 8;
  for (let length = 0; length < size;) {
    // of 3,000 words, the first ones the most often
    const word = ((Math.min(next() % 3000, next() % 3000, next() % 3000) * 7919) % 99_991).toString(36) + (next() % 7 === 0 ? '\n' : ' ');
    out.push(word);
    length += word.length;
  }
  return Buffer.from(out.join('')).subarray(0, size);
}

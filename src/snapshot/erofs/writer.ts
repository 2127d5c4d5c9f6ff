/**
 * Keeps a layer as its plain tar, with an index beside it: `tar` and `index` in the layer's folder; where it has opaque
 * folders also `index-user`, with marks for overlays in user namespaces. A layer that EROFS
 * cannot hold is unpacked at the end, from the tar, by the overlay driver's writer: then the folder has `fs` instead.
 */
import { closeSync, constants, copyFileSync, fchmodSync, linkSync, openSync, readSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import type { RawFiles } from '../../kernel/files-contract.ts';
import type { TarEntry } from '../../tar/contract.ts';
import { TarReader } from '../../tar/reader.ts';
import { LargeFile } from '../large-file.ts';
import type { LayerWriter, OpenLayerWriter, PlainTar } from '../layer-writer.ts';
import { OPAQUE_ROOT } from '../overlay-writer.ts';
import { ErofsBuilder } from './builder.ts';
import { ErofsCannotHold } from './cannot-hold.ts';
import { writeIndex, type Marks } from './index-writer.ts';

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const PIECE = 1 << 20;

export class ErofsWriter implements LayerWriter {
  readonly #dir: string;
  readonly #plainFile: string | undefined;
  readonly #unpack: OpenLayerWriter;
  /** Undefined as soon as it is known that EROFS cannot hold the layer. */
  #builder: ErofsBuilder | undefined = new ErofsBuilder();
  #fd = -1;
  #file: LargeFile | undefined;
  #unpacking: LayerWriter | undefined;

  /** `unpack` opens the overlay driver's writer. */
  constructor(files: RawFiles, dir: string, plainFile: string | undefined, unpack: OpenLayerWriter) {
    this.#dir = dir;
    this.#plainFile = plainFile;
    this.#unpack = unpack;
    if (plainFile !== undefined) return;
    this.#fd = openSync(this.#tar, CREATE, 0o600);
    this.#file = new LargeFile(files, this.#fd);
  }

  get #tar(): string {
    return `${this.#dir}/tar`;
  }

  plain(chunk: Buffer): void {
    this.#file?.write(chunk);
  }

  entry(entry: TarEntry): void {
    this.#unlessTooMuch((builder) => builder.entry(entry));
  }

  data(): void {}

  entryEnd(): void {}

  finish(tar: PlainTar): void {
    this.#file?.end();
    this.#unlessTooMuch((builder) => {
      this.#writeIndex(builder, tar, 'trusted');
      if (builder.tree.opaque.array.includes(1)) this.#writeIndex(builder, tar, 'user');
    });
    if (this.#builder === undefined) return this.#unpackInstead(tar);
    if (this.#plainFile !== undefined) linkOrCopy(this.#plainFile, this.#tar);
    else fchmodSync(this.#fd, 0o400);
    const { tree } = this.#builder;
    if (tree.opaque.array[tree.root] === 1) writeFileSync(`${this.#dir}/${OPAQUE_ROOT}`, '');
    this.#close();
  }

  abort(): void {
    this.#unpacking?.abort();
    this.#close();
  }

  #unlessTooMuch(what: (builder: ErofsBuilder) => void): void {
    if (this.#builder === undefined) return;
    try {
      what(this.#builder);
    } catch (error) {
      if (!(error instanceof ErofsCannotHold)) throw error;
      this.#builder = undefined;
    }
  }

  #writeIndex(builder: ErofsBuilder, tar: PlainTar, marks: Marks): void {
    const path = `${this.#dir}/${marks === 'user' ? 'index-user' : 'index'}`;
    const fd = openSync(path, CREATE, 0o400);
    try {
      writeIndex(builder, tar, (piece) => writeAll(fd, piece), marks);
    } catch (error) {
      unlinkSync(path);
      throw error;
    } finally {
      closeSync(fd);
    }
  }

  #unpackInstead(tar: PlainTar): void {
    this.#close();
    this.#fd = openSync(this.#plainFile ?? this.#tar, constants.O_RDONLY);
    // from here on the thread sees nothing but the folder
    const writer = (this.#unpacking = this.#unpack(this.#dir, undefined));
    const reader = new TarReader(writer);
    const piece = Buffer.allocUnsafe(PIECE);
    for (let count; (count = readSync(this.#fd, piece)) > 0;) reader.push(piece.subarray(0, count));
    reader.end();
    writer.finish(tar);
    this.#unpacking = undefined;
    this.#close();
    if (this.#plainFile === undefined) unlinkSync(this.#tar);
  }

  #close(): void {
    if (this.#fd !== -1) closeSync(this.#fd);
    this.#fd = -1;
    this.#builder?.tree.release();
    this.#builder = undefined;
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

/** The same bytes under a second name, or, where that cannot be, a second time. */
function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!['EXDEV', 'EMLINK', 'EPERM', 'EOPNOTSUPP', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  }
}

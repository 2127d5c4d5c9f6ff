/** One layer on its way through a worker: bytes, their hash, their file, plain bytes, their hash, entries, the driver. */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeFileSync } from 'node:fs';
import type { Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { letGo } from '../base/memory.ts';
import type { RawFiles } from '../kernel/files-contract.ts';
import { quote } from '../tar/numbers.ts';
import { TarReader } from '../tar/reader.ts';
import type { LayerInfo } from './contract.ts';
import { decompressor, type Decompressor } from './decompress.ts';
import { LargeFile } from './large-file.ts';
import type { LayerWriter, OpenLayerWriter } from './layer-writer.ts';
import type { IngestTask } from './worker-protocol.ts';

/** Bytes read from a file at a time. */
const PIECE = 1 << 20;

export class LayerJob {
  readonly #task: IngestTask;
  readonly #files: RawFiles;
  readonly #digest = createHash('sha256');
  /** Of the plain tar; the same hash where nothing is compressed. */
  readonly #diffId = createHash('sha256');
  readonly #unpack: Decompressor;
  readonly #tar: TarReader;
  readonly #writer: LayerWriter;
  #partialFd = -1;
  #partial: LargeFile | undefined;
  #sourceFd = -1;
  #received = 0;
  #plain = 0;
  #content = 0;
  #entry: Buffer | undefined;
  #aborted = false;
  /** Bytes that were in `partial` when the job began. */
  readonly resumeAt: number;

  /** Everything that lies outside of the layer is opened here: the writer may confine the thread. */
  constructor(task: IngestTask, files: RawFiles, open: OpenLayerWriter) {
    this.#task = task;
    this.#files = files;
    const { request } = task;
    try {
      this.resumeAt = this.#openFiles();
      this.#writer = open(task.dir, request.compression === 'none' ? task.partial : undefined);
    } catch (error) {
      this.#closeFiles();
      throw error;
    }
    this.#unpack = decompressor(request.compression, (chunk) => this.#output(chunk), {
      digested: request.digest !== undefined || request.diffId !== undefined,
    });
    const writer = this.#writer;
    this.#tar = new TarReader({
      entry: (entry) => {
        this.#entry = entry.name;
        this.#content += entry.type === 'symlink' ? entry.linkName.length : entry.size;
        writer.entry(entry);
      },
      data: (chunk, at) => writer.data(chunk, at),
      entryEnd: () => writer.entryEnd(),
    });
  }

  /** What the last entry was called, for messages. */
  get what(): string {
    return this.#entry === undefined ? 'cannot unpack the layer' : `cannot unpack ${quote(this.#entry)}`;
  }

  get received(): number {
    return this.#received;
  }

  /** Works through what is in `partial` already, and through the file that the task names. */
  async readFiles(progress: () => void): Promise<void> {
    const { file } = this.#task;
    if (this.#partialFd !== -1 && this.resumeAt > 0) await this.#readFrom(this.#partialFd, 0, this.resumeAt, false, progress);
    if (file !== undefined) await this.#readFrom(this.#sourceFd, file.offset ?? 0, file.length, true, progress);
  }

  async write(chunk: Buffer): Promise<void> {
    await this.#take(chunk, this.#partial);
  }

  /** The layer is whole, right, and in its folder. */
  async finish(): Promise<LayerInfo> {
    const { request } = this.#task;
    if (request.size !== undefined && this.#received !== request.size) {
      throw invalid(`the layer has ${this.#received} bytes, but ${request.size} were promised`);
    }
    await this.#unpack.end();
    this.#check();
    this.#tar.end();
    const digest: Digest = `sha256:${this.#digest.digest('hex')}`;
    if (request.digest !== undefined && digest !== request.digest) {
      throw invalid(`filesystem layer verification failed for digest ${request.digest}: the bytes have ${digest}`);
    }
    const diffId: Digest = this.#unpack.plain === true ? digest : `sha256:${this.#diffId.digest('hex')}`;
    if (request.diffId !== undefined && diffId !== request.diffId) {
      throw invalid(`wrong diff id calculated on extraction ${JSON.stringify(diffId)}: ${request.diffId} was promised`);
    }
    this.#entry = undefined;
    this.#writer.finish({ diffId, size: this.#plain });
    const info: LayerInfo = { diffId, digest, size: this.#received, plainSize: this.#plain, contentSize: this.#content };
    writeFileSync(`${this.#task.dir}/layer.json`, `${JSON.stringify(info)}\n`);
    this.#partial?.end();
    this.#closeFiles();
    return info;
  }

  /** Ends it from outside: the next step throws. */
  cancel(): void {
    this.#aborted = true;
  }

  /** Lets everything go. The layer's folder stays for the caller to remove. */
  abort(): void {
    this.#aborted = true;
    this.#writer.abort();
    this.#unpack.destroy();
    if (this.#partialFd !== -1) this.#partial?.end();
    this.#closeFiles();
  }

  #openFiles(): number {
    const { request, file, partial } = this.#task;
    if (file !== undefined) this.#sourceFd = openSync(file.path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (partial === undefined) return 0;
    this.#partialFd = openSync(partial, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    const { size } = fstatSync(this.#partialFd);
    // with more bytes than there can be it is of something else
    const resumeAt = file === undefined && size <= (request.size ?? Infinity) ? size : 0;
    if (resumeAt === 0) ftruncateSync(this.#partialFd, 0);
    this.#partial = new LargeFile(this.#files, this.#partialFd, resumeAt);
    return resumeAt;
  }

  async #readFrom(fd: number, offset: number, length: number | undefined, store: boolean, progress: () => void): Promise<void> {
    const end = length === undefined ? Infinity : offset + length;
    // one for all: nobody keeps a part of it
    const buffer = Buffer.allocUnsafe(PIECE);
    for (let at = offset; at < end;) {
      const count = readSync(fd, buffer, 0, Math.min(PIECE, end - at), at);
      if (count === 0) {
        if (length === undefined) break;
        throw invalid(`the file ends after ${at - offset} of ${length} bytes`);
      }
      at += count;
      const chunk = buffer.subarray(0, count);
      await (store ? this.write(chunk) : this.#take(chunk));
      progress();
    }
    letGo(buffer); // not after a failure: a helper thread may be reading it still
  }

  async #take(chunk: Buffer, file?: LargeFile): Promise<void> {
    this.#check();
    const { size } = this.#task.request;
    this.#received += chunk.length;
    if (size !== undefined && this.#received > size) throw invalid(`the layer has more than the ${size} bytes that were promised`);
    // the helper thread unpacks while this one does the rest
    const unpacked = this.#unpack.write(chunk);
    unpacked.catch(() => {});
    file?.write(chunk);
    this.#digest.update(chunk);
    await unpacked;
    this.#check();
  }

  #output(chunk: Buffer): void {
    this.#check();
    const { maxPlainSize } = this.#task.request;
    this.#plain += chunk.length;
    if (maxPlainSize !== undefined && this.#plain > maxPlainSize) throw invalid(`the layer unpacks to more than ${maxPlainSize} bytes`);
    if (this.#unpack.plain !== true) this.#diffId.update(chunk);
    this.#writer.plain(chunk);
    this.#tar.push(chunk);
  }

  #check(): void {
    if (this.#aborted) throw new EngineError('cancelled', 'the layer was given up');
  }

  #closeFiles(): void {
    for (const fd of [this.#partialFd, this.#sourceFd]) if (fd !== -1) closeSync(fd);
    this.#partialFd = this.#sourceFd = -1;
  }
}

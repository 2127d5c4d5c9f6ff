/** An archive on its way through a worker into a folder: bytes, plain bytes, entries, files. */
import { EngineError } from '../base/errors.ts';
import { quote } from '../tar/numbers.ts';
import { TarReader } from '../tar/reader.ts';
import { decompressor, type Decompressor } from './decompress.ts';
import type { Rooted } from './rooted.ts';
import type { RootedUnpack } from './rooted-unpack.ts';

export class UnpackJob {
  readonly #rooted: Rooted;
  readonly #unpack: RootedUnpack;
  readonly #tar: TarReader;
  readonly #plain: Decompressor;
  #received = 0;
  #entry: Buffer | undefined;
  #aborted = false;
  #closed = false;

  /** Takes both over, to be closed with it. */
  constructor(rooted: Rooted, unpack: RootedUnpack) {
    this.#rooted = rooted;
    this.#unpack = unpack;
    this.#tar = new TarReader({
      entry: (entry) => {
        this.#entry = entry.name;
        unpack.entry(entry);
      },
      data: (chunk, at) => unpack.data(chunk, at),
      entryEnd: () => unpack.entryEnd(),
    });
    this.#plain = decompressor('auto', (chunk) => this.#output(chunk), { what: 'archive' });
  }

  /** What is at work, for messages. */
  get what(): string {
    return this.#entry === undefined ? 'cannot unpack the archive' : `cannot unpack ${quote(this.#entry)}`;
  }

  get received(): number {
    return this.#received;
  }

  async write(chunk: Buffer): Promise<void> {
    this.#check();
    this.#received += chunk.length;
    await this.#plain.write(chunk);
    this.#check();
  }

  async finish(): Promise<undefined> {
    await this.#plain.end();
    this.#check();
    // docker's older builder sends it so with a Dockerfile from elsewhere
    this.#tar.end({ unpadded: true });
    this.#entry = undefined;
    this.#unpack.finish();
    this.#close();
  }

  /** Ends it from outside: the next step throws. */
  cancel(): void {
    this.#aborted = true;
  }

  /** Lets everything go. What has been unpacked stays. */
  abort(): void {
    this.#aborted = true;
    this.#plain.destroy();
    if (!this.#closed) this.#unpack.close();
    this.#close();
  }

  #output(chunk: Buffer): void {
    this.#check();
    this.#tar.push(chunk);
  }

  #check(): void {
    if (this.#aborted) throw new EngineError('cancelled', 'the archive was given up');
  }

  #close(): void {
    if (!this.#closed) this.#rooted[Symbol.dispose]();
    this.#closed = true;
  }
}

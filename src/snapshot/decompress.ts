/** Decompression of a stream, by what its first bytes say. The work is done on Node's helper threads. */
import { createGunzip, createInflateRaw, createZstdDecompress, type Gunzip, type InflateRaw, type ZstdDecompress } from 'node:zlib';
import { invalid } from '../base/errors.ts';
import { letGo } from '../base/memory.ts';
import type { Compression } from './contract.ts';
import { checkTrailer, damaged, gzipHeaderLength, TRAILER_BYTES } from './gzip-frame.ts';

/** Bytes of output that the helper thread makes in one go. */
const CHUNK = 1 << 20;
/** Bytes that are handed on at a time: no longer than that takes does the helper thread wait for more to do. */
const PIECE = 128 << 10;
/** Chunks that wait to be handed on: meanwhile the helper thread makes the next one. */
const AHEAD = 1;
/** What it takes to tell. */
const MAGIC_BYTES = 4;

/** Takes plain bytes. They are gone when it returns: what it wants to keep it copies. */
export type Output = (chunk: Buffer) => void;

export interface Decompressor {
  /** Whether what comes out is what goes in; undefined until enough has been seen. */
  readonly plain: boolean | undefined;
  /** Takes the next bytes; resolves when there is room for more. What is made of them is handed on by and by. */
  write(chunk: Buffer): Promise<void>;
  /** No more bytes come; resolves when all has been handed on. Throws `invalid` for a stream that is not whole. */
  end(): Promise<void>;
  destroy(): void;
}

export interface DecompressorOptions {
  /** What it is for users. */
  readonly what?: string;
  /** The caller knows a digest of the bytes: gzip's checksum, a seventh of the work, is not computed. */
  readonly digested?: boolean;
}

/** What `output` throws rejects the write that led to it. */
export function decompressor(compression: Compression, output: Output, options: DecompressorOptions = {}): Decompressor {
  return compression === 'none' ? plain(output) : new Detecting(compression, output, options);
}

/** What begins like this. Throws `invalid` for what is known to be something else; `what` is it for users. */
export function detect(start: Buffer, what = 'layer'): 'none' | 'gzip' | 'zstd' {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  const magic = start.length >= 4 ? start.readUInt32LE(0) : 0;
  // a zstd frame, or a skippable one (pzstd and zstd:chunked begin or go on with such)
  if (magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50) return 'zstd';
  const other = start.toString('latin1', 0, 4);
  if (other.startsWith('BZh')) throw invalid(`the ${what} is compressed with bzip2, which is not supported`);
  if (other.startsWith('\xfd7zX')) throw invalid(`the ${what} is compressed with xz, which is not supported`);
  return 'none';
}

function plain(output: Output): Decompressor {
  return {
    plain: true,
    write: async (chunk) => output(chunk),
    end: async () => {},
    destroy: () => {},
  };
}

class Detecting implements Decompressor {
  readonly #declared: Compression;
  readonly #options: DecompressorOptions;
  readonly #output: Output;
  #start: Buffer = Buffer.alloc(0);
  #chosen: Decompressor | undefined;

  constructor(declared: Compression, output: Output, options: DecompressorOptions) {
    this.#declared = declared;
    this.#options = options;
    this.#output = output;
  }

  get plain(): boolean | undefined {
    return this.#chosen?.plain;
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#chosen !== undefined) return this.#chosen.write(chunk);
    this.#start = Buffer.concat([this.#start, chunk]);
    if (this.#start.length >= MAGIC_BYTES) await this.#choose().write(this.#start);
  }

  async end(): Promise<void> {
    if (this.#chosen === undefined) await this.#choose().write(this.#start);
    await this.#chosen!.end();
  }

  destroy(): void {
    this.#chosen?.destroy();
  }

  #choose(): Decompressor {
    const { what, digested } = this.#options;
    const found = detect(this.#start, what);
    // as Docker: a wrong media type is forgiven, for the bytes say what they are
    this.#chosen = found === 'none' ? plain(this.#output) : new Members(found, this.#output, digested);
    if (this.#start.length === 0 && this.#declared !== 'auto') throw invalid(`the ${this.#declared} stream is empty`);
    return this.#chosen;
  }
}

/**
 * One compressed stream after the other until the bytes end, as gzip(1) and zstd(1) read them. Node's streams end
 * silently where one member ends in the middle of a chunk, so the rest is given to a new one here.
 *
 * Where a digest tells, the first member of gzip is inflated alone, its header and trailer are looked at here. (Only the
 * first: a stream for each of thousands of small members would cost more than their checksums.)
 */
class Members implements Decompressor {
  readonly plain = false;
  readonly #kind: 'gzip' | 'zstd';
  readonly #output: Output;
  /** What of a first member without a checksum is next; undefined where zlib sees to all of it. */
  #frame: 'header' | 'body' | 'trailer' | undefined;
  /** What has come of its header or trailer. */
  #framing: Buffer = Buffer.alloc(0);
  /** Bytes that have come out of it. */
  #length = 0;
  #stream: Gunzip | InflateRaw | ZstdDecompress | undefined;
  #members = 0;
  #fed = 0;
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;
  readonly #waiting: Buffer[] = [];
  /** The last of them that came. */
  #last: Buffer | undefined;
  /** How much of the first of them has been handed on. */
  #handed = 0;
  #handing = false;

  constructor(kind: 'gzip' | 'zstd', output: Output, digested = false) {
    this.#kind = kind;
    this.#output = output;
    if (kind === 'gzip' && digested) this.#frame = 'header';
  }

  async write(chunk: Buffer): Promise<void> {
    let rest = this.#withoutFrame(chunk);
    while (rest.length > 0) {
      if (this.#stream === undefined && this.#members > 0 && this.#kind === 'gzip') {
        rest = withoutZeros(rest); // as gzip(1): tapes had them after the end
        if (rest.length === 0) return;
      }
      this.#stream ??= this.#open();
      const stream = this.#stream;
      this.#fed += rest.length;
      await this.#wait((done) => stream.write(rest, done));
      const left = this.#fed - stream.bytesWritten;
      if (left === 0) return;
      // the member ended before the chunk did
      await this.#drained();
      stream.destroy();
      this.#stream = undefined;
      if (this.#frame === 'body') this.#frame = 'trailer';
      rest = this.#withoutFrame(rest.subarray(rest.length - left));
    }
  }

  async end(): Promise<void> {
    const stream = this.#stream;
    stream?.end();
    if (stream !== undefined) await this.#drained();
    this.destroy();
    if (this.#frame !== undefined) throw damaged('unexpected end of file');
  }

  destroy(): void {
    this.#stream?.destroy();
    this.#stream = undefined;
  }

  /** What is left of the bytes behind the header or the trailer that they begin with, or go on with. */
  #withoutFrame(bytes: Buffer): Buffer {
    if (this.#frame === undefined || this.#frame === 'body') return bytes;
    const all = this.#framing.length === 0 ? bytes : Buffer.concat([this.#framing, bytes]);
    const length = this.#frame === 'header' ? gzipHeaderLength(all) : TRAILER_BYTES;
    const whole = length !== undefined && length <= all.length;
    this.#framing = whole ? Buffer.alloc(0) : Buffer.from(all); // the caller's memory is used again
    if (!whole) return all.subarray(all.length);
    if (this.#frame === 'trailer') checkTrailer(all, this.#length);
    this.#frame = this.#frame === 'header' ? 'body' : undefined;
    return all.subarray(length);
  }

  #create(): Gunzip | InflateRaw | ZstdDecompress {
    if (this.#kind === 'zstd') return createZstdDecompress({ chunkSize: CHUNK });
    return this.#frame === 'body' ? createInflateRaw({ chunkSize: CHUNK }) : createGunzip({ chunkSize: CHUNK });
  }

  #open(): Gunzip | InflateRaw | ZstdDecompress {
    const stream = this.#create();
    this.#members++;
    this.#fed = 0;
    this.#ended = false;
    stream.on('data', (chunk: Buffer) => {
      this.#length += chunk.length;
      this.#waiting.push(chunk);
      this.#last = chunk;
      if (this.#waiting.length >= AHEAD) stream.pause();
      if (!this.#handing) setImmediate(this.#handOn);
      this.#handing = true;
    });
    stream.on('end', () => {
      this.#ended = true;
      if (this.#waiting.length === 0) this.#wake?.();
    });
    stream.on('error', (error: Error) => this.#fail(invalid(`the ${this.#kind} stream is damaged: ${error.message}`)));
    return stream;
  }

  /** One piece, and not within its event: the helper thread begins the next one only when that event is over. */
  readonly #handOn = (): void => {
    this.#handing = false;
    const chunk = this.#waiting[0];
    if (chunk === undefined || this.#error !== undefined) return;
    try {
      this.#output(chunk.subarray(this.#handed, (this.#handed += PIECE)));
    } catch (error) {
      return this.#fail(error as Error);
    }
    if (this.#handed >= chunk.length) {
      letGo(chunk);
      this.#waiting.shift();
      this.#handed = 0;
    }
    if (this.#waiting.length < AHEAD && this.#stream?.isPaused() === true) this.#stream.resume();
    if (this.#waiting.length > 0) {
      this.#handing = true;
      setImmediate(this.#handOn);
    } else if (this.#ended) this.#wake?.();
  };

  /** The member has ended, and all of it has been handed on. */
  async #drained(): Promise<void> {
    await this.#wait((done) => (this.#ended && this.#waiting.length === 0 ? done() : (this.#wake = done)));
    // the stream would have filled the rest of it
    const memory = this.#last?.buffer;
    if (memory !== undefined && memory.byteLength > 0) letGo(new Uint8Array(memory));
    this.#last = undefined;
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#wake?.();
    this.#stream?.destroy();
  }

  /** Waits for a call-back or for a failure, whichever comes first. */
  async #wait(start: (done: () => void) => void): Promise<void> {
    if (this.#error === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      start(resolve);
      await promise;
    }
    if (this.#error !== undefined) throw this.#error;
  }
}

function withoutZeros(bytes: Buffer): Buffer {
  let at = 0;
  while (at < bytes.length && bytes[at] === 0) at++;
  return bytes.subarray(at);
}

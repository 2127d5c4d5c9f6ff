/**
 * Reads a tar archive that is pushed in pieces. File data is handed on as parts of the pieces, not copied; everything
 * that is kept between pieces has a bound. Broken archives end in EngineError `invalid`, never in anything else.
 *
 * Where dialects leave a choice it does as Go's archive/tar, because Docker does: global pax headers are checked but not
 * applied, an archive may end without its end mark, links carry no data.
 */
import { invalid } from '../base/errors.ts';
import type { TarEntry, TarHandler, TarRun, TarType } from './contract.ts';
import { BLOCK, isZeroBlock, parseHeader, type RawHeader } from './header.ts';
import { headerNumber, quote } from './numbers.ts';
import { parsePax, type PaxRecords } from './pax.ts';
import { checkedRuns, oldGnuRuns, runBytes, SparseMapReader } from './sparse.ts';

/** The longest body of a pax header, in bytes: as Go's. */
const MAX_PAX = 1 << 20;
/** The longest name, in bytes: PATH_MAX eight times. */
const MAX_NAME = 8 * 4096;

/** `uid` and `gid` of (uid_t) -1 mean "leave as it is" to the kernel: no owner. */
const MAX_ID = 0xfffffffe;

const TYPES: Readonly<Record<string, TarType>> = { '0': 'file', '7': 'file', '1': 'link', '2': 'symlink', '3': 'char', '4': 'block', '5': 'dir', '6': 'fifo' };

/** What the bytes that come next are. */
type State = 'header' | 'old-sparse' | 'sparse-map' | 'meta' | 'data' | 'skip' | 'ended';

const NOTHING = Buffer.alloc(0);

export class TarReader {
  readonly #handler: TarHandler;
  #state: State = 'header';
  /** Bytes pushed before the current piece, then the place in the archive. */
  #position = 0;

  /** A block that comes in parts. */
  readonly #carry = Buffer.alloc(BLOCK);
  #carried = 0;
  #zeroBlock = false;

  /** The body of a header about the next entry ('x', 'g', 'L', 'K'). */
  #meta: Buffer = NOTHING;
  #metaFilled = 0;
  #metaType = '';
  #pax: PaxRecords | undefined;
  #longName: Buffer | undefined;
  #longLink: Buffer | undefined;

  /** Bytes of data, or of something else's, that are still to come; and how many follow to fill the block. */
  #left = 0;
  #padding = 0;
  /** Of the current file. */
  #at = 0;
  #header: RawHeader | undefined;
  #runs: TarRun[] | undefined;
  #run = 0;
  #map: SparseMapReader | undefined;
  #sparseSize = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** Where the reader is in the archive, in bytes. */
  get position(): number {
    return this.#position;
  }

  /** Whether the archive's end mark has been read: what still comes is ignored. */
  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** How many bytes of the current entry's data, padding included, are still to come. */
  get dataLeft(): number {
    return this.#state === 'data' ? this.#left + this.#padding : 0;
  }

  /** Goes on as if `dataLeft` bytes had been pushed; the handler gets none of them. What is pushed next is a header. */
  skipData(): void {
    if (this.#state !== 'data') return;
    this.#position += this.#left + this.#padding;
    this.#left = this.#padding = 0;
    this.#entryDone();
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      switch (this.#state) {
        case 'ended':
          this.#position += chunk.length - at;
          return;
        case 'data':
          at += this.#takeData(chunk, at);
          break;
        case 'meta':
          at += this.#takeMeta(chunk, at);
          break;
        case 'skip':
          at += this.#takeSkip(chunk.length - at);
          break;
        default:
          at += this.#takeBlock(chunk, at);
      }
    }
  }

  /** The archive has ended. Throws when it is in the middle of something; `unpadded`: zeros after the last entry's data may be missing. */
  end({ unpadded = false }: { readonly unpadded?: boolean } = {}): void {
    const pending = this.#pax !== undefined || this.#longName !== undefined || this.#longLink !== undefined;
    const whole = this.#state === 'ended' || (((this.#state === 'header' && this.#carried === 0) || (unpadded && this.#state === 'skip')) && !pending);
    if (!whole) throw invalid(`the archive is truncated: it ends after ${this.#position} bytes in the middle of an entry`);
    this.#state = 'ended';
  }

  #takeBlock(chunk: Buffer, at: number): number {
    let block: Buffer = this.#carry;
    let taken = BLOCK;
    if (this.#carried === 0 && chunk.length - at >= BLOCK) {
      block = chunk.subarray(at, at + BLOCK);
    } else {
      taken = Math.min(BLOCK - this.#carried, chunk.length - at);
      chunk.copy(this.#carry, this.#carried, at, at + taken);
      this.#carried += taken;
    }
    this.#position += taken;
    if (block === this.#carry) {
      if (this.#carried < BLOCK) return taken;
      this.#carried = 0;
    }
    if (this.#state === 'header') this.#headerBlock(block);
    else if (this.#state === 'old-sparse') this.#oldSparseBlock(block);
    else this.#sparseMapBlock(block);
    return taken;
  }

  #headerBlock(block: Buffer): void {
    if (block[0] === 0 && isZeroBlock(block)) {
      if (this.#pax !== undefined || this.#longName !== undefined || this.#longLink !== undefined)
        throw invalid('invalid archive: it ends between a header and its entry');
      if (this.#zeroBlock) this.#state = 'ended';
      this.#zeroBlock = true;
      return;
    }
    if (this.#zeroBlock) throw invalid('invalid archive: a block of zeros between entries');
    const header = parseHeader(block);
    const type = String.fromCharCode(header.typeFlag);
    if (type === 'x' || type === 'g' || type === 'L' || type === 'K') {
      this.#metaHeader(type, header.size);
      return;
    }
    this.#header = header;
    if (type === 'S') {
      this.#runs = [];
      oldGnuRuns(block, 386, 4, this.#runs);
      this.#sparseSize = headerSize(block, 483);
      if (block[482] === 0 || block[482] === 0x30) this.#begin();
      else this.#state = 'old-sparse';
      return;
    }
    const file = type === '0' || type === '\0' || type === '7';
    const sparse = file ? this.#pax?.sparse : undefined;
    if (sparse === 'in-data') {
      this.#map = new SparseMapReader();
      this.#sparseSize = this.#pax!.sparseSize!;
      this.#left = this.#pax!.size ?? header.size;
      this.#state = 'sparse-map';
      if (this.#left < BLOCK) throw invalid('invalid sparse file: no room for its map');
      return;
    }
    if (sparse !== undefined) {
      this.#runs = [...sparse.runs];
      this.#sparseSize = sparse.size;
    }
    this.#begin();
  }

  #metaHeader(type: string, size: number): void {
    const bound = type === 'x' || type === 'g' ? MAX_PAX : MAX_NAME;
    if (size > bound) throw invalid(`invalid archive: ${type === 'x' || type === 'g' ? 'a pax header' : 'a name'} of ${size} bytes`);
    this.#metaType = type;
    this.#meta = Buffer.allocUnsafe(size);
    this.#metaFilled = 0;
    this.#padding = padding(size);
    this.#state = 'meta';
    if (size === 0) this.#metaDone();
  }

  #takeMeta(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#meta.length - this.#metaFilled, chunk.length - at);
    chunk.copy(this.#meta, this.#metaFilled, at, at + taken);
    this.#metaFilled += taken;
    this.#position += taken;
    if (this.#metaFilled === this.#meta.length) this.#metaDone();
    return taken;
  }

  #metaDone(): void {
    const body = this.#meta;
    this.#meta = NOTHING;
    switch (this.#metaType) {
      case 'x':
        this.#pax = parsePax(body);
        break;
      case 'g':
        parsePax(body);
        break;
      case 'L':
        this.#longName = upToNul(body);
        break;
      default:
        this.#longLink = upToNul(body);
    }
    this.#skipPadding();
  }

  #oldSparseBlock(block: Buffer): void {
    oldGnuRuns(block, 0, 21, this.#runs!);
    if (block[504] === 0 || block[504] === 0x30) this.#begin();
  }

  #sparseMapBlock(block: Buffer): void {
    this.#left -= BLOCK;
    const runs = this.#map!.push(block);
    if (runs !== undefined) {
      this.#map = undefined;
      this.#runs = runs;
      this.#begin(this.#left);
    } else if (this.#left < BLOCK) {
      throw invalid('invalid sparse file: its map does not end');
    }
  }

  /** The entry's headers are all read. `dataLeft`: where a part of the data has been read already. */
  #begin(dataLeft?: number): void {
    const header = this.#header!;
    const pax = this.#pax;
    const name = this.#longName ?? pax?.sparseName ?? pax?.path ?? header.name;
    const type = entryType(header.typeFlag, name);
    const archived = type === 'file' ? (dataLeft ?? pax?.size ?? header.size) : 0;
    if (!Number.isSafeInteger(this.#position + archived + BLOCK)) throw invalid(`invalid archive: ${quote(name)} has a size of ${archived} bytes`);
    let size = archived;
    if (this.#runs !== undefined) {
      size = this.#sparseSize;
      this.#runs = checkedRuns(this.#runs, size);
      if (runBytes(this.#runs) !== archived) throw invalid(`invalid sparse file ${quote(name)}: its map and its data differ in length`);
    }
    const entry: TarEntry = {
      type,
      name,
      linkName: type === 'link' || type === 'symlink' ? (this.#longLink ?? pax?.linkPath ?? header.linkName) : NOTHING,
      mode: header.mode & 0o7777,
      uid: ownerId(pax?.uid ?? header.uid, 'uid', name),
      gid: ownerId(pax?.gid ?? header.gid, 'gid', name),
      userName: pax?.userName ?? header.userName,
      groupName: pax?.groupName ?? header.groupName,
      size,
      mtime: pax?.mtime ?? BigInt(header.mtime) * 1_000_000_000n,
      atime: pax?.atime,
      ctime: pax?.ctime,
      devMajor: header.devMajor,
      devMinor: header.devMinor,
      xattrs: pax?.xattrs ?? NO_XATTRS,
      sparse: this.#runs,
      dataOffset: this.#position,
    };
    if (name.length === 0) throw invalid('invalid archive: an entry without a name');
    if (name.length > MAX_NAME || entry.linkName.length > MAX_NAME) throw invalid(`invalid archive: a name of more than ${MAX_NAME} bytes`);
    this.#pax = this.#longName = this.#longLink = this.#header = undefined;
    this.#left = archived;
    this.#padding = padding(archived);
    this.#at = 0;
    this.#run = 0;
    this.#handler.entry(entry);
    if (archived === 0) this.#entryDone();
    else this.#state = 'data';
  }

  #takeData(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#left, chunk.length - at);
    this.#left -= taken;
    this.#position += taken;
    if (this.#runs === undefined) {
      this.#handler.data(taken === chunk.length ? chunk : chunk.subarray(at, at + taken), this.#at);
      this.#at += taken;
    } else {
      this.#sparseData(chunk, at, at + taken);
    }
    if (this.#left === 0) this.#entryDone();
    return taken;
  }

  #sparseData(chunk: Buffer, start: number, end: number): void {
    for (let from = start; from < end;) {
      const run = this.#runs![this.#run]!;
      const part = Math.min(run.length - this.#at, end - from);
      this.#handler.data(chunk.subarray(from, from + part), run.offset + this.#at);
      from += part;
      this.#at += part;
      if (this.#at === run.length) {
        this.#run++;
        this.#at = 0;
      }
    }
  }

  #entryDone(): void {
    this.#runs = undefined;
    this.#skipPadding();
    this.#handler.entryEnd();
  }

  #skipPadding(): void {
    this.#state = this.#padding > 0 ? 'skip' : 'header';
  }

  #takeSkip(available: number): number {
    const taken = Math.min(this.#padding, available);
    this.#padding -= taken;
    this.#position += taken;
    if (this.#padding === 0) this.#state = 'header';
    return taken;
  }
}

const NO_XATTRS: ReadonlyMap<string, Buffer> = new Map();

function entryType(flag: number, name: Buffer): TarType {
  if (flag === 0) return name[name.length - 1] === 0x2f ? 'dir' : 'file'; // v7 had no folders
  const type = flag === 0x53 ? 'file' : TYPES[String.fromCharCode(flag)];
  if (type === undefined) throw invalid(`invalid archive: ${quote(name)} is of type ${quote(String.fromCharCode(flag))}, which is not supported`);
  return type;
}

/** Some programs write -2 for nobody: the kernel's number for it. */
function ownerId(value: number, what: string, name: Buffer): number {
  const id = value < 0 && value >= -(2 ** 31) ? value >>> 0 : value;
  if (id < 0 || id > MAX_ID) throw invalid(`invalid archive: ${quote(name)} has the ${what} ${value}`);
  return id;
}

function headerSize(block: Buffer, at: number): number {
  const size = headerNumber(block, at, 12, 'size');
  if (size < 0) throw invalid('invalid tar header: a negative size');
  return size;
}

function upToNul(body: Buffer): Buffer {
  const zero = body.indexOf(0);
  return zero === -1 ? body : body.subarray(0, zero);
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

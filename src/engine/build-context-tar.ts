/** A context that comes as a stream: an archive, or a Dockerfile alone. Of a small archive nothing is written before files of it are needed. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { invalid } from '../base/errors.ts';
import type { RootedFiles } from '../snapshot/contract.ts';
import { archiveKind, plainTar } from './build-archive.ts';
import { SmallTar } from './build-small-tar.ts';

/** A text without end is no Dockerfile. Bytes. */
export const MAX_DOCKERFILE = 1 << 20;
/** Enough to tell an archive. */
const MIN_HEAD = 1024;
/** What is kept in memory. */
const MAX_HEAD = 256 << 10;

export interface ArrivedContext {
  /** The folder with its files; they are written when it is first asked for. */
  readonly path: () => Promise<string>;
  /** The same without a folder, where that is possible. */
  readonly small?: SmallTar | undefined;
  /** It was one file: the Dockerfile. */
  readonly single?: boolean;
}

export interface ArrivalParts {
  readonly files: RootedFiles;
  /** Where its files go. Asked for when it is needed, and made then. */
  readonly folder: () => string;
  readonly signal: AbortSignal;
  readonly report: (transferred: number) => void;
}

export async function arrivedContext(bytes: AsyncIterable<Uint8Array>, parts: ArrivalParts): Promise<ArrivedContext> {
  const { files, folder } = parts;
  const source = counted(bytes, parts);
  const head: Buffer[] = [];
  let whole = false;
  for (let size = 0; size < MAX_HEAD;) {
    const next = await source.next();
    whole = next.done === true;
    if (next.done === true) break;
    // who unpacks takes the memory
    head.push(Buffer.from(next.value));
    size += next.value.length;
  }
  const kind = isEmptyTar(head) ? 'none' : await archiveKind(once(head));
  if (kind === undefined) return single(head, source, folder());
  const all = async function* (): AsyncGenerator<Uint8Array> {
    for (const chunk of head) yield Uint8Array.from(chunk);
    // a program has its input for longer than the next piece takes
    for await (const chunk of source) yield kind === 'bzip2' || kind === 'xz' ? Uint8Array.from(chunk) : chunk;
  };
  const unpacked = async (): Promise<string> => {
    const root = folder();
    mkdirSync(root, { recursive: true, mode: 0o755 });
    await files.unpack(root, '/', plainTar(kind, all()), {});
    return root;
  };
  let unpacking: Promise<string> | undefined;
  const path = () => (unpacking ??= unpacked());
  const small = whole && kind === 'none' ? SmallTar.of(head) : undefined;
  if (small === undefined) await path();
  return { path, small };
}

async function* counted(bytes: AsyncIterable<Uint8Array>, { signal, report }: ArrivalParts): AsyncGenerator<Buffer> {
  let transferred = 0;
  for await (const chunk of bytes) {
    if (signal.aborted) throw signal.reason;
    transferred += chunk.length;
    report(transferred);
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
}

async function single(head: readonly Buffer[], rest: AsyncIterable<Buffer>, folder: string): Promise<ArrivedContext> {
  const pieces = [...head];
  let size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  for await (const piece of rest) {
    pieces.push(Buffer.from(piece));
    size += piece.length;
    if (size > MAX_DOCKERFILE) throw invalid('the build context is neither an archive nor a Dockerfile');
  }
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  writeFileSync(`${folder}/Dockerfile`, Buffer.concat(pieces));
  return { path: async () => folder, single: true };
}

/** An archive without entries: its end mark alone. */
function isEmptyTar(head: readonly Buffer[]): boolean {
  return head.reduce((size, { length }) => size + length, 0) >= MIN_HEAD && head.every((piece) => piece.every((byte) => byte === 0));
}

async function* once(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces;
}

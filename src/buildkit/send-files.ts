/** Results on their way to the client: as one stream of bytes, or as files, which it asks for one by one. */
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { EngineError } from '../base/errors.ts';
import type { TarEntry, TarType } from '../tar/contract.ts';
import { TarReader } from '../tar/reader.ts';
import { goMode, GO_SYMLINK } from './go-mode.ts';
import type { GrpcCall } from './grpc-client.ts';
import { codec } from './messages.ts';
import { PACKET, readPacket } from './file-packet.ts';
import type { Session } from './sessions.ts';

const PIECE = 32 * 1024;

/** One archive. `index`: of the exporter, in the order of the client's request. */
export async function sendArchive(
  session: Session,
  index: number,
  archive: AsyncIterable<Buffer>,
  metadata: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const method = session.method('moby.filesync.v1.FileSend', 'DiffCopy');
  const headers = Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`exporter-md-${name}`, value]));
  const call = session.client.stream(method.path, { metadata: { ...headers, ...exporterId(index) }, signal });
  const answer = untilEnd(call);
  answer.catch(() => {});
  for await (const bytes of archive) {
    for (let at = 0; at < bytes.length; at += PIECE) {
      if (!call.write(method.request.encode({ data: bytes.subarray(at, at + PIECE) }))) await call.drained();
    }
  }
  call.end();
  await answer;
}

async function untilEnd(call: GrpcCall): Promise<void> {
  for await (const messages of call.batches()) void messages;
}

interface Sent {
  readonly stat: { readonly path: string; readonly linkname: string; readonly [field: string]: unknown };
  /** Of its content in the archive. */
  readonly size: number;
  readonly offset: number;
  readonly hardLink: boolean;
}

/** The files of a tar, for the client's folder. They wait in the folder `scratch`. */
export async function sendFiles(session: Session, index: number, archive: AsyncIterable<Buffer>, scratch: string, signal: AbortSignal): Promise<void> {
  const method = session.method('moby.filesync.v1.FileSend', 'DiffCopy');
  const packets = codec('fsutil.types.Packet');
  const folder = mkdtempSync(join(scratch, 'files-'));
  try {
    // the client may ask for any of them at any time
    const path = join(folder, 'tar');
    const files = await spool(archive, path, signal);
    const call = session.client.stream(method.path, { metadata: exporterId(index), signal });
    const say = async (packet: object): Promise<void> => {
      if (!call.write(packets.encode(packet))) await call.drained();
    };
    const tell = async (): Promise<void> => {
      for (const { stat } of files) await say({ type: PACKET.STAT, stat });
      await say({ type: PACKET.STAT });
    };
    const telling = tell();
    let sending = Promise.resolve();
    let ended = false;
    for await (const messages of call.batches()) {
      for (const bytes of messages) {
        const packet = readPacket(bytes);
        if (packet.type === PACKET.REQUEST) {
          const file = files[packet.id];
          if (file === undefined) throw new EngineError('invalid', `the client asks for file ${packet.id}, which there is not`);
          const { id } = packet;
          sending = sending.then(() => sendOne(path, file, id, say));
          sending.catch(() => call.cancel());
        } else if (packet.type === PACKET.FIN) {
          await telling;
          await sending;
          await say({ type: PACKET.FIN });
          call.end();
          ended = true;
        } else if (packet.type === PACKET.ERROR) {
          throw new EngineError('invalid', Buffer.from(packet.data).toString());
        }
      }
    }
    await sending;
    if (!ended) throw new EngineError('unavailable', 'the client did not take all files');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function sendOne(path: string, file: Sent, id: number, say: (packet: object) => Promise<void>): Promise<void> {
  if (file.size > 0) {
    const content = createReadStream(path, { start: file.offset, end: file.offset + file.size - 1, highWaterMark: PIECE });
    for await (const data of content) await say({ type: PACKET.DATA, ID: id, data: data as Buffer });
  }
  await say({ type: PACKET.DATA, ID: id });
}

async function spool(archive: AsyncIterable<Buffer>, path: string, signal: AbortSignal): Promise<readonly Sent[]> {
  const files: Sent[] = [];
  const reader = new TarReader({
    entry: (entry) => {
      const name = entry.name
        .toString()
        .replace(/^\.?\//, '')
        .replace(/\/+$/, '');
      if (name === '' || name === '.') return;
      files.push({ stat: statOf(entry, name), size: entry.type === 'file' ? entry.size : 0, offset: entry.dataOffset, hardLink: entry.type === 'link' });
    },
    data: () => {},
    entryEnd: () => {},
  });
  const watched = async function* (): AsyncGenerator<Buffer> {
    for await (const bytes of archive) {
      signal.throwIfAborted();
      reader.push(bytes);
      yield bytes;
    }
  };
  await pipeline(watched, createWriteStream(path, { mode: 0o600 }), { signal });
  // the order of a walk: a folder before what is in it, and names compared part by part
  return firstOfLinks(files.toSorted((a, b) => compareParts(a.stat.path, b.stat.path)));
}

/** Of names for one file, the first has the content, whichever had it in the archive. */
function firstOfLinks(files: readonly Sent[]): readonly Sent[] {
  const originals = new Map(files.filter((file) => !file.hardLink).map((file) => [file.stat.path, file]));
  const firsts = new Map<string, string>();
  const linked = new Set(files.filter((file) => file.hardLink).map((file) => file.stat.linkname));
  return files.map((file) => {
    const target = file.hardLink ? file.stat.linkname : file.stat.path;
    if (!file.hardLink && !linked.has(target)) return file;
    const original = originals.get(target);
    if (original === undefined) throw new EngineError('internal', `${file.stat.path} is a link to ${target}, which is not in the archive`);
    const first = firsts.get(target);
    if (first === undefined) firsts.set(target, file.stat.path);
    const stat = { ...original.stat, path: file.stat.path, linkname: first ?? '' };
    return { ...original, stat, size: first === undefined ? original.size : 0 };
  });
}

const KINDS: Readonly<Partial<Record<TarType, 'file' | 'directory' | 'symlink'>>> = { dir: 'directory', symlink: 'symlink', file: 'file', link: 'file' };

function statOf(entry: TarEntry, path: string): Sent['stat'] {
  const kind = KINDS[entry.type] ?? 'other';
  const linkname = entry.type === 'link' ? entry.linkName.toString().replace(/^\.?\//, '') : entry.linkName.toString();
  return {
    path,
    mode: kind === 'symlink' ? GO_SYMLINK + 0o777 : goMode(kind, entry.mode),
    uid: entry.uid,
    gid: entry.gid,
    size: entry.size,
    modTime: Number(entry.mtime),
    linkname,
  };
}

function compareParts(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    if (left[at] !== right[at]) return Buffer.compare(Buffer.from(left[at]!), Buffer.from(right[at]!));
  }
  return left.length - right.length;
}

function exporterId(index: number): Readonly<Record<string, string>> {
  return { 'buildkit-attachable-exporter-id': String(index) };
}

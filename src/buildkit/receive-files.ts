/** One round of BuildKit's file sync: the client tells of its files, and sends the content of those that are asked for. */
import { EngineError } from '../base/errors.ts';
import type { FileStat, SyncedTree } from './synced-tree.ts';
import type { Session } from './sessions.ts';

/** The types of fsutil's packets. */
export const PACKET = { STAT: 0, REQUEST: 1, DATA: 2, FIN: 3, ERROR: 4 } as const;

export interface Packet {
  readonly type: number;
  readonly stat: RawStat | null;
  readonly ID: number;
  readonly data: Uint8Array;
}

interface RawStat {
  readonly path: string;
  readonly mode: number;
  readonly size: unknown;
  readonly modTime: unknown;
  readonly linkname: string;
}

export interface FilesWanted {
  /** The context's name with the client: `context`, `dockerfile`. */
  readonly name: string;
  readonly followPaths?: readonly string[] | undefined;
  readonly excludePatterns?: readonly string[] | undefined;
}

/** Brings `tree` up to what the client has. Gives the bytes that came for it. Throws EngineError, and what breaks the call off. */
export async function receiveFiles(session: Session, tree: SyncedTree, wanted: FilesWanted, signal: AbortSignal): Promise<number> {
  const method = session.method('moby.filesync.v1.FileSync', 'DiffCopy');
  const metadata: Record<string, string | readonly string[]> = { 'dir-name': wanted.name };
  const { followPaths = [], excludePatterns = [] } = wanted;
  encodeList(metadata, 'followpaths', followPaths);
  encodeList(metadata, 'exclude-patterns', excludePatterns);
  const call = session.client.stream(method.path, { metadata, signal });
  const say = (packet: object): boolean => call.write(method.request.encode(packet));
  let transferred = 0;
  let allTold = false;
  let finished = false;
  const settle = (): void => {
    if (!allTold || finished || tree.pending > 0) return;
    finished = true;
    say({ type: PACKET.FIN });
  };
  try {
    for await (const messages of call.batches()) {
      for (const bytes of messages) {
        transferred += bytes.length;
        const packet = method.response.raw(bytes) as unknown as Packet;
        if (packet.type === PACKET.STAT && packet.stat === null) {
          allTold = true;
          settle();
        } else if (packet.type === PACKET.STAT && !allTold) {
          const id = tree.tell(statOf(packet.stat!));
          if (id !== undefined) say({ type: PACKET.REQUEST, ID: id });
        } else if (packet.type === PACKET.DATA) {
          tree.data(packet.ID, packet.data);
          settle();
        } else if (packet.type === PACKET.ERROR) {
          throw new EngineError('invalid', Buffer.from(packet.data).toString());
        } else if (packet.type === PACKET.FIN && finished) {
          call.end();
        } else {
          throw new EngineError('invalid', 'the client broke the rules of the file sync');
        }
      }
      await call.drained();
    }
    if (!finished) throw new EngineError('unavailable', 'the client ended the file sync before its end');
    tree.finish();
    return transferred;
  } catch (error) {
    tree.abandon();
    throw error;
  }
}

function statOf(stat: RawStat): FileStat {
  return { path: stat.path, mode: stat.mode, size: Number(stat.size), modTime: Number(stat.modTime), linkname: stat.linkname };
}

/** Header values are ASCII: what is not is escaped, and the client is told so. */
function encodeList(metadata: Record<string, string | readonly string[]>, name: string, values: readonly string[]): void {
  if (values.length === 0) return;
  const plain = values.every((each) => /^[\x20-\x7e]*$/.test(each));
  metadata[name] = plain ? values : values.map(escapeQuery);
  if (!plain) metadata[`${name}-encoded`] = '1';
}

function escapeQuery(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+');
}

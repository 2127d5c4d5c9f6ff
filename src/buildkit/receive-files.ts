/** BuildKit's file sync: the client tells of its files, and sends the content of those that are asked for. */
import { PACKET } from './file-packet.ts';
import type { GrpcCall } from './grpc-client.ts';
import { Unframer } from './grpc-frames.ts';
import type { Method } from './messages.ts';
import { ReceiveRound, type RoundAnswer } from './receive-round.ts';
import type { Session } from './sessions.ts';
import type { SmallTree } from './small-tree.ts';
import { MAX_PACKET } from './tree-protocol.ts';
import type { TreeThread } from './tree-thread.ts';

export interface FilesWanted {
  /** The context's name with the client: `context`, `dockerfile`. */
  readonly name: string;
  readonly followPaths?: readonly string[] | undefined;
  readonly excludePatterns?: readonly string[] | undefined;
  readonly report?: ((transferred: number) => void) | undefined;
}

export interface Received {
  readonly transferred: number;
  readonly size: number;
}

/** Milliseconds between two reports. */
const REPORT_MS = 100;

/** Brings the folder `root` up to what the client has. Gives the bytes that came for it, and those of its files. Throws EngineError, and what breaks the call off. */
export async function receiveFiles(session: Session, thread: TreeThread, root: string, wanted: FilesWanted, signal: AbortSignal): Promise<Received> {
  const { method, call } = begun(session, wanted, signal);
  let failure: { readonly error: unknown } | undefined;
  const round = thread.begin(root, {
    answered: (answer) => say(method, call, answer),
    failed: (error) => {
      failure ??= { error };
      call.cancel();
    },
  });
  let transferred = 0;
  let next = performance.now() + REPORT_MS;
  try {
    for await (const pieces of call.pieces()) {
      for (const { length } of pieces) transferred += length;
      round.push(pieces);
      call.used(pieces);
      if (performance.now() > next) {
        next = performance.now() + REPORT_MS;
        wanted.report?.(transferred);
      }
      await round.room();
    }
    return { transferred, size: await round.finish() };
  } catch (error) {
    round.abandon();
    throw failure === undefined ? error : failure.error;
  }
}

/** The same for a few files that are kept in memory. Gives the bytes that came. */
export async function receiveSmall(session: Session, tree: SmallTree, wanted: FilesWanted, signal: AbortSignal): Promise<number> {
  const { method, call } = begun(session, wanted, signal);
  const round = new ReceiveRound(tree);
  const unframer = new Unframer(MAX_PACKET);
  let transferred = 0;
  try {
    for await (const pieces of call.pieces()) {
      for (const piece of pieces) {
        transferred += piece.length;
        say(method, call, round.push(unframer.push(piece)));
        unframer.keep();
      }
      call.used(pieces);
    }
    round.finish();
    return transferred;
  } catch (error) {
    round.abandon();
    throw error;
  }
}

function begun(session: Session, { name, followPaths = [], excludePatterns = [] }: FilesWanted, signal: AbortSignal) {
  const method = session.method('moby.filesync.v1.FileSync', 'DiffCopy');
  const metadata = { 'dir-name': name, ...listed('followpaths', followPaths), ...listed('exclude-patterns', excludePatterns) };
  return { method, call: session.client.stream(method.path, { metadata, signal }) };
}

function say({ request }: Method, call: GrpcCall, { requests, fin, ended }: RoundAnswer): void {
  for (const ID of requests) call.write(request.encode({ type: PACKET.REQUEST, ID }));
  if (fin) call.write(request.encode({ type: PACKET.FIN }));
  if (ended) call.end();
}

/** Header values are ASCII: what is not is escaped, and the client is told so. */
function listed(name: string, values: readonly string[]): Record<string, string | readonly string[]> {
  if (values.length === 0) return {};
  if (values.every((each) => /^[\x20-\x7e]*$/.test(each))) return { [name]: values };
  return { [name]: values.map((each) => encodeURIComponent(each).replaceAll('%20', '+')), [`${name}-encoded`]: '1' };
}

/** BuildKit's file sync: the client tells of its files, and sends the content of those that are asked for. */
import type { Session } from './sessions.ts';
import { PACKET } from './file-packet.ts';
import type { RoundAnswer } from './receive-round.ts';
import type { TreeThread } from './tree-thread.ts';

export interface FilesWanted {
  /** The context's name with the client: `context`, `dockerfile`. */
  readonly name: string;
  readonly followPaths?: readonly string[] | undefined;
  readonly excludePatterns?: readonly string[] | undefined;
  readonly report?: ((transferred: number) => void) | undefined;
}

/** Milliseconds between two reports. */
const REPORT_MS = 100;

/** Bytes that may wait for the disk. */
const MAX_WAITING = 16 * 1024 * 1024;

/** Brings the folder `root` up to what the client has. Gives the bytes that came for it. Throws EngineError, and what breaks the call off. */
export async function receiveFiles(session: Session, thread: TreeThread, root: string, wanted: FilesWanted, signal: AbortSignal): Promise<number> {
  const method = session.method('moby.filesync.v1.FileSync', 'DiffCopy');
  const { name, followPaths = [], excludePatterns = [] } = wanted;
  const metadata = { 'dir-name': name, ...listed('followpaths', followPaths), ...listed('exclude-patterns', excludePatterns) };
  const call = session.client.stream(method.path, { metadata, signal });
  const round = thread.begin(root);
  let transferred = 0;
  let waiting = 0;
  let next = performance.now() + REPORT_MS;
  let last: Promise<unknown> = Promise.resolve();
  let failure: { readonly error: unknown } | undefined;
  const answered = ({ requests, fin, ended }: RoundAnswer): void => {
    for (const ID of requests) call.write(method.request.encode({ type: PACKET.REQUEST, ID }));
    if (fin) call.write(method.request.encode({ type: PACKET.FIN }));
    if (ended) call.end();
  };
  const push = (packets: readonly Uint8Array[], bytes: number): void => {
    waiting += bytes;
    last = round
      .push(packets)
      .then(answered, (error: unknown) => {
        failure ??= { error };
        call.cancel();
      })
      .finally(() => {
        waiting -= bytes;
      });
  };
  try {
    for await (const messages of call.batches()) {
      const bytes = messages.reduce((sum, each) => sum + each.length, 0);
      transferred += bytes;
      push(messages, bytes);
      if (performance.now() > next) {
        next = performance.now() + REPORT_MS;
        wanted.report?.(transferred);
      }
      if (waiting > MAX_WAITING) await last;
    }
    await last;
    if (failure === undefined) await round.finish();
  } catch (error) {
    failure ??= { error };
    round.abandon();
  }
  if (failure !== undefined) throw failure.error;
  return transferred;
}

/** Header values are ASCII: what is not is escaped, and the client is told so. */
function listed(name: string, values: readonly string[]): Record<string, string | readonly string[]> {
  if (values.length === 0) return {};
  if (values.every((each) => /^[\x20-\x7e]*$/.test(each))) return { [name]: values };
  return { [name]: values.map((each) => encodeURIComponent(each).replaceAll('%20', '+')), [`${name}-encoded`]: '1' };
}

/** Blobs by their digests, as containerd's content store serves them: a client's for its caches, and the daemon's on its builds. */
import type { Digest } from '../base/digest.ts';
import { EngineError } from '../base/errors.ts';
import type { BlobPlace } from '../build/contract.ts';
import { GrpcError, CODES } from './grpc-status.ts';
import type { Handlers } from './grpc-server.ts';
import type { Jobs } from './job.ts';
import { codec } from './messages.ts';
import type { Session } from './sessions.ts';

const SERVICE = 'containerd.services.content.v1.Content';
/** Which of its stores a client means. */
const STORE = 'buildkit-attachable-store-id';
const PIECE = 256 * 1024;
const ACTION = { STAT: 0, WRITE: 1, COMMIT: 2 };

/** A store that the client serves on its session, by the name that it has there. What is asked of one that serves none throws `unavailable`. */
export function clientStore(session: Session, name: string): BlobPlace {
  // of a header each character is a byte
  const metadata = { [STORE]: Buffer.from(name).toString('latin1') };
  return {
    read: async function* (digest, signal) {
      const read = session.method(SERVICE, 'Read');
      const call = session.client.stream(read.path, { metadata, signal });
      call.write(read.request.encode({ digest }));
      call.end();
      for await (const messages of call.batches()) for (const each of messages) yield read.response.decode(each)['data'] as Buffer;
    },
    write: async ({ digest, size }, bytes, signal) => {
      const write = session.method(SERVICE, 'Write');
      const call = session.client.stream(write.path, { metadata, signal });
      const ref = `kobako-${digest}`;
      const ended = untilCommitted(call.batches(), digest);
      ended.catch(() => {});
      const say = async (message: object): Promise<void> => {
        if (!call.write(write.request.encode({ ref, total: size, expected: digest, ...message }))) await call.drained();
      };
      await say({ action: ACTION.STAT });
      let offset = 0;
      for await (const chunk of bytes) {
        for (let at = 0; at < chunk.length; at += PIECE) {
          const data = chunk.subarray(at, at + PIECE);
          await say({ action: ACTION.WRITE, offset, data });
          offset += data.length;
        }
      }
      await say({ action: ACTION.COMMIT, offset });
      call.end();
      await ended;
    },
  };
}

/** What is there already is as good. */
async function untilCommitted(batches: AsyncIterable<readonly Buffer[]>, digest: Digest): Promise<void> {
  const answers = codec('containerd.services.content.v1.WriteContentResponse');
  let committed: unknown;
  try {
    for await (const messages of batches) {
      for (const each of messages) {
        const answer = answers.decode(each);
        if (answer['action'] === ACTION.COMMIT) committed = answer['digest'];
      }
    }
  } catch (error) {
    if (error instanceof GrpcError && error.code === CODES.ALREADY_EXISTS) return;
    throw error;
  }
  if (committed !== digest) throw new EngineError('unavailable', `the client has not kept ${digest}`);
}

/** The daemon's: the documents on the origins of what was built. */
export function contentHandlers(jobs: Jobs): Handlers {
  const find = (digest: unknown): Buffer => {
    const found = jobs.all.map((job) => job.attestation).find((each) => each?.digest === digest);
    if (found === undefined) throw new GrpcError(CODES.NOT_FOUND, `content ${String(digest)}: not found`);
    return found.bytes;
  };
  return {
    unary: {
      Info: ({ digest }) => ({ info: { digest, size: find(digest).length } }),
    },
    stream: {
      Read: async function* ({ digest, offset, size }) {
        const bytes = find(digest);
        const [from, length] = [offset as number, size as number];
        if (from < 0 || from > bytes.length || length < 0) throw new GrpcError(CODES.OUT_OF_RANGE, `content ${String(digest)}: out of range`);
        const end = length === 0 ? bytes.length : Math.min(bytes.length, from + length);
        for (let at = from; at < end; at += PIECE) yield { offset: at, data: bytes.subarray(at, Math.min(end, at + PIECE)) };
      },
    },
  };
}

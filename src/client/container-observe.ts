/** What containers say and use, over HTTP. */
import type { Containers, LogStream, LogStreamOptions } from '../engine/containers-contract.ts';
import type { ContainerInspect } from '../engine/types/container-answers.ts';
import { containerPath } from './containers.ts';
import type { HttpClient } from './http.ts';
import { framedLines, rawLines } from './log-lines.ts';

const NS_PER_SECOND = 1_000_000_000n;
const MULTIPLEXED = 'application/vnd.docker.multiplexed-stream';
/** Daemons before this version say `raw-stream` of framed streams, too. */
const TELLS_FRAMING = 42;

export type ObservingClient = Pick<Containers, 'logs' | 'logStream' | 'stats' | 'top' | 'update'>;

export function observingClient(http: HttpClient): ObservingClient {
  const on = (value: boolean | undefined) => value || undefined;

  const logStream = async (name: string, options: LogStreamOptions): Promise<LogStream> => {
    const { stdout, stderr, follow, tail, since, until, timestamps, details, signal } = options;
    const query = { stdout: on(stdout), stderr: on(stderr), follow: on(follow), tail, since: seconds(since), until: seconds(until) };
    const answer = await http.send({
      method: 'GET',
      path: containerPath(name, '/logs'),
      query: { ...query, timestamps: on(timestamps), details: on(details) },
      signal,
    });
    const tty = answer.headers['content-type'] !== MULTIPLEXED && (await hasTerminal(name));
    return { tty, body: untilAborted(answer.body, signal) };
  };

  const hasTerminal = async (name: string): Promise<boolean> => {
    if (Number((await http.version()).split('.')[1]) >= TELLS_FRAMING) return true;
    return (await http.json<ContainerInspect>({ method: 'GET', path: containerPath(name, '/json') })).Config.Tty;
  };

  const lines: Containers['logs'] = async function* (name, options) {
    const { tty, body } = await logStream(name, { ...options, timestamps: true, details: true });
    yield* tty ? rawLines(body) : framedLines(body);
  };

  return {
    logStream,
    // also before the answer's head is there
    logs: (name, options) => untilAborted(lines(name, options), options.signal),
    stats: (name, { stream = false, oneShot, signal } = {}) => {
      const query = { stream, 'one-shot': on(oneShot) };
      return untilAborted(http.documents({ method: 'GET', path: containerPath(name, '/stats'), query, signal }), signal) as AsyncIterable<
        Readonly<Record<string, unknown>>
      >;
    },
    top: (name, psArgs) => http.json({ method: 'GET', path: containerPath(name, '/top'), query: { ps_args: psArgs } }),
    update: async (name, update) => {
      const { Warnings } = await http.json<{ Warnings: readonly string[] | null }>({ method: 'POST', path: containerPath(name, '/update'), json: update });
      return { Warnings: Warnings ?? [] };
    },
  };
}

function seconds(time: bigint | undefined): string | undefined {
  if (time === undefined) return undefined;
  return `${time / NS_PER_SECOND}.${String(time % NS_PER_SECOND).padStart(9, '0')}`;
}

/** Whoever gives it up is told no error, as in this process. */
async function* untilAborted<T>(from: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T, void, undefined> {
  try {
    yield* from;
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

/** Routes that look at containers, and change their limits: logs, stats, top, update. */
import { EngineError, invalid } from '../../base/errors.ts';
import type { Engine } from '../../engine/contract.ts';
import type { ApiRequest, ResponseStream, Route } from '../contract.ts';
import { jsonText } from '../json.ts';
import { timestampOf } from '../timestamp.ts';
import { decodeContainerUpdate } from './create-body.ts';

const MULTIPLEXED = 'application/vnd.docker.multiplexed-stream';
const RAW = 'application/vnd.docker.raw-stream';
/** Since then the type tells whether a stream is multiplexed. */
const TELLS_MULTIPLEXED = 42;

export const containerObserveRoutes: readonly Route[] = [
  { method: 'GET', path: '/containers/{id}/logs', handler: logs },
  { method: 'GET', path: '/containers/{id}/stats', handler: stats },
  { method: 'GET', path: '/containers/{id}/top', handler: top },
  { method: 'POST', path: '/containers/{id}/update', handler: update },
];

async function logs(request: ApiRequest, { containers }: Engine): Promise<void> {
  const { query, signal, version } = request;
  const tail = query.text('tail');
  const log = await containers
    .logStream(request.params['id']!, {
      stdout: query.flag('stdout'),
      stderr: query.flag('stderr'),
      follow: query.flag('follow'),
      // as in Docker: what is no number is all
      tail: tail !== undefined && /^\d+$/.test(tail) ? Number(tail) : undefined,
      since: timestampOf(query.text('since')),
      until: timestampOf(query.text('until')),
      timestamps: query.flag('timestamps'),
      details: query.flag('details'),
      signal,
    })
    .catch((error: unknown) => {
      if (!(error instanceof EngineError) || error.kind !== 'unavailable') throw error;
      request.send({ message: error.message }, 501);
    });
  if (log === undefined) return;
  const answer = request.stream({ type: log.tty || version < TELLS_MULTIPLEXED ? RAW : MULTIPLEXED });
  answer.flush();
  for await (const lines of log.body) await answer.write(lines);
}

async function stats(request: ApiRequest, { containers }: Engine): Promise<void> {
  const { query, signal } = request;
  const stream = query.flag('stream', true);
  const oneShot = query.flag('one-shot');
  if (stream && oneShot) throw invalid('cannot have stream=true and one-shot=true');
  let answer: ResponseStream | undefined;
  for await (const document of containers.stats(request.params['id']!, { stream, oneShot, signal })) {
    if (!stream) return request.send(document);
    answer ??= request.stream({ type: 'application/json' });
    await answer.write(`${jsonText(document)}\n`);
  }
  // the container or the client has gone meanwhile
  if (answer === undefined) throw new EngineError('not-found', `No such container: ${request.params['id']!}`);
}

async function top(request: ApiRequest, { containers }: Engine): Promise<void> {
  request.send(await containers.top(request.params['id']!, request.query.text('ps_args')));
}

async function update(request: ApiRequest, { containers }: Engine): Promise<void> {
  const { Warnings } = await containers.update(request.params['id']!, decodeContainerUpdate((await request.json()) ?? {}));
  request.send({ Warnings: Warnings.length === 0 ? null : Warnings });
}

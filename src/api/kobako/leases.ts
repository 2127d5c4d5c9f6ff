/** Leases: who holds one has its connection open (docs/leases.md). */
import { once } from 'node:events';
import { EngineError, invalid } from '../../base/errors.ts';
import { LEASE_LABEL, type Lease } from '../../engine/leases-contract.ts';
import type { ApiRequest, ResponseStream, Route } from '../contract.ts';

/** Seconds. */
const LONGEST_HEARTBEAT = 3600;

export const leaseRoutes: readonly Route[] = [
  { method: 'GET', path: '/kobako/leases', handler: async (request, { leases }) => request.send(await leases.list()) },
  {
    method: 'DELETE',
    path: '/kobako/leases/{id}',
    handler: async (request, { leases }) => {
      await leases.end(request.params['id']!);
      request.end();
    },
  },
  {
    method: 'POST',
    path: '/kobako/leases',
    handler: async (request, engine) => {
      const { query } = request;
      const heartbeat = query.integer('heartbeat') ?? 0;
      if (heartbeat < 0 || heartbeat > LONGEST_HEARTBEAT)
        throw invalid(`invalid heartbeat ${heartbeat}: it is a number of seconds from 1 to ${LONGEST_HEARTBEAT}`);
      // what is not read would hide the connection's end
      request.body.on('error', () => {}).resume();
      const lease = await engine.lease({ id: query.text('id') || undefined, grace: query.integer('grace') });
      try {
        await held(request, lease, heartbeat);
      } finally {
        lease.release();
      }
    },
  },
];

/** Resolves when the client has gone, or the lease is its no more. */
async function held(request: ApiRequest, lease: Lease, heartbeat: number): Promise<void> {
  const over = AbortSignal.any([request.signal, lease.lost]);
  const answer = request.stream({ type: 'application/json', headers: { 'Cache-Control': 'no-store' } });
  await answer.write(`${JSON.stringify({ Id: lease.id, Label: `${LEASE_LABEL}=${lease.id}`, Grace: lease.grace })}\n`);
  const beat = heartbeat === 0 ? undefined : setInterval(() => beatOf(answer), heartbeat * 1000);
  try {
    if (!over.aborted) await once(over, 'abort');
    // a client that knows why need not try to come back
    const { aborted, reason } = lease.lost;
    if (aborted && reason instanceof EngineError && reason.kind === 'conflict') await answer.write(`${JSON.stringify({ Lost: reason.message })}\n`);
  } finally {
    clearInterval(beat);
  }
}

function beatOf(answer: ResponseStream): void {
  answer.write('\n').catch(() => {}); // the client has gone, which is told by its signal
}

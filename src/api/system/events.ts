/** What happens in the engine, as JSON lines that come when it does. */
import { invalid } from '../../base/errors.ts';
import { nanoOf, nowNano } from '../../base/time.ts';
import type { EngineEvent } from '../../engine/types/system.ts';
import type { ClientProcess, Route } from '../contract.ts';
import { jsonText } from '../json.ts';
import { timestampOf } from '../timestamp.ts';

export const eventRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/events',
    handler: async (request, { system }) => {
      const { query, signal } = request;
      const [since, until] = [timeOf(query.text('since')), timeOf(query.text('until'))];
      if (since !== undefined && until !== undefined && since > until)
        throw invalid(`\`since\` time (${query.text('since')}) cannot be after \`until\` time (${query.text('until')})`);
      const filters = query.filters();
      const answer = request.stream({ type: 'application/json' });
      // a client that waits for something to happen has to know that nothing is missed
      const started = () => answer.flush();
      const from = since ?? (until === undefined ? beginOf(request.client()) : undefined);
      for await (const event of system.events({ since: from, until, filters, signal, started })) await answer.write(`${jsonText(document(event))}\n`);
    },
  },
];

/** No command takes longer to ask its first question. */
const FRESH_MS = 2000;

/**
 * A command that is there for events alone, as `docker events`, hears of all since it was started. Tools start it and
 * `docker run` in one breath, and wait for that start (dev containers' command line): with dockerd, which takes ten times as
 * long for one, it is always early enough.
 */
function beginOf(client: ClientProcess | undefined): bigint | undefined {
  if (client === undefined || !client.args.includes('events') || client.ageMs > FRESH_MS) return undefined;
  return nowNano() - nanoOf(client.ageMs);
}

/** Here 0 is a time like any other: since ever. */
function timeOf(text: string | undefined): bigint | undefined {
  return timestampOf(text) ?? (text ? 0n : undefined);
}

/** With what clients of the oldest kind read. */
function document(event: EngineEvent): object {
  const { Type, Action, Actor } = event;
  const from = Actor.Attributes['image'];
  if (Type !== 'container' && Type !== 'image') return event;
  return { status: Action, id: Actor.ID, ...(Type === 'container' && from ? { from } : {}), ...event };
}

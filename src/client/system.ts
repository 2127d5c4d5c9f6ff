/** The engine as a whole, over HTTP. */
import type { EventsOptions, System } from '../engine/system-contract.ts';
import type { EngineEvent } from '../engine/types/system.ts';
import type { DiskUsage, SystemInfo, SystemVersion } from '../engine/types/system-answers.ts';
import type { HttpClient } from './http.ts';
import { jsonDocuments } from './json-documents.ts';

export function systemClient(http: HttpClient): System {
  return {
    info: () => http.json<SystemInfo>({ method: 'GET', path: '/info' }),
    version: () => http.json<SystemVersion>({ method: 'GET', path: '/version' }),
    df: (type = []) => http.json<DiskUsage>({ method: 'GET', path: '/system/df', query: { type } }),
    events: (options = {}) => events(http, options),
  };
}

async function* events(http: HttpClient, options: EventsOptions): AsyncGenerator<EngineEvent> {
  const { since, until, filters, signal, started } = options;
  const query = { since: seconds(since), until: seconds(until), filters };
  try {
    const { body } = await http.send({ method: 'GET', path: '/events', query, signal });
    // the head comes when nothing is missed any more
    started?.();
    for await (const document of jsonDocuments(body)) {
      const { Type, Action, Actor, scope, time, timeNano } = document as Omit<EngineEvent, 'timeNano'> & { readonly timeNano: number };
      yield { Type, Action, Actor, scope, time, timeNano: exact(time, timeNano) };
    }
  } catch (error) {
    // the signal is an end like any other
    if (!signal?.aborted) throw error;
  }
}

function seconds(nanoseconds: bigint | undefined): string | undefined {
  if (nanoseconds === undefined) return undefined;
  return `${nanoseconds / 1_000_000_000n}.${String(nanoseconds % 1_000_000_000n).padStart(9, '0')}`;
}

/** JSON's numbers end at 2^53: what is lost is below a microsecond. The seconds are those that were sent. */
function exact(time: number, timeNano: number): bigint {
  const [from, rounded] = [BigInt(time) * 1_000_000_000n, BigInt(timeNano)];
  return rounded < from ? from : rounded;
}

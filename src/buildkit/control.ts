/** BuildKit's Control service: what buildx asks of a daemon besides the build itself. */
import { Duplex } from 'node:stream';
import type * as Grpc from '@grpc/grpc-js';
import { EngineError } from '../base/errors.ts';
import type { Builds, CacheRecord, PruneOptions } from '../build/contract.ts';
import type { Handlers, ServerCall } from './grpc-server.ts';
import { CODES } from './grpc-status.ts';
import { historyEvents } from './history.ts';
import { timestamp, type Message } from './messages.ts';
import type { Sessions } from './sessions.ts';
import type { Solver } from './solver.ts';
import { statusMessage } from './status-message.ts';
import { BUILDKIT, type Worker } from './worker.ts';

export interface ControlParts {
  readonly solver: Solver;
  readonly builds: Builds;
  readonly sessions: Sessions;
  readonly worker: () => Promise<Worker>;
}

const NANOSECONDS_PER_MS = 1e6;

export function controlHandlers({ solver, builds, sessions, worker }: ControlParts): Handlers {
  const { jobs } = solver;
  return {
    unary: {
      Info: () => ({ buildkitVersion: BUILDKIT }),
      ListWorkers: async () => ({ record: [await worker()] }),
      Solve: async (request, { signal }) => ({ ExporterResponse: await solver.solve(request, signal) }),
      DiskUsage: async (request) => {
        const filtered = matching(await builds.usage(), request['filter'] as readonly string[]);
        return { record: filtered.map(usageRecord) };
      },
      UpdateBuildHistory: (request) => {
        if (request['Delete'] === true) jobs.delete(request['Ref'] as string);
        return {};
      },
    },
    stream: {
      Status: async function* (request, { signal }) {
        const job = jobs.get(request['Ref'] as string);
        try {
          for await (const events of job.listen(signal)) yield statusMessage(events);
        } finally {
          jobs.tidy(job);
        }
      },
      Prune: async function* (request) {
        const { records } = await builds.prune(pruneOptions(request));
        yield* records.map(usageRecord);
      },
      ListenBuildHistory: (request, { signal }) => historyEvents(jobs, request, signal),
    },
    duplex: {
      Session: (call, stream) => {
        try {
          sessions.add(call.headers, () => bytesOf(stream, call));
        } catch (error) {
          stream.emit('error', { code: CODES.UNKNOWN, details: (error as Error).message });
        }
      },
    },
  };
}

/** A connection within a call: its bytes are in messages. */
function bytesOf(stream: Grpc.ServerDuplexStream<Message, object>, call: ServerCall): Duplex {
  const duplex = new Duplex({
    read: () => void stream.resume(),
    write: (data, _encoding, done) => {
      if (stream.write({ data })) done();
      else stream.once('drain', done);
    },
    final: (done) => {
      stream.end();
      done();
    },
    destroy: (error, done) => {
      stream.end();
      done(error);
    },
  });
  stream.on('data', (message) => {
    if (!duplex.push(message['data'])) stream.pause();
  });
  stream.on('end', () => duplex.push(null));
  call.signal.addEventListener('abort', () => duplex.destroy());
  duplex.on('error', () => {});
  return duplex;
}

function usageRecord(record: CacheRecord): Message {
  return {
    ID: record.id,
    Mutable: record.type === 'source.local' || record.type === 'exec.cachemount',
    InUse: record.inUse,
    Size: record.size,
    CreatedAt: timestamp(record.createdAt),
    LastUsedAt: timestamp(record.lastUsedAt),
    UsageCount: record.usageCount,
    Description: record.description,
    RecordType: record.type,
    Shared: record.shared,
    Parents: [...record.parents],
  };
}

/** Records that one of the filters fits, each with `field==value`, `field!=value`, `field~=pattern` between commas. */
function matching(records: readonly CacheRecord[], filters: readonly string[]): readonly CacheRecord[] {
  const asked = filters.filter((each) => each !== '');
  if (asked.length === 0) return records;
  const tests = asked.map((filter) => filter.split(',').map(condition));
  return records.filter((record) => tests.some((conditions) => conditions.every((fits) => fits(record))));
}

function condition(text: string): (record: CacheRecord) => boolean {
  const parts = /^(\w+)(?:(==|!=|~=)"?(.*?)"?)?$/s.exec(text);
  if (parts === null) throw new EngineError('invalid', `failed to parse filter ${JSON.stringify(text)}`);
  const [, field = '', operator, value = ''] = parts;
  const fieldOf = (record: CacheRecord): string => {
    const fields: Readonly<Record<string, unknown>> = {
      id: record.id,
      parents: record.parents.join(';'),
      description: record.description,
      inuse: record.inUse,
      shared: record.shared,
      private: !record.shared,
      type: record.type,
      size: record.size,
    };
    return String(fields[field.toLowerCase()] ?? '');
  };
  if (operator === '==') return (record) => fieldOf(record) === value;
  if (operator === '!=') return (record) => fieldOf(record) !== value;
  if (operator === '~=') return (record) => fieldOf(record).includes(value);
  return (record) => fieldOf(record) === 'true';
}

function pruneOptions(request: Message): PruneOptions {
  const filters: Record<string, string[]> = {};
  for (const text of (request['filter'] as readonly string[]).flatMap((each) => (each === '' ? [] : each.split(',')))) {
    const parts = /^(\w+)(?:(?:==|~=)"?(.*?)"?)?$/s.exec(text);
    if (parts === null) throw new EngineError('invalid', `failed to parse filter ${JSON.stringify(text)}`);
    (filters[parts[1]!.toLowerCase()] ??= []).push(parts[2] ?? 'true');
  }
  const size = (name: string): number | undefined => (request[name] as number) || undefined;
  return {
    all: request['all'] as boolean,
    filters,
    keepDuration: (request['keepDuration'] as number) / NANOSECONDS_PER_MS,
    reservedSpace: size('reservedSpace'),
    maxUsedSpace: size('maxUsedSpace'),
    minFreeSpace: size('minFreeSpace'),
  };
}

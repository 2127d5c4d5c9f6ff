/** Use case: what a container has written. */
import { EngineError, invalid } from '../base/errors.ts';
import { nanosecondsOf } from '../base/time.ts';
import type { ContainerRecord } from './container-record.ts';
import type { LogLine, LogsOptions, LogStream, LogStreamOptions } from './containers-contract.ts';
import { LogFormatter } from './log-format.ts';
import { entriesOf, readLogPieces } from './logs.ts';
import type { EngineParts } from './parts.ts';

/** As its own bytes, many lines at a time: raw with a terminal, else in Docker's framing. */
export function containerLogStream(parts: EngineParts, record: ContainerRecord, options: LogStreamOptions): LogStream {
  check(record, options);
  const { Tty: tty } = record.config;
  const { stdout = false, stderr = false, since, until, timestamps, details } = options;
  const formatter = new LogFormatter({ stdout, stderr, since, until, timestamps, details, framed: !tty });
  return { tty, body: formatted(pieces(parts, record, options), formatter) };
}

/** Line by line. */
export async function* containerLogs(parts: EngineParts, record: ContainerRecord, options: LogsOptions): AsyncGenerator<LogLine> {
  check(record, options);
  const { stdout = false, stderr = false, since = 0n, until } = options;
  const timed = since > 0n || until !== undefined;
  for await (const piece of pieces(parts, record, options)) {
    for (const entry of entriesOf(piece)) {
      const time = timed ? (nanosecondsOf(entry.time) ?? 0n) : 0n;
      if (until !== undefined && time > until) return;
      if ((entry.stream === 'stdout' ? stdout : stderr) && (!timed || time >= since)) yield entry;
    }
  }
}

async function* formatted(from: AsyncIterable<Buffer>, formatter: LogFormatter): AsyncGenerator<Buffer> {
  for await (const piece of from) {
    const out = formatter.format(piece);
    if (out.length > 0) yield out;
    if (formatter.over) return;
  }
}

function check({ hostConfig }: ContainerRecord, { stdout, stderr }: LogsOptions): void {
  if (!stdout && !stderr) throw invalid('Bad parameters: you must choose at least one stream');
  if (hostConfig.LogConfig.Type === 'none') throw new EngineError('unavailable', 'configured logging driver does not support reading');
}

function pieces({ store }: EngineParts, { id }: ContainerRecord, options: LogsOptions): AsyncGenerator<Buffer> {
  return readLogPieces(store.paths(id).log, options, () => {
    const now = store.load(id);
    return now?.process !== undefined && !store.ended(now) && !store.lost(now);
  });
}

/** What happens in a build, as BuildKit's clients are told of it. */
import type { BuildEvent, SourceFile, SourceRange, StatusEvent, VertexEvent, WarningEvent } from '../build/contract.ts';
import { timestamp } from './messages.ts';

/** A StatusResponse of these events. What only the older builder's clients know is left out. */
export function statusMessage(events: readonly BuildEvent[]): object {
  const message = { vertexes: [] as object[], statuses: [] as object[], logs: [] as object[], warnings: [] as object[] };
  for (const event of events) {
    switch (event.kind) {
      case 'vertex':
        message.vertexes.push(vertex(event));
        break;
      case 'status':
        message.statuses.push(status(event));
        break;
      case 'log':
        message.logs.push({ vertex: event.vertex, timestamp: timestamp(event.timestamp), stream: event.stream, msg: event.data });
        break;
      case 'warning':
        message.warnings.push(warning(event));
        break;
      case 'step':
      case 'stepped':
        break;
    }
  }
  return message;
}

function vertex(event: VertexEvent): object {
  const { digest, inputs, name, cached = false, error = '' } = event;
  return { digest, inputs: [...inputs], name, cached, error, started: timestamp(event.started), completed: timestamp(event.completed) };
}

function status(event: StatusEvent): object {
  const { id, vertex: digest, current, total } = event;
  const times = { timestamp: timestamp(event.timestamp), started: timestamp(event.started), completed: timestamp(event.completed) };
  // of what is transferred BuildKit knows no total, and has another name
  const transfer = id.startsWith('transferring ');
  return { ID: id, name: transfer ? 'transferring' : id, vertex: digest, current, total: transfer ? 0 : total, ...times };
}

function warning(event: WarningEvent): object {
  return {
    vertex: event.vertex,
    level: event.level,
    short: Buffer.from(event.short),
    detail: event.detail.map((line) => Buffer.from(line)),
    url: event.url,
    info: event.source === undefined ? undefined : sourceInfo(event.source),
    ranges: event.ranges.map(range),
  };
}

function sourceInfo(source: SourceFile): object {
  return { filename: source.filename, data: source.data, language: 'Dockerfile' };
}

function range(each: SourceRange): object {
  return { start: { ...each.start }, end: { ...each.end } };
}

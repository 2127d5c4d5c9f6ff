/** A build's progress for programs: a line of JSON for each event, as buildx writes BuildKit's status with `--progress=rawjson`. */
import type { BuildEvent } from '../engine/builds-contract.ts';

/** Empty for what BuildKit has no word for. */
export function rawJson(event: BuildEvent): string {
  const document = statusOf(event);
  return document === undefined ? '' : `${JSON.stringify(document)}\n`;
}

function statusOf(event: BuildEvent): object | undefined {
  switch (event.kind) {
    case 'vertex': {
      const { digest, inputs, name, started, completed, cached, error } = event;
      const some = inputs.length === 0 ? {} : { inputs };
      return { vertexes: [{ digest, ...some, name, started: time(started), completed: time(completed), ...(cached === true ? { cached } : {}), error }] };
    }
    case 'status': {
      const { id, vertex, current, total, timestamp, started, completed } = event;
      const sizes = { ...(total === 0 ? {} : { total }), current };
      return { statuses: [{ id, vertex, name: '', ...sizes, timestamp: time(timestamp), started: time(started), completed: time(completed) }] };
    }
    case 'log': {
      const { vertex, stream, data, timestamp } = event;
      return { logs: [{ vertex, stream, data: data.toString('base64'), timestamp: time(timestamp) }] };
    }
    case 'warning': {
      const { vertex, level, short, detail, url, source, ranges } = event;
      const base64 = (text: string) => Buffer.from(text).toString('base64');
      const sourceInfo = source === undefined ? undefined : { filename: source.filename, data: source.data.toString('base64') };
      return { warnings: [{ vertex, level, short: base64(short), detail: detail.map(base64), url, sourceInfo, range: ranges }] };
    }
    default:
      return undefined;
  }
}

function time(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}

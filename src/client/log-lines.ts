/** A log as a daemon sends it, with times and details, taken apart into its lines. */
import { EngineError } from '../base/errors.ts';
import type { LogLine } from '../engine/containers-contract.ts';

const FRAME = 8;
const NEWLINE = 10;
/** Bytes; what is longer is not from a daemon. */
const MAX_ENTRY = 64 << 20;

/** Each frame is a line, or a piece of a long one. Throws `unavailable` for what is no frame. */
export async function* framedLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<LogLine, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (all.length - at >= FRAME) {
      const [kind, length] = [all[at], all.readUInt32BE(at + 4)];
      if ((kind !== 1 && kind !== 2) || length > MAX_ENTRY) throw new EngineError('unavailable', 'the daemon sends a log without its frames');
      if (all.length - at - FRAME < length) break;
      yield lineOf(kind === 1 ? 'stdout' : 'stderr', all.toString('utf8', at + FRAME, at + FRAME + length));
      at += FRAME + length;
    }
    rest = all.subarray(at);
  }
}

/** Of a terminal: what ends with a newline is a line. */
export async function* rawLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<LogLine, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (let end = all.indexOf(NEWLINE); end !== -1; end = all.indexOf(NEWLINE, at)) {
      yield lineOf('stdout', all.toString('utf8', at, end + 1));
      at = end + 1;
    }
    rest = all.subarray(at);
    if (rest.length > MAX_ENTRY) throw new EngineError('unavailable', 'the daemon sends a line without an end');
  }
  if (rest.length > 0) yield lineOf('stdout', rest.toString());
}

/** `TIME DETAILS TEXT`; of the details there may be none, but the space is there. */
function lineOf(stream: LogLine['stream'], text: string): LogLine {
  const first = text.indexOf(' ');
  const second = text.indexOf(' ', first + 1);
  if (first < 0 || second < 0) throw new EngineError('unavailable', 'the daemon sends a log without times and details');
  const details = text.slice(first + 1, second);
  const line = { stream, log: text.slice(second + 1), time: text.slice(0, first) };
  return details === ''
    ? line
    : { ...line, attrs: Object.fromEntries(details.split(',').map((pair) => pair.split('=', 2).map(unescaped) as [string, string])) };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

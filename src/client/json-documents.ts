/** JSON documents one after another, as Docker streams them: each ends with its line. */
import { EngineError } from '../base/errors.ts';

/** Bytes; a line that is longer is not from a daemon. */
const MAX_LINE = 64 << 20;

/** Throws `unavailable` for what is no JSON. */
export async function* jsonDocuments(chunks: AsyncIterable<Buffer>): AsyncGenerator<unknown, void, undefined> {
  let rest: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...rest, chunk.subarray(from, end)]);
      rest = [];
      length = 0;
      from = end + 1;
      yield* documentOf(line);
    }
    if (from === chunk.length) continue;
    rest.push(chunk.subarray(from));
    length += chunk.length - from;
    if (length > MAX_LINE) throw new EngineError('unavailable', 'the daemon sends a line without an end');
  }
  yield* documentOf(Buffer.concat(rest));
}

function* documentOf(line: Buffer): Generator<unknown> {
  const text = line.toString().trim();
  if (text === '') return;
  try {
    yield JSON.parse(text);
  } catch (error) {
    throw new EngineError('unavailable', `the daemon sends what is no JSON: ${text.slice(0, 200)}`, { cause: error });
  }
}

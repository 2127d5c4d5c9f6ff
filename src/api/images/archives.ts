/** Images as archives: get and load. */
import type { Engine } from '../../engine/contract.ts';
import type { ProgressEvent } from '../../engine/images-contract.ts';
import type { JsonMessage } from '../../engine/types/image.ts';
import type { ApiRequest, Route } from '../contract.ts';
import { messageOf, streamMessages } from '../json-messages.ts';
import { platformOf } from './names.ts';

export const getOne: Route['handler'] = (request, engine) => save(request, engine, [request.params['name']!]);

export const getSeveral: Route['handler'] = (request, engine) => save(request, engine, request.query.list('names'));

async function save(request: ApiRequest, { images }: Engine, names: readonly string[]): Promise<void> {
  const platform = request.version >= 48 ? platformOf(request) : undefined;
  const chunks = images.save(names, { platform, signal: request.signal })[Symbol.asyncIterator]();
  // what is wrong with the names is an answer of its own
  let next = await chunks.next();
  const out = request.stream({ type: 'application/x-tar' });
  try {
    for (; next.done !== true; next = await chunks.next()) await out.write(next.value);
  } finally {
    await chunks.return?.();
  }
  out.end();
}

export const load: Route['handler'] = async (request, { images }) => {
  const platform = request.version >= 48 ? platformOf(request) : undefined;
  // as dockerd: progress is for who asks for it
  const quiet = request.query.flag('quiet', true);
  const message = (event: ProgressEvent) => loadMessage(event, quiet);
  await streamMessages(request, (onProgress) => images.load(request.body, { platform, onProgress, signal: request.signal }), { errorsInStream: true, message });
};

function loadMessage(event: ProgressEvent, quiet: boolean): JsonMessage | undefined {
  if (event.id === undefined) return { stream: `${event.status}\n` };
  return quiet ? undefined : messageOf(event);
}

/** Docker's JSON message stream, read. */
import { EngineError } from '../base/errors.ts';
import type { OnProgress, ProgressEvent } from '../engine/images-contract.ts';
import type { JsonMessage } from '../engine/types/image.ts';
import { kindOf } from './http-error.ts';

/** Resolves at the end of the stream. Throws what an error line says; of which kind only this project's daemon tells. */
export async function followMessages(messages: AsyncIterable<unknown>, onProgress: OnProgress = () => {}): Promise<void> {
  for await (const document of messages) {
    const message = (document ?? {}) as JsonMessage;
    const text = message.errorDetail?.message ?? message.error;
    if (text !== undefined) throw new EngineError(kindOf(message.errorDetail?.code ?? 500), text);
    onProgress(eventOf(message));
  }
}

function eventOf({ status, stream, id, progressDetail, aux }: JsonMessage): ProgressEvent {
  const { current, total } = progressDetail ?? {};
  return {
    status: status ?? stream?.trimEnd() ?? '',
    ...(id === undefined ? {} : { id }),
    ...(current === undefined ? {} : { current }),
    ...(total === undefined ? {} : { total }),
    ...(aux === undefined ? {} : { aux }),
  };
}

/** Of a load: the name of an image that is here now, or its id where it has none. */
export function loadedName({ status }: ProgressEvent): string[] {
  const name = /^Loaded image(?: ID)?: (.+)$/.exec(status)?.[1];
  return name === undefined ? [] : [name];
}

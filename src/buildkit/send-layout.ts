/** An OCI layout on its way into a folder of the client's (`tar=false`): its blobs one by one; the client writes the index. */
import { PassThrough } from 'node:stream';
import { EngineError } from '../base/errors.ts';
import type { Digest } from '../base/digest.ts';
import type { BlobPlace } from '../build/contract.ts';
import { TarReader } from '../tar/reader.ts';

const BLOB = /^blobs\/sha256\/([0-9a-f]{64})$/;

type Event =
  | { readonly kind: 'begin'; readonly digest: Digest; readonly size: number }
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'end' };

/** `archive`: a tar of the layout. */
export async function sendLayout(store: BlobPlace, archive: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
  let events: Event[] = [];
  let blob = false;
  const reader = new TarReader({
    entry: ({ type, name, size }) => {
      const hex = type === 'file' ? BLOB.exec(name.toString())?.[1] : undefined;
      blob = hex !== undefined;
      if (hex !== undefined) events.push({ kind: 'begin', digest: `sha256:${hex}`, size });
    },
    data: (bytes) => blob && events.push({ kind: 'data', bytes }),
    entryEnd: () => blob && events.push({ kind: 'end' }),
  });
  let current: { readonly bytes: PassThrough; readonly done: Promise<void> } | undefined;
  try {
    for await (const chunk of archive) {
      reader.push(chunk);
      const happened = events;
      events = [];
      for (const event of happened) {
        if (event.kind === 'begin') {
          const bytes = new PassThrough();
          current = { bytes, done: store.write(event, bytes, signal) };
          current.done.catch((error: Error) => bytes.destroy(error));
        } else if (event.kind === 'data') await written(current!.bytes, event.bytes);
        else {
          current!.bytes.end();
          await current!.done;
          current = undefined;
        }
      }
    }
    reader.end();
  } finally {
    current?.bytes.destroy(new EngineError('cancelled', 'the image was not sent to its end'));
    await current?.done.catch(() => {});
  }
}

/** Resolves when there is room for more, or nobody takes any; then the write itself fails. */
function written(to: PassThrough, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (to.destroyed) return resolve();
    const done = (): void => {
      to.off('close', done);
      resolve();
    };
    to.once('close', done);
    to.write(bytes, done);
  });
}

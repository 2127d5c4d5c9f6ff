/** A step is done once: what the cache has is taken, and builds that come to the same step at the same time do it together. */
import type { Digest } from '../base/digest.ts';
import type { LayerRef } from '../build/contract.ts';
import type { StepNote, Vertex } from '../build/progress.ts';
import type { ImportedRecord } from './build-cache-transfer.ts';
import type { Lent } from './build-lent.ts';
import type { BuildParts, StepOutcome } from './build-parts.ts';

/** A step, ready to be looked up and to be run. */
export interface Todo {
  readonly key: Digest;
  readonly description: string;
  work(signal: AbortSignal, tell: (note: StepNote) => void): Promise<LayerRef>;
}

export interface OnceInput {
  /** The record of the step below. */
  readonly parent: Digest | undefined;
  /** Records from elsewhere, by their keys. */
  readonly imported: ReadonlyMap<Digest, ImportedRecord>;
  /** What it works with, of the build that begins it. */
  readonly lent: Lent;
  /** Nobody else's result will do: a name of who does it alone. */
  readonly alone?: string | undefined;
  readonly signal: AbortSignal;
}

/** Throws what the work throws. */
export async function once({ cache, flights, engine }: BuildParts, todo: Todo, vertex: Vertex, input: OnceInput): Promise<StepOutcome> {
  const { parent, imported, lent, alone, signal } = input;
  const images = engine.images();
  let record = alone === undefined ? cache.find(todo.key) : undefined;
  const elsewhere = alone === undefined && record === undefined ? imported.get(todo.key) : undefined;
  if (elsewhere !== undefined) {
    // a layer that cannot be had is made
    record = await elsewhere.take(signal).catch(() => undefined);
    if (record !== undefined) cache.put({ ...record, parent });
  }
  if (record !== undefined && images.driver.has(record.layer.diffId) && images.store.blobs.has(record.layer.descriptor.digest)) {
    cache.touch(record);
    vertex.end({ cached: true });
    return { layer: record.layer, createdAt: record.createdAt, cached: true };
  }
  const work = async (stop: AbortSignal, tell: (note: StepNote) => void): Promise<StepOutcome> => {
    const layer = await lent.to(() => todo.work(stop, tell));
    const createdAt = Date.now();
    const size = images.driver.contentSize(layer.diffId);
    cache.put({ key: todo.key, parent, description: todo.description, layer, size, createdAt, usageCount: 1 });
    return { layer, createdAt, cached: false };
  };
  vertex.start();
  const name = alone === undefined ? todo.key : `${todo.key} ${alone}`;
  const outcome = await flights.join(name, work, { signal, listener: (note) => vertex.note(note) });
  vertex.end();
  return outcome;
}

/** What stages have come to, step after step. */
import type { Digest } from '../base/digest.ts';
import type { LayerRef } from '../build/contract.ts';
import type { HistoryLine, Step } from '../build/dockerfile/plan.ts';
import { keyOf } from '../build/keys.ts';
import { chainIds, chainOn } from '../image/chain-id.ts';
import type { HistoryEntry, ImageConfig } from '../image/contract.ts';
import { rfc3339 } from './build-image.ts';
import type { StepOutcome } from './build-parts.ts';

export interface StageState {
  readonly layers: readonly LayerRef[];
  /** Of these layers; undefined where there are none. */
  readonly chain: Digest | undefined;
  /** Without `created` where that is the exporter's to say. */
  readonly history: readonly HistoryEntry[];
  /** From where on the history is this build's; what is before is the base's. */
  readonly own: number;
  /** How many of the layers, from the bottom, are of the image that it all begins with. */
  readonly baseLayers: number;
  /** Of the last step's record. */
  readonly record: Digest | undefined;
  readonly vertex: Digest | undefined;
  /** A name for all this, for clients of the older builder. */
  readonly id: Digest;
}

export const SCRATCH: StageState = {
  ...{ layers: [], chain: undefined, history: [], own: 0, baseLayers: 0, record: undefined, vertex: undefined },
  id: keyOf(),
};

/** A stage that begins with an image. */
export function imageState({ history = [] }: ImageConfig, layers: readonly LayerRef[], vertex: Digest): StageState {
  // a base may say less of its history than it has layers
  const told = history.filter(({ empty_layer }) => empty_layer !== true).length;
  const untold = Array.from({ length: Math.max(0, layers.length - told) }, (): HistoryEntry => ({ created: new Date(0).toISOString(), created_by: '' }));
  const all = [...history, ...untold];
  const chain = chainIds(layers.map(({ diffId }) => diffId)).at(-1);
  const id = keyOf(
    chain,
    all.map(({ created_by }) => created_by),
  );
  return { layers, chain, history: all, own: all.length, baseLayers: layers.length, record: undefined, vertex, id };
}

/** A stage that begins with a context's files. */
export function filesState(name: string, { layer, createdAt }: StepOutcome, record: Digest, vertex: Digest): StageState {
  const history = [{ created: rfc3339(createdAt), created_by: `context ${name}` }];
  return { layers: [layer], chain: layer.diffId, history, own: 0, baseLayers: 0, record, vertex, id: keyOf(layer.diffId, name) };
}

/** After a step that made no layer. */
export function afterConfig(state: StageState, { history }: Pick<Step, 'history'>): StageState {
  return { ...state, history: [...state.history, ...history.map(lineOf)], id: nextId(state, history) };
}

/** After a step that made one. */
export function afterLayer(
  state: StageState,
  { history }: Pick<Step, 'history'>,
  { layer, createdAt }: StepOutcome,
  { record, vertex }: { readonly record: Digest; readonly vertex: Digest },
): StageState {
  const created = rfc3339(createdAt);
  const lines = history.map((line) => (line.empty_layer === true ? lineOf(line) : { created, ...lineOf(line) }));
  const chain = chainOn(state.chain, layer.diffId);
  return {
    ...{ ...state, layers: [...state.layers, layer], chain, history: [...state.history, ...lines], record, vertex },
    id: nextId(state, history, layer.diffId),
  };
}

function nextId({ id }: StageState, history: readonly HistoryLine[], layer?: Digest): Digest {
  return keyOf(
    id,
    history.map(({ created_by }) => created_by),
    layer,
  );
}

function lineOf({ created_by, comment, author, empty_layer }: HistoryLine): HistoryEntry {
  return {
    created_by,
    ...(author === undefined ? {} : { author }),
    ...(comment === undefined ? {} : { comment }),
    ...(empty_layer === undefined ? {} : { empty_layer }),
  };
}

/** What comes out: the documents of an image as BuildKit writes them. */
import type { LayerRef } from '../build/contract.ts';
import type { PlannedStage } from '../build/dockerfile/plan.ts';
import type { ContainerConfig, HistoryEntry, ImageConfig } from '../image/contract.ts';
import type { StageState } from './build-stage.ts';

export interface BuiltImage {
  readonly config: ImageConfig;
  readonly layers: readonly LayerRef[];
  /** How many of them, from the bottom, are the base's. */
  readonly baseLayers: number;
}

/** `epoch`: milliseconds since 1970; what is made here says that it was made then. */
export function builtImage(stage: PlannedStage, { layers, history, own, baseLayers }: StageState, epoch: number | undefined): BuiltImage {
  const dated = datedHistory(history, own, epoch);
  const { platform, settings, author } = stage;
  const last = dated.findLast((line) => line.created !== undefined)?.created ?? rfc3339(Date.now());
  const config: ImageConfig = {
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant ? { variant: platform.variant } : {}),
    created: epoch === undefined ? last : rfc3339(epoch),
    ...(author === '' ? {} : { author }),
    config: settings as ContainerConfig,
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: dated,
  };
  return { config, layers, baseLayers };
}

/** RFC 3339 as Go writes it: without zeros at the end of the fraction. */
export function rfc3339(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.?0+Z$/, 'Z');
}

/** A line that made no layer is as old as the first new layer after it, else as the last before it. */
function datedHistory(history: readonly HistoryEntry[], own: number, epoch: number | undefined): HistoryEntry[] {
  const firstOpen = history.findIndex(({ created }) => created === undefined);
  const next = history.slice(Math.max(0, firstOpen)).find(({ created }) => created !== undefined)?.created;
  let last = next ?? history.findLast(({ created }) => created !== undefined)?.created ?? rfc3339(epoch ?? Date.now());
  return history.map((line, index) => {
    if (line.created !== undefined && index > firstOpen) last = line.created;
    const created = line.created ?? last;
    return { ...line, created: index < own || epoch === undefined ? created : rfc3339(epoch) };
  });
}

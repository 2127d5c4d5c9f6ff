/** What comes out: the documents of an image as BuildKit writes them. */
import type { LayerRef } from '../build/contract.ts';
import type { PlannedStage } from '../build/dockerfile/plan.ts';
import type { ContainerConfig, HistoryEntry, ImageConfig } from '../image/contract.ts';
import type { StageState } from './build-solve.ts';

export interface BuiltImage {
  readonly config: ImageConfig;
  readonly layers: readonly LayerRef[];
}

/** `epoch`: milliseconds since 1970; nothing says that it is younger. */
export function builtImage(stage: PlannedStage, { layers, history }: StageState, epoch: number | undefined): BuiltImage {
  const dated = datedHistory(history, epoch);
  const { platform, settings, author } = stage;
  const created = dated.findLast((line) => line.created !== undefined)?.created ?? new Date(epoch ?? Date.now()).toISOString();
  const config: ImageConfig = {
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant ? { variant: platform.variant } : {}),
    created,
    ...(author === '' ? {} : { author }),
    config: settings as ContainerConfig,
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: dated,
  };
  return { config, layers };
}

/** A line that made no layer is as old as the first new layer after it, else as the last before it. */
function datedHistory(history: readonly HistoryEntry[], epoch: number | undefined): HistoryEntry[] {
  const latest = epoch === undefined ? undefined : new Date(epoch).toISOString();
  const clamp = (time: string) => (latest !== undefined && Date.parse(time) > epoch! ? latest : time);
  const firstOpen = history.findIndex(({ created }) => created === undefined);
  const now = history.slice(Math.max(0, firstOpen)).find(({ created }) => created !== undefined)?.created;
  let last = now ?? history.findLast(({ created }) => created !== undefined)?.created ?? latest ?? new Date().toISOString();
  return history.map((line, index) => {
    if (line.created !== undefined) {
      if (index > firstOpen) last = line.created;
      return { ...line, created: clamp(line.created) };
    }
    return { created: clamp(last), ...line };
  });
}

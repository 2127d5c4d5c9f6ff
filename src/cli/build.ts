/** `kobako build`, and what is done with the build cache. */
import { EngineError, invalid } from '../base/errors.ts';
import type { BuildFailureDetail, BuildResult } from '../engine/builds-contract.ts';
import { BUILD_FLAGS, BUILDER_PRUNE_FLAGS } from './build-flags.ts';
import { describeBuild } from './build-describe.ts';
import { buildView, quoted } from './build-progress.ts';
import { buildRequest } from './build-request.ts';
import { confirmed } from './confirm.ts';
import { say, type Command } from './context.ts';
import { filters } from './filters.ts';
import { parseFlags } from './flags.ts';
import { transfer } from './image-transfer.ts';
import { bytes, humanSize } from './units.ts';

export const build: Command = async (args, context) => {
  const flags = parseFlags(BUILD_FLAGS, args, { interspersed: true });
  const request = buildRequest(context, flags);
  const { builds } = await context.engine();
  const call = flags.on('check') ? 'check' : (flags.value('call') ?? 'build');
  if (call !== 'build') return describeBuild(context, builds, request, call);
  const view = buildView(context, flags.on('quiet') ? 'quiet' : (flags.value('progress') ?? context.env['BUILDKIT_PROGRESS'] ?? 'auto'));
  const quiet = view === undefined;
  const shown = { show: () => {}, end: () => view?.end() };
  const result = await transfer(context, shown, ({ signal }) => builds.build({ ...request, signal, ...(quiet ? {} : { onEvent: view.show }) })).catch(
    (error: unknown) => {
      const { source, ranges = [] } = ((error as EngineError).detail ?? {}) as BuildFailureDetail;
      if (source !== undefined) context.stderr.write(quoted(source.filename, source.data.toString(), ranges));
      if (!(error instanceof EngineError) || error.kind === 'cancelled') throw error;
      throw new EngineError(error.kind, `failed to build: failed to solve: ${error.message}`, { cause: error });
    },
  );
  for (const warning of result.warnings) context.stderr.write(`${warning}\n`);
  if (result.imageId !== undefined) {
    if (flags.has('iidfile')) context.replaceFile(flags.value('iidfile')!, result.imageId);
    if (quiet) say(context, result.imageId);
  }
  if (flags.has('metadata-file')) context.replaceFile(flags.value('metadata-file')!, `${JSON.stringify(metadata(result), null, 2)}\n`);
  return 0;
};

/** As buildx writes it: the descriptor is a document, and not its text; of the provenance what it was made of. */
function metadata({ metadata: given, provenance }: BuildResult): Record<string, unknown> {
  const { buildConfig: _, metadata: __, ...shown } = provenance?.().predicate ?? {};
  return {
    ...(provenance === undefined ? {} : { 'buildx.build.provenance': shown }),
    ...Object.fromEntries(
      Object.entries(given).map(([key, value]) => [key, key === 'containerimage.descriptor' ? JSON.parse(Buffer.from(value, 'base64').toString()) : value]),
    ),
  };
}

export const builderPrune: Command = async (args, context) => {
  const flags = parseFlags(BUILDER_PRUNE_FLAGS, args, { interspersed: true });
  if (flags.rest.length > 0) throw invalid('"kobako builder prune" accepts no arguments');
  const all = flags.on('all');
  const options = {
    all,
    filters: filters(flags),
    reservedSpace: flags.read('reserved-space', bytes) ?? flags.read('keep-storage', bytes),
    maxUsedSpace: flags.read('max-used-space', bytes),
    minFreeSpace: flags.read('min-free-space', bytes),
  };
  const warning = all ? 'This will remove all build cache.' : 'This will remove all dangling build cache.';
  if (!flags.on('force') && !(await confirmed(context, warning))) return 0;
  const { builds } = await context.engine();
  const { removed, bytes: freed } = await builds.prune(options);
  if (removed.length > 0) say(context, `Deleted build cache objects:\n${removed.join('\n')}\n`);
  say(context, `Total reclaimed space: ${humanSize(freed)}`);
  return 0;
};

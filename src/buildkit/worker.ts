/** The one worker that builds, as clients of BuildKit are told of it. */
import { VERSION } from '../base/version.ts';
import type { Builds, PruneOptions } from '../build/contract.ts';
import type { System } from '../engine/system-contract.ts';
import type { Message } from './messages.ts';

/** The protocol's package, and whose it is in truth. */
export const BUILDKIT = { package: 'github.com/moby/buildkit', version: `v0.0.0+kobako-${VERSION}`, revision: '' };

const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };

export interface Worker {
  readonly [field: string]: unknown;
}

/** Tells of it, as often as it is asked. What stays the same while the daemon runs is found out once. */
export function workerOf(system: System, builds: Pick<Builds, 'gcRules'>): () => Promise<Worker> {
  let facts: Promise<Worker> | undefined;
  return async () => {
    facts ??= factsOf(system);
    return { ...(await facts), GCPolicy: (await builds.gcRules()).map(policyOf) };
  };
}

async function factsOf(system: System): Promise<Worker> {
  const info = (await system.info()) as { readonly ID?: string; readonly Architecture?: string; readonly Driver?: string };
  const architecture = info.Architecture ?? '';
  return {
    ID: info.ID ?? 'kobako',
    // buildx takes it for the sign that images of all kinds can be exported
    Labels: { 'org.mobyproject.buildkit.worker.snapshotter': info.Driver ?? 'overlay' },
    platforms: [{ Architecture: ARCHITECTURES[architecture] ?? architecture, OS: 'linux' }],
    BuildkitVersion: BUILDKIT,
  };
}

const NANOSECONDS_PER_MS = 1e6;

function policyOf({ all = false, filters = {}, keepDuration = 0, reservedSpace = 0, maxUsedSpace = 0, minFreeSpace = 0 }: PruneOptions): Message {
  const texts = Object.entries(filters).flatMap(([key, values]) => values.map((value) => `${key}==${value}`));
  return { all, filters: texts, keepDuration: keepDuration * NANOSECONDS_PER_MS, reservedSpace, maxUsedSpace, minFreeSpace };
}

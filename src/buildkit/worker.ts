/** The one worker that builds, as clients of BuildKit are told of it. */
import { VERSION } from '../base/version.ts';
import type { System } from '../engine/system-contract.ts';

/** The protocol's package, and whose it is in truth. */
export const BUILDKIT = { package: 'github.com/moby/buildkit', version: `v0.0.0+kobako-${VERSION}`, revision: '' };

const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };

export interface Worker {
  readonly [field: string]: unknown;
}

export async function workerOf(system: System): Promise<Worker> {
  const info = (await system.info()) as { readonly ID?: string; readonly Architecture?: string; readonly Driver?: string };
  const architecture = info.Architecture ?? '';
  return {
    ID: info.ID ?? 'kobako',
    // buildx takes it for the sign that images of all kinds can be exported
    Labels: { 'org.mobyproject.buildkit.worker.snapshotter': info.Driver ?? 'overlay' },
    platforms: [{ Architecture: ARCHITECTURES[architecture] ?? architecture, OS: 'linux' }],
    GCPolicy: [],
    BuildkitVersion: BUILDKIT,
  };
}

/** Use case: a container from plain options, made and started at once. */
import { randomHex } from '../base/random-hex.ts';
import { createContainer } from './container-create.ts';
import { completeConfig, completeHostConfig } from './container-document.ts';
import { wantedMounts } from './container-mounts.ts';
import { documentRoot, imageOf } from './container-root.ts';
import { removeNow } from './container-remove.ts';
import { checkDocuments } from './create-checks.ts';
import { foundMounts } from './mount-points.ts';
import { prepare, type Prepared } from './container-prepare.ts';
import { startContainer } from './container-start.ts';
import { inStartTurn } from './start-turn.ts';
import { remapped } from './userns-remap.ts';
import type { RunningProcess, RunStreams } from './contract.ts';
import { documentOf } from './document-of-options.ts';
import { healthBegins } from './health.ts';
import type { EngineParts } from './parts.ts';
import type { RunOptions } from '../runtime/run-options.ts';

/** The plan of a run, with a made-up id. Writes nothing. */
export async function planRun(parts: EngineParts, options: RunOptions): Promise<Prepared> {
  const id = randomHex(32);
  const body = documentOf(options);
  const image = options.rootfs === undefined ? imageOf(parts, options.image ?? '', undefined) : undefined;
  const hostConfig = remapped(parts.remap, completeHostConfig(body.HostConfig));
  const config = completeConfig(body, image?.config ?? {}, id);
  checkDocuments(body, config, hostConfig);
  const mounts = wantedMounts(parts, config, hostConfig);
  const root = await documentRoot(parts, { config, hostConfig, image, mounts });
  const { options: found, peers } = await foundMounts(parts, { id, hostConfig, mounts }, root.options, { planned: true });
  return prepare(
    parts,
    { id, name: options.name ?? '', config, hostConfig, image: undefined, cgroupsPath: `${options.cgroupParent ?? '/kobako'}/${id}` },
    { ...root, options: found },
    peers,
    { writable: false, makeParents: false },
  );
}

/** Starts the container; resolves when its program runs. What cannot be started leaves nothing. */
export async function runContainer(parts: EngineParts, options: RunOptions, streams: RunStreams | undefined): Promise<RunningProcess> {
  const { Id } = await createContainer(parts, documentOf(options), { name: options.name, pending: true });
  try {
    const start = { streams: options.detach ? undefined : streams, detached: options.detach };
    const process = await inStartTurn(parts, Id, () => startContainer(parts, parts.store.find(Id), start));
    const record = parts.store.load(Id);
    // a short program may have ended, and been removed
    if (record !== undefined) healthBegins(parts, record);
    return process;
  } catch (error) {
    const record = parts.store.load(Id);
    if (record !== undefined) await removeNow(parts, record, { volumes: true });
    throw error;
  }
}

/** Use case: files in and out of a container, as tar. */
import { posix } from 'node:path';
import { EngineError } from '../base/errors.ts';
import { rfc3339Nano } from '../base/time.ts';
import { resolveUser } from '../runtime/users.ts';
import type { FileStat } from '../snapshot/contract.ts';
import { emitContainer } from './container-events.ts';
import { withContainerFiles, type ContainerFiles } from './container-files.ts';
import { containerRoot } from './container-root.ts';
import type { ContainerRecord } from './container-record.ts';
import type { Archive, PutArchiveOptions } from './containers-contract.ts';
import { mountPoints } from './mount-points.ts';
import type { EngineParts } from './parts.ts';
import type { PathStat } from './types/container-answers.ts';
import { fromView } from './view.ts';

/** `called`: how the container was asked for, for messages. */
export async function statArchive(parts: EngineParts, record: ContainerRecord, path: string, called: string): Promise<PathStat> {
  const { rooted } = parts.images().driver;
  return found(parts, record, path, called, async () => pathStat(await withContainerFiles(parts, record, 'look', ({ root }) => rooted.stat(root, path))));
}

/** The body is read from what is there when it is asked for. */
export async function readArchive(parts: EngineParts, record: ContainerRecord, path: string, called: string): Promise<Archive> {
  const { rooted } = parts.images().driver;
  const stat = await statArchive(parts, record, path, called);
  emitContainer(parts, record, 'archive-path');
  const open = (use: (files: ContainerFiles) => Promise<void>) => withContainerFiles(parts, record, 'look', use);
  return { stat, body: fromView(open, ({ root, ids }) => rooted.archive(root, path, { ids })) };
}

export async function putArchive(
  parts: EngineParts,
  record: ContainerRecord,
  path: string,
  tar: AsyncIterable<Uint8Array>,
  { noOverwriteDirNonDir = false, copyUIDGID = false }: PutArchiveOptions,
  called: string,
): Promise<void> {
  const { rooted } = parts.images().driver;
  const owner = copyUIDGID ? await userOf(parts, record) : undefined;
  await found(parts, record, path, called, () =>
    withContainerFiles(parts, record, 'change', ({ root, ids }) =>
      rooted.unpack(root, path, tar, { noOverwriteDirNonDir, ids, ...(owner === undefined ? {} : { owner }) }),
    ),
  );
  emitContainer(parts, record, 'extract-to-dir');
}

/** Who the container runs as; undefined for root, whose files keep the owners that the archive gives them. */
async function userOf(parts: EngineParts, record: ContainerRecord): Promise<{ uid: number; gid: number } | undefined> {
  if (record.config.User === '') return undefined;
  const { uid, gid } = resolveUser(record.config.User, (await containerRoot(parts, record)).accounts, []);
  return { uid, gid };
}

/** What is wrong with the path is said in Docker's words. */
async function found<T>(parts: EngineParts, record: ContainerRecord, path: string, called: string, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    const code = error instanceof EngineError ? (error.detail as { code?: string } | undefined)?.code : undefined;
    if (code === 'ENOENT') throw new EngineError('not-found', `Could not find the file ${path} in container ${called}`, { cause: error });
    if (code === 'EROFS') throw new EngineError('invalid', readonlyWords(parts, record, path), { cause: error });
    throw error;
  }
}

function readonlyWords(parts: EngineParts, record: ContainerRecord, path: string): string {
  const at = posix.join('/', path);
  const mounted = mountPoints(parts, record).some(({ Destination, RW }) => !RW && (at === Destination || at.startsWith(`${Destination}/`)));
  return mounted || !record.hostConfig.ReadonlyRootfs ? 'mounted volume is marked read-only' : 'container rootfs is marked read-only';
}

function pathStat({ name, size, mode, mtime, linkTarget }: FileStat): PathStat {
  return { name, size, mode, mtime: rfc3339Nano(mtime), linkTarget };
}

/** Use case: a container's file system as a tar, as docker's export: its layers and its writes, nothing that is mounted. */
import { emitContainer } from './container-events.ts';
import { withContainerFiles, type ContainerFiles } from './container-files.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineParts } from './parts.ts';
import { fromView } from './view.ts';

export async function* exportContainer(parts: EngineParts, record: ContainerRecord): AsyncGenerator<Buffer> {
  const { rooted } = parts.images().driver;
  const open = (use: (files: ContainerFiles) => Promise<void>) => withContainerFiles(parts, record, 'own', use);
  yield* fromView(open, ({ root, ids }) => rooted.archive(root, '/', { contentOnly: true, oneFileSystem: true, ids }));
  emitContainer(parts, record, 'export');
}

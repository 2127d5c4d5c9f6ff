/** Use case: a container's file system as a tar, as docker's export: its layers and its writes, nothing that is mounted. */
import { EngineError } from '../base/errors.ts';
import type { ContainerRecord } from './container-store.ts';
import type { EngineParts } from './parts.ts';
import { withView } from './view.ts';

export async function* exportContainer(parts: EngineParts, { id, image, rootfs }: ContainerRecord): AsyncGenerator<Buffer> {
  if (image === undefined) throw new EngineError('conflict', `container ${id} has no layers: its root file system is the folder ${rootfs}`);
  const { driver, accountsDir, store } = parts.images();
  using _hold = await store.hold();
  // what it wrote is looked at as one more layer, not mounted for writing: it may be running
  const at = (mountPoint: string) => {
    const root = driver.root(image.layers, id, mountPoint);
    if (root.kind !== 'overlay' || root.upper === undefined) throw new EngineError('internal', 'a container without a layer for its writes');
    return { kind: 'overlay', lower: [root.upper.dir, ...root.lower], mountPoint } as const;
  };
  const pieces = viewed(parts, accountsDir, at, (path) => driver.archive(path));
  yield* pieces;
}

/** What `read` gives while the view is there. */
async function* viewed(
  parts: EngineParts,
  scratch: string,
  at: Parameters<typeof withView>[2],
  read: (path: string) => AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const opened = Promise.withResolvers<string>();
  const done = Promise.withResolvers<void>();
  const view = withView(parts, scratch, at, (path) => {
    opened.resolve(path);
    return done.promise;
  });
  view.catch((error: unknown) => opened.reject(error));
  try {
    yield* read(await opened.promise);
  } finally {
    done.resolve();
    await view;
  }
}

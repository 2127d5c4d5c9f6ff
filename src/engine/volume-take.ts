/** A new container's volumes: those that are missing are made, and all of them are held until the container is on record. */
import { invalid, type EngineError } from '../base/errors.ts';
import type { ContainerRoot } from './container-root.ts';
import type { MountRecord, WantedMount } from './mount-record.ts';
import type { EngineParts } from './parts.ts';
import { owner } from './process-id.ts';
import { ensureVolume, newVolume, type HeldVolume } from './volume-create.ts';
import { fillVolumes } from './volume-fill.ts';
import { withView } from './view.ts';

/** Dispose of it in any case. Without `kept`, volumes that have no name of the user's go again. */
export interface TakenMounts extends AsyncDisposable {
  readonly mounts: readonly MountRecord[];
  /** The container is on record: its volumes stay with it. */
  kept(): void;
}

/** Throws what is wrong with a volume's name or options, in Docker's words; what is in the way of its first content. */
export async function takeMounts(
  parts: EngineParts,
  container: string,
  wanted: readonly WantedMount[],
  root: () => Promise<ContainerRoot>,
): Promise<TakenMounts> {
  if (wanted.every(({ type }) => type === 'bind' || type === 'tmpfs')) return { mounts: wanted, kept: () => {}, [Symbol.asyncDispose]: async () => {} };
  const { store } = parts.volumes;
  const held = new Map<string, HeldVolume>();
  const anonymous: string[] = [];
  let kept = false;
  const taken = {
    kept() {
      kept = true;
      for (const name of anonymous) {
        try {
          store.settle(name);
        } catch {
          // no room on the disk: the container is there all the same, and the next sweep does it
        }
      }
    },
    async [Symbol.asyncDispose]() {
      for (const volume of held.values()) volume[Symbol.dispose]();
      if (kept) return;
      for (const name of anonymous) if (store.remove(name)) parts.events.emit('volume', 'destroy', name, { driver: 'local' });
    },
  };
  try {
    const mounts: MountRecord[] = [];
    // checked before any of them is made
    const records = new Map(wanted.map((mount) => [mount, recordOf(mount, container)]));
    for (const { volume: _, ...mount } of wanted) {
      const record = records.get(wanted[mounts.length]!);
      if (record === undefined) {
        mounts.push(await withKind(parts, mount));
        continue;
      }
      const volume = held.get(record.name) ?? (await ensureVolume(parts, record));
      held.set(record.name, volume);
      if (record.pending !== undefined) anonymous.push(record.name);
      mounts.push({ ...mount, name: record.name });
    }
    await fillVolumes(parts, root, mounts);
    return { mounts, ...taken };
  } catch (error) {
    await taken[Symbol.asyncDispose]();
    throw error;
  }
}

function recordOf({ type, name = '', volume = { driver: '' } }: WantedMount, container: string) {
  if (type !== 'volume') return undefined;
  return newVolume(name, { options: volume.options, labels: volume.labels, ...(name === '' ? { pending: { container, maker: owner() } } : {}) });
}

/** Of a part of an image, whether it is a file: an image never changes. */
async function withKind(parts: EngineParts, mount: MountRecord): Promise<MountRecord> {
  const { type, image, subpath, file } = mount;
  if (type !== 'image' || image === undefined || subpath === undefined || file !== undefined) return mount;
  const { driver, accountsDir } = parts.images();
  const look = async (root: string) => {
    try {
      await driver.rooted.stat(root, `${subpath}/.`);
      return { ...mount, file: false };
    } catch (error) {
      const { code } = ((error as EngineError).detail ?? {}) as { code?: string };
      if (code === 'ENOTDIR') return { ...mount, file: true };
      throw code === 'ENOENT' ? invalid(`cannot access path ${subpath} of image ${image.name}: no such file or directory`) : error;
    }
  };
  return withView(parts, accountsDir, (mountPoint) => driver.root(image.layers, undefined, mountPoint), look);
}

/**
 * Volumes: folders that outlive containers. What this folder promises: records on disk, each whole because it has its
 * final name, and what a volume's driver options mean. Nothing here mounts anything: a volume with options of its own
 * becomes a mount of each container's plan, where only that container sees it. Who uses a volume follows from the
 * containers' records: nothing of that is kept.
 */

/** What is kept of a volume: one JSON document each. */
export interface VolumeRecord {
  readonly name: string;
  /** RFC 3339, whole seconds. */
  readonly createdAt: string;
  /** Null: none were given, as Docker tells it from an empty map. */
  readonly labels: Readonly<Record<string, string>> | null;
  /** The local driver's: `type`, `device`, `o`. Null as above. */
  readonly options: Readonly<Record<string, string>> | null;
  /** Of an anonymous volume: the container that is about to be with it. Without that one it never came to be. */
  readonly pending?: { readonly container: string; readonly maker: string } | undefined;
}

/** Where a volume's files are, for a container's plan. */
export type VolumeSource =
  /** A folder of this machine; `options` are mount(8) words for its bind mount. */
  | { readonly kind: 'folder'; readonly path: string; readonly options: readonly string[] }
  /** A file system to be mounted; `options` are mount(8) words and the file system's own. */
  | { readonly kind: 'file-system'; readonly type: string; readonly device: string; readonly options: readonly string[] };

/** Volumes on disk. All calls are synchronous. */
export interface VolumeStore {
  /** Undefined where there is none, and for what is no name. */
  load(name: string): VolumeRecord | undefined;
  /** In the order of their names; those that are pending, too. */
  list(): readonly VolumeRecord[];
  /** The volume and its empty folder appear at once, whole. False: one with that name is there already. */
  create(record: VolumeRecord): boolean;
  /** Its container is on record now. */
  settle(name: string): void;
  /** It is gone at once, and so are its locks; its files go in the background. False: there was none. */
  remove(name: string): boolean;
  /** The folder of its files, by name alone. */
  mountpoint(name: string): string;
  /** The folder that holds that one, and what belongs to it on the same file system. */
  folder(name: string): string;
  /** A file for locks on the volume's existence (`use`: shared by users, exclusive to remove) and on its first content (`fill`). */
  lockPath(name: string, what: 'use' | 'fill'): string;
  /** Removes what killed processes were making or removing. */
  tidy(): void;
  /** Resolves when removals in the background are done. */
  settled(): Promise<void>;
}

/** Owners as a container of a user namespace sees them, and as the host does. */

export interface IdRange {
  readonly container: number;
  readonly host: number;
  readonly size: number;
}

/** Without ranges every id is the same on both sides. */
export interface IdMaps {
  readonly uid: readonly IdRange[];
  readonly gid: readonly IdRange[];
}

/** What no range has stays what it is: files of an image's layers are not shifted. */
export function toContainer(ranges: readonly IdRange[], id: number): number {
  const range = ranges.find(({ host, size }) => id >= host && id < host + size);
  return range === undefined ? id : id - range.host + range.container;
}

/** Undefined for an id that the container cannot have. */
export function toHost(ranges: readonly IdRange[], id: number): number | undefined {
  if (ranges.length === 0) return id;
  const range = ranges.find(({ container, size }) => id >= container && id < container + size);
  return range === undefined ? undefined : id - range.container + range.host;
}

/** Records of how containers ended: written by a container's monitor, or by an engine where there is none any more. */
import { uniqueName } from '../base/unique-name.ts';
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { oomKills } from '../cgroup/stats.ts';
import type { ContainerExit } from './contract.ts';

export class ContainerExits {
  readonly #known = new Map<string, ContainerExit>();
  /** Whether what has been read of a container stays as it is. */
  readonly #ours: (id: string) => boolean;

  constructor(ours: (id: string) => boolean) {
    this.#ours = ours;
  }

  /** Keeps how a container ended, unless that is known already; gives what is kept. */
  save(id: string, path: string, exit: ContainerExit): ContainerExit {
    const temporary = `${path}.${uniqueName()}`;
    try {
      writeFileSync(temporary, JSON.stringify(exit), { mode: 0o600 });
      linkSync(temporary, path);
    } catch {
      // known, or removed meanwhile
    }
    rmSync(temporary, { force: true });
    const kept = this.of(id, path);
    // no room on the disk
    if (kept === undefined && this.#ours(id)) this.#known.set(id, exit);
    return kept ?? exit;
  }

  /** Keeps what a monitor has told, and has written too, so that it need not be read. False: it could not write it. */
  told(id: string, path: string, exit: ContainerExit): boolean {
    if (!existsSync(path)) return false;
    if (this.#ours(id)) this.#known.set(id, exit);
    return true;
  }

  of(id: string, path: string): ContainerExit | undefined {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const exit = readExit(path);
    if (exit !== undefined && this.#ours(id)) this.#known.set(id, exit);
    return exit;
  }

  forget(id: string): void {
    this.#known.delete(id);
  }
}

/** Undefined while there is none. */
export function readExit(path: string): ContainerExit | undefined {
  // mostly it runs and there is none: to be told so by an error costs three times as much
  if (!existsSync(path)) return undefined;
  try {
    const read = JSON.parse(readFileSync(path, 'utf8')) as ContainerExit;
    return { ...read, oomKilled: read.oomKilled ?? oomKills(read.reports) > 0 };
  } catch {
    return undefined;
  }
}

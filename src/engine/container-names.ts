/** Names of containers: each is one container's alone, also among several processes. */
import { linkSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { uniqueName } from '../base/unique-name.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { owner } from './process-id.ts';

/** A name is the name of a file, too. */
const MAX_NAME = 255;

/** What a container may be called. */
export const CONTAINER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Whether ID@OWNER is there, or being made. */
export type Holds = (holder: string) => boolean;

export class ContainerNames {
  readonly #dir: string;
  readonly #holds: Holds;

  constructor(dir: string, holds: Holds) {
    this.#dir = dir;
    this.#holds = holds;
  }

  /** A name is a link to ID@OWNER. It holds as long as that container is there or is being made by its owner. Throws Docker's `conflict`. */
  claim(name: string, id: string): void {
    if (name.length > MAX_NAME) throw invalid(`Invalid container name (${name.slice(0, 32)}…), at most ${MAX_NAME} characters are allowed`);
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    const path = `${this.#dir}/${name}`;
    for (;;) {
      try {
        return symlinkSync(`${id}@${owner()}`, path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = this.#holder(name);
      if (holder === undefined) continue;
      if (this.#holds(holder)) throw inUse(name, holder);
      this.#forget(name, holder);
    }
  }

  /** Throws as `claim` does, and claims nothing. */
  check(name: string): void {
    const holder = this.#holder(name);
    if (holder !== undefined && this.#holds(holder)) throw inUse(name, holder);
  }

  #holder(name: string): string | undefined {
    try {
      return readlinkSync(`${this.#dir}/${name}`);
    } catch {
      return undefined;
    }
  }

  /** Removes a name's link if it is the one that was looked at, not one made since. */
  #forget(name: string, holder: string): void {
    const aside = `${this.#dir}/.${uniqueName()}`;
    try {
      renameSync(`${this.#dir}/${name}`, aside);
      if (readlinkSync(aside) !== holder) linkSync(aside, `${this.#dir}/${name}`);
    } catch {
      // another process was quicker
    }
    rmSync(aside, { force: true });
  }

  /** The container has the name no more. */
  release(name: string, id: string): void {
    const holder = this.#holder(name);
    if (holder?.startsWith(`${id}@`)) this.#forget(name, holder);
  }

  /** Forgets the names of containers that are no more; `names` were there before those were looked at. */
  tidy(names: readonly string[]): void {
    for (const name of names) {
      const holder = this.#holder(name);
      if (holder !== undefined && !this.#holds(holder)) this.#forget(name, holder);
    }
  }

  list(): string[] {
    try {
      return readdirSync(this.#dir);
    } catch {
      return [];
    }
  }
}

function inUse(name: string, holder: string): EngineError {
  const hint = 'You have to remove (or rename) that container to be able to reuse that name.';
  return new EngineError('conflict', `Conflict. The container name "/${name}" is already in use by container "${holder.split('@')[0]}". ${hint}`);
}

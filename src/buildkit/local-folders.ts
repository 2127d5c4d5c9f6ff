/**
 * Copies of clients' folders, kept from one build to the next so that only what changed is sent. A copy belongs to one
 * build at a time: another that runs at once has one of its own.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { EngineError } from '../base/errors.ts';
import type { LocalFolder, LocalWanted, Prunable } from '../build/contract.ts';
import { receiveFiles } from './receive-files.ts';
import type { Session } from './sessions.ts';
import { saidOf } from './tree-protocol.ts';
import { TreeThread } from './tree-thread.ts';

/** How many copies wait for their next build, and how many milliseconds: two days, as BuildKit's. */
const KEPT = 16;
const MAX_AGE = 48 * 3600_000;

interface Copy {
  readonly key: string;
  /** With the client. */
  readonly name: string;
  readonly folder: string;
  /** Its only entry. */
  readonly root: string;
  readonly thread: TreeThread;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  usedAt: number;
  uses: number;
  /** Bytes. */
  size: number;
}

export class LocalFolders {
  readonly #folder: string;
  /** The one that was used last comes last. */
  readonly #free: Copy[] = [];
  readonly #used = new Set<Copy>();
  readonly #now: () => number;
  #thread: TreeThread | undefined;

  /** `folder` is this object's own, and empty. */
  constructor(folder: string, now: () => number = Date.now) {
    this.#folder = folder;
    this.#now = now;
  }

  /** Of the client's folder `name`, what is wanted of it. Throws EngineError. */
  async open(session: Session, name: string, wanted: LocalWanted, signal: AbortSignal): Promise<LocalFolder> {
    const copy = this.#take(JSON.stringify([session.sharedKey === '' ? session.id : session.sharedKey, name, wanted.name]), name);
    this.#used.add(copy);
    let transferred: number;
    try {
      const received = await receiveFiles(session, copy.thread, copy.root, { ...wanted, name }, signal);
      transferred = received.transferred;
      copy.size = received.size;
      copy.uses++;
    } catch (error) {
      this.#give(copy);
      throw error;
    }
    let given = false;
    return {
      path: copy.root,
      transferred,
      [Symbol.asyncDispose]: async () => {
        if (!given) this.#give(copy);
        given = true;
      },
    };
  }

  /** As the build cache has them. */
  list(): Prunable[] {
    return [...this.#free, ...this.#used].map((copy) => ({
      record: {
        id: basename(copy.folder).replace(/\W/g, '').toLowerCase().slice(0, 25),
        parents: [],
        type: 'source.local',
        description: `local source for ${copy.name}`,
        inUse: this.#used.has(copy),
        shared: false,
        size: copy.size,
        createdAt: copy.createdAt,
        lastUsedAt: copy.usedAt,
        usageCount: copy.uses,
      },
      remove: () => {
        const at = this.#free.indexOf(copy);
        if (at !== -1) remove(...(this.#free.splice(at, 1) as [Copy]));
        return at !== -1;
      },
    }));
  }

  close(): void {
    this.#thread?.close();
  }

  #take(key: string, name: string): Copy {
    if (this.#thread?.dead !== false) {
      for (const copy of this.#free.splice(0)) remove(copy); // what is in them is not known any more
      this.#thread = new TreeThread();
    }
    const at = this.#free.findIndex((each) => each.key === key);
    if (at !== -1) return this.#free.splice(at, 1)[0]!;
    try {
      const folder = mkdtempSync(join(this.#folder, `${createHash('sha256').update(key).digest('hex').slice(0, 16)}-`));
      const root = join(folder, 'tree');
      mkdirSync(root, { mode: 0o755 });
      return { key, name, folder, root, thread: this.#thread, createdAt: this.#now(), usedAt: this.#now(), uses: 0, size: 0 };
    } catch (error) {
      throw new EngineError('exhausted', saidOf(error), { cause: error });
    }
  }

  #give(copy: Copy): void {
    this.#used.delete(copy);
    if (copy.thread.dead) return remove(copy);
    copy.usedAt = this.#now();
    this.#free.push(copy);
    while (this.#free.length > KEPT || this.#now() - this.#free[0]!.usedAt > MAX_AGE) remove(this.#free.shift()!);
  }
}

function remove({ root, folder, thread }: Copy): void {
  if (thread.dead) rmSync(folder, { recursive: true, force: true });
  else thread.remove(root, folder);
}

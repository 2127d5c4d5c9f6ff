/**
 * Copies of clients' folders, kept from one build to the next so that only what changed is sent. A copy belongs to one
 * build at a time: another that runs at once has one of its own.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { EngineError } from '../base/errors.ts';
import type { LocalFiles, LocalFolder, LocalWanted, Prunable } from '../build/contract.ts';
import { KeptCopies, type Copy } from './kept-copies.ts';
import { receiveFiles, receiveSmall } from './receive-files.ts';
import type { Session } from './sessions.ts';
import { SmallTree } from './small-tree.ts';
import { saidOf } from './tree-protocol.ts';
import { TreeThread } from './tree-thread.ts';

interface FolderCopy extends Copy {
  readonly folder: string;
  /** Its only entry. */
  readonly root: string;
  readonly thread: TreeThread;
}

interface SmallCopy extends Copy {
  readonly tree: SmallTree;
}

export class LocalFolders {
  readonly #folder: string;
  readonly #folders: KeptCopies<FolderCopy>;
  readonly #small: KeptCopies<SmallCopy>;
  #thread: TreeThread | undefined;

  /** `folder` is this object's own, and empty. */
  constructor(folder: string, now: () => number = Date.now) {
    this.#folder = folder;
    this.#folders = new KeptCopies(remove, now);
    this.#small = new KeptCopies(() => {}, now);
  }

  /** Of the client's folder `name`, what is wanted of it. Throws EngineError. */
  async open(session: Session, name: string, wanted: LocalWanted, signal: AbortSignal): Promise<LocalFolder> {
    if (this.#thread?.dead !== false) {
      this.#folders.clear(); // what is in them is not known any more
      this.#thread = new TreeThread();
    }
    const key = keyOf(session, name, wanted);
    const { copy, used, give } = this.#folders.take(key, () => this.#made(key, name));
    const back = (): void => {
      give();
      if (copy.thread.dead) this.#folders.clear();
    };
    try {
      const { transferred, size } = await receiveFiles(session, copy.thread, copy.root, { ...wanted, name }, signal);
      copy.size = size;
      used();
      return { path: copy.root, transferred, [Symbol.asyncDispose]: async () => back() };
    } catch (error) {
      back();
      throw error;
    }
  }

  /** The same, in memory; of what is too large for that, the sizes alone. Throws EngineError. */
  async files(session: Session, name: string, wanted: LocalWanted, signal: AbortSignal): Promise<LocalFiles> {
    const key = keyOf(session, name, wanted);
    const id = (): string => randomUUID().replaceAll('-', '').slice(0, 25);
    const { copy, used, give } = this.#small.take(key, () => ({ key, id: id(), name, tree: new SmallTree(), size: 0 }));
    try {
      const transferred = await receiveSmall(session, copy.tree, { ...wanted, name }, signal);
      copy.size = copy.tree.bytes;
      used();
      return { file: copy.tree.files(), transferred };
    } finally {
      give();
    }
  }

  /** As the build cache has them. */
  list(): Prunable[] {
    return [...this.#small.list(), ...this.#folders.list()];
  }

  close(): void {
    this.#thread?.close();
  }

  #made(key: string, name: string): FolderCopy {
    try {
      const folder = mkdtempSync(join(this.#folder, `${createHash('sha256').update(key).digest('hex').slice(0, 16)}-`));
      const root = join(folder, 'tree');
      mkdirSync(root, { mode: 0o755 });
      const id = basename(folder).replace(/\W/g, '').toLowerCase().slice(0, 25);
      return { key, id, name, folder, root, thread: this.#thread!, size: 0 };
    } catch (error) {
      throw new EngineError('exhausted', saidOf(error), { cause: error });
    }
  }
}

function keyOf({ sharedKey, id }: Session, name: string, wanted: LocalWanted): string {
  return JSON.stringify([sharedKey === '' ? id : sharedKey, name, wanted.name]);
}

function remove({ root, folder, thread }: FolderCopy): void {
  if (thread.dead) rmSync(folder, { recursive: true, force: true });
  else thread.remove(root, folder);
}

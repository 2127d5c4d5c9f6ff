/** An archive in memory, of which a file can be read without unpacking it. */
import { posix } from 'node:path';
import { EngineError } from '../base/errors.ts';
import type { FileInRoot } from '../kernel/linux/read-in-root.ts';
import type { TarEntry } from '../tar/contract.ts';
import { TarReader } from '../tar/reader.ts';

export class SmallTar {
  readonly #files: ReadonlyMap<string, readonly Buffer[] | 'folder'>;

  private constructor(files: ReadonlyMap<string, readonly Buffer[] | 'folder'>) {
    this.#files = files;
  }

  /**
   * Undefined for an archive that has anything but files and folders, or that is damaged: what becomes of that, unpacking
   * it tells. The pieces are not copied.
   */
  static of(pieces: readonly Buffer[]): SmallTar | undefined {
    const files = new Map<string, Buffer[] | 'folder'>();
    let current: Buffer[] = [];
    const reader = new TarReader({
      entry: (entry) => {
        current = [];
        put(files, entry, current);
      },
      data: (chunk) => void current.push(chunk),
      entryEnd: () => {},
    });
    try {
      for (const piece of pieces) reader.push(piece);
      reader.end();
      return new SmallTar(files);
    } catch (error) {
      if (error instanceof EngineError) return undefined;
      throw error;
    }
  }

  /** As `fileInRoot`. `path` is from the archive's root, and clean. */
  file(path: string): FileInRoot | undefined {
    const found = this.#files.get(path);
    if (found === undefined || found === 'folder') return found === undefined ? undefined : { text: '', size: 0 };
    const bytes = Buffer.concat(found);
    return { text: bytes.toString(), size: bytes.length };
  }
}

/** Throws `invalid` for what may not be where its name says. */
function put(files: Map<string, Buffer[] | 'folder'>, { type, name, sparse }: TarEntry, content: Buffer[]): void {
  const path = posix.normalize(`/${name.toString()}`).slice(1).replace(/\/$/, '');
  const plain = (type === 'file' || type === 'dir') && sparse === undefined && !/(?:^|\/)\.\.(?:\/|$)/.test(name.toString());
  if (!plain) throw new EngineError('invalid', `${path} is not plain`);
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    const above = path.slice(0, at);
    if ((files.get(above) ?? 'folder') !== 'folder') throw new EngineError('invalid', `${above} is a file and a folder`);
    files.set(above, 'folder');
  }
  const before = files.get(path);
  if (before !== undefined && (before === 'folder') !== (type === 'dir')) throw new EngineError('invalid', `${path} is a file and a folder`);
  if (path !== '') files.set(path, type === 'dir' ? 'folder' : content);
}

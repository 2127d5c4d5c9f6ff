/** COPY's way with files: an archive of what is copied goes in, the same comes out as it is to be in the image. */
import { createHash, type Hash } from 'node:crypto';
import { invalid } from '../base/errors.ts';
import type { TarEntry, TarHandler } from '../tar/contract.ts';
import { TarReader } from '../tar/reader.ts';
import { TarWriter } from '../tar/writer.ts';
import { changeMode, type ModeChange } from './chmod.ts';

/** What of an archive goes where. Names are latin1 strings, one character a byte. */
export interface CopyRules {
  /** The new name of what the archive calls so; undefined: it is left out, and a folder's insides are asked for by themselves. */
  rename(name: string, folder: boolean): string | undefined;
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  readonly mode?: ModeChange | undefined;
}

/** One archive after another through the rules, into one. `sink` may keep what it gets, which is the archive's own memory where it can be. */
export class CopyTar {
  readonly #out: TarWriter;

  constructor(sink: (chunk: Buffer) => void) {
    this.#out = new TarWriter(sink);
  }

  /** A reader for one archive. */
  take(rules: CopyRules): TarReader {
    const out = this.#out;
    let open = false;
    let at = 0;
    let size = 0;
    return new TarReader({
      entry(entry) {
        open = false;
        const name = renamed(rules, entry);
        if (name === undefined) return;
        const isLink = entry.type === 'link';
        const target = isLink ? rules.rename(entry.linkName.toString('latin1'), false) : undefined;
        if (isLink && target === undefined) throw invalid(`${entry.name.toString()} is another name of a file that is left out`);
        const { uid, gid } = rules.owner ?? entry;
        out.entry({
          type: entry.type,
          name: Buffer.from(name, 'latin1'),
          linkName: target === undefined ? entry.linkName : Buffer.from(target, 'latin1'),
          mode: entry.type === 'symlink' ? entry.mode : changeMode(entry.mode, rules.mode, entry.type === 'dir'),
          uid,
          gid,
          size: entry.size,
          mtime: entry.mtime,
          devMajor: entry.devMajor,
          devMinor: entry.devMinor,
          xattrs: entry.xattrs,
        });
        open = entry.size > 0;
        at = 0;
        size = entry.size;
      },
      data(chunk, offset) {
        if (!open) return;
        zeros(out, offset - at);
        out.data(chunk);
        at = offset + chunk.length;
      },
      entryEnd() {
        if (open) zeros(out, size - at);
        open = false;
      },
    });
  }

  /** A folder that no archive has. */
  folder(name: string, { mode, uid, gid, mtime }: { readonly mode: number; readonly uid: number; readonly gid: number; readonly mtime: bigint }): void {
    this.#out.entry({ type: 'dir', name: Buffer.from(`${name}/`, 'latin1'), mode, uid, gid, mtime });
  }

  /** A file that no archive has. */
  file(name: string, content: Buffer, fields: { readonly mode: number; readonly uid: number; readonly gid: number; readonly mtime: bigint }): void {
    this.#out.entry({ type: 'file', name: Buffer.from(name, 'latin1'), size: content.length, ...fields });
    if (content.length > 0) this.#out.data(content);
  }

  end(): void {
    this.#out.end();
  }
}

const ZEROS = Buffer.alloc(64 << 10);

function zeros(out: TarWriter, count: number): void {
  for (let left = count; left > 0; left -= ZEROS.length) out.data(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
}

function renamed(rules: CopyRules, { name, type }: TarEntry): string | undefined {
  const folder = type === 'dir';
  const text = name.toString('latin1').replace(/\/+$/, '');
  const result = rules.rename(text, folder);
  return result === undefined || !folder ? result : `${result}/`;
}

/**
 * The digest of what is copied: names, kinds, modes, owners, targets of links, attributes, and contents as the archives
 * have them (which may be digests of files); not times. Owners as `rules` has them. The same files give the same.
 */
export class ContentHash {
  readonly #hash: Hash = createHash('sha256');

  /** A reader for one archive, without sparse files. */
  take(rules: Pick<CopyRules, 'rename' | 'owner' | 'mode'>): TarReader {
    let open = false;
    const handler: TarHandler = {
      entry: (entry) => {
        const name = renamed(rules, entry);
        open = name !== undefined;
        if (!open) return;
        const { uid, gid } = rules.owner ?? entry;
        const link = entry.type === 'link' ? (rules.rename(entry.linkName.toString('latin1'), false) ?? '') : entry.linkName.toString('latin1');
        const xattrs = [...entry.xattrs].map(([key, value]) => [key, value.toString('hex')]).toSorted();
        const mode = entry.type === 'symlink' ? 0 : changeMode(entry.mode, rules.mode, entry.type === 'dir');
        this.#hash.update(JSON.stringify([name, entry.type, mode, uid, gid, link, entry.size, entry.devMajor, entry.devMinor, xattrs]));
      },
      data: (chunk) => {
        if (open) this.#hash.update(chunk);
      },
      entryEnd: () => {},
    };
    return new TarReader(handler);
  }

  text(text: string): void {
    this.#hash.update(JSON.stringify(text));
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}

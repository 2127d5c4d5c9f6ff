/** Where a new container's root file system comes from, and what that means for its options: a folder, or an image. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { digestHex, type Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { chainIds } from '../image/chain-id.ts';
import type { ContainerConfig, ImageConfig } from '../image/contract.ts';
import { formatPlatform, parsePlatform, platformMatches } from '../image/platform.ts';
import type { NamedEntry } from '../image/store/references.ts';
import type { ImageStore } from '../image/store/store.ts';
import { readInRoot } from '../kernel/linux/read-in-root.ts';
import type { RootSource } from '../runtime/contract.ts';
import type { RunOptions } from '../runtime/run-options.ts';
import type { AccountFiles } from '../runtime/users.ts';
import type { ContainerRecord } from './container-record.ts';
import { machinePlatform } from './machine-platform.ts';
import type { EngineParts } from './parts.ts';
import { runOptionsOf, type ContainerDocuments } from './run-options-of.ts';
import { withView } from './view.ts';

/** The image of a container: what must stay as long as the container does. */
export interface ContainerImage {
  readonly id: Digest;
  /** As it was asked for. */
  readonly name: string;
  /** Lowest first. */
  readonly layers: readonly Digest[];
}

export interface ContainerRoot {
  readonly options: RunOptions;
  readonly accounts: AccountFiles;
  /** `writable`: the id of the layer that takes writes; without it they are thrown away. `owner`: who root of a user namespace is outside. */
  at(mountPoint: string, writable: string | undefined, owner: number | undefined): RootSource;
}

/** What a new container takes from an image. */
export interface FoundImage extends ContainerImage {
  readonly config: ContainerConfig;
  /** What is to be told of it, in Docker's words. */
  readonly warnings: readonly string[];
}

/** Throws `not-found` as `No such image: NAME`, and `invalid` for one of another platform. */
export function imageOf(parts: EngineParts, name: string, platform: string | undefined): FoundImage {
  if (name === '') throw invalid('no command specified', 'give an image, or a folder with --rootfs DIR');
  const { store, driver } = parts.images();
  const { entry } = store.find(name);
  const config = configOf(store, entry);
  const layers = config.rootfs.diff_ids;
  const wanted = platform === undefined || platform === '' ? undefined : parsePlatform(platform);
  if (wanted !== undefined && !platformMatches(config, wanted)) {
    const is = formatPlatform(config);
    throw new EngineError(
      'not-found',
      `image with reference ${name} was found but its platform (${is}) does not match the specified platform (${formatPlatform(wanted)})`,
    );
  }
  // the kernel may have been told of an emulator
  const foreign = wanted === undefined && !platformMatches(config, machinePlatform());
  const warning =
    `The requested image's platform (${formatPlatform(config)}) does not match the detected host platform ` +
    `(${formatPlatform(machinePlatform())}) and no specific platform was requested`;
  const missing = layers.find((layer) => !driver.has(layer));
  if (missing !== undefined) throw new EngineError('internal', `layer ${missing} of image ${name} is not there`, { hint: 'pull the image again' });
  return { id: entry.facts.id, name, layers, config: config.config ?? {}, warnings: foreign ? [warning] : [] };
}

const configs = new Map<Digest, ImageConfig>();
const MOST_CONFIGS = 256;

/** The blobs that a digest names never change: read and checked once. */
function configOf(store: ImageStore, { target }: NamedEntry): ImageConfig {
  const known = configs.get(target.digest);
  if (known !== undefined) return known;
  const { config } = store.documents(target.digest);
  if (configs.size >= MOST_CONFIGS) configs.clear();
  configs.set(target.digest, config);
  return config;
}

/** Of a container on record. Throws `not-found` for a root file system that is not there. */
export function containerRoot(parts: EngineParts, { config, hostConfig, image, mounts }: ContainerRecord): Promise<ContainerRoot> {
  return documentRoot(parts, { config, hostConfig, image, mounts });
}

export async function documentRoot(
  parts: EngineParts,
  documents: ContainerDocuments & { readonly image?: ContainerImage | undefined },
): Promise<ContainerRoot> {
  const options = runOptionsOf(documents);
  if (options.rootfs !== undefined) return folderRoot(options, options.rootfs);
  const { image } = documents;
  if (image === undefined) throw invalid('no root file system is given', 'give an image, or a folder with --rootfs DIR');
  const { driver } = parts.images();
  return {
    options,
    accounts: await imageAccounts(parts, image.layers),
    at: (mountPoint, writable, owner) => ({ ...driver.root(image.layers, writable, mountPoint), ...(owner === undefined ? {} : { idmap: true }) }),
  };
}

function folderRoot(options: RunOptions, { path, overlay }: NonNullable<RunOptions['rootfs']>): ContainerRoot {
  if (!existsSync(path)) throw new EngineError('not-found', `root file system ${path}: no such file or directory`);
  const rootfs = realpathSync(path);
  if (!statSync(rootfs).isDirectory()) throw invalid(`root file system ${path}: not a directory`);
  return {
    options,
    accounts: accountsIn(rootfs),
    at(mountPoint, _writable, owner) {
      const idmap = owner !== undefined && statSync(rootfs).uid !== owner;
      return overlay || rootfs === '/' ? { kind: 'overlay', lower: [rootfs], mountPoint, idmap } : { kind: 'dir', path: rootfs, idmap };
    },
  };
}

/** By the layers that say what they are. */
const accounts = new Map<Digest, AccountFiles>();
const MOST_ACCOUNTS = 64;

/**
 * /etc/passwd and /etc/group as the image has them. Its layers never change, so they are looked up once, in a view of
 * them merged, and kept beside the image.
 */
async function imageAccounts(parts: EngineParts, layers: readonly Digest[]): Promise<AccountFiles> {
  const top = chainIds(layers).at(-1);
  if (top === undefined) return { passwd: '', group: '' };
  const { driver, accountsDir } = parts.images();
  const known = accounts.get(top);
  if (known !== undefined) return known;
  const path = `${accountsDir}/${digestHex(top)}.json`;
  try {
    const read = JSON.parse(readFileSync(path, 'utf8')) as AccountFiles;
    if (accounts.size >= MOST_ACCOUNTS) accounts.clear();
    accounts.set(top, read);
    return read;
  } catch {
    // not looked up yet
  }
  mkdirSync(accountsDir, { recursive: true, mode: 0o700 });
  const found = await withView(
    parts,
    accountsDir,
    (mountPoint) => driver.root(layers, undefined, mountPoint),
    async (root) => accountsIn(root),
  );
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  writeFileSync(temporary, JSON.stringify(found), { mode: 0o600 });
  renameSync(temporary, path);
  return found;
}

function accountsIn(root: string): AccountFiles {
  return { passwd: readInRoot(root, '/etc/passwd'), group: readInRoot(root, '/etc/group') };
}

/** Where a new container's root file system comes from, and what that means for its options: a folder, or an image. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { digestHex, type Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { signalNumber } from '../base/signals.ts';
import { chainIds } from '../image/chain-id.ts';
import type { ContainerConfig } from '../image/contract.ts';
import { platformMatches, formatPlatform, hostPlatform } from '../image/platform.ts';
import { readInRoot } from '../kernel/linux/read-in-root.ts';
import type { RootSource } from '../runtime/contract.ts';
import type { RunOptions } from '../runtime/run-options.ts';
import type { AccountFiles } from '../runtime/users.ts';
import type { EngineParts } from './parts.ts';
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
  /** With what the image says where the user said nothing. */
  readonly options: RunOptions;
  /** Shown to users: a path, or the image's name. */
  readonly shown: string;
  readonly accounts: AccountFiles;
  readonly image?: ContainerImage;
  /** `writable`: the id of the layer that takes writes; without it they are thrown away. `owner`: who root of a user namespace is outside. */
  at(mountPoint: string, writable: string | undefined, owner: number | undefined): RootSource;
}

/** Throws `not-found` as `No such image: NAME`, and for a root file system that is not there. */
export async function containerRoot(parts: EngineParts, options: RunOptions): Promise<ContainerRoot> {
  if (options.rootfs !== undefined) return folderRoot(options, options.rootfs);
  if (options.image === undefined) throw invalid('no root file system is given', 'give an image, or a folder with --rootfs DIR');
  return imageRoot(parts, options, options.image);
}

function folderRoot(options: RunOptions, { path, overlay }: NonNullable<RunOptions['rootfs']>): ContainerRoot {
  if (!existsSync(path)) throw new EngineError('not-found', `root file system ${path}: no such file or directory`);
  const rootfs = realpathSync(path);
  if (!statSync(rootfs).isDirectory()) throw invalid(`root file system ${path}: not a directory`);
  return {
    options: { ...options, args: [...(options.entrypoint ?? []), ...options.args] },
    shown: rootfs,
    accounts: accountsIn(rootfs),
    at(mountPoint, _writable, owner) {
      const idmap = owner !== undefined && statSync(rootfs).uid !== owner;
      return overlay || rootfs === '/' ? { kind: 'overlay', lower: [rootfs], mountPoint, idmap } : { kind: 'dir', path: rootfs, idmap };
    },
  };
}

async function imageRoot(parts: EngineParts, options: RunOptions, name: string): Promise<ContainerRoot> {
  const { store, driver } = parts.images();
  const image = store.open(store.find(name).entry);
  const layers = image.config.rootfs.diff_ids;
  if (!platformMatches(image.config, hostPlatform())) {
    throw invalid(`image ${name} is for ${formatPlatform(image.config)}, and this machine is ${formatPlatform(hostPlatform())}`);
  }
  const missing = layers.find((layer) => !driver.has(layer));
  if (missing !== undefined) throw new EngineError('internal', `layer ${missing} of image ${name} is not there`, { hint: 'pull the image again' });
  return {
    options: withConfig(options, image.config.config ?? {}),
    shown: name,
    accounts: await imageAccounts(parts, layers),
    image: { id: image.id, name, layers },
    at: (mountPoint, writable, owner) => ({ ...driver.root(layers, writable, mountPoint), ...(owner === undefined ? {} : { idmap: true }) }),
  };
}

/**
 * /etc/passwd and /etc/group as the image has them. Its layers never change, so they are looked up once, in a view of
 * them merged, and kept beside the image.
 */
async function imageAccounts(parts: EngineParts, layers: readonly Digest[]): Promise<AccountFiles> {
  const top = chainIds(layers).at(-1);
  if (top === undefined) return { passwd: '', group: '' };
  const { driver, accountsDir } = parts.images();
  const path = `${accountsDir}/${digestHex(top)}.json`;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as AccountFiles;
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

/** The user's options win. As Docker: an entry point of the user's takes the image's command out, too. */
export function withConfig(options: RunOptions, config: ContainerConfig): RunOptions {
  const entrypoint = options.entrypoint ?? config.Entrypoint ?? [];
  const command = options.args.length > 0 || options.entrypoint !== undefined ? options.args : (config.Cmd ?? []);
  const args = [...entrypoint, ...command];
  if (args.length === 0) throw invalid('no command specified');
  const stop = config.StopSignal === undefined || config.StopSignal === '' ? undefined : signalNumber(config.StopSignal);
  return {
    ...options,
    args,
    env: [...(config.Env ?? []), ...options.env],
    workdir: options.workdir ?? (config.WorkingDir || undefined),
    user: options.user ?? (config.User || undefined),
    ...(options.stopSignal === undefined && stop !== undefined ? { stopSignal: stop } : {}),
  };
}

/** Puts the images' half of the engine together: the store, the driver of its layers, the registries. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { EngineError } from '../base/errors.ts';
import type { Credentials, RegistryOptions } from '../image/contract.ts';
import { chainIds } from '../image/chain-id.ts';
import { tagName } from '../image/names.ts';
import { familiarReference, parseReference, withDefaultTag } from '../image/reference.ts';
import { findCredentials, parseCredentialConfig } from '../image/registry/credentials.ts';
import { Registries } from '../image/registry/registries.ts';
import { ImageStore } from '../image/store/store.ts';
import { credentialHelper } from '../kernel/linux/credential-helper.ts';
import { linuxDetachedMounts } from '../kernel/linux/detached-mounts.ts';
import { linuxFileLocks } from '../kernel/linux/file-lock.ts';
import { syncFileSystem } from '../kernel/linux/files.ts';
import type { SnapshotDriver } from '../snapshot/contract.ts';
import { erofsDriver } from '../snapshot/erofs/driver.ts';
import { probeErofs } from '../snapshot/erofs/probe.ts';
import { overlayDriver } from '../snapshot/overlay.ts';
import type { LayerRef } from '../build/contract.ts';
import type { ContainerImage } from './container-root.ts';
import { importImage } from './image-import.ts';
import { imageHistory, inspectImage, listImages, tagImage } from './image-list.ts';
import type { OnImageEvent } from './image-events.ts';
import { loadImages } from './image-load.ts';
import { onceEach, type ImageParts } from './image-parts.ts';
import { isFullDisk, pullImage } from './image-pull.ts';
import { pushImage } from './image-push.ts';
import { distribution, searchImages } from './image-registry.ts';
import { pruneImages, removeNamed, tidyUp } from './image-remove.ts';
import { saveImages } from './image-save.ts';
import type { Images } from './images-contract.ts';
import { startLayerThread } from './layer-threads.ts';
import { settled } from './settled-file.ts';

export type StorageDriver = 'overlay' | 'erofs';

export interface ImageOptions {
  readonly dataRoot: string;
  /** The state folder of the engine that the data root belongs to. */
  readonly stateDir: string;
  readonly storageDriver?: StorageDriver | undefined;
  readonly registries?: RegistryOptions | undefined;
  containers(): readonly { readonly id: string; readonly image: ContainerImage | undefined; readonly running: boolean }[];
  /** What the build cache keeps. */
  cached?(): readonly LayerRef[];
  /** Told of what happens to images through this engine. What it throws is the caller's to see. */
  readonly onEvent?: OnImageEvent | undefined;
}

export interface OpenImages {
  readonly parts: ImageParts;
  readonly images: Images;
  close(): Promise<void>;
}

/** Makes what is missing under the data root, and removes what crashes have left there. Nothing is contacted. */
export function openImages(options: ImageOptions): OpenImages {
  const { containers } = options;
  const dataRoot = resolve(options.dataRoot);
  mkdirSync(dataRoot, { recursive: true, mode: 0o711 });
  claim(dataRoot, resolve(options.stateDir));
  const registries = new Registries(options.registries);
  const driver = openDriver(dataRoot, options.storageDriver);
  const store = new ImageStore(dataRoot, linuxFileLocks);
  const parts: ImageParts = {
    store,
    driver,
    registry: {
      open: async (reference, { credentials }) => registries.repository(reference, credentials ?? (await configured(reference.domain))),
      login: ({ serverAddress, ...credentials }, signal) => registries.login(serverAddress, credentials, signal),
      search: (term, request) => registries.search(term, request),
    },
    onEvent: options.onEvent,
    accountsDir: `${dataRoot}/accounts`,
    users: () => containers().flatMap(({ id, image, running }) => (image === undefined ? [] : [{ id, image: image.id, running }])),
    usedLayers: () => new Set(containers().flatMap(({ image }) => image?.layers ?? [])),
    usedChains: () => new Set(containers().flatMap(({ image }) => chainIds(image?.layers ?? []))),
    cached: () => options.cached?.() ?? [],
    containerIds: () => new Set(containers().map(({ id }) => id)),
    once: onceEach(linuxFileLocks, (digest) => store.blobs.lock(digest)),
  };
  let tidying = Promise.resolve();
  const tidy = () => (tidying = tidying.then(() => tidyUp(parts)).catch(() => {})); // whoever comes next tries again
  void tidy();
  const close = async () => {
    await tidy();
    registries.close();
    await driver.close();
  };
  return { parts, images: imagesOf(parts, tidy), close };
}

/** A data root belongs to one state folder: an engine with another would take what its containers write for garbage. */
function claim(dataRoot: string, stateDir: string): void {
  const path = `${dataRoot}/state-folder`;
  const owner = settled(path, () => stateDir);
  if (owner === stateDir) return;
  throw new EngineError('conflict', `the data root ${dataRoot} belongs to the engine with the state folder ${owner}, not ${stateDir}`, {
    hint: `give another data root, or remove ${path} if that engine is no more`,
  });
}

function choose(dataRoot: string, wanted: StorageDriver | undefined): StorageDriver {
  if (wanted === 'overlay') return wanted;
  const probe = probeErofs(dataRoot, linuxDetachedMounts());
  if (probe.works) return 'erofs';
  if (wanted === undefined) return 'overlay';
  throw new EngineError('unavailable', `this kernel cannot mount EROFS layers in ${dataRoot}: ${probe.reason}`, { hint: 'they need Linux 6.12 or newer' });
}

/** What a data root began with it stays with: the layers of the other driver would not be found. */
function openDriver(dataRoot: string, wanted: StorageDriver | undefined): SnapshotDriver {
  const path = `${dataRoot}/storage-driver`;
  const chosen = settled(path, () => choose(dataRoot, wanted));
  if (wanted !== undefined && chosen !== wanted) {
    throw new EngineError('conflict', `the data root ${dataRoot} has its layers with the storage driver ${chosen}, not ${wanted}`);
  }
  const settings = { dir: `${dataRoot}/${chosen}`, spawn: startLayerThread, sync: syncFileSystem };
  return chosen === 'erofs' ? erofsDriver(settings) : overlayDriver(settings);
}

/** As the docker CLI keeps them: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`. */
async function configured(domain: string): Promise<Credentials | undefined> {
  const path = `${process.env['DOCKER_CONFIG'] ?? `${homedir()}/.docker`}/config.json`;
  if (!existsSync(path)) return undefined;
  return findCredentials(parseCredentialConfig(readFileSync(path)), domain, credentialHelper);
}

function imagesOf(parts: ImageParts, tidy: () => Promise<void>): Images {
  // while an image is on its way nothing is collected: what could not be then is now
  const tidied = <T>(work: Promise<T>, resumes = false): Promise<T> =>
    work
      .catch((error: unknown) => {
        // what came before is of use only to a next try that goes on from there
        const again = error instanceof EngineError && ['unavailable', 'cancelled', 'exhausted'].includes(error.kind) && !isFullDisk(error);
        if (!(resumes && again)) parts.store.wantCollect();
        throw error;
      })
      .finally(tidy);
  return {
    familiarName: (name) => familiarReference(withDefaultTag(parseReference(name))),
    fullName: (name) => tagName(parseReference(name)),
    pull: (name, options = {}) => tidied(pullImage(parts, name, options), true),
    push: async (name, options = {}) => void (await tidied(pushImage(parts, name, options))),
    list: async (options = {}) => listImages(parts, options),
    inspect: async (name, options = {}) => inspectImage(parts, name, options),
    history: async (name, options = {}) => imageHistory(parts, name, options),
    tag: (name, newName) => tagImage(parts, name, newName),
    remove: (name, { force = false, platforms } = {}) => removeNamed(parts, name, force, platforms),
    prune: ({ all = false, filters = {} } = {}) => pruneImages(parts, all, filters),
    load: (input, options = {}) => tidied(loadImages(parts, input, options)),
    save: (names, options = {}) => saveImages(parts, names, options),
    import: (input, options = {}) => tidied(importImage(parts, input, options)),
    login: async (login, { signal } = {}) => ({ identityToken: await parts.registry.login(login, signal) }),
    distribution: (name, options = {}) => distribution(parts, name, options),
    search: (term, options = {}) => searchImages(parts, term, options),
  };
}

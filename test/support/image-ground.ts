/** A state folder and a data root of a test's own, the command line on them, and small images to work with. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { digestOf, OCI_CONFIG, OCI_MANIFEST } from '../../src/image/manifest.ts';
import type { Platform } from '../../src/image/contract.ts';
import type { LocalEngine, EngineOptions } from '../../src/engine/contract.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import type { FakeRegistry } from './fake-registry.ts';
import { kobako } from './kobako.ts';
import { file, layerTar } from './layers.ts';
import { run, type RunOptions, type RunResult } from './run.ts';
import { busyboxRootfs } from './rootfs.ts';
import { tempFor } from './temp.ts';

export interface Ground {
  readonly folder: string;
  readonly dataRoot: string;
  readonly env: NodeJS.ProcessEnv;
  /** `kobako ARGS` to its end. */
  kobako(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Its standard output; fails the test for another exit code than 0. */
  ok(...args: readonly string[]): Promise<string>;
  /** A shell script with the ground's settings; `k` is kobako. Its standard output. */
  sh(script: string, ...args: readonly string[]): Promise<string>;
  /** Closed after the test. */
  engine(options?: EngineOptions): LocalEngine;
}

export function imageGround(t: { after(hook: () => unknown): void }, driver?: 'overlay' | 'erofs', dataRoot?: string): Ground {
  const engines: LocalEngine[] = [];
  // before the folder goes: whatever a failed test leaves running, and what is being removed in the background
  t.after(async () => {
    const { stdout } = await cli(['ps', '-aq']);
    if (stdout.trim() !== '') await cli(['rm', '-f', ...stdout.trim().split('\n')]);
    for (const engine of engines) await engine.close();
  });
  const folder = tempFor(t as { after(hook: () => void): void });
  const root = dataRoot ?? `${folder}/data`;
  const env = {
    ...process.env,
    KOBAKO_STATE_DIR: `${folder}/state`,
    KOBAKO_DATA_ROOT: root,
    DOCKER_CONFIG: `${folder}/docker-config`,
    ...(driver === undefined ? {} : { KOBAKO_STORAGE_DRIVER: driver }),
  };
  const cli = (args: readonly string[], options: RunOptions = {}) => kobako(args, { timeoutMs: 120_000, env, ...options });
  const ground: Ground = {
    folder,
    dataRoot: root,
    env,
    kobako: cli,
    ok: async (...args) => {
      const { code, stdout, stderr } = await cli(args);
      assert.equal(code, 0, `kobako ${args.join(' ')}: ${stderr}`);
      return stdout;
    },
    sh: async (script, ...args) => {
      const launcher = new URL('../../bin/kobako', import.meta.url).pathname;
      const { code, stdout, stderr } = await run('bash', ['-euo', 'pipefail', '-c', `k() { "${launcher}" "$@"; }\n${script}`, 'bash', ...args], {
        env,
        timeoutMs: 300_000,
      });
      assert.equal(code, 0, `${script}: ${stderr}`);
      return stdout;
    },
    engine: (options = {}) => {
      const engine = openEngine({ stateDir: `${folder}/state`, dataRoot: root, ...(driver === undefined ? {} : { storageDriver: driver }), ...options });
      engines.push(engine);
      return engine;
    },
  };
  return ground;
}

/** Imports the busybox root file system under a name. */
export async function importBusybox(ground: Ground, name: string, ...changes: readonly string[]): Promise<string> {
  const options = changes.flatMap((change) => ['--change', `'${change}'`]).join(' ');
  return (await ground.sh(`tar -C "$1" -c . | k import ${options} - "$2"`, await busyboxRootfs(), name)).trim();
}

/** Everything that the data root has, but for what is empty and what is only a lock. */
export function listing(dataRoot: string): string[] {
  return readdirSync(dataRoot, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !entry.name.endsWith('lock'))
    .map((entry) => `${entry.parentPath.slice(dataRoot.length)}/${entry.name}`)
    .toSorted();
}

/** What crashes leave must not be there. */
export function garbage(dataRoot: string): string[] {
  const names = (folder: string) => {
    try {
      return readdirSync(`${dataRoot}/${folder}`).map((name) => `${folder}/${name}`);
    } catch {
      return [];
    }
  };
  const half = names('.')
    .concat(names('oci'), names('accounts'))
    .filter((name) => /\.new-|view-|\.[0-9a-f]{12}$|\/collect$/.test(name));
  const inDriver = ['overlay', 'erofs'].flatMap((driver) => ['tmp', 'trash', 'writable'].flatMap((name) => names(`${driver}/${name}`)));
  return [...half, ...inDriver, ...names('ingest')];
}

export interface SmallImage {
  readonly id: string;
  readonly digest: `sha256:${string}`;
  /** Of the manifest, in bytes. */
  readonly size: number;
  readonly layers: readonly Buffer[];
  readonly diffIds: readonly string[];
}

const HERE: Platform = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' };

/** Puts an image into a registry of this process: a layer for each text, packed with gzip. */
export function serveImage(
  registry: FakeRegistry,
  path: string,
  tag: string,
  texts: readonly (string | Buffer)[],
  config: object = {},
  platform: Platform = HERE,
): SmallImage {
  const tars = texts.map((text, index) => layerTar([file(`file-${index}`, text)]));
  const layers = tars.map((tar) => gzipSync(tar, { level: 1 }));
  const diffIds = tars.map((tar) => digestOf(tar));
  const document = Buffer.from(
    JSON.stringify({ architecture: platform.architecture, os: platform.os, variant: platform.variant, config, rootfs: { type: 'layers', diff_ids: diffIds } }),
  );
  const id = registry.addBlob(document);
  const { digest, bytes: manifest } = registry.addManifest(path, tag, OCI_MANIFEST, {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest: id, size: document.length },
    layers: layers.map((bytes) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: registry.addBlob(bytes), size: bytes.length })),
  });
  return { id, digest, size: manifest.length, layers, diffIds };
}

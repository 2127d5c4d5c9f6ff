/** An engine with a busybox image, to build on. */
import { spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import type { BuildEvent, BuildRequest, BuildResult } from '../../src/engine/builds-contract.ts';
import type { EngineOptions, LocalEngine } from '../../src/engine/contract.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import { busyboxRootfs } from './rootfs.ts';
import { tempFor } from './temp.ts';

export interface Built extends BuildResult {
  readonly events: readonly BuildEvent[];
  /** What RUN printed. */
  readonly log: string;
  /** Names of vertices that came from the cache. */
  readonly cached: readonly string[];
}

export interface BuildGround {
  readonly engine: LocalEngine;
  readonly folder: string;
  readonly dataRoot: string;
  /** Builds the text with the files of a context, by their paths. */
  build(dockerfile: string, files?: Readonly<Record<string, string | Buffer>>, more?: Partial<BuildRequest>): Promise<Built>;
  /** Standard output of a shell script in the image. */
  run(image: string, script: string): Promise<string>;
}

export async function buildGround(t: TestContext, options: EngineOptions = {}): Promise<BuildGround> {
  const folder = tempFor(t);
  const dataRoot = `${folder}/data`;
  const opened = openEngine({ stateDir: `${folder}/state`, dataRoot, owner: true, ...options });
  t.after(() => opened.close());
  const pack = spawn('tar', ['-C', await busyboxRootfs(), '-c', '.'], { stdio: ['ignore', 'pipe', 'ignore'] });
  await opened.images.import(pack.stdout, { name: 'busybox' });
  return {
    engine: opened,
    folder,
    dataRoot,
    build: async (dockerfile, files = {}, more = {}) => {
      const events: BuildEvent[] = [];
      const { layerTar, file } = await import('./layers.ts');
      const tar = layerTar([...Object.entries(files).map(([name, content]) => file(name, content)), file('Dockerfile', dockerfile)]);
      const bytes = (async function* () {
        yield tar;
      })();
      const result = await opened.builds.build({
        contexts: { context: { kind: 'tar', bytes } },
        exporters: [{ type: 'image', names: [] }],
        network: 'none',
        onEvent: (event) => void events.push(event),
        ...more,
      });
      const log = events.flatMap((event) => (event.kind === 'log' ? event.data.toString() : [])).join('');
      const cached = events.flatMap((event) => (event.kind === 'vertex' && event.cached === true ? event.name : []));
      return { ...result, events, log, cached };
    },
    run: async (image, script) => {
      const { PassThrough } = await import('node:stream');
      const { DEFAULT_RUN } = await import('../../src/engine/contract.ts');
      const out = new PassThrough();
      const pieces: Buffer[] = [];
      out.on('data', (piece: Buffer) => pieces.push(piece));
      const namespaces = { ...DEFAULT_RUN.namespaces };
      const process = await opened.run({ ...DEFAULT_RUN, image, entrypoint: ['sh'], args: ['-c', script], namespaces, autoRemove: true }, { stdout: out });
      await process.wait();
      await process.attached();
      return Buffer.concat(pieces).toString();
    },
  };
}

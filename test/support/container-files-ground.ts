/** Containers to copy files into and out of: an engine, its HTTP door, and a client of that. */
import { spawnSync } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileRoutes } from '../../src/api/containers/files.ts';
import { filesClient, type FilesClient } from '../../src/client/container-files.ts';
import { HttpClient } from '../../src/client/http.ts';
import type { LocalEngine } from '../../src/engine/contract.ts';
import type { ContainerConfig, HostConfig } from '../../src/engine/types/container.ts';
import { serveRoutes } from './api-ground.ts';
import { imageGround, importBusybox, type Ground } from './image-ground.ts';

export interface FilesGround {
  readonly ground: Ground;
  readonly engine: LocalEngine;
  readonly address: string;
  readonly client: FilesClient;
  /** A container that runs a shell script and then sleeps; resolves when the script is through. */
  run(script: string, host?: Partial<HostConfig>, config?: Partial<ContainerConfig>): Promise<string>;
  create(host?: Partial<HostConfig>, config?: Partial<ContainerConfig>): Promise<string>;
  /** What a shell in a running container says. */
  sh(id: string, script: string): Promise<string>;
}

type Test = { after(hook: () => unknown): void };

export async function filesGround(t: Test, driver: 'overlay' | 'erofs'): Promise<FilesGround> {
  // hooks run in the order in which they were given: what closes the engine comes after this one
  t.after(() => end());
  let end = async () => {};
  const ground = imageGround(t, driver);
  await importBusybox(ground, 'bb');
  const engine = ground.engine({ owner: true });
  const address = await serveRoutes(t, fileRoutes, engine);
  const http = new HttpClient(address);
  end = async () => {
    http.close();
    for (const { Id } of await engine.containers.list({ all: true })) await engine.containers.remove(Id, { force: true });
  };
  const create = async (host: Partial<HostConfig> = {}, config: Partial<ContainerConfig> = {}) =>
    (await engine.containers.create({ Image: 'bb', Cmd: ['sleep', '1000'], ...config, HostConfig: { NetworkMode: 'none', ...host } })).Id;
  const sh = async (id: string, script: string) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const process = await engine.exec(id, { args: ['sh', '-c', script], user: '0' }, { stdout, stderr });
    const said = Promise.all([text(stdout), text(stderr)]);
    const [{ status }] = await Promise.all([process.wait(), process.attached()]);
    stdout.end();
    stderr.end();
    const [out, err] = await said;
    if (status !== 0) throw new Error(`${script}: ${err}`);
    return out;
  };
  return {
    ground,
    engine,
    address,
    client: filesClient(http),
    create,
    sh,
    run: async (script, host, config) => {
      const id = await create(host, config);
      await engine.containers.start(id);
      await sh(id, script);
      return id;
    },
  };
}

export async function* pieces(bytes: Uint8Array, size = 65536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of source) all.push(piece);
  return Buffer.concat(all);
}

/** `tar -tv`, without times. */
export function listed(tar: Buffer): string[] {
  const { stdout } = spawnSync('tar', ['--numeric-owner', '-tvf', '-'], { input: tar, maxBuffer: 1 << 28 });
  return stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => line.replace(/^(\S+ \S+) +(\S+) \S+ \S+ /, '$1 $2 '));
}

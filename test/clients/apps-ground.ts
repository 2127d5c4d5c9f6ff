/** An engine for whole applications: ours, or a real dockerd 28, with images of servers and the real docker command. */
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { TestDaemon } from '../support/daemon.ts';
import { type AppImage, appArchive, APP_IMAGES, WEB_IMAGE } from '../support/apps/images.ts';
import { dockerClient, noDockerClient } from '../support/docker-client.ts';
import { noPeers, peers } from '../support/peers.ts';
import { run, runOk, type RunOptions, type RunResult } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

export interface AppsGround {
  /** DOCKER_HOST. */
  readonly host: string;
  /** Where this machine reaches a port that is published on every address. */
  readonly address: string;
  /** The test's own; the engine sees it at the same path. */
  readonly folder: string;
  /** With DOCKER_HOST and DOCKER_CONFIG, and nothing of the user's. */
  readonly env: NodeJS.ProcessEnv;
  /** The path of `docker`. */
  readonly program: string;
  /** `docker ARGS` to its end. */
  docker(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Ends it, with all that is in it. */
  end(): Promise<void>;
}

export interface AppsEngine {
  readonly name: string;
  /** Why it cannot be had here. */
  readonly skip: string | false;
  open(images: readonly AppImage[]): Promise<AppsGround>;
}

const missing = await noDockerClient();

/** Where the suites run: on kobako, for a real dockerd takes two minutes more. KOBAKO_APPS: kobako, dockerd or both. */
export const APPS_ENGINES = {
  kobako: chosen({ name: 'kobako', skip: missing ?? false, open: openKobako }),
  dockerd: chosen({ name: 'dockerd 28', skip: missing ?? noPeers() ?? false, open: openDockerd }),
} as const;

function chosen(engine: AppsEngine): AppsEngine {
  const wanted = process.env['KOBAKO_APPS'];
  if (wanted === 'both' || engine.name.startsWith(wanted ?? 'kobako')) return engine;
  return { ...engine, skip: engine.skip || (wanted === undefined ? 'two minutes more: KOBAKO_APPS=both' : `only ${wanted} is asked for`) };
}

function newFolder(): string {
  return tempFor({ after: () => {} });
}

async function openKobako(images: readonly AppImage[]): Promise<AppsGround> {
  const daemon = new TestDaemon(newFolder(), []);
  await daemon.start();
  return groundOn(daemon.folder, daemon.host, '127.0.0.1', images, async () => void (await daemon.stop()));
}

async function openDockerd(images: readonly AppImage[]): Promise<AppsGround> {
  const folder = newFolder();
  const host = await peers(['docker'], { BIND: folder });
  return groundOn(folder, host, '10.233.1.2', images, async () => void (await peers(['down'])));
}

/** An engine that runs at `host` already, with these images; `stop` ends it. `address` and `folder`: see `AppsGround`. */
export async function groundOn(folder: string, host: string, address: string, images: readonly AppImage[], stop: () => Promise<void>): Promise<AppsGround> {
  const { program, config } = await dockerClient(folder);
  const env = { PATH: process.env['PATH'], HOME: folder, DOCKER_HOST: host, DOCKER_CONFIG: config, LC_ALL: 'C.UTF-8' };
  const docker = (args: readonly string[], options: RunOptions = {}) => run(program, args, { timeoutMs: 120_000, env, ...options });
  const lines = async (...args: string[]) => (await docker(args)).stdout.split('\n').filter(Boolean);
  const end = async () => {
    const containers = await lines('ps', '-aq');
    if (containers.length > 0) await docker(['rm', '-fv', ...containers]);
    await docker(['network', 'prune', '-f']);
    await docker(['volume', 'prune', '-af']);
    await docker(['image', 'rm', '-f', ...images.flatMap((image) => [APP_IMAGES[image], ...(image === 'node' ? [WEB_IMAGE] : [])])]);
    await stop();
  };
  try {
    for (const image of images) await runOk(program, ['load', '-qi', realpathSync(await appArchive(image))], { env, timeoutMs: 120_000 });
  } catch (error) {
    await end();
    throw error;
  }
  return { host, address, folder, env, program, docker, end };
}

/** A TCP port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

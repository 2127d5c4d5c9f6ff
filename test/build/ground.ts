/** An engine to build with, the real docker command for it, and a web server with files and a git repository. */
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { TestDaemon } from '../support/daemon.ts';
import { dockerClient } from '../support/docker-client.ts';
import { peers } from '../support/peers.ts';
import { run, runOk, type RunOptions, type RunResult } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';
import { type Base, baseArchive, BASES } from './bases.ts';
import { type KnownBase, knownBase } from './canonical.ts';
import { type FileServer, startFileServer } from './file-server.ts';

export interface BuildGround {
  readonly folder: string;
  readonly server: FileServer;
  /** The socket of an SSH agent that has no keys. */
  readonly agent: string;
  /** Bases that were loaded. */
  readonly bases: Map<Base, KnownBase>;
  /** With DOCKER_HOST and DOCKER_CONFIG, and nothing of the user's. */
  readonly env: NodeJS.ProcessEnv;
  docker(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Loads a base that is not there yet. */
  need(base: Base): Promise<void>;
  end(): Promise<void>;
}

const newFolder = () => tempFor({ after: () => {} });

/** Our daemon; or, where DOCKER_HOST says so, the engine there. */
export async function openKobako(): Promise<BuildGround> {
  const host = process.env['DOCKER_HOST'];
  if (host !== undefined) return groundOn(newFolder(), host, process.env['KOBAKO_BUILD_ADDRESS'] ?? '127.0.0.1', async () => {});
  const daemon = new TestDaemon(newFolder(), []);
  // by default no build has all privileges
  writeFileSync(`${daemon.folder}/daemon.json`, JSON.stringify({ builder: { entitlements: { 'security-insecure': true } } }));
  await daemon.start();
  return groundOn(daemon.folder, daemon.host, '127.0.0.1', async () => void (await daemon.stop()));
}

/** A real dockerd 28. */
export async function openDockerd(): Promise<BuildGround> {
  const folder = newFolder();
  const host = await peers(['docker'], { BIND: folder, DOCKERD_ARGS: `--data-root ${folder}/docker` });
  return groundOn(folder, host, '10.233.1.1', async () => void (await peers(['down'])));
}

/** `address`: where the engine reaches this machine. `stop`: ends the engine. */
async function groundOn(folder: string, host: string, address: string, stop: () => Promise<void>): Promise<BuildGround> {
  const { program, config } = await dockerClient(folder);
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    TMPDIR: folder,
    DOCKER_HOST: host,
    DOCKER_CONFIG: config,
    LC_ALL: 'C.UTF-8',
    BUILDX_NO_DEFAULT_ATTESTATIONS: '1',
    DOCKER_CLI_HINTS: 'false',
    BUILDX_GIT_INFO: 'false',
  };
  const docker = (args: readonly string[], options: RunOptions = {}) => run(program, args, { timeoutMs: 120_000, ...options, env: { ...env, ...options.env } });
  const server = await startFileServer(folder, address);
  const agent = await startAgent(`${folder}/agent.sock`);
  const bases = new Map<Base, KnownBase>();
  const need = async (base: Base) => {
    if (bases.has(base)) return;
    const archive = await baseArchive(base);
    const path = `${folder}/base.tar`;
    writeFileSync(path, archive);
    await runOk(program, ['load', '-qi', path], { env, timeoutMs: 300_000 });
    rmSync(path);
    bases.set(base, knownBase(base, archive));
  };
  const end = async () => {
    await docker(['image', 'rm', '-f', ...[...bases.keys()].map((base) => BASES[base])]);
    await docker(['builder', 'prune', '-af']);
    agent.close();
    await server.end();
    await stop();
  };
  mkdirSync(`${folder}/cases`);
  return { folder, server, agent: `${folder}/agent.sock`, bases, env, docker, need, end };
}

/** It answers every request with an empty list of identities (draft-ietf-sshm-ssh-agent, SSH_AGENT_IDENTITIES_ANSWER). */
async function startAgent(path: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write(Buffer.from([0, 0, 0, 5, 12, 0, 0, 0, 0])));
  }).listen(path);
  await once(server, 'listening');
  return server;
}

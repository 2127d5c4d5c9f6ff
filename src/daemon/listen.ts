/** The daemon's listeners: made for `serve`, so a client may close its half of a connection. */
import { once } from 'node:events';
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, unlinkSync } from 'node:fs';
import { connect, createServer, type ListenOptions, type Server } from 'node:net';
import { dirname } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { EngineError, invalid } from '../base/errors.ts';
import { type ListenAddress, parseListenAddress } from './listen-address.ts';

/** PEM; with `verify` a client must show a certificate of `ca`. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string | undefined;
  readonly verify?: boolean | undefined;
}

export interface ListenOptionsOfDaemon {
  /** For tcp addresses; without it they are open to everybody who reaches them. */
  readonly tls?: TlsFiles | undefined;
  /** Who may use a Unix socket besides root; nobody when there is no such group. Default `docker`. */
  readonly group?: string | undefined;
  /** Where systemd says what it opened (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES); they are taken out of it. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Is given each server before it listens. */
  readonly made?: (server: Server) => void;
}

/**
 * Listens on all addresses, or on none: for one that fails the others are closed again. Throws `invalid` for what is no
 * address, `conflict` for one that somebody listens on, `unavailable` for what the system refuses.
 */
export async function listen(addresses: readonly string[], options: ListenOptionsOfDaemon = {}): Promise<readonly Server[]> {
  const parsed = addresses.map((address) => parseListenAddress(address, options.tls === undefined ? 2375 : 2376));
  const activated = takeActivated(options.env ?? process.env);
  const servers: Server[] = [];
  try {
    for (const address of parsed) servers.push(...(await listenOn(address, options, activated)));
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  return servers;
}

async function listenOn(address: ListenAddress, options: ListenOptionsOfDaemon, activated: readonly Activated[]): Promise<readonly Server[]> {
  switch (address.kind) {
    case 'unix':
      return [await listenUnix(address.path, options)];
    case 'tcp': {
      const server = options.tls === undefined ? plainServer() : tlsServer(options.tls);
      return [await opened(server, { host: address.host, port: address.port }, `listen tcp ${address.host}:${address.port}`, options)];
    }
    case 'fd': {
      const found = activated.filter(({ fd, name }) => address.name === '' || name === address.name || String(fd) === address.name);
      if (found.length === 0) throw new EngineError('unavailable', 'no sockets found via socket activation: make sure the service was started by systemd');
      return Promise.all(found.map(({ fd }) => opened(plainServer(), { fd }, `listen fd ${fd}`, options)));
    }
  }
}

/** Of TCP, a peer that vanished without a word is noticed within minutes. */
const CONNECTIONS = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 };

function plainServer(): Server {
  return createServer(CONNECTIONS);
}

function tlsServer({ cert, key, ca, verify = false }: TlsFiles): Server {
  if (verify && ca === undefined) throw invalid('tlsverify needs a ca');
  try {
    return createTlsServer({
      ...CONNECTIONS,
      cert,
      key,
      ca,
      requestCert: verify,
      rejectUnauthorized: verify,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: 30_000,
    });
  } catch (cause) {
    throw new EngineError('invalid', `could not load X509 key pair: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

async function listenUnix(path: string, options: ListenOptionsOfDaemon): Promise<Server> {
  mkdirSync(dirname(path), { recursive: true });
  await removeStale(path);
  // never open to everybody, not even for a moment: bind() happens within listen()
  const before = process.umask(0o117);
  let ready: Promise<Server>;
  try {
    ready = opened(plainServer(), { path }, `can't create unix socket ${path}`, options);
  } finally {
    process.umask(before);
  }
  const server = await ready;
  chmodSync(path, 0o660);
  const gid = groupId(options.group ?? 'docker');
  if (gid !== undefined && process.getuid?.() === 0) chownSync(path, 0, gid);
  return server;
}

async function opened(server: Server, where: ListenOptions & { readonly fd?: number }, what: string, { made }: ListenOptionsOfDaemon): Promise<Server> {
  made?.(server);
  const listening = once(server, 'listening');
  server.listen({ backlog: 4096, ...where }); // the kernel's own limit, in effect
  try {
    await listening;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new EngineError('conflict', `${what}: bind: address already in use`, { cause: error });
    throw new EngineError('unavailable', `${what}: ${message}`, { cause: error });
  }
  return server;
}

/** Removes a socket on which nobody listens. Throws `conflict` for any other file. */
async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new EngineError('conflict', `can't create unix socket ${path}: there is a file that is no socket`);
  if (await isLive(path)) throw new EngineError('conflict', `can't create unix socket ${path}: somebody listens on it already`);
  unlinkSync(path);
}

function isLive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // a full queue is a sign of life, too
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
  });
}

function groupId(group: string): number | undefined {
  let lines: readonly string[];
  try {
    lines = readFileSync('/etc/group', 'utf8').split('\n');
  } catch {
    return undefined;
  }
  const found = lines.map((line) => line.split(':')).find(([name]) => name === group);
  return found === undefined ? undefined : Number(found[2]);
}

interface Activated {
  readonly fd: number;
  readonly name: string | undefined;
}

/** sd_listen_fds(3). */
function takeActivated(env: NodeJS.ProcessEnv): readonly Activated[] {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names } = env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name]; // they are not for our children
  if (pid !== String(process.pid) || !/^\d{1,4}$/.test(count ?? '')) return [];
  const each = names?.split(':') ?? [];
  return Array.from({ length: Number(count) }, (_, at) => ({ fd: 3 + at, name: each[at] }));
}

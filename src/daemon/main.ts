/** The composition root of the daemon: puts engine and doors together, and takes them apart again. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../base/errors.ts';
import { remoteBuildRoutes } from '../api/kobako/builds.ts';
import { apiRoutes } from '../api/routes.ts';
import { buildkitRoutes } from '../buildkit/routes.ts';
import { Metrics, metricsRoutes } from '../api/system/metrics.ts';
import { serve, type ApiServer } from '../api/server.ts';
import type { LocalEngine } from '../engine/contract.ts';
import { openEngine } from '../engine/open-engine.ts';
import { peerHasGone, peerProcess } from '../kernel/linux/peer.ts';
import { VERSION } from '../base/version.ts';
import { listen, type TlsFiles } from './listen.ts';
import { rehearseRequests } from './rehearsal.ts';
import { Log } from './log.ts';
import { daemonSettings, type DaemonSettings } from './settings.ts';

/** How long clients may take for what they are at, when the daemon goes. */
const GRACE_MS = 3_000;

/** Runs until a signal ends it; gives the exit code. */
export async function daemonMain(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const read = (path: string) => readFileSync(path, 'utf8');
  if (args.includes('--version') || args.includes('-v')) {
    process.stdout.write(`kobako version ${VERSION}\n`);
    return 0;
  }
  let settings: DaemonSettings;
  try {
    settings = daemonSettings(args, env, read);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return 1;
  }
  if (settings.validateOnly) {
    process.stdout.write('configuration OK\n');
    return 0;
  }
  const log = new Log((line) => void process.stderr.write(line), { level: settings.logLevel, format: settings.logFormat });
  try {
    const daemon = await startDaemon(settings, log);
    return await untilSignal(daemon, log, () => daemonSettings(args, env, read));
  } catch (error) {
    log.fatal(`failed to start daemon: ${(error as Error).message}`);
    if (error instanceof EngineError && error.hint !== undefined) log.info(error.hint);
    return 1;
  }
}

export interface Daemon {
  readonly engine: LocalEngine;
  /** What can change while it runs. */
  reload(settings: DaemonSettings): void;
  stop(): Promise<void>;
}

/** Everything is ready when it resolves: what ran before is looked after, and clients are answered. */
export async function startDaemon(settings: DaemonSettings, log: Log): Promise<Daemon> {
  const began = performance.now();
  mkdirSync(settings.dataRoot, { recursive: true, mode: 0o711 });
  mkdirSync(settings.execRoot, { recursive: true, mode: 0o711 });
  await using undo = new AsyncDisposableStack();
  const engine = openEngine({
    dataRoot: settings.dataRoot,
    stateDir: settings.execRoot,
    owner: true,
    storageDriver: settings.storageDriver,
    registries: { insecure: settings.insecureRegistries, mirrors: settings.registryMirrors },
    labels: settings.labels,
    networks: settings.networks,
    buildCacheGc: settings.buildCacheGc,
    forbiddenEntitlements: settings.forbiddenEntitlements,
    usernsRemap: settings.usernsRemap,
    leaseGrace: settings.leaseGrace,
  });
  undo.use(engine);
  const options = { version: VERSION, log: (message: string) => log.error(message), hasGone: peerHasGone, clientOf: peerProcess };
  const metrics = settings.metricsAddress === undefined ? undefined : new Metrics();
  if (metrics !== undefined) {
    const stop = new AbortController();
    void metrics.watchEvents(engine, stop.signal);
    undo.defer(() => stop.abort());
    const measured = serve([], metricsRoutes(metrics), engine, options);
    undo.defer(() => measured.close({ graceMs: 0 }));
    await listen([`tcp://${settings.metricsAddress}`], { env: {}, made: (server) => measured.serve(server) });
    log.info(`metrics API listening on ${settings.metricsAddress}`);
  }
  const buildkit = buildkitRoutes({ folder: join(settings.dataRoot, 'build/door'), run: join(settings.execRoot, 'build'), history: settings.buildHistory });
  const routes = [...apiRoutes, ...remoteBuildRoutes(join(settings.execRoot, 'agents')), ...buildkit.routes];
  const api: ApiServer = serve([], metrics?.counted(routes) ?? routes, metrics?.timed(engine) ?? engine, options);
  undo.defer(() => api.close({ graceMs: GRACE_MS }));
  await listen(settings.hosts, { tls: tlsFiles(settings), group: settings.group, made: (server) => api.serve(server) });
  undo.defer(() => buildkit.close());
  const rehearsal = rehearseRequests(join(settings.execRoot, 'rehearsal.sock'));
  undo.defer(async () => {
    rehearsal[Symbol.dispose]();
    await rehearsal.done;
  });
  if (settings.pidfile !== undefined) {
    const { pidfile } = settings;
    writeFileSync(pidfile, String(process.pid));
    undo.defer(() => rmSync(pidfile, { force: true }));
  }
  for (const host of settings.hosts) log.info(`API listen on ${host}`);
  log.info('Daemon has completed initialization', { ms: Math.round(performance.now() - began) });
  // first of all: leases outlive the connections that end now
  undo.defer(() => engine.suspendLeases());
  const owned = undo.move();
  return {
    engine,
    reload: (changed) => {
      log.level = changed.logLevel;
      engine.reloaded({ debug: String(changed.logLevel === 'debug'), labels: JSON.stringify(settings.labels) });
    },
    stop: () => owned.disposeAsync(),
  };
}

function tlsFiles({ tls }: DaemonSettings): TlsFiles | undefined {
  if (tls === undefined) return undefined;
  const pem = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path, 'utf8'));
  return { cert: pem(tls.cert)!, key: pem(tls.key)!, ca: pem(tls.ca), verify: tls.verify };
}

async function untilSignal(daemon: Daemon, log: Log, reread: () => DaemonSettings): Promise<number> {
  const ended = Promise.withResolvers<void>();
  process.on('SIGHUP', () => {
    try {
      daemon.reload(reread());
      log.info('Reloaded configuration');
    } catch (error) {
      log.error(`the configuration could not be reloaded: ${(error as Error).message}`);
    }
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    process.on(signal, () => {
      log.info(`Processing signal '${signal}'`);
      ended.resolve();
    });
  }
  process.on('uncaughtException', (error) => log.error(`a fault that nobody caught: ${error.stack ?? error.message}`));
  process.on('unhandledRejection', (error) =>
    log.error(`a failure that nobody waited for: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
  );
  await ended.promise;
  await daemon.stop();
  log.info('Daemon shutdown complete');
  return 0;
}

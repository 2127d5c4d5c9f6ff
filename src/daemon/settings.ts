/** What the daemon is told: dockerd's own flags, and its configuration file. */
import { EngineError, invalid } from '../base/errors.ts';
import { parseFlags, type Flag, type Flags } from '../cli/flags.ts';
import type { HistoryLimits } from '../buildkit/job.ts';
import type { CacheGcSettings } from '../engine/builds-contract.ts';
import type { EngineOptions } from '../engine/contract.ts';
import { builderGc, builderHistory, forbiddenEntitlements } from './builder-settings.ts';
import { networkFlags, networkSettings } from './network-settings.ts';
import type { LogLevel } from './log.ts';

type NetworkSettings = NonNullable<EngineOptions['networks']>;

export interface TlsSettings {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Clients must have a certificate of the CA's. */
  readonly verify: boolean;
}

export interface DaemonSettings {
  readonly dataRoot: string;
  readonly execRoot: string;
  /** `unix://PATH`, `tcp://HOST:PORT`, `fd://`. */
  readonly hosts: readonly string[];
  readonly tls: TlsSettings | undefined;
  readonly group: string;
  readonly pidfile: string | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: 'text' | 'json';
  readonly storageDriver: 'overlay' | 'erofs' | undefined;
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
  readonly metricsAddress: string | undefined;
  readonly labels: readonly string[];
  readonly networks: NetworkSettings;
  readonly buildCacheGc: CacheGcSettings;
  readonly buildHistory: HistoryLimits;
  readonly forbiddenEntitlements: readonly string[];
  /** '' for no user namespaces. */
  readonly usernsRemap: string;
  /** Seconds; the engine's default when absent. */
  readonly leaseGrace: number | undefined;
  readonly configFile: string;
  readonly validateOnly: boolean;
}

export const DAEMON_FLAGS: readonly Flag[] = [
  ...networkFlags,
  { name: 'config-file', kind: 'value', value: 'string', help: 'Daemon configuration file (default "/etc/kobako/daemon.json")' },
  { name: 'data-root', kind: 'value', value: 'string', help: 'Root directory of persistent state (default "/var/lib/kobako")' },
  { name: 'debug', short: 'D', kind: 'flag', help: 'Enable debug mode' },
  { name: 'exec-root', kind: 'value', value: 'string', help: 'Root directory for execution state files (default "/run/kobako")' },
  { name: 'group', short: 'G', kind: 'value', value: 'string', help: 'Group for the unix socket (default "docker")' },
  { name: 'host', short: 'H', kind: 'list', value: 'list', help: 'Daemon socket(s) to connect to' },
  { name: 'insecure-registry', kind: 'list', value: 'list', help: 'Enable insecure registry communication' },
  { name: 'label', kind: 'list', value: 'list', help: 'Set key=value labels to the daemon' },
  { name: 'lease-grace', kind: 'value', value: 'int', help: 'Seconds that leases wait for their owners after a start (default 10)' },
  { name: 'live-restore', kind: 'flag', help: 'Containers outlive the daemon in any case' },
  { name: 'log-format', kind: 'value', value: 'text|json', help: 'Set the logging format (default text)' },
  { name: 'log-level', short: 'l', kind: 'value', value: 'string', help: 'Set the logging level ("debug"|"info"|"warn"|"error"|"fatal") (default "info")' },
  { name: 'metrics-addr', kind: 'value', value: 'string', help: 'Set default address and port to serve the metrics api on' },
  { name: 'pidfile', short: 'p', kind: 'value', value: 'string', help: 'Path to use for daemon PID file' },
  { name: 'registry-mirror', kind: 'list', value: 'list', help: 'Preferred registry mirror' },
  { name: 'storage-driver', short: 's', kind: 'value', value: 'string', help: 'Storage driver to use: overlay or erofs' },
  { name: 'tls', kind: 'flag', help: 'Use TLS; implied by --tlsverify' },
  { name: 'tlscacert', kind: 'value', value: 'string', help: 'Trust certs signed only by this CA (default "~/.docker/ca.pem")' },
  { name: 'tlscert', kind: 'value', value: 'string', help: 'Path to TLS certificate file (default "~/.docker/cert.pem")' },
  { name: 'tlskey', kind: 'value', value: 'string', help: 'Path to TLS key file (default "~/.docker/key.pem")' },
  { name: 'tlsverify', kind: 'flag', help: 'Use TLS and verify the remote' },
  { name: 'userns-remap', kind: 'value', value: 'string', help: 'User/Group setting for user namespaces' },
  { name: 'validate', kind: 'flag', help: 'Validate daemon configuration and exit' },
  { name: 'version', short: 'v', kind: 'flag', help: 'Print version information and quit' },
];

const DEFAULT_CONFIG = '/etc/kobako/daemon.json';
/** Keys of the file that are flags of another name or form; all others have their flag's name. */
const LISTS: Readonly<Record<string, string>> = {
  hosts: 'host',
  labels: 'label',
  'insecure-registries': 'insecure-registry',
  'registry-mirrors': 'registry-mirror',
  'default-address-pools': 'default-address-pool',
};
/** Keys of the file that are documents, and no flags. */
const DOCUMENTS = ['builder'];
/** What dockerd's file may say and means nothing here. */
const IGNORED = new Set([
  'features',
  'default-runtime',
  'runtimes',
  'max-concurrent-downloads',
  'max-concurrent-uploads',
  'userland-proxy',
  'iptables',
  'ip6tables',
  'bridge',
  'experimental',
  'storage-opts',
  'log-driver',
  'log-opts',
  'exec-opts',
  'dns',
  'containerd',
]);

/** Throws `invalid` for a flag or a file that makes no sense; the file's words are dockerd's. `readFile` throws ENOENT for none. */
export function daemonSettings(args: readonly string[], env: NodeJS.ProcessEnv, readFile: (path: string) => string): DaemonSettings {
  const flags = parseFlags(DAEMON_FLAGS, args, { interspersed: true });
  if (flags.rest.length > 0) throw invalid('"kobako daemon" accepts no arguments.');
  return settingsOf(flags, env, readFile);
}

export function settingsOf(flags: Flags, env: NodeJS.ProcessEnv, readFile: (path: string) => string): DaemonSettings {
  const configFile = flags.value('config-file') ?? DEFAULT_CONFIG;
  const file = configuration(configFile, flags.has('config-file'), readFile);
  for (const key of Object.keys(file)) {
    const name = LISTS[key] ?? key;
    if (flags.has(name) && !Object.hasOwn(LISTS, key)) {
      throw invalid(
        `unable to configure the Docker daemon with file ${configFile}: the following directives are specified both as a flag and in the configuration file: ${name}: (from flag: ${flags.value(name)}, from file: ${String(file[key])})`,
      );
    }
  }
  const text = (name: string) => flags.value(name) ?? string(file, name);
  const on = (name: string) => (flags.has(name) ? flags.on(name) : file[name] === true);
  const list = (name: string, key: string) => [...flags.list(name), ...strings(file, key)];
  const home = env['DOCKER_CERT_PATH'] ?? `${env['HOME'] ?? '/root'}/.docker`;
  const verify = on('tlsverify');
  const execRoot = text('exec-root') ?? env['KOBAKO_STATE_DIR'] ?? '/run/kobako';
  const level = on('debug') ? 'debug' : (text('log-level') ?? 'info');
  if (!['debug', 'info', 'warn', 'error', 'fatal'].includes(level)) throw invalid(`invalid logging level: ${level}`);
  const format = text('log-format') ?? 'text';
  if (format !== 'text' && format !== 'json') throw invalid(`invalid log format: ${format}`);
  const driver = text('storage-driver') || env['KOBAKO_STORAGE_DRIVER'] || undefined;
  if (driver !== undefined && driver !== 'overlay' && driver !== 'erofs')
    throw invalid(`unknown storage driver ${JSON.stringify(driver)}: overlay and erofs are there`);
  const hosts = list('host', 'hosts');
  return {
    dataRoot: text('data-root') ?? env['KOBAKO_DATA_ROOT'] ?? '/var/lib/kobako',
    execRoot,
    hosts: hosts.length > 0 ? hosts.map(host) : [`unix://${execRoot}/kobako.sock`],
    tls:
      verify || on('tls')
        ? {
            ca: text('tlscacert') ?? (verify ? `${home}/ca.pem` : undefined),
            cert: text('tlscert') ?? `${home}/cert.pem`,
            key: text('tlskey') ?? `${home}/key.pem`,
            verify,
          }
        : undefined,
    group: text('group') ?? 'docker',
    pidfile: text('pidfile'),
    logLevel: level as LogLevel,
    logFormat: format,
    storageDriver: driver,
    insecureRegistries: list('insecure-registry', 'insecure-registries'),
    registryMirrors: list('registry-mirror', 'registry-mirrors'),
    metricsAddress: text('metrics-addr'),
    labels: list('label', 'labels'),
    networks: networkSettings(flags, file),
    buildCacheGc: builderGc(file['builder']),
    buildHistory: builderHistory(file['builder']),
    forbiddenEntitlements: forbiddenEntitlements(file['builder']),
    usernsRemap: text('userns-remap') ?? '',
    leaseGrace: seconds(flags.value('lease-grace') ?? file['lease-grace'], 'lease-grace'),
    configFile,
    validateOnly: flags.on('validate'),
  };
}

/** As dockerd completes them: `tcp://` without a host is the loopback, and a path alone is a socket. */
function host(text: string): string {
  if (text.startsWith('/')) return `unix://${text}`;
  if (/^(unix|tcp|fd):\/\//.test(text)) return text;
  throw invalid(`invalid host ${JSON.stringify(text)}: it is unix://PATH, tcp://HOST:PORT or fd://`);
}

type Config = Readonly<Record<string, unknown>>;

function configuration(path: string, wanted: boolean, readFile: (path: string) => string): Config {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    if (!wanted && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new EngineError('invalid', `unable to configure the Docker daemon with file ${path}: open ${path}: ${(error as Error).message}`, { cause: error });
  }
  const fail = (why: string) => invalid(`unable to configure the Docker daemon with file ${path}: ${why}`);
  let value: unknown;
  try {
    value = text.trim() === '' ? {} : JSON.parse(text);
  } catch (error) {
    throw fail(`invalid JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fail('it is no JSON object');
  const known = new Set([...DAEMON_FLAGS.map(({ name }) => name), ...Object.keys(LISTS), ...DOCUMENTS]);
  const unknown = Object.keys(value).filter((key) => !known.has(key) && !IGNORED.has(key));
  if (unknown.length > 0) throw fail(`the following directives don't match any configuration option: ${unknown.join(', ')}`);
  return Object.fromEntries(Object.entries(value).filter(([key]) => !IGNORED.has(key)));
}

function string(file: Config, key: string): string | undefined {
  const value = file[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw invalid(`${key} in the configuration file must be a string`);
  return value;
}

/** A whole number up to a day. */
function seconds(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined;
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 86_400) return number;
  throw invalid(`invalid ${name} ${JSON.stringify(value)}: it is a whole number of seconds from 0 to 86400`);
}

function strings(file: Config, key: string): string[] {
  const value = file[key] ?? [];
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) throw invalid(`${key} in the configuration file must be a list of strings`);
  return value as string[];
}

/** The flags of the commands on containers: data that help and completion need, too. */
import type { Flag } from './flags.ts';
import { DOCUMENT_FORMAT_FLAG, FORMAT_FLAG } from './format-flags.ts';
import { flag, list, value } from './run-flags.ts';

const SIGNALS = ['HUP', 'INT', 'KILL', 'QUIT', 'TERM', 'USR1', 'USR2'] as const;
const DETACH_KEYS = value('detach-keys', 'Override the key sequence for detaching a container');
const SIG_PROXY = flag('sig-proxy', 'Proxy all received signals to the process (default true)');
const FILTER: Flag = { ...list('filter', 'Filter output based on conditions provided', 'filter', 'f'), complete: 'none' };
const NO_TRUNC = flag('no-trunc', "Don't truncate output");
const SIGNAL: Flag = { ...value('signal', 'Signal to send to the container', 'string', 's'), complete: SIGNALS };
const TIMEOUT: Flag = { ...value('timeout', 'Seconds to wait before killing the container', 'int', 't'), complete: 'none' };
/** docker's older name. */
const TIME: Flag = { ...value('time', '', 'int'), hidden: true };
const FORCE = flag('force', 'Do not prompt for confirmation', 'f');

export const PS_FLAGS: readonly Flag[] = [
  flag('all', 'Show all containers (default shows just running)', 'a'),
  FILTER,
  FORMAT_FLAG,
  { ...value('last', 'Show n last created containers (includes all states) (default -1)', 'int', 'n'), complete: 'none' },
  flag('latest', 'Show the latest created container (includes all states)', 'l'),
  NO_TRUNC,
  flag('quiet', 'Only display container IDs', 'q'),
  flag('size', 'Display total file sizes', 's'),
];

export const START_FLAGS: readonly Flag[] = [
  flag('attach', 'Attach STDOUT/STDERR and forward signals', 'a'),
  DETACH_KEYS,
  flag('interactive', "Attach container's STDIN", 'i'),
  SIG_PROXY,
];

export const ATTACH_FLAGS: readonly Flag[] = [DETACH_KEYS, flag('no-stdin', 'Do not attach STDIN'), SIG_PROXY];

export const EXEC_FLAGS: readonly Flag[] = [
  flag('detach', 'Detached mode: run command in the background', 'd'),
  DETACH_KEYS,
  list('env', 'Set environment variables', 'list', 'e'),
  list('env-file', 'Read in a file of environment variables'),
  flag('interactive', 'Keep STDIN open even if not attached', 'i'),
  flag('privileged', 'Give extended privileges to the command'),
  flag('tty', 'Allocate a pseudo-TTY', 't'),
  value('user', 'Username or UID (format: "<name|uid>[:<group|gid>]")', 'string', 'u'),
  value('workdir', 'Working directory inside the container', 'string', 'w'),
];

export const KILL_FLAGS: readonly Flag[] = [SIGNAL];
export const STOP_FLAGS: readonly Flag[] = [SIGNAL, TIMEOUT, TIME];

export const RM_FLAGS: readonly Flag[] = [
  flag('force', 'Force the removal of a running container (uses SIGKILL)', 'f'),
  flag('link', 'Remove the specified link', 'l'),
  flag('volumes', 'Remove anonymous volumes associated with the container', 'v'),
];

export const CONTAINER_PRUNE_FLAGS: readonly Flag[] = [
  { ...list('filter', 'Provide filter values (e.g. "until=<timestamp>")', 'filter'), complete: 'none' },
  FORCE,
];

export const UPDATE_FLAGS: readonly Flag[] = [
  value('blkio-weight', 'Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)', 'uint16'),
  value('cpu-period', 'Limit CPU CFS (Completely Fair Scheduler) period', 'int'),
  value('cpu-quota', 'Limit CPU CFS (Completely Fair Scheduler) quota', 'int'),
  value('cpu-rt-period', 'Limit the CPU real-time period in microseconds', 'int'),
  value('cpu-rt-runtime', 'Limit the CPU real-time runtime in microseconds', 'int'),
  value('cpu-shares', 'CPU shares (relative weight)', 'int', 'c'),
  value('cpus', 'Number of CPUs', 'decimal'),
  value('cpuset-cpus', 'CPUs in which to allow execution (0-3, 0,1)'),
  value('cpuset-mems', 'MEMs in which to allow execution (0-3, 0,1)'),
  value('memory', 'Memory limit', 'bytes', 'm'),
  value('memory-reservation', 'Memory soft limit', 'bytes'),
  value('memory-swap', "Swap limit equal to memory plus swap: '-1' to enable unlimited swap", 'bytes'),
  value('pids-limit', 'Tune container pids limit (set -1 for unlimited)', 'int'),
  value('restart', 'Restart policy to apply when a container exits'),
];

export const INSPECT_FLAGS: readonly Flag[] = [
  DOCUMENT_FORMAT_FLAG,
  flag('size', 'Display total file sizes if the type is container', 's'),
  { ...value('type', 'Only inspect objects of the given type'), complete: ['container', 'image', 'network', 'volume'] },
];
export const CONTAINER_INSPECT_FLAGS: readonly Flag[] = [DOCUMENT_FORMAT_FLAG, flag('size', 'Display total file sizes', 's')];

export const LOGS_FLAGS: readonly Flag[] = [
  flag('details', 'Show extra details provided to logs'),
  flag('follow', 'Follow log output', 'f'),
  value('since', 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
  value('tail', 'Number of lines to show from the end of the logs (default "all")', 'string', 'n'),
  flag('timestamps', 'Show timestamps', 't'),
  value('until', 'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
];

export const STATS_FLAGS: readonly Flag[] = [
  flag('all', 'Show all containers (default shows just running)', 'a'),
  FORMAT_FLAG,
  flag('no-stream', 'Disable streaming stats and only pull the first result'),
  flag('no-trunc', 'Do not truncate output'),
];

export const CP_FLAGS: readonly Flag[] = [
  flag('archive', 'Archive mode (copy all uid/gid information)', 'a'),
  flag('follow-link', 'Always follow symbol link in SRC_PATH', 'L'),
  flag('quiet', 'Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached', 'q'),
];

export const COMMIT_FLAGS: readonly Flag[] = [
  value('author', 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")', 'string', 'a'),
  list('change', 'Apply Dockerfile instruction to the created image', 'list', 'c'),
  value('message', 'Commit message', 'string', 'm'),
  flag('pause', 'Pause container during commit (default true)', 'p'),
];

export const EXPORT_FLAGS: readonly Flag[] = [value('output', 'Write to a file, instead of STDOUT', 'string', 'o')];

export const EVENTS_FLAGS: readonly Flag[] = [
  FILTER,
  { ...value('format', 'Format output using a custom template: json, or a Go template'), complete: ['json'] },
  value('since', 'Show all events created since timestamp'),
  value('until', 'Stream events until this timestamp'),
];

export const INFO_FLAGS: readonly Flag[] = [DOCUMENT_FORMAT_FLAG];
export const DF_FLAGS: readonly Flag[] = [FORMAT_FLAG, flag('verbose', 'Show detailed information on space usage', 'v')];
export const SYSTEM_PRUNE_FLAGS: readonly Flag[] = [
  flag('all', 'Remove all unused images not just dangling ones', 'a'),
  { ...list('filter', 'Provide filter values (e.g. "label=<key>=<value>")', 'filter'), complete: 'none' },
  FORCE,
  flag('volumes', 'Prune anonymous volumes'),
];

export const LOGIN_FLAGS: readonly Flag[] = [
  value('password', 'Password or Personal Access Token (PAT)', 'string', 'p'),
  flag('password-stdin', 'Take the Password or Personal Access Token (PAT) from stdin'),
  value('username', 'Username', 'string', 'u'),
];

export const SEARCH_FLAGS: readonly Flag[] = [FILTER, FORMAT_FLAG, value('limit', 'Max number of search results', 'int'), NO_TRUNC];

export const DOCTOR_FLAGS: readonly Flag[] = [
  { name: 'format', kind: 'value', value: 'string', help: 'Output as a "table" or as "json"', complete: ['table', 'json'] },
  { name: 'data-root', kind: 'value', value: 'string', help: 'Root directory of persistent state (default "/var/lib/kobako")', complete: 'folder' },
  { name: 'exec-root', kind: 'value', value: 'string', help: 'Root directory for execution state files (default "/run/kobako")', complete: 'folder' },
];

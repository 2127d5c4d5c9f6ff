/** runc's flags, per command. */
import type { Flag } from '../flags.ts';

const flag = (name: string, help: string, short?: string): Flag => ({ name, kind: 'flag', help, ...(short === undefined ? {} : { short }) });
const value = (name: string, help: string, short?: string): Flag => ({ name, kind: 'value', help, ...(short === undefined ? {} : { short }) });
const list = (name: string, help: string, short?: string): Flag => ({ name, kind: 'list', help, ...(short === undefined ? {} : { short }) });

export const GLOBAL: readonly Flag[] = [
  flag('debug', 'enable debug logging'),
  value('log', 'set the log file to write logs to (default is stderr)'),
  value('log-format', 'set the log format (text or json)'),
  value('root', 'root directory for storage of container state'),
  value('criu', 'ignored'),
  flag('systemd-cgroup', 'take cgroupsPath as slice:prefix:name'),
  value('rootless', 'ignored'),
  flag('help', 'show help', 'h'),
  flag('version', 'print the version', 'v'),
];

const CREATE: readonly Flag[] = [
  value('bundle', 'path to the root of the bundle directory, defaults to the current directory', 'b'),
  value('console-socket', 'path to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console'),
  value('pidfd-socket', 'path to an AF_UNIX socket which will receive a pidfd of the process'),
  value('pid-file', 'specify the file to write the process id to'),
  flag('no-pivot', 'do not use pivot root to jail process inside rootfs'),
  flag('no-new-keyring', 'keep the session keyring'),
  value('preserve-fds', 'pass N additional file descriptors to the container'),
];
const RESOURCES: readonly Flag[] = [
  value('resources', 'path to the file containing the resources to update or - to read from the standard input', 'r'),
  value('blkio-weight', 'specifies per cgroup weight'),
  value('cpu-period', 'CPU CFS period to be used for hardcapping (in usecs)'),
  value('cpu-quota', 'CPU CFS hardcap limit (in usecs)'),
  value('cpu-burst', 'CPU CFS hardcap burst limit (in usecs)'),
  value('cpu-share', 'CPU shares (relative weight vs. other containers)'),
  value('cpu-rt-period', 'CPU realtime period to be used for hardcapping (in usecs)'),
  value('cpu-rt-runtime', 'CPU realtime hardcap limit (in usecs)'),
  value('cpu-idle', 'set cgroup SCHED_IDLE or not'),
  value('cpuset-cpus', 'CPU(s) to use'),
  value('cpuset-mems', 'memory node(s) to use'),
  value('memory', 'memory limit (in bytes)'),
  value('memory-reservation', 'memory reservation or soft_limit (in bytes)'),
  value('memory-swap', "total memory usage (memory + swap); set '-1' to enable unlimited swap"),
  value('pids-limit', 'maximum number of pids allowed in the container'),
];

export const COMMAND_FLAGS: Readonly<Record<string, readonly Flag[]>> = {
  create: CREATE,
  run: [...CREATE, flag('detach', "detach from the container's process", 'd'), flag('keep', 'do not delete the container after it exits')],
  start: [],
  state: [],
  kill: [flag('all', 'send the signal to all processes inside the container', 'a')],
  delete: [flag('force', 'forcibly deletes the container if it is still running (uses SIGKILL)', 'f')],
  exec: [
    value('console-socket', 'path to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console'),
    value('pidfd-socket', 'path to an AF_UNIX socket which will receive a pidfd of the process'),
    value('cwd', 'current working directory in the container'),
    list('env', 'set environment variables', 'e'),
    flag('tty', 'allocate a pseudo-TTY', 't'),
    value('user', 'UID (format: <uid>[:<gid>])', 'u'),
    list('additional-gids', 'additional gids', 'g'),
    value('process', 'path to the process.json', 'p'),
    flag('detach', "detach from the container's process", 'd'),
    value('pid-file', 'specify the file to write the process id to'),
    value('process-label', 'set the asm process label for the process commonly used with selinux'),
    value('apparmor', 'set the apparmor profile for the process'),
    flag('no-new-privs', 'set the no new privileges value for the process'),
    list('cap', 'add a capability to the bounding set for the process', 'c'),
    value('preserve-fds', 'pass N additional file descriptors to the container'),
    list('cgroup', 'run the process in an (existing) sub-cgroup(s)'),
    flag('ignore-paused', 'allow exec in a paused container'),
  ],
  ps: [value('format', 'select one of: table or json', 'f')],
  list: [value('format', 'select one of: table or json', 'f'), flag('quiet', 'display only container IDs', 'q')],
  pause: [],
  resume: [],
  update: RESOURCES,
  events: [value('interval', 'set the stats collection interval (default 5s)'), flag('stats', "display the container's stats then exit")],
  spec: [value('bundle', 'path to the root of the bundle directory', 'b'), flag('rootless', 'generate a configuration for a rootless container')],
  features: [],
};

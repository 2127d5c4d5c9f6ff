/**
 * The operations of a plan: the only definition there is.
 *
 * A plan is a flat list of operations. The native helper (`native/`) runs it and knows nothing else. Each operation is
 * one system call, or one fixed sequence that is documented here. The C side's numbers, field names and decoding table
 * are generated from this file by `scripts/gen-ops.ts` into `native/ops.gen.h`; a test fails when that file is stale.
 *
 * Fds live in slots. Here a slot is a name; the encoder numbers them. A new process (`clone`) inherits every slot.
 */

/** How a field is written into an encoded plan. See `encode.ts` for the bytes. */
export type FieldKind =
  | 'int' // a number of up to 64 bits
  | 'new' // a slot that the operation opens
  | 'slot' // a slot that must be open
  | 'slot?' // a slot, or absent: then AT_FDCWD, or "none", as the operation says
  | 'str' // a NUL-terminated string; may not contain NUL
  | 'bytes' // any bytes
  | 'strs' // a list of strings, as argv and envp are
  | 'u32s'; // a list of 32-bit numbers, as bytes

type FieldTypes = {
  int: number | bigint;
  new: string;
  slot: string;
  'slot?': string | undefined;
  str: string;
  bytes: Uint8Array;
  strs: readonly string[];
  u32s: readonly number[];
};

export interface OpDefinition {
  readonly fields: Readonly<Record<string, FieldKind>>;
  /** The man page that explains it. */
  readonly man: string;
  /** What it does, for people: one line. */
  readonly does: string;
}

function define<const F extends Readonly<Record<string, FieldKind>>>(fields: F, man: string, does: string) {
  return { fields, man, does } as const;
}

/** Every operation, in the order of its number on the wire (0, 1, 2 …). Append; never reorder. */
export const OPS = {
  // files
  open: define({ into: 'new', dir: 'slot?', path: 'str', flags: 'int', mode: 'int', resolve: 'int' }, 'openat2(2)', 'open a file into a slot'),
  close: define({ slot: 'slot' }, 'close(2)', 'close a slot'),
  write: define({ slot: 'slot', data: 'bytes' }, 'write(2)', 'write bytes to a slot'),
  'write-file': define(
    { dir: 'slot?', path: 'str', data: 'bytes', resolve: 'int' },
    'openat2(2)',
    'open an existing file for writing, write bytes in one write, close it',
  ),
  mkdir: define({ dir: 'slot?', path: 'str', mode: 'int' }, 'mkdirat(2)', 'make a folder'),
  rmdir: define(
    { dir: 'slot?', path: 'str', retryMs: 'int' },
    'rmdir(2)',
    'remove an empty folder; while it is EBUSY, as a cgroup with others below, first the empty ones below, every millisecond for up to retryMs',
  ),
  unlink: define({ dir: 'slot?', path: 'str' }, 'unlinkat(2)', 'remove a name'),
  symlink: define({ target: 'str', dir: 'slot?', path: 'str' }, 'symlinkat(2)', 'make a symbolic link'),
  mknod: define({ dir: 'slot?', path: 'str', mode: 'int', dev: 'int' }, 'mknodat(2)', 'make a device node, fifo or file'),
  chown: define({ dir: 'slot?', path: 'str', uid: 'int', gid: 'int' }, 'fchownat(2)', 'set owner, not following a link'),
  umask: define({ mask: 'int' }, 'umask(2)', 'set the file mode creation mask'),
  'ensure-dir': define(
    { into: 'new', root: 'slot', path: 'str', mode: 'int' },
    'openat2(2)',
    'walk to a folder with RESOLVE_IN_ROOT, making each missing part with mkdirat, and open it O_PATH',
  ),
  'ensure-file': define(
    { into: 'new', root: 'slot', path: 'str', mode: 'int' },
    'openat2(2)',
    'as ensure-dir with mode 0755 for the parent, then make the file if it is missing, and open it O_PATH',
  ),
  report: define({ name: 'str', dir: 'slot?', path: 'str' }, 'read(2)', 'read up to 4096 bytes of a file into the exit record, under a name'),

  // mounts
  fsopen: define({ into: 'new', type: 'str' }, 'fsopen(2)', 'begin a new file system'),
  'fs-set': define({ fs: 'slot', key: 'str', value: 'str' }, 'fsconfig(2)', 'set a string option of a file system'),
  'fs-flag': define({ fs: 'slot', key: 'str' }, 'fsconfig(2)', 'set a flag of a file system'),
  'fs-create': define({ fs: 'slot' }, 'fsconfig(2)', 'create the file system'),
  fsmount: define({ into: 'new', fs: 'slot', attrs: 'int' }, 'fsmount(2)', 'a detached mount of a created file system'),
  'open-tree': define(
    { into: 'new', dir: 'slot?', path: 'str', flags: 'int' },
    'open_tree(2)',
    'a detached copy of a mount (with OPEN_TREE_CLONE); an empty path means the slot itself',
  ),
  'move-mount': define({ from: 'slot', dir: 'slot?', path: 'str' }, 'move_mount(2)', 'attach a detached mount; an empty path means on the slot itself'),
  'mount-setattr': define(
    { slot: 'slot', set: 'int', clear: 'int', propagation: 'int', recursive: 'int', userns: 'slot?' },
    'mount_setattr(2)',
    'change the attributes of a mount by its slot',
  ),
  propagation: define({ path: 'str', flags: 'int' }, 'mount(2)', 'change how mount events spread from a mount point'),
  umount: define({ path: 'str', flags: 'int' }, 'umount2(2)', 'unmount'),
  'pivot-root': define({ root: 'slot' }, 'pivot_root(2)', 'fchdir(root); pivot_root(".", "."); umount2(".", MNT_DETACH); chdir("/")'),
  chroot: define({ root: 'slot' }, 'chroot(2)', 'fchdir(root); chroot("."); chdir("/")'),
  'mask-path': define(
    { root: 'slot', path: 'str', file: 'slot' },
    'move_mount(2)',
    'hide a path: open it RESOLVE_IN_ROOT; on a folder attach a new read-only tmpfs, on a file a copy of the mount in slot file; absent is fine',
  ),
  'readonly-path': define(
    { root: 'slot', path: 'str' },
    'mount_setattr(2)',
    'open a path RESOLVE_IN_ROOT, put a read-only recursive copy of it over it; absent is fine',
  ),

  // namespaces and processes
  unshare: define({ flags: 'int' }, 'unshare(2)', 'leave namespaces for new ones'),
  setns: define({ slot: 'slot', flags: 'int' }, 'setns(2)', 'enter namespaces by a namespace fd or pidfd'),
  'pidfd-open': define({ into: 'new', pid: 'int' }, 'pidfd_open(2)', 'a handle on a process'),
  clone: define(
    { flags: 'int', cgroup: 'slot?', user: 'slot?' },
    'clone3(2)',
    "start the container's process, in new namespaces; with a cgroup, inside it (CLONE_INTO_CGROUP); with a user namespace, from a child that enters it first (CLONE_PARENT), so that it owns the new ones",
  ),
  'id-map': define({ file: 'str', data: 'bytes' }, 'user_namespaces(7)', "write a map of the child's user namespace: /proc/CHILD/FILE"),
  'cgroup-attach': define({ dir: 'slot', file: 'str' }, 'cgroups(7)', "write the child's pid into a file of a cgroup (cgroup.procs)"),
  post: define({ token: 'int' }, 'socketpair(2)', 'tell the other process that a point is reached'),
  wait: define({ token: 'int' }, 'socketpair(2)', 'wait until the other process reaches a point'),
  'host-sync': define({ name: 'str' }, 'read(2)', 'tell whoever runs the plan that a point is reached, with the pid, and wait for its go-ahead'),
  'read-byte': define({ slot: 'slot' }, 'read(2)', 'wait for one byte'),
  'send-slot': define({ slot: 'slot' }, 'unix(7)', 'give a slot to the other process (SCM_RIGHTS)'),
  'recv-slot': define({ into: 'new' }, 'unix(7)', 'take a slot from the other process (SCM_RIGHTS)'),
  'connect-unix': define({ into: 'new', path: 'str' }, 'unix(7)', 'connect to a Unix socket'),
  'send-fd': define({ socket: 'slot', slot: 'slot', data: 'bytes' }, 'unix(7)', 'send bytes and one fd over a socket (SCM_RIGHTS)'),
  'link-up': define({ name: 'str' }, 'netdevice(7)', 'bring a network interface up'),
  hook: define(
    { path: 'str', args: 'strs', env: 'strs', timeoutMs: 'int', head: 'bytes', tail: 'bytes' },
    'execve(2)',
    'run a program to its end with "head PID tail" on its standard input; a non-zero exit is a failure',
  ),

  // the process
  sethostname: define({ name: 'str' }, 'sethostname(2)', 'set the host name'),
  setdomainname: define({ name: 'str' }, 'setdomainname(2)', 'set the NIS domain name'),
  setsid: define({}, 'setsid(2)', 'begin a session'),
  pipe: define({ read: 'new', write: 'new' }, 'pipe2(2)', 'a pipe'),
  'pty-open': define(
    { master: 'new', slave: 'new', dir: 'slot?', path: 'str', rows: 'int', cols: 'int', uid: 'int' },
    'ioctl_tty(2)',
    'open a ptmx (checked: a character device 5:2 on devpts), unlock it, get its peer with TIOCGPTPEER, set size and owner',
  ),
  'set-ctty': define({ slot: 'slot' }, 'ioctl_tty(2)', 'make a terminal the controlling terminal'),
  stdio: define({ stdin: 'slot', stdout: 'slot', stderr: 'slot' }, 'dup2(2)', 'make slots fds 0, 1 and 2'),
  'close-fds': define({ from: 'int' }, 'close_range(2)', 'mark every fd from a number on close-on-exec'),
  rlimit: define({ resource: 'int', soft: 'int', hard: 'int' }, 'prlimit(2)', 'set a resource limit'),
  scheduler: define(
    { policy: 'int', flags: 'int', nice: 'int', priority: 'int', runtime: 'int', deadline: 'int', period: 'int' },
    'sched_setattr(2)',
    'set the scheduling policy',
  ),
  affinity: define({ mask: 'bytes' }, 'sched_setaffinity(2)', 'set the processors that may be used'),
  ioprio: define({ value: 'int' }, 'ioprio_set(2)', 'set the I/O priority'),
  personality: define({ persona: 'int' }, 'personality(2)', 'set the execution domain'),
  groups: define({ gids: 'u32s' }, 'setgroups(2)', 'set the supplementary groups'),
  user: define({ uid: 'int', gid: 'int' }, 'setresuid(2)', 'set all group ids, then all user ids'),
  'keep-caps': define({}, 'PR_SET_KEEPCAPS(2const)', 'keep capabilities over the change of user'),
  'cap-bound': define({ mask: 'int' }, 'capabilities(7)', 'drop every capability not in the mask from the bounding set'),
  'cap-set': define({ effective: 'int', permitted: 'int', inheritable: 'int' }, 'capset(2)', 'set the effective, permitted and inheritable capabilities'),
  'cap-ambient': define({ mask: 'int' }, 'capabilities(7)', 'clear the ambient set, then raise each capability of the mask'),
  'no-new-privs': define({}, 'PR_SET_NO_NEW_PRIVS(2const)', 'forbid gaining privileges through exec'),
  seccomp: define(
    { filter: 'bytes', flags: 'int' },
    'seccomp(2)',
    'install a system call filter; with a listener, wait until the monitor has taken it (seccomp-listener)',
  ),
  'seccomp-listener': define({ into: 'new' }, 'pidfd_getfd(2)', "take the listener fd of the child's seccomp filter"),
  'death-signal': define({ signal: 'int' }, 'PR_SET_PDEATHSIG(2const)', 'the signal to get when the parent dies'),
  dumpable: define({ value: 'int' }, 'PR_SET_DUMPABLE(2const)', 'whether others may trace or read this process'),
  cwd: define(
    { path: 'str', mode: 'int' },
    'chdir(2)',
    'change the working folder, after making it if missing and mode is not 0; refuse one that is not below the root (getcwd)',
  ),
  exec: define({ argv: 'strs', env: 'strs', path: 'str' }, 'execve(2)', 'become the program: argv[0] as it is when it has a slash, else searched in path'),

  // the monitor
  listen: define({ into: 'new', path: 'str', mode: 'int' }, 'unix(7)', 'listen on a Unix socket'),
  'kill-cgroup': define(
    { dir: 'slot?', path: 'str' },
    'cgroups(7)',
    'SIGKILL to every process listed in a cgroup.procs file, until it is empty or 5 seconds have gone',
  ),
  monitor: define(
    {
      stdin: 'slot?',
      stdout: 'slot?',
      stderr: 'slot?',
      pty: 'slot?',
      listen: 'slot?',
      logPath: 'str',
      logMaxSize: 'int',
      logMaxFiles: 'int',
      logExtra: 'str',
      exitPath: 'str',
      spillDir: 'str',
      flags: 'int',
    },
    'poll(2)',
    "stay until the container's process ends: reap it, carry its output, write its log, serve attach",
  ),
  'check-exec': define({ file: 'str', path: 'str' }, 'access(2)', 'fail as exec would where the program is not there or is not executable'),
  'bpf-devices': define(
    { cgroup: 'slot', program: 'bytes' },
    'bpf(2)',
    'load a BPF_PROG_TYPE_CGROUP_DEVICE program and attach it to a cgroup (BPF_F_ALLOW_MULTI)',
  ),
  mount: define(
    { dir: 'slot', source: 'str', path: 'str', type: 'str', flags: 'int', data: 'str' },
    'mount(2)',
    'open("."); fchdir(dir); mount(2), whose source, path and data may name files from there; fchdir back',
  ),
  'check-process': define(
    { pid: 'int', start: 'str' },
    'proc_pid_stat(5)',
    'fail unless the process with this pid lives and began at this time (clock ticks since boot): else it is another one',
  ),
  'user-namespace': define(
    { into: 'new', uidMap: 'bytes', gidMap: 'bytes' },
    'user_namespaces(7)',
    'a new user namespace with these maps, by a child that ends at once: its fd into a slot',
  ),
  'tree-of': define(
    { into: 'new', process: 'slot', path: 'str', flags: 'int' },
    'open_tree(2)',
    'a detached copy of a mount of another mount namespace: a child enters it by a pidfd, opens the path without following any link, and ends',
  ),
  'change-dir': define({ dir: 'slot' }, 'fchdir(2)', 'make a folder the working folder'),
  'copy-up': define(
    { to: 'slot', root: 'slot', path: 'str', contents: 'int' },
    'openat2(2)',
    'give a new mount the mode of the folder at a path (RESOLVE_IN_ROOT) and, with contents 1, copies of all that is in it; absent is fine',
  ),
  'session-keyring': define(
    { name: 'str' },
    'keyctl(2)',
    'join the session keyring of that name, made if it is not there, and let its owner find it (KEYCTL_JOIN_SESSION_KEYRING, KEYCTL_SETPERM)',
  ),
  'send-state': define(
    { socket: 'slot', slot: 'slot', parts: 'strs' },
    'unix(7)',
    "send texts, joined by the pid of the container's process, and one fd over a socket (SCM_RIGHTS)",
  ),
  'hold-mounts': define(
    {},
    'ioctl_pidfd(2)',
    "keep the mounts of the container's process until all has been cleaned up after its end, by PIDFD_GET_MNT_NAMESPACE or /proc/CHILD/ns/mnt; where neither is to be had, they go with the process",
  ),
  'tell-exit': define(
    {},
    'unix(7)',
    'write the exit record and tell of the end; what follows is done after that, and how it went is told as `clean` or `left`',
  ),
} as const satisfies Record<string, OpDefinition>;

/** Flags of the `monitor` operation. */
export const MONITOR = {
  /** Do not let the container's process pass `wait(TOKENS.start)` before a client or the channel says `start`. */
  WAIT_START: 1,
  /** The container's standard input ends when the first client that attached to it goes away or half-closes. */
  STDIN_ONCE: 2,
  /** Do not stay: exit as soon as the program runs (or waits for `start` by itself). The child is left to the reaper. */
  LEAVE: 4,
  /** Hold output back while no client has attached and there is no log, and slow down for slow clients. */
  BACKPRESSURE: 8,
  /** Forward the signals that the monitor gets to the container's process. */
  FORWARD_SIGNALS: 16,
  /** Write the exit record only where whoever started the plan has gone, and cannot be told. */
  RECORD_UNTOLD: 32,
} as const;

/** Tokens that `post` and `wait` pass between monitor and container. */
export const TOKENS = { idMapped: 1, cgroup: 2, hooks: 3, start: 4, ready: 5, created: 6 } as const;

/** The number of slots a plan can use at once. */
export const MAX_SLOTS = 256;

export type OpName = keyof typeof OPS;

/** Which process runs the operation: the monitor, the container's process after `clone`, or the monitor at the end. */
export type Side = 'monitor' | 'container' | 'cleanup';

type FieldsOf<K extends OpName> = {
  readonly [F in keyof (typeof OPS)[K]['fields'] as (typeof OPS)[K]['fields'][F] extends 'slot?' ? never : F]: FieldTypes[(typeof OPS)[K]['fields'][F] &
    FieldKind];
} & {
  readonly [F in keyof (typeof OPS)[K]['fields'] as (typeof OPS)[K]['fields'][F] extends 'slot?' ? F : never]?: string | undefined;
};

interface Common {
  readonly side: Side;
  /** Names of errors that do not count as failure, two at most: `['EEXIST']`. */
  readonly ignore?: readonly string[];
  /** Why the plan has this step, for `kobako explain`. Not sent to the helper. */
  readonly why?: string;
  /** What the user gave that this step serves, for an error's sentence: `bind mount /src to /dst`. Not sent. */
  readonly subject?: string;
}

export type OpOf<K extends OpName> = { readonly op: K } & FieldsOf<K> & Common;

/** One operation of a plan. */
export type Op = { [K in OpName]: OpOf<K> }[OpName];

/** A container, exec or clean-up as data: what the helper is to do, in this order. */
export interface Plan {
  readonly ops: readonly Op[];
  /** These operations, all of the monitor's side, begin a plan that follows; those of the clean-up are for the case that it does not. */
  readonly more?: boolean;
}

/** The operation's number on the wire. */
export function opCode(name: OpName): number {
  return CODES.get(name)!;
}

export const OP_NAMES = Object.keys(OPS) as readonly OpName[];

const CODES = new Map(OP_NAMES.map((name, code) => [name, code]));

/** Names of an operation's fields, in their order on the wire. */
export function fieldsOf(name: OpName): readonly (readonly [string, FieldKind])[] {
  return FIELDS[name];
}

const FIELDS = Object.fromEntries(Object.entries(OPS).map(([name, { fields }]) => [name, Object.entries(fields)])) as Record<OpName, [string, FieldKind][]>;

/**
 * A number that changes whenever an operation's name, order or fields change (FNV-1a, 32 bits), so that a helper of
 * another build refuses the plan instead of misreading it.
 */
export function schemaHash(): number {
  return (hash ??= computeHash());
}

let hash: number | undefined;

function computeHash(): number {
  const text = JSON.stringify(OP_NAMES.map((name) => [name, OPS[name].fields])) + MAX_SLOTS;
  let sum = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  return sum;
}
